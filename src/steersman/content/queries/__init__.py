"""What the console and the command line ask about drafts and posts."""

from __future__ import annotations

from typing import Any

import msgspec

from steersman.content.queries.posts import PostRow, WorkerRow, overdue, posts, posts_of, published, worker
from steersman.ledger.projections import Database

__all__ = [
    "ContentCounts",
    "DraftRow",
    "FindingRow",
    "PostRow",
    "WorkerRow",
    "counts",
    "drafts",
    "findings",
    "overdue",
    "posts",
    "posts_of",
    "published",
    "worker",
]


class DraftRow(msgspec.Struct, frozen=True, kw_only=True):
    """A draft as it was last checked, and where it is out. Instants in ns since 1970 UTC.

    Attributes:
        outcome: pass, blocked or refused (could not be read; why is in `reason`, where in `line`).
        status: refused, blocked, checked (no gate is open), published, or edited (published, and changed since).
        published_at: the first time on any channel; `url` is of the same post.
    """

    draft: str
    title: str
    words: int
    gates: int
    warnings: int
    infos: int
    suppressed: int
    outcome: str
    reason: str
    line: int | None
    checked_at: int
    published_at: int | None
    url: str | None
    status: str


class FindingRow(msgspec.Struct, frozen=True, kw_only=True):
    """A finding where it last stood; offsets in code points of the file, `status` open, suppressed or gone."""

    draft: str
    fingerprint: str
    start: int
    end: int
    line: int
    column: int
    source: str
    rule: str
    category: str
    severity: str
    message: str
    status: str
    raised_at: int


class ContentCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How much there is: `findings` were ever raised, `published` posts are out, `blocked`, `refused` drafts wait."""

    drafts: int
    findings: int
    published: int
    blocked: int
    refused: int


def drafts(db: Database) -> list[DraftRow]:
    """Return every draft that was ever checked, by name."""
    rows = db.execute(
        """SELECT d.draft, d.title, d.words, d.gates, d.warnings, d.infos, d.suppressed, d.outcome, d.reason, d.line,
           d.checked_at, p.published_at, p.url, p.draft_sha256 = d.content_sha256
           FROM content_draft d LEFT JOIN content_post p ON p.key = (
             SELECT key FROM content_post WHERE draft = d.draft AND published_at IS NOT NULL
             ORDER BY published_at, key LIMIT 1)
           ORDER BY d.draft"""
    )
    names = [name for name in DraftRow.__struct_fields__ if name != "status"]
    return [DraftRow(**dict(zip(names, row[:-1], strict=True)), status=_status(row)) for row in rows]


def findings(db: Database, draft: str) -> list[FindingRow]:
    """Return what was ever found in `draft`: what is open first, then suppressed, then gone; each in text order."""
    columns = ", ".join(f'"{name}"' for name in FindingRow.__struct_fields__)
    rows = db.execute(
        f"""SELECT {columns} FROM content_finding WHERE draft = ?
            ORDER BY CASE status WHEN 'open' THEN 0 WHEN 'suppressed' THEN 1 ELSE 2 END, start, rule""",
        (draft,),
    )
    return [FindingRow(**dict(zip(FindingRow.__struct_fields__, row, strict=True))) for row in rows]


def counts(db: Database) -> ContentCounts:
    """Count drafts, findings and posts."""
    (row,) = db.execute(
        """SELECT count(*), coalesce(sum(outcome = 'blocked'), 0), coalesce(sum(outcome = 'refused'), 0),
           (SELECT count(*) FROM content_finding), (SELECT count(*) FROM content_post WHERE published_at IS NOT NULL)
           FROM content_draft"""
    )
    return ContentCounts(drafts=row[0], blocked=row[1], refused=row[2], findings=row[3], published=row[4])


def _status(row: tuple[Any, ...]) -> str:
    outcome, published_at, is_same = row[7], row[11], row[13]
    if outcome == "refused" or (outcome == "blocked" and published_at is None):
        return str(outcome)
    if published_at is None:
        return "checked"
    return "published" if is_same else "edited"
