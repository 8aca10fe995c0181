"""What pages and commands ask about posts: where each stands, which is late, and whether anybody publishes."""

from __future__ import annotations

import msgspec

from steersman.ledger.projections import Database


class PostRow(msgspec.Struct, frozen=True, kw_only=True):
    """A post on one channel. Instants in ns since 1970 UTC.

    Attributes:
        status: scheduled, waiting (overdue before anything was tried), planned, published, unconfirmed, failed,
            withdrawn or deleted; one whose update failed is `failed` and still has its `url`.
        revisions: how often something went out.
        due_at: of its slot; None without one.
        retry_at: before which it is not tried again by itself.
        overdue_at: the due instant it missed; None if it is not late. `overdue_reason` says why.
    """

    key: str
    channel: str
    draft: str
    title: str
    status: str
    url: str | None
    revision: str | None
    remote_id: str
    revisions: int
    reason: str
    due_at: int | None
    planned_at: int | None
    published_at: int | None
    retry_at: int | None
    overdue_at: int | None
    overdue_reason: str
    updated_at: int


class WorkerRow(msgspec.Struct, frozen=True, kw_only=True):
    """The last alarm about the publishing worker: `silent` says whether it still holds."""

    silent: bool
    last_seen_at: int | None
    waiting: int
    reason: str
    at: int


_COLUMNS = ", ".join(PostRow.__struct_fields__)


def posts(db: Database, *, limit: int = 50) -> list[PostRow]:
    """Return the posts that changed last, newest first."""
    return _rows(db, "ORDER BY pos DESC LIMIT ?", limit)


def posts_of(db: Database, draft: str) -> list[PostRow]:
    """Return the posts of one draft, by channel."""
    return _rows(db, "WHERE draft = ? ORDER BY channel", draft)


def overdue(db: Database) -> list[PostRow]:
    """Return the posts that should be out, the longest overdue first."""
    return _rows(db, "WHERE overdue_at IS NOT NULL ORDER BY overdue_at, key")


def published(db: Database) -> dict[str, frozenset[str]]:
    """Return, for each draft that is out on some channel, the SHA-256 of every version of its file that is."""
    found: dict[str, set[str]] = {}
    for draft, sha256 in db.execute("SELECT draft, draft_sha256 FROM content_post WHERE published_at IS NOT NULL"):
        found.setdefault(draft, set()).add(sha256)
    return {draft: frozenset(found[draft]) for draft in sorted(found)}


def worker(db: Database) -> WorkerRow | None:
    """Return the last alarm about the worker; None if there never was one."""
    rows = db.execute("SELECT silent, last_seen_at, waiting, reason, at FROM content_worker")
    return WorkerRow(
        silent=bool(rows[0][0]), last_seen_at=rows[0][1], waiting=rows[0][2], reason=rows[0][3], at=rows[0][4]
    ) if rows else None  # fmt: skip


def _rows(db: Database, rest: str, *parameters: object) -> list[PostRow]:
    found = db.execute(f"SELECT {_COLUMNS} FROM content_post {rest}", parameters)
    return [PostRow(**dict(zip(PostRow.__struct_fields__, row, strict=True))) for row in found]
