"""Each post with its latest state, and whether anybody publishes: rebuildable from the ledger."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from steersman.content.events.publishing import (
    POST_DELETED,
    POST_FAILED,
    POST_OVERDUE,
    POST_OVERDUE_ENDED,
    POST_PLANNED,
    POST_PUBLISHED,
    POST_SCHEDULED,
    POST_UNCONFIRMED,
    POST_UNSCHEDULED,
    POST_WITHDRAWN,
    WORKER_BACK,
    WORKER_SILENT,
    PostDeleted,
    PostEnded,
    PostOverdue,
    PostOverdueEnded,
    PostPlanned,
    PostPublished,
    PostScheduled,
    PostUnscheduled,
    PostWithdrawn,
    WorkerSeen,
)
from steersman.ledger.event import Event
from steersman.ledger.projections import Database

_TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS content_post(
        key TEXT PRIMARY KEY, channel TEXT NOT NULL, draft TEXT NOT NULL, title TEXT NOT NULL, status TEXT NOT NULL,
        content_sha256 TEXT NOT NULL, draft_sha256 TEXT NOT NULL, url TEXT, revision TEXT, remote_id TEXT NOT NULL,
        revisions INTEGER NOT NULL, reason TEXT NOT NULL, due_at INTEGER, planned_at INTEGER, published_at INTEGER,
        retry_at INTEGER, overdue_at INTEGER, overdue_reason TEXT NOT NULL, updated_at INTEGER NOT NULL,
        pos INTEGER NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS content_post_draft ON content_post(draft)",
    """CREATE TABLE IF NOT EXISTS content_worker(
        one INTEGER PRIMARY KEY CHECK (one = 1), silent INTEGER NOT NULL, last_seen_at INTEGER,
        waiting INTEGER NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL)""",
)


class Posts:
    """A post is `scheduled`, `planned` (the channel may have it), `published`, `unconfirmed`, `failed`, `withdrawn`
    (is to be taken away) or `deleted`; one whose update failed is `failed` and still has its `url`."""

    name = "content_posts"
    version = 2
    types: tuple[str, ...] = ("content.post.*", "content.worker.*")

    def create(self, db: Database) -> None:
        for statement in _TABLES:
            db.execute(statement)

    def drop(self, db: Database) -> None:
        db.execute("DROP TABLE IF EXISTS content_post")
        db.execute("DROP TABLE IF EXISTS content_worker")

    def handle(self, db: Database, event: Event) -> None:
        if event.type in _HANDLERS:
            type_, handle = _HANDLERS[event.type]
            handle(db, msgspec.json.decode(event.data, type=type_), event.pos)


def _scheduled(db: Database, slot: PostScheduled, pos: int) -> None:
    _insert(db, slot, "scheduled", pos)
    db.execute(
        """UPDATE content_post SET due_at = ?, overdue_at = NULL, overdue_reason = '', updated_at = ?, pos = ?,
           status = CASE WHEN status = 'deleted' THEN 'scheduled' ELSE status END WHERE key = ?""",
        (slot.due_at, slot.at, pos, slot.key),
    )


def _unscheduled(db: Database, slot: PostUnscheduled, pos: int) -> None:
    db.execute("DELETE FROM content_post WHERE key = ? AND status = 'scheduled'", (slot.key,))
    db.execute(
        """UPDATE content_post SET due_at = NULL, overdue_at = NULL, overdue_reason = '', updated_at = ?, pos = ?
           WHERE key = ?""",
        (slot.at, pos, slot.key),
    )


def _planned(db: Database, plan: PostPlanned, pos: int) -> None:
    _insert(db, plan, "planned", pos)
    db.execute(
        """UPDATE content_post SET status = 'planned', draft = ?, title = ?, reason = '', retry_at = NULL,
           planned_at = coalesce(planned_at, ?), updated_at = ?, pos = ? WHERE key = ?""",
        (plan.draft, plan.title, plan.at, plan.at, pos, plan.key),
    )


def _published(db: Database, post: PostPublished, pos: int) -> None:
    # The first version recorded the hash of the file as that of its content.
    draft_sha256 = post.draft_sha256 or post.content_sha256
    db.execute(
        """UPDATE content_post SET status = 'published', draft = ?, title = ?, content_sha256 = ?, draft_sha256 = ?,
           url = ?, revision = ?, remote_id = ?, revisions = revisions + 1, reason = '', retry_at = NULL,
           overdue_at = NULL, overdue_reason = '', published_at = coalesce(published_at, ?), updated_at = ?, pos = ?
           WHERE key = ?""",
        (post.draft, post.title, post.content_sha256, draft_sha256, post.url, post.revision, post.remote_id, post.at,
         post.at, pos, post.key),
    )  # fmt: skip


def _ended(status: str) -> Callable[[Database, PostEnded, int], None]:
    def handle(db: Database, ended: PostEnded, pos: int) -> None:
        db.execute(
            "UPDATE content_post SET status = ?, reason = ?, retry_at = ?, updated_at = ?, pos = ? WHERE key = ?",
            (status, ended.reason, ended.retry_at, ended.at, pos, ended.key),
        )

    return handle


def _withdrawn(db: Database, withdrawn: PostWithdrawn, pos: int) -> None:
    db.execute(
        "UPDATE content_post SET status = 'withdrawn', reason = ?, updated_at = ?, pos = ? WHERE key = ?",
        (withdrawn.reason, withdrawn.at, pos, withdrawn.key),
    )


def _deleted(db: Database, deleted: PostDeleted, pos: int) -> None:
    db.execute(
        """UPDATE content_post SET status = 'deleted', reason = ?, url = NULL, revision = NULL, published_at = NULL,
           retry_at = NULL, overdue_at = NULL, overdue_reason = '', updated_at = ?, pos = ? WHERE key = ?""",
        (deleted.reason, deleted.at, pos, deleted.key),
    )


def _overdue(db: Database, overdue: PostOverdue, pos: int) -> None:
    _insert(db, overdue, "waiting", pos)
    db.execute(
        "UPDATE content_post SET overdue_at = ?, overdue_reason = ?, pos = ? WHERE key = ?",
        (overdue.due_at, overdue.reason, pos, overdue.key),
    )


def _overdue_ended(db: Database, ended: PostOverdueEnded, pos: int) -> None:
    db.execute("DELETE FROM content_post WHERE key = ? AND status = 'waiting'", (ended.key,))
    db.execute(
        "UPDATE content_post SET overdue_at = NULL, overdue_reason = '', pos = ? WHERE key = ?", (pos, ended.key)
    )


def _worker(silent: int) -> Callable[[Database, WorkerSeen, int], None]:
    def handle(db: Database, seen: WorkerSeen, pos: int) -> None:
        db.execute(
            "INSERT OR REPLACE INTO content_worker VALUES(1, ?, ?, ?, ?, ?)",
            (silent, seen.last_seen_at, seen.waiting, seen.reason, seen.at),
        )

    return handle


def _insert(db: Database, said: Any, status: str, pos: int) -> None:
    """Make the row of a post that nothing was said about before."""
    title = said.title if isinstance(said, PostPlanned) else ""
    db.execute(
        """INSERT INTO content_post VALUES(?, ?, ?, ?, ?, '', '', NULL, NULL, '', 0, '', NULL, NULL, NULL, NULL, NULL,
           '', ?, ?) ON CONFLICT(key) DO NOTHING""",
        (said.key, said.channel, said.draft, title, status, said.at, pos),
    )


_HANDLERS: Final[dict[str, tuple[Any, Callable[[Database, Any, int], None]]]] = {
    POST_SCHEDULED: (PostScheduled, _scheduled),
    POST_UNSCHEDULED: (PostUnscheduled, _unscheduled),
    POST_PLANNED: (PostPlanned, _planned),
    POST_PUBLISHED: (PostPublished, _published),
    POST_UNCONFIRMED: (PostEnded, _ended("unconfirmed")),
    POST_FAILED: (PostEnded, _ended("failed")),
    POST_WITHDRAWN: (PostWithdrawn, _withdrawn),
    POST_DELETED: (PostDeleted, _deleted),
    POST_OVERDUE: (PostOverdue, _overdue),
    POST_OVERDUE_ENDED: (PostOverdueEnded, _overdue_ended),
    WORKER_SILENT: (WorkerSeen, _worker(1)),
    WORKER_BACK: (WorkerSeen, _worker(0)),
}
