"""What venues report, taken into the state once and said to the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from steersman.ledger import Ledger, NewEvent
from steersman.policy import HaltSet
from steersman.policy.events import HALT_SET, HALT_STREAM
from steersman.trading import events as e
from steersman.trading.handlers import journal
from steersman.trading.handlers.recorded import Recorder
from steersman.trading.handlers.state import Open, State, order_of
from steersman.trading.model.book import Trip
from steersman.trading.model.lifecycle import Known, Status
from steersman.trading.model.order import Acknowledged, CancelRefused, Ended, Execution, Order, Report
from steersman.trading.model.signal import Side


class Reports:
    """Keeps state and ledger in step with the venues."""

    def __init__(self, recorder: Recorder, state: State, currency: str, ledger: Ledger) -> None:
        self._record = recorder
        self._ledger = ledger
        self._state = state
        self._currency = currency

    def take(self, venue: str, reports: Iterable[Report], at: int) -> list[NewEvent]:
        """Return the events of `reports`, which are known at `at`; what was reported before makes none."""
        made: list[NewEvent] = []
        for report in reports:
            if isinstance(report, Acknowledged):
                made += self._acknowledged(report, at)
            elif isinstance(report, Execution):
                made += self._execution(venue, report, at)
            elif isinstance(report, Ended):
                made += self._ended(report, at)
            else:
                made += self._cancel_refused(report, at)
        return made

    def _acknowledged(self, report: Acknowledged, at: int) -> list[NewEvent]:
        found = self._order(report.order_id)
        if found is None or found.known.acknowledged:
            return []
        self._state.acknowledged(report.order_id)
        data = e.OrderAcknowledged(order_id=report.order_id, venue_order_id=report.venue_order_id, at=at)
        return [self._record.order_event(e.ORDER_ACKNOWLEDGED, data, at=at, order_id=report.order_id)]

    def _execution(self, venue: str, report: Execution, at: int) -> list[NewEvent]:
        if (venue, report.execution_id) in self._state.executions:
            return []
        found = self._order(report.order_id)
        if found is None:
            return self._not_ours(venue, report, at)
        order = found.order
        fill = e.OrderFilled(
            order_id=report.order_id,
            execution_id=report.execution_id,
            venue=venue,
            strategy=order.strategy,
            instrument=order.instrument,
            side=order.side,
            quantity=report.quantity,
            price=report.price,
            fee=report.fee,
            leaves=max(order.quantity - found.filled - report.quantity, Decimal(0)),
            slippage_bps=slippage_bps(order, report.price),
            at=at,
        )
        event = self._record.order_event(
            e.ORDER_FILLED, fill, at=at, order_id=order.order_id, key=(venue, report.execution_id)
        )
        trips = self._state.filled(fill)
        made = [event, *self._trips(trips, fill, event)]
        if found.known.overfilled:
            made.append(self._overfilled(venue, order, found.filled, at, event))
        return made

    def _order(self, order_id: str) -> Open | None:
        """Return an order of ours, however long ago it ended."""
        found = self._state.order(order_id)
        if found is not None:
            return found
        earlier = list(self._ledger.read(stream=f"order/{order_id}", types=(e.ORDER_SUBMITTED, e.ORDER_FILLED)))
        if not earlier or earlier[0].type != e.ORDER_SUBMITTED:
            return None
        order = order_of(msgspec.json.decode(earlier[0].data, type=e.OrderSubmitted))
        fills = (msgspec.json.decode(event.data, type=e.OrderFilled).quantity for event in earlier[1:])
        filled = sum(fills, Decimal(0))
        # It ended, however: nothing that is still said of it, but an execution, is news.
        known = Known(quantity=order.quantity, filled=filled, acknowledged=True, ended=Status.CANCELLED)
        found = Open(order=order, known=known)
        self._state.closed[order_id] = found
        return found

    def _not_ours(self, venue: str, report: Execution, at: int) -> list[NewEvent]:
        """Say that the account traded without us: its position will differ from the book's, which is looked at."""
        problem = (
            f"executed {report.quantity:f} at {report.price:f} of order {report.order_id}, which is not of this ledger"
        )
        data = e.VenueFailed(venue=venue, doing="reading executions", problem=problem, at=at)
        key = (venue, report.order_id, report.execution_id)
        if self._record.said(e.VENUE_FAILED, *key):
            return []
        return [self._record.event(e.VENUE_FAILED, data, at=at, stream=f"venue/{venue}", key=key)]

    def _overfilled(self, venue: str, order: Order, filled: Decimal, at: int, cause: NewEvent) -> NewEvent:
        """Halt an instrument whose venue says what cannot be: more was executed than was ordered."""
        reason = f"{venue} reports {filled:f} executed of order {order.order_id}, which asked for {order.quantity:f}"
        self._state.unreconciled[order.instrument] = reason
        data = HaltSet(scope=f"instrument:{order.instrument}", reason=reason)
        return self._record.event(
            HALT_SET, data, at=at, stream=HALT_STREAM, key=("overfilled", order.order_id, f"{filled:f}"), cause=cause
        )

    def _trips(self, trips: Sequence[Trip], fill: e.OrderFilled, cause: NewEvent) -> list[NewEvent]:
        made: list[NewEvent] = []
        for number, trip in enumerate(trips):
            trip_id = f"{fill.execution_id}-{number}"
            closed = e.RoundTripClosed(
                trip_id=trip_id, exit_reason=_exit_reason(self._state, fill), at=fill.at, **msgspec.structs.asdict(trip)
            )
            entry = journal.of_trip(closed, self._currency)
            stream, key = f"trip/{trip_id}", (fill.venue, trip_id)
            event = self._record.event(e.ROUND_TRIP_CLOSED, closed, at=fill.at, stream=stream, key=key, cause=cause)
            made += [
                event,
                self._record.event(e.JOURNAL_WRITTEN, entry, at=fill.at, stream=stream, key=key, cause=event),
            ]
        return made

    def _ended(self, report: Ended, at: int) -> list[NewEvent]:
        if report.order_id not in self._state.open:
            return []
        self._state.ended(report.order_id, Status(report.how))
        return [self._record.ended(report.how, report.order_id, report.reason, at)]

    def _cancel_refused(self, report: CancelRefused, at: int) -> list[NewEvent]:
        found = self._state.open.get(report.order_id)
        if found is None or not found.known.cancelling:
            return []
        self._state.cancelling(report.order_id, wanted=False)
        data = e.OrderEnded(order_id=report.order_id, reason=report.reason, at=at)
        return [self._record.order_event(e.ORDER_CANCEL_REFUSED, data, at=at, order_id=report.order_id, key=(str(at),))]


def slippage_bps(order: Order, price: Decimal) -> float | None:
    """Return how much worse than the decision price an execution was, in basis points; negative: better."""
    if not order.decision_price:
        return None
    against = (price - order.decision_price) * (1 if order.side is Side.BUY else -1)
    return round(float(against / order.decision_price) * 10_000, 6)


def _exit_reason(state: State, fill: e.OrderFilled) -> str:
    """Return why a position was closed: an exit of a bracket names itself, all else is a signal of the strategy."""
    found = state.order(fill.order_id)
    group = found.order.group if found is not None else None
    if found is None or group is None:
        return "signal"
    return "stop" if found.order.stop_price is not None else "target"
