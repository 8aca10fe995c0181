"""What the console, the command line and the audit ask about pulls."""

from __future__ import annotations

import msgspec

from steersman.ledger.projections import Database


class KeyFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One key: what it is now and what it has cost and saved so far.

    Attributes:
        served: reads from what was stored; each is a call that was not made. `bytes_saved`: their bytes, as stored.
        fetched: times that data came from another machine, through what they share.
        served_stale: those of them that were past their time, as policy allows.
        last_problem: of the latest flight; empty if that went well.
    """

    pull: str
    key: str
    source: str
    size_bytes: int
    rows: int | None
    upstream_calls: int
    upstream_bytes: int
    pulled: int
    revalidated: int
    failed: int
    refused: int
    quarantined: int
    fetched: int
    served: int
    served_stale: int
    bytes_saved: int
    last_pulled_at: int | None
    last_problem: str


class PullFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One pull, or all of them (`pull` empty): sums over its keys. `calls_saved` are reads without a call upstream."""

    pull: str
    keys: int
    size_bytes: int
    upstream_calls: int
    upstream_bytes: int
    failed: int
    refused: int
    served: int
    calls_saved: int
    bytes_saved: int
    last_pulled_at: int | None


class ReaderFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One script (or person) and one pull: the calls it caused, and the ones it was saved."""

    who: str
    pull: str
    upstream_calls: int
    calls_saved: int
    bytes_saved: int
    last_at: int


_KEY = ", ".join(field.name for field in msgspec.structs.fields(KeyFigures))
_SUMS = """count(*), coalesce(sum(size_bytes), 0), coalesce(sum(upstream_calls), 0), coalesce(sum(upstream_bytes), 0),
    coalesce(sum(failed), 0), coalesce(sum(refused), 0), coalesce(sum(served), 0), coalesce(sum(served), 0),
    coalesce(sum(bytes_saved), 0), max(last_pulled_at)"""


def keys(db: Database, *, pull: str | None = None, limit: int = 200) -> list[KeyFigures]:
    """Return the keys, the latest changed first."""
    where, parameters = ("WHERE pull = ?", [pull]) if pull else ("", [])
    rows = db.execute(f"SELECT {_KEY} FROM pulls_key {where} ORDER BY pos DESC LIMIT ?", (*parameters, limit))
    names = [field.name for field in msgspec.structs.fields(KeyFigures)]
    return [KeyFigures(**dict(zip(names, row, strict=True))) for row in rows]


def pulls(db: Database) -> list[PullFigures]:
    """Return one line per pull that ever did something, by name."""
    return [_figures(row) for row in db.execute(f"SELECT pull, {_SUMS} FROM pulls_key GROUP BY pull ORDER BY pull")]


def totals(db: Database) -> PullFigures:
    """Return the sums over every pull."""
    return _figures(db.execute(f"SELECT '', {_SUMS} FROM pulls_key")[0])


def by_reader(db: Database) -> list[ReaderFigures]:
    """Return what each script was saved, the most first."""
    rows = db.execute(
        """SELECT who, pull, upstream_calls, served, bytes_saved, last_at FROM pulls_reader
           ORDER BY served DESC, who, pull"""
    )
    return [
        ReaderFigures(who=r[0], pull=r[1], upstream_calls=r[2], calls_saved=r[3], bytes_saved=r[4], last_at=r[5])
        for r in rows
    ]


def _figures(row: tuple[object, ...]) -> PullFigures:
    names = [field.name for field in msgspec.structs.fields(PullFigures)]
    return msgspec.convert(dict(zip(names, row, strict=True)), PullFigures)
