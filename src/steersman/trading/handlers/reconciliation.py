"""Comparing the ledger with what a venue says, explaining each difference, and settling them for the venue's word."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec

from steersman.kernel.errors import SteersmanError
from steersman.ledger import NewEvent
from steersman.policy import HaltSet
from steersman.policy.events import HALT_LIFTED, HALT_SET, HALT_STREAM, HaltLifted
from steersman.trading import events as e
from steersman.trading.handlers.recorded import Recorder
from steersman.trading.handlers.state import State
from steersman.trading.handlers.strategies import readable
from steersman.trading.model.lifecycle import Status
from steersman.trading.model.order import OpenOrder, VenueOrder, VenuePosition
from steersman.trading.model.signal import OrderId
from steersman.trading.ports import Venue

_NOT_OURS: Final = "an open order of the account that this ledger does not know; settle by cancelling it at the venue"


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a venue says at one moment: open orders, positions (None: it keeps none), and our open orders looked up."""

    open_orders: Sequence[VenueOrder]
    positions: Sequence[VenuePosition] | None
    ours: dict[str, VenueOrder | None]


def ask(venue: Venue, ours: Sequence[OpenOrder]) -> Told:
    """Return what `venue` says now.

    Raises:
        Unavailable: it does not say.
    """
    there = list(venue.open_orders())
    known = {order.order_id: order for order in there}
    looked_up: dict[str, VenueOrder | None] = {
        o.order.order_id: known.get(o.order.order_id) or venue.lookup(OrderId(o.order.order_id)) for o in ours
    }
    return Told(open_orders=there, positions=venue.positions(), ours=looked_up)


def compare(state: State, venue: str, told: Told) -> list[e.Difference]:
    """Return where the ledger and the venue disagree; the ledger's fills are taken in before."""
    return [*_orders(state, venue, told), *_positions(state, venue, told)]


def blocking(state: State, venue: str, told: Told) -> tuple[e.Difference, ...]:
    """Return the disagreements that stop trading: an order of somebody else is told, and stops nothing."""
    return tuple(d for d in compare(state, venue, told) if d.kind != "order_foreign")


def _orders(state: State, venue: str, told: Told) -> list[e.Difference]:
    found = []
    for order_id, theirs in told.ours.items():
        ours = state.open.get(order_id)
        if ours is None:
            continue
        if theirs is None:
            text = f"{venue} has no order {order_id}; settling ends it here as cancelled"
            found.append(
                _difference("order_missing", order_id, ours.order.instrument, ours.known.status.value, "-", text)
            )
        elif theirs.filled > ours.filled:
            text = f"{venue} executed more of it than it reported; settling waits for its executions"
            found.append(
                _difference(
                    "fill_missing", order_id, ours.order.instrument, f"{ours.filled:f}", f"{theirs.filled:f}", text
                )
            )
    for theirs in told.open_orders:
        if state.order(theirs.order_id) is None:
            text = f"{theirs.side.value} {theirs.quantity:f} {theirs.instrument}: {_NOT_OURS}"
            name = theirs.order_id or theirs.venue_order_id
            found.append(_difference("order_foreign", name, theirs.instrument, "-", f"{theirs.quantity:f}", text))
    return found


def _positions(state: State, venue: str, told: Told) -> list[e.Difference]:
    if told.positions is None:
        return []
    theirs = {p.instrument: p.quantity for p in told.positions}
    ours = {
        name: state.book.position(name) for name, instrument in state.instruments.items() if instrument.venue == venue
    }
    found = []
    for name in sorted({*theirs, *ours}):
        here, there = ours.get(name, Decimal(0)), theirs.get(name, Decimal(0))
        if here == there:
            continue
        text = (
            f"the ledger's fills make {here:f}, {venue} holds {there:f}; settling books {there - here:+f} units at the "
            "venue's price"
            if name in ours
            else f"{venue} holds {there:f} of {name}, which is no instrument of this desk; declare it or close it there"
        )
        found.append(_difference("position", name, name, f"{here:f}", f"{there:f}", text))
    return found


def _difference(kind: str, subject: str, instrument: str, ours: str, theirs: str, explained: str) -> e.Difference:
    return e.Difference(
        kind=kind, subject=subject, instrument=instrument, ours=ours, theirs=theirs, explained=readable(explained)
    )


class Reconciler:
    """Makes the events of a comparison: the report, halts for what differs, and what settling changes."""

    def __init__(self, recorder: Recorder, state: State) -> None:
        self._record = recorder
        self._state = state

    def not_reached(self, venue: str, request_id: str, exc: Exception, at: int) -> list[NewEvent]:
        problem = exc.message if isinstance(exc, SteersmanError) else f"{type(exc).__name__}: {exc}"
        return [self._untold(venue, request_id, at, problem, reached=False)]

    def simulated(self, venue: str, request_id: str, at: int) -> list[NewEvent]:
        """Return the report on a venue that has no memory of its own: there is nothing to compare the ledger with."""
        problem = "a simulated venue: the ledger is its memory, so they cannot differ"
        return [self._untold(venue, request_id, at, problem, reached=True)]

    def of(self, venue: str, told: Told, request_id: str, at: int, *, settle_by: str | None) -> list[NewEvent]:
        """Return the events of one comparison; with `settle_by` (a person), the venue's word is taken for it."""
        found = tuple(compare(self._state, venue, told))
        made = [
            self._foreign(venue, order, at) for order in told.open_orders if self._state.order(order.order_id) is None
        ]
        if settle_by is not None:
            # Executions that are still to be reported would be booked a second time.
            coming = {d.instrument for d in found if d.kind == "fill_missing"}
            for difference in found:
                if difference.instrument not in coming:
                    made += self._settle(venue, difference, told, at, settle_by)
            left = tuple(compare(self._state, venue, told))
            settled = all(d.kind == "order_foreign" for d in left)
        else:
            left, settled = found, False
        report = self._report(venue, request_id, reached=True, told=told, found=found, settled=settled, at=at)
        made.append(report)
        before = dict(self._state.unreconciled)
        self._state.disagrees(venue, left)
        for instrument, reason in self._state.unreconciled.items():
            if instrument not in before:
                made.append(
                    self._halt(instrument, f"{venue} and the ledger disagree: {reason}", request_id, at, report)
                )
        if settle_by is not None:
            for instrument in before:
                if instrument not in self._state.unreconciled:
                    made.append(self._lift(instrument, request_id, at, settle_by))
        return made

    def _settle(self, venue: str, difference: e.Difference, told: Told, at: int, by: str) -> list[NewEvent]:
        if difference.kind == "order_missing":
            self._state.ended(difference.subject, Status.CANCELLED)
            return [
                self._record.ended("cancelled", difference.subject, f"{venue} does not have it; settled by {by}", at)
            ]
        if difference.kind != "position" or difference.instrument not in self._state.instruments:
            return []
        price = self._price(difference.instrument, told)
        if price is None:
            return []
        data = e.PositionAdjusted(
            venue=venue,
            instrument=difference.instrument,
            change=Decimal(difference.theirs) - Decimal(difference.ours),
            price=price,
            by=by,
            reason=difference.explained,
            at=at,
        )
        self._state.adjusted(data)
        key = (venue, difference.instrument, str(at))
        return [self._record.event(e.POSITION_ADJUSTED, data, at=at, stream=f"venue/{venue}", key=key)]

    def _price(self, instrument: str, told: Told) -> Decimal | None:
        theirs = next((p.average_price for p in told.positions or () if p.instrument == instrument), None)
        return theirs or self._state.book.prices.get(instrument)

    def _foreign(self, venue: str, order: VenueOrder, at: int) -> NewEvent:
        data = e.OrderForeign(
            venue=venue,
            venue_order_id=order.venue_order_id,
            client_order_id=order.order_id,
            instrument=order.instrument,
            side=order.side,
            quantity=order.quantity,
            filled=order.filled,
            at=at,
        )
        key = (venue, order.venue_order_id)
        return self._record.event(e.ORDER_FOREIGN, data, at=at, stream=f"venue/{venue}", key=key)

    def _untold(self, venue: str, request_id: str, at: int, problem: str, *, reached: bool) -> NewEvent:
        return self._report(
            venue, request_id, reached=reached, told=None, found=(), settled=False, at=at, problem=problem
        )

    def _report(
        self,
        venue: str,
        request_id: str,
        *,
        reached: bool,
        told: Told | None,
        found: tuple[e.Difference, ...],
        settled: bool,
        at: int,
        problem: str = "",
    ) -> NewEvent:
        data = e.Reconciled(
            request_id=request_id,
            venue=venue,
            reached=reached,
            orders=len(told.ours) if told else 0,
            positions=len(told.positions or ()) if told else 0,
            differences=found,
            settled=settled,
            problem=readable(problem),
            at=at,
        )
        return self._record.event(e.RECONCILED, data, at=at, stream=f"venue/{venue}", key=(venue, request_id))

    def _halt(self, instrument: str, reason: str, request_id: str, at: int, cause: NewEvent) -> NewEvent:
        data = HaltSet(scope=f"instrument:{instrument}", reason=readable(reason))
        key = ("unreconciled", instrument, request_id)
        return self._record.event(HALT_SET, data, at=at, stream=HALT_STREAM, key=key, cause=cause)

    def _lift(self, instrument: str, request_id: str, at: int, by: str) -> NewEvent:
        data = HaltLifted(scope=f"instrument:{instrument}", reason=f"settled by {by}")
        key = ("settled", instrument, request_id)
        return self._record.event(HALT_LIFTED, data, at=at, stream=HALT_STREAM, key=key)
