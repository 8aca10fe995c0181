"""Pieces on their way to publication, their rounds of review and what people said: rebuildable from the ledger."""

from __future__ import annotations

import msgspec

from steersman.content.events.engagement import ENGAGEMENT_OBSERVED
from steersman.content.events.review import (
    REMARK_RAISED,
    REMARK_SETTLED,
    REVIEW_ENDED,
    REVIEW_REQUESTED,
    RemarkRaised,
    RemarkSettled,
    ReviewEnded,
    ReviewRequested,
)
from steersman.content.review.piece import TYPES, Piece, step
from steersman.ledger.event import Event
from steersman.ledger.projections import Database

_TABLES = (
    "CREATE TABLE IF NOT EXISTS content_piece(draft TEXT PRIMARY KEY, state BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS content_piece_post(key TEXT PRIMARY KEY, draft TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE IF NOT EXISTS content_round(
        draft TEXT NOT NULL, round INTEGER NOT NULL, type TEXT NOT NULL, content_sha256 TEXT NOT NULL,
        gates INTEGER NOT NULL, warnings INTEGER NOT NULL, infos INTEGER NOT NULL, asked_at INTEGER NOT NULL,
        asked_by TEXT NOT NULL, outcome TEXT NOT NULL, remarks INTEGER NOT NULL, ended_at INTEGER,
        ended_by TEXT NOT NULL,
        PRIMARY KEY(draft, round)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS content_remark(
        draft TEXT NOT NULL, id TEXT NOT NULL, type TEXT NOT NULL, round INTEGER NOT NULL, content_sha256 TEXT NOT NULL,
        category TEXT NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL, line INTEGER NOT NULL,
        caught TEXT NOT NULL, raised_at INTEGER NOT NULL, raised_by TEXT NOT NULL, status TEXT NOT NULL,
        settled_at INTEGER, PRIMARY KEY(draft, id)) WITHOUT ROWID""",
)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Piece).decode


class _Named(msgspec.Struct, frozen=True):
    """What tells which piece an event is about: its draft, or the key of its post."""

    draft: str = ""
    key: str = ""


class Pieces:
    """One row for each piece: the fold of `review.piece`, kept. A remark is `open`, `fixed` or `dismissed`."""

    name = "content_pieces"
    version = 1
    types: tuple[str, ...] = TYPES

    def create(self, db: Database) -> None:
        for statement in _TABLES:
            db.execute(statement)

    def drop(self, db: Database) -> None:
        for table in ("content_piece", "content_piece_post", "content_round", "content_remark"):
            db.execute(f"DROP TABLE IF EXISTS {table}")

    def handle(self, db: Database, event: Event) -> None:
        draft = _draft_of(db, event)
        if not draft:
            return
        row = db.execute("SELECT state FROM content_piece WHERE draft = ?", (draft,))
        before = _decode(row[0][0]) if row else Piece(draft=draft)
        after = step(before, event)
        if after is not before:
            db.execute("INSERT OR REPLACE INTO content_piece VALUES(?, ?)", (draft, _encode(after)))
        _rows(db, event)


def _draft_of(db: Database, event: Event) -> str:
    named = msgspec.json.decode(event.data, type=_Named)
    if named.draft and named.key:
        db.execute("INSERT OR REPLACE INTO content_piece_post VALUES(?, ?)", (named.key, named.draft))
    if named.draft or event.type != ENGAGEMENT_OBSERVED:
        return named.draft
    found = db.execute("SELECT draft FROM content_piece_post WHERE key = ?", (named.key,))
    return str(found[0][0]) if found else ""


def _rows(db: Database, event: Event) -> None:
    if event.type == REVIEW_REQUESTED:
        _requested(db, msgspec.json.decode(event.data, type=ReviewRequested), event.actor)
    elif event.type == REVIEW_ENDED:
        end = msgspec.json.decode(event.data, type=ReviewEnded)
        db.execute(
            """UPDATE content_round SET outcome = ?, remarks = ?, ended_at = ?, ended_by = ?
               WHERE draft = ? AND round = ? AND ended_at IS NULL""",
            (end.outcome, end.remarks, end.at, event.actor, end.draft, end.round),
        )
    elif event.type == REMARK_RAISED:
        _raised(db, msgspec.json.decode(event.data, type=RemarkRaised), event.actor)
    elif event.type == REMARK_SETTLED:
        settled = msgspec.json.decode(event.data, type=RemarkSettled)
        db.execute(
            "UPDATE content_remark SET status = ?, settled_at = ? WHERE draft = ? AND id = ?",
            (settled.how, settled.at, settled.draft, settled.id),
        )


def _requested(db: Database, r: ReviewRequested, by: str) -> None:
    db.execute(
        "INSERT OR REPLACE INTO content_round VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, 'waits', 0, NULL, '')",
        (r.draft, r.round, r.type, r.content_sha256, r.gates, r.warnings, r.infos, r.at, by),
    )


def _raised(db: Database, r: RemarkRaised, by: str) -> None:
    values = (r.draft, r.id, r.type, r.round, r.content_sha256, r.category, r.start, r.end, r.line, r.caught, r.at, by)
    db.execute("INSERT OR REPLACE INTO content_remark VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', NULL)", values)
