"""Findings as learning sees them, and what became of them: rebuildable from the ledger."""

from __future__ import annotations

import msgspec

from steersman.content.events.learning import RULE_RESET, RULE_SILENCED, RuleDecided
from steersman.content.events.publishing import POST_PUBLISHED, PostPublished
from steersman.content.events.qa import (
    DRAFT_CHECKED,
    FINDING_ACCEPTED,
    FINDING_RAISED,
    FINDING_REJECTED,
    DraftChecked,
    FindingJudged,
    FindingRaised,
)
from steersman.ledger.event import Event
from steersman.ledger.projections import Database

_TABLES = (
    """CREATE TABLE IF NOT EXISTS content_flag(
        draft TEXT NOT NULL, fingerprint TEXT NOT NULL, source TEXT NOT NULL, rule TEXT NOT NULL,
        category TEXT NOT NULL, severity TEXT NOT NULL, type TEXT NOT NULL, line INTEGER NOT NULL,
        is_open INTEGER NOT NULL, due_at INTEGER, PRIMARY KEY(draft, fingerprint)) WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS content_flag_draft(draft TEXT PRIMARY KEY, sha256 TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE IF NOT EXISTS content_verdict(
        draft TEXT NOT NULL, fingerprint TEXT NOT NULL, rule TEXT NOT NULL, type TEXT NOT NULL,
        outcome TEXT NOT NULL, how TEXT NOT NULL, counts INTEGER NOT NULL,
        PRIMARY KEY(draft, fingerprint)) WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS content_rule(rule TEXT PRIMARY KEY, silenced_at INTEGER NOT NULL) WITHOUT ROWID",
)


class Learning:
    """One verdict for each finding: a person's before what was concluded, the later one of a person before the earlier.

    A finding that was open when its draft went out is `due`: it is as good as rejected until the event says so.
    """

    name = "content_learning"
    version = 2
    types: tuple[str, ...] = ("content.draft.checked", "content.finding.*", POST_PUBLISHED, "content.rule.*")

    def create(self, db: Database) -> None:
        for statement in _TABLES:
            db.execute(statement)

    def drop(self, db: Database) -> None:
        for table in ("content_flag", "content_flag_draft", "content_verdict", "content_rule"):
            db.execute(f"DROP TABLE IF EXISTS {table}")

    def handle(self, db: Database, event: Event) -> None:
        if event.type == DRAFT_CHECKED:
            _checked(db, msgspec.json.decode(event.data, type=DraftChecked))
        elif event.type == FINDING_RAISED:
            _raised(db, msgspec.json.decode(event.data, type=FindingRaised))
        elif event.type in (FINDING_ACCEPTED, FINDING_REJECTED):
            _judged(db, msgspec.json.decode(event.data, type=FindingJudged), event.type.rpartition(".")[2])
        elif event.type == POST_PUBLISHED:
            _published(db, msgspec.json.decode(event.data, type=PostPublished))
        elif event.type in (RULE_SILENCED, RULE_RESET):
            _decided(db, msgspec.json.decode(event.data, type=RuleDecided), is_silent=event.type == RULE_SILENCED)


def _checked(db: Database, pass_: DraftChecked) -> None:
    db.execute("INSERT OR REPLACE INTO content_flag_draft VALUES(?, ?)", (pass_.draft, pass_.content_sha256))
    db.execute("UPDATE content_flag SET is_open = 0 WHERE draft = ?", (pass_.draft,))
    for seen in pass_.seen:
        db.execute(
            """UPDATE content_flag SET is_open = ?, severity = ?, line = ?, type = CASE WHEN ? = '' THEN type ELSE ? END
               WHERE draft = ? AND fingerprint = ?""",
            (
                seen.status == "open",
                seen.severity,
                seen.line,
                pass_.type,
                pass_.type,
                pass_.draft,
                seen.fingerprint,
            ),
        )


def _raised(db: Database, found: FindingRaised) -> None:
    db.execute(
        "INSERT OR IGNORE INTO content_flag VALUES(?, ?, ?, ?, ?, ?, ?, ?, 1, NULL)",
        (
            found.draft,
            found.fingerprint,
            found.source,
            found.rule,
            found.category,
            found.severity,
            found.type,
            found.line,
        ),
    )


def _judged(db: Database, judged: FindingJudged, outcome: str) -> None:
    # What was concluded never takes back what a person said.
    db.execute(
        """INSERT INTO content_verdict VALUES(?, ?, ?, ?, ?, ?, 1)
           ON CONFLICT(draft, fingerprint) DO UPDATE SET
           outcome = CASE WHEN excluded.how = 'person' OR how <> 'person' THEN excluded.outcome ELSE outcome END,
           counts = CASE WHEN excluded.how = 'person' OR how <> 'person' THEN 1 ELSE counts END,
           how = CASE WHEN excluded.how = 'person' THEN 'person' WHEN how = 'person' THEN how ELSE excluded.how END""",
        (judged.draft, judged.fingerprint, judged.rule, judged.type, outcome, judged.how),
    )


def _published(db: Database, post: PostPublished) -> None:
    db.execute(
        """UPDATE content_flag SET due_at = ? WHERE draft = ? AND is_open = 1 AND due_at IS NULL
           AND EXISTS (SELECT 1 FROM content_flag_draft d WHERE d.draft = content_flag.draft AND d.sha256 = ?)
           AND NOT EXISTS (SELECT 1 FROM content_verdict v
                           WHERE v.draft = content_flag.draft AND v.fingerprint = content_flag.fingerprint)""",
        (post.at, post.draft, post.draft_sha256 or post.content_sha256),
    )


def _decided(db: Database, decided: RuleDecided, *, is_silent: bool) -> None:
    if is_silent:
        db.execute("INSERT OR REPLACE INTO content_rule VALUES(?, ?)", (decided.rule, decided.at))
        return
    db.execute("DELETE FROM content_rule WHERE rule = ?", (decided.rule,))
    db.execute("UPDATE content_verdict SET counts = 0 WHERE rule = ?", (decided.rule,))
    # What went out before the reset is part of what is forgotten.
    db.execute(
        """INSERT OR IGNORE INTO content_verdict
           SELECT draft, fingerprint, rule, type, 'rejected', 'published', 0 FROM content_flag
           WHERE rule = ? AND due_at IS NOT NULL""",
        (decided.rule,),
    )
