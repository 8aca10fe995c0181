"""What is known of rules, and of single findings, from what became of them."""

from __future__ import annotations

import msgspec

from steersman.content.model.learning import Outcome, Tally
from steersman.ledger.projections import Database

# What was open when its draft went out counts before the event of it is written.
_DUE = """SELECT f.draft, f.fingerprint, f.source, f.rule, f.category, f.type FROM content_flag f
          WHERE f.due_at IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM content_verdict v WHERE v.draft = f.draft AND v.fingerprint = f.fingerprint)"""


class FlagRow(msgspec.Struct, frozen=True, kw_only=True):
    """A finding as learning sees it."""

    draft: str
    fingerprint: str
    source: str
    rule: str
    category: str
    severity: str
    type: str
    line: int
    is_open: bool


class DueRow(msgspec.Struct, frozen=True, kw_only=True):
    """A finding that went out as it was, which no event says yet."""

    draft: str
    fingerprint: str
    source: str
    rule: str
    category: str
    type: str


def due(db: Database) -> list[DueRow]:
    """Return what went out with a finding open and is not recorded as rejected yet, by draft."""
    rows = db.execute(f"{_DUE} ORDER BY f.draft, f.fingerprint")
    return [DueRow(**dict(zip(DueRow.__struct_fields__, row, strict=True))) for row in rows]


def tallies(db: Database) -> dict[tuple[str, str], Tally]:
    """Return the verdicts by rule and content type, since the last reset of each rule."""
    found: dict[tuple[str, str], Tally] = {}
    rows = db.execute(
        """SELECT rule, type, outcome, how, count(*) FROM content_verdict WHERE counts = 1
           GROUP BY rule, type, outcome, how ORDER BY rule, type, outcome, how"""
    )
    judged = [tuple(row) for row in rows] + [(row.rule, row.type, "rejected", "published", 1) for row in due(db)]
    for rule, type_, outcome, how, number in judged:
        tally = found.get((rule, type_), Tally())
        for _ in range(number):
            tally = tally.counting(outcome, how)
        found[rule, type_] = tally
    return found


def gates(db: Database) -> frozenset[tuple[str, str]]:
    """Return (rule, content type) of what stopped a post when it was last seen."""
    return frozenset(map(tuple, db.execute("SELECT DISTINCT rule, type FROM content_flag WHERE severity = 'gate'")))


def known_rules(db: Database) -> frozenset[str]:
    """Return every rule that ever objected or was decided on."""
    return frozenset(row[0] for row in db.execute("SELECT rule FROM content_flag UNION SELECT rule FROM content_rule"))


def silenced(db: Database) -> frozenset[str]:
    """Return the rules the operator silenced."""
    return frozenset(row[0] for row in db.execute("SELECT rule FROM content_rule"))


def dismissed(db: Database) -> frozenset[tuple[str, str]]:
    """Return (draft, fingerprint) of what a person rejected."""
    rows = db.execute("SELECT draft, fingerprint FROM content_verdict WHERE outcome = 'rejected' AND how = 'person'")
    return frozenset(map(tuple, rows))


def verdicts(db: Database, draft: str) -> dict[str, Outcome]:
    """Return what people last said about the findings of `draft`, by fingerprint."""
    rows = db.execute("SELECT fingerprint, outcome FROM content_verdict WHERE draft = ? AND how = 'person'", (draft,))
    return dict(rows)


def confirmed(db: Database) -> frozenset[tuple[str, str]]:
    """Return (draft, fingerprint) of what a person last said is right."""
    rows = db.execute("SELECT draft, fingerprint FROM content_verdict WHERE outcome = 'accepted' AND how = 'person'")
    return frozenset(map(tuple, rows))


def flags(db: Database, prefix: str) -> list[FlagRow]:
    """Return the findings whose fingerprint begins so; what is open first."""
    rows = db.execute(
        """SELECT draft, fingerprint, source, rule, category, severity, type, line, is_open FROM content_flag
           WHERE substr(fingerprint, 1, ?) = ? ORDER BY is_open DESC, draft, line, fingerprint""",
        (len(prefix), prefix),
    )
    names = FlagRow.__struct_fields__
    return [FlagRow(**{**dict(zip(names, row, strict=True)), "is_open": bool(row[8])}) for row in rows]
