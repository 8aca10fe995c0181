"""Venues: what comparisons found, whether they answer, who armed them; and the halts."""

from __future__ import annotations

from typing import Final

import msgspec

from steersman.ledger.event import Event
from steersman.ledger.projections import Database
from steersman.policy.events import HALT_LIFTED, HALT_SET, HaltLifted, HaltSet
from steersman.trading import events as e
from steersman.trading.projections.writing import Handler, insert, json, on, text


def heard(db: Database, venue: str, pos: int) -> None:
    """Remember that a venue said something: whatever it failed at before is over."""
    _venue(db, venue, "heard = max(heard, ?)", pos)


def _venue(db: Database, venue: str, changes: str, *params: object) -> None:
    db.execute("INSERT INTO trading_venue(venue) VALUES(?) ON CONFLICT DO NOTHING", (venue,))
    db.execute(f"UPDATE trading_venue SET {changes} WHERE venue = ?", (*params, venue))


def _requested(db: Database, r: e.ReconcileRequested, event: Event) -> None:
    insert(
        db,
        "trading_reconcile_request",
        request_id=r.request_id,
        by=r.by,
        settle=r.settle,
        recorded_at=event.recorded_at,
        pos=event.pos,
    )


def _reconciled(db: Database, r: e.Reconciled, event: Event) -> None:
    insert(
        db,
        "trading_reconciliation",
        pos=event.pos,
        venue=r.venue,
        request_id=r.request_id,
        reached=r.reached,
        orders=r.orders,
        positions=r.positions,
        differences=json(r.differences),
        settled=r.settled,
        problem=r.problem,
        recorded_at=event.recorded_at,
    )
    if r.reached:
        heard(db, r.venue, event.pos)


def _failed(db: Database, f: e.VenueFailed, event: Event) -> None:
    # It is said once per kind of trouble; the first of a span says since when.
    _venue(
        db,
        f.venue,
        """failing_since = iif(failed > heard, failing_since, ?), failing_doing = ?, failing_why = ?, failed = ?""",
        *(event.recorded_at, f.doing, f.problem, event.pos),
    )


def _armed(db: Database, a: e.VenueArmed, event: Event) -> None:
    _venue(db, a.venue, "armed_by = ?, armed_at = ?, fingerprint = ?", a.by, event.recorded_at, a.fingerprint)


class _Named(msgspec.Struct):
    """All that is read of a venue's disarming."""

    venue: str


def _disarmed(db: Database, a: _Named, event: Event) -> None:
    _venue(db, a.venue, "armed_by = NULL, armed_at = NULL, fingerprint = NULL")


def _foreign(db: Database, o: e.OrderForeign, event: Event) -> None:
    insert(
        db,
        "trading_foreign",
        venue=o.venue,
        venue_order_id=o.venue_order_id,
        client_order_id=o.client_order_id,
        instrument=o.instrument,
        side=o.side.value,
        quantity=text(o.quantity),
        filled=text(o.filled),
        recorded_at=event.recorded_at,
        pos=event.pos,
    )


def _halted(db: Database, h: HaltSet, event: Event) -> None:
    insert(
        db,
        "trading_halt",
        pos=event.pos,
        scope=h.scope,
        reason=h.reason,
        by=event.actor,
        set_at=event.recorded_at,
    )


def _lifted(db: Database, h: HaltLifted, event: Event) -> None:
    db.execute(
        """UPDATE trading_halt SET lifted_by = ?, lifted_reason = ?, lifted_at = ?
           WHERE lifted_at IS NULL AND (scope = ? OR ? = 'all')""",
        (event.actor, h.reason, event.recorded_at, h.scope, h.scope),
    )


HANDLERS: Final[dict[str, Handler]] = {
    e.RECONCILE_REQUESTED: on(e.ReconcileRequested, _requested),
    e.RECONCILED: on(e.Reconciled, _reconciled),
    e.VENUE_FAILED: on(e.VenueFailed, _failed),
    e.VENUE_ARMED: on(e.VenueArmed, _armed),
    e.VENUE_DISARMED: on(_Named, _disarmed),
    e.ORDER_FOREIGN: on(e.OrderForeign, _foreign),
    HALT_SET: on(HaltSet, _halted),
    HALT_LIFTED: on(HaltLifted, _lifted),
}
