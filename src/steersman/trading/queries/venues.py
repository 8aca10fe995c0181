"""Venues: comparisons with the ledger, trouble, arming, and orders that are not ours."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from steersman.ledger.projections import Database
from steersman.trading.events import Difference
from steersman.trading.queries.rows import as_struct


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What one comparison of the ledger with a venue found.

    Attributes:
        reached: False when it did not answer; `problem` says why, or what there was to say about a reached one.
        orders, positions: how many were compared.
        settled: the venue's word was taken for the differences.
        at: ns since 1970 UTC on the wall clock.
    """

    pos: int
    venue: str
    request_id: str
    reached: bool
    orders: int
    positions: int
    differences: tuple[Difference, ...]
    settled: bool
    problem: str
    at: int


class VenueStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger knows of a venue; instants on the wall clock.

    Attributes:
        last: the latest comparison; None before the first.
        failing_since: since when it fails at `failing_doing`; None: it was heard since, or never failed.
        armed_by: who allowed it to trade real money; None: nobody. Only a venue in mode live needs it.
    """

    venue: str
    last: Comparison | None
    failing_since: int | None
    failing_doing: str
    failing_why: str
    armed_by: str | None
    armed_at: int | None
    fingerprint: str | None
    foreign: int


class ReconcileWish(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody wants ledger and venues compared: `answers` venues reported so far."""

    request_id: str
    by: str
    settle: bool
    at: int
    answers: int


class ForeignOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An open order of the account that this ledger did not send, as it was when it was found."""

    venue: str
    venue_order_id: str
    client_order_id: str
    instrument: str
    side: str
    quantity: Decimal
    filled: Decimal
    at: int
    pos: int


_COMPARISON: Final = """pos, venue, request_id, reached, orders, positions, differences, settled, problem, recorded_at
    FROM trading_reconciliation"""


def venue(db: Database, name: str) -> VenueStatus:
    """Return what is known of one venue; of one that never said anything, nothing."""
    rows = db.execute(
        """SELECT iif(failed > heard, failing_since, NULL), iif(failed > heard, failing_doing, ''),
           iif(failed > heard, failing_why, ''), armed_by, armed_at, fingerprint FROM trading_venue WHERE venue = ?""",
        (name,),
    )
    since, doing, why, armed_by, armed_at, fingerprint = rows[0] if rows else (None, "", "", None, None, None)
    found = comparisons(db, venue=name, limit=1)
    foreign: int = db.execute("SELECT count(*) FROM trading_foreign WHERE venue = ?", (name,))[0][0]
    return VenueStatus(
        venue=name,
        last=found[0] if found else None,
        failing_since=since,
        failing_doing=doing,
        failing_why=why,
        armed_by=armed_by,
        armed_at=armed_at,
        fingerprint=fingerprint,
        foreign=foreign,
    )


def venues(db: Database) -> list[VenueStatus]:
    """Return every venue that the ledger knows anything of, by name."""
    rows = db.execute("SELECT venue FROM trading_venue UNION SELECT venue FROM trading_reconciliation ORDER BY venue")
    return [venue(db, name) for (name,) in rows]


def comparisons(db: Database, *, venue: str | None = None, limit: int = 20) -> list[Comparison]:
    """Return the latest comparisons, newest first."""
    clause, params = ("WHERE venue = ?", (venue,)) if venue is not None else ("", ())
    rows = db.execute(f"SELECT {_COMPARISON} {clause} ORDER BY pos DESC LIMIT ?", (*params, limit))
    return [as_struct(Comparison, row) for row in rows]


def reconcile_wish(db: Database) -> ReconcileWish | None:
    """Return the latest request for a comparison, None before the first."""
    rows = db.execute(
        """SELECT r.request_id, r.by, r.settle, r.recorded_at,
           (SELECT count(*) FROM trading_reconciliation c WHERE c.request_id = r.request_id)
           FROM trading_reconcile_request r ORDER BY r.pos DESC LIMIT 1"""
    )
    return as_struct(ReconcileWish, rows[0]) if rows else None


def foreign_orders(db: Database, *, venue: str | None = None, limit: int = 50) -> list[ForeignOrder]:
    """Return the latest orders found that are not ours, newest first."""
    clause, params = ("WHERE venue = ?", (venue,)) if venue is not None else ("", ())
    rows = db.execute(
        f"""SELECT venue, venue_order_id, client_order_id, instrument, side, quantity, filled, recorded_at, pos
            FROM trading_foreign {clause} ORDER BY pos DESC LIMIT ?""",
        (*params, limit),
    )
    return [as_struct(ForeignOrder, row) for row in rows]
