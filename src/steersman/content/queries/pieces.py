"""What the console and the command line ask about pieces, rounds of review and remarks."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from steersman.content.review.piece import Piece
from steersman.ledger.projections import Database

R = TypeVar("R", bound=msgspec.Struct)


class RoundRow(msgspec.Struct, frozen=True, kw_only=True):
    """A round of review: `outcome` is waits, approved, returned or withdrawn. Instants in ns since 1970 UTC."""

    draft: str
    round: int
    type: str
    content_sha256: str
    gates: int
    warnings: int
    infos: int
    asked_at: int
    asked_by: str
    outcome: str
    remarks: int
    ended_at: int | None
    ended_by: str


class RemarkRow(msgspec.Struct, frozen=True, kw_only=True):
    """A remark as the ledger knows it: open, fixed or dismissed; its words are in the workspace, by `id`."""

    draft: str
    id: str
    type: str
    round: int
    content_sha256: str
    category: str
    start: int
    end: int
    line: int
    caught: str
    raised_at: int
    raised_by: str
    status: str
    settled_at: int | None


def pieces(db: Database) -> dict[str, Piece]:
    """Return every piece the ledger says something about, by draft."""
    decode = msgspec.json.Decoder(Piece).decode
    return {
        draft: decode(state) for draft, state in db.execute("SELECT draft, state FROM content_piece ORDER BY draft")
    }


def piece(db: Database, draft: str) -> Piece | None:
    """Return one piece; None if nothing was ever said about it."""
    found = db.execute("SELECT state FROM content_piece WHERE draft = ?", (draft,))
    return msgspec.json.decode(found[0][0], type=Piece) if found else None


def rounds(db: Database, draft: str | None = None) -> list[RoundRow]:
    """Return the rounds of `draft`, or of all drafts, as they were asked for, oldest first."""
    return _select(db, RoundRow, "content_round", draft, "asked_at, draft, round")


def remarks(db: Database, draft: str | None = None) -> list[RemarkRow]:
    """Return every remark on `draft`, or on all drafts, oldest first."""
    return _select(db, RemarkRow, "content_remark", draft, "raised_at, draft, id")


def _select(db: Database, row: type[R], table: str, draft: str | None, order: str) -> list[R]:
    names = row.__struct_fields__
    columns = ", ".join(f'"{name}"' for name in names)
    clause, params = ("WHERE draft = ?", (draft,)) if draft is not None else ("", ())
    found = db.execute(f"SELECT {columns} FROM {table} {clause} ORDER BY {order}", params)
    return [row(**dict(zip(names, values, strict=True))) for values in found]
