"""The read model of drafts, findings and posts: rebuildable from the ledger at any time."""

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
from steersman.content.events.qa import (
    DRAFT_CHECKED,
    DRAFT_REFUSED,
    FINDING_RAISED,
    DraftChecked,
    DraftRefused,
    FindingRaised,
)
from steersman.ledger.event import Event
from steersman.ledger.projections import Database, Projection

_TABLES = (
    """CREATE TABLE IF NOT EXISTS content_draft(
        draft TEXT PRIMARY KEY, content_sha256 TEXT NOT NULL, title TEXT NOT NULL, words INTEGER NOT NULL,
        gates INTEGER NOT NULL, warnings INTEGER NOT NULL, infos INTEGER NOT NULL, suppressed INTEGER NOT NULL,
        outcome TEXT NOT NULL, reason TEXT NOT NULL, line INTEGER, checked_at INTEGER NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS content_finding(
        draft TEXT NOT NULL, fingerprint TEXT NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL,
        line INTEGER NOT NULL, "column" INTEGER NOT NULL, source TEXT NOT NULL, rule TEXT NOT NULL,
        category TEXT NOT NULL, severity TEXT NOT NULL, message TEXT NOT NULL, status TEXT NOT NULL,
        raised_at INTEGER NOT NULL, PRIMARY KEY(draft, fingerprint)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS content_post(
        key TEXT PRIMARY KEY, channel TEXT NOT NULL, draft TEXT NOT NULL, title TEXT NOT NULL, status TEXT NOT NULL,
        content_sha256 TEXT NOT NULL, url TEXT, revision TEXT, revisions INTEGER NOT NULL, reason TEXT NOT NULL,
        planned_at INTEGER NOT NULL, published_at INTEGER, updated_at INTEGER NOT NULL, pos INTEGER NOT NULL
        ) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS content_post_draft ON content_post(draft)",
)


class Posts:
    """Each draft as it was last checked, each finding where it last stood, each post with its latest state.

    A finding is `open` or `suppressed` in the latest version of its draft, or `gone`. A post is `planned` (the channel
    may have it), `published`, `unconfirmed` or `failed`.
    """

    name = "content"
    version = 1
    types: tuple[str, ...] = ("content.*",)

    def create(self, db: Database) -> None:
        for statement in _TABLES:
            db.execute(statement)

    def drop(self, db: Database) -> None:
        for table in ("content_draft", "content_finding", "content_post"):
            db.execute(f"DROP TABLE IF EXISTS {table}")

    def handle(self, db: Database, event: Event) -> None:
        if event.type == DRAFT_CHECKED:
            _checked(db, msgspec.json.decode(event.data, type=DraftChecked))
        elif event.type == DRAFT_REFUSED:
            _refused(db, msgspec.json.decode(event.data, type=DraftRefused))
        elif event.type == FINDING_RAISED:
            _raised(db, msgspec.json.decode(event.data, type=FindingRaised))
        elif event.type == POST_PLANNED:
            _planned(db, msgspec.json.decode(event.data, type=PostPlanned), event.pos)
        elif event.type == POST_PUBLISHED:
            _published(db, msgspec.json.decode(event.data, type=PostPublished), event.pos)
        elif event.type in (POST_UNCONFIRMED, POST_FAILED):
            ended = msgspec.json.decode(event.data, type=PostEnded)
            db.execute(
                "UPDATE content_post SET status = ?, reason = ?, updated_at = ?, pos = ? WHERE key = ?",
                (event.type.rpartition(".")[2], ended.reason, ended.at, event.pos, ended.key),
            )


def _checked(db: Database, pass_: DraftChecked) -> None:
    db.execute(
        "INSERT OR REPLACE INTO content_draft VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, '', NULL, ?)",
        (
            pass_.draft,
            pass_.content_sha256,
            pass_.title,
            pass_.words,
            pass_.gates,
            pass_.warnings,
            pass_.infos,
            pass_.suppressed,
            pass_.outcome,
            pass_.at,
        ),
    )
    db.execute("UPDATE content_finding SET status = 'gone' WHERE draft = ?", (pass_.draft,))
    for seen in pass_.seen:
        db.execute(
            """UPDATE content_finding SET start = ?, end = ?, line = ?, "column" = ?, severity = ?, status = ?
               WHERE draft = ? AND fingerprint = ?""",
            (seen.start, seen.end, seen.line, seen.column, seen.severity, seen.status, pass_.draft, seen.fingerprint),
        )


def _refused(db: Database, refusal: DraftRefused) -> None:
    # What an earlier version held says nothing about a file that can no longer be read.
    db.execute("UPDATE content_finding SET status = 'gone' WHERE draft = ?", (refusal.draft,))
    db.execute(
        """INSERT INTO content_draft VALUES(?, '', '', 0, 0, 0, 0, 0, 'refused', ?, ?, ?)
           ON CONFLICT(draft) DO UPDATE SET content_sha256 = '', words = 0, gates = 0, warnings = 0, infos = 0,
           suppressed = 0, outcome = 'refused', reason = excluded.reason, line = excluded.line,
           checked_at = excluded.checked_at""",
        (refusal.draft, refusal.reason, refusal.line, refusal.at),
    )


def _raised(db: Database, finding: FindingRaised) -> None:
    db.execute(
        "INSERT OR IGNORE INTO content_finding VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', ?)",
        (
            finding.draft,
            finding.fingerprint,
            finding.start,
            finding.end,
            finding.line,
            finding.column,
            finding.source,
            finding.rule,
            finding.category,
            finding.severity,
            finding.message,
            finding.at,
        ),
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


PROJECTIONS: tuple[Projection, ...] = (Posts(),)
