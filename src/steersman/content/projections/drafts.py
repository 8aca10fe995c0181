"""Drafts as they were last checked, and each finding where it last stood: rebuildable from the ledger."""

from __future__ import annotations

import msgspec

from steersman.content.events.qa import (
    DRAFT_CHECKED,
    DRAFT_REFUSED,
    FINDING_RAISED,
    DraftChecked,
    DraftRefused,
    FindingRaised,
)
from steersman.ledger.event import Event
from steersman.ledger.projections import Database

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
)


class Drafts:
    """A finding is `open` or `suppressed` in the latest version of its draft, or `gone`."""

    name = "content_drafts"
    version = 1
    types: tuple[str, ...] = ("content.draft.*", "content.finding.*")

    def create(self, db: Database) -> None:
        for statement in _TABLES:
            db.execute(statement)

    def drop(self, db: Database) -> None:
        for table in ("content_draft", "content_finding"):
            db.execute(f"DROP TABLE IF EXISTS {table}")

    def handle(self, db: Database, event: Event) -> None:
        if event.type == DRAFT_CHECKED:
            _checked(db, msgspec.json.decode(event.data, type=DraftChecked))
        elif event.type == DRAFT_REFUSED:
            _refused(db, msgspec.json.decode(event.data, type=DraftRefused))
        elif event.type == FINDING_RAISED:
            _raised(db, msgspec.json.decode(event.data, type=FindingRaised))


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
