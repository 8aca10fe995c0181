"""Each post with its latest state: rebuildable from the ledger."""

from __future__ import annotations

import msgspec

from steersman.content.events.publishing import (
    POST_FAILED,
    POST_PLANNED,
    POST_PUBLISHED,
    POST_UNCONFIRMED,
    PostEnded,
    PostPlanned,
    PostPublished,
)
from steersman.ledger.event import Event
from steersman.ledger.projections import Database

_TABLES = (
    """CREATE TABLE IF NOT EXISTS content_post(
        key TEXT PRIMARY KEY, channel TEXT NOT NULL, draft TEXT NOT NULL, title TEXT NOT NULL, status TEXT NOT NULL,
        content_sha256 TEXT NOT NULL, url TEXT, revision TEXT, revisions INTEGER NOT NULL, reason TEXT NOT NULL,
        planned_at INTEGER NOT NULL, published_at INTEGER, updated_at INTEGER NOT NULL, pos INTEGER NOT NULL
        ) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS content_post_draft ON content_post(draft)",
)


class Posts:
    """A post is `planned` (the channel may have it), `published`, `unconfirmed` or `failed`."""

    name = "content_posts"
    version = 1
    types: tuple[str, ...] = ("content.post.*",)

    def create(self, db: Database) -> None:
        for statement in _TABLES:
            db.execute(statement)

    def drop(self, db: Database) -> None:
        db.execute("DROP TABLE IF EXISTS content_post")

    def handle(self, db: Database, event: Event) -> None:
        if event.type == POST_PLANNED:
            _planned(db, msgspec.json.decode(event.data, type=PostPlanned), event.pos)
        elif event.type == POST_PUBLISHED:
            _published(db, msgspec.json.decode(event.data, type=PostPublished), event.pos)
        elif event.type in (POST_UNCONFIRMED, POST_FAILED):
            ended = msgspec.json.decode(event.data, type=PostEnded)
            db.execute(
                "UPDATE content_post SET status = ?, reason = ?, updated_at = ?, pos = ? WHERE key = ?",
                (event.type.rpartition(".")[2], ended.reason, ended.at, event.pos, ended.key),
            )


def _planned(db: Database, plan: PostPlanned, pos: int) -> None:
    db.execute(
        """INSERT INTO content_post VALUES(?, ?, ?, ?, 'planned', ?, NULL, NULL, 0, '', ?, NULL, ?, ?)
           ON CONFLICT(key) DO UPDATE SET status = 'planned', draft = excluded.draft, title = excluded.title,
           reason = '', updated_at = excluded.updated_at, pos = excluded.pos""",
        (plan.key, plan.channel, plan.draft, plan.title, plan.content_sha256, plan.at, plan.at, pos),
    )


def _published(db: Database, post: PostPublished, pos: int) -> None:
    db.execute(
        """UPDATE content_post SET status = 'published', draft = ?, title = ?, content_sha256 = ?, url = ?,
           revision = ?, revisions = revisions + 1, reason = '', published_at = coalesce(published_at, ?),
           updated_at = ?, pos = ? WHERE key = ?""",
        (post.draft, post.title, post.content_sha256, post.url, post.revision, post.at, post.at, pos, post.key),
    )
