"""What venues report, taken into the state once and said to the ledger; and the same events folded at a restart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from steersman.ledger import Event, NewEvent
from steersman.trading import events as e
from steersman.trading.handlers import journal
from steersman.trading.handlers.recorded import Recorder
from steersman.trading.handlers.state import State
from steersman.trading.model.book import Trip
from steersman.trading.model.order import Acknowledged, Ended, Execution, Order, Report
from steersman.trading.model.signal import OrderId, Side


class Reports:
    """Keeps state and ledger in step with the venues."""

    def __init__(self, recorder: Recorder, state: State, currency: str) -> None:
        self._record = recorder
        self._state = state
        self._currency = currency

    def take(self, venue: str, reports: Iterable[Report], at: int) -> list[NewEvent]:
        """Return the events of `reports`, which are known at `at`; what was reported before makes none."""
        made: list[NewEvent] = []
        for report in reports:
            if isinstance(report, Acknowledged):
                made.append(self._acknowledged(report, at))
            elif isinstance(report, Execution):
                made += self._execution(venue, report, at)
            elif isinstance(report, Ended):
                made += self._ended(report, at)
        return made

    def replay(self, events: Iterable[Event]) -> None:
        """Fold recorded events of one completed session into the state."""
        for event in events:
            if event.type == e.SIGNAL_RECEIVED:
                received = msgspec.json.decode(event.data, type=e.SignalReceived)
                self._state.signal(received.signal, received.at)
            elif event.type == e.ORDER_SUBMITTED:
                submitted = msgspec.json.decode(event.data, type=e.OrderSubmitted)
                self._state.submitted(_order(submitted), submitted.at)
            elif event.type == e.ORDER_ACKNOWLEDGED:
                self._state.acknowledged(msgspec.json.decode(event.data, type=e.OrderAcknowledged).order_id)
            elif event.type == e.ORDER_FILLED:
                self._state.filled(msgspec.json.decode(event.data, type=e.OrderFilled))
            elif event.type in (e.ORDER_REJECTED, e.ORDER_CANCELLED, e.ORDER_EXPIRED):
                self._state.ended(msgspec.json.decode(event.data, type=e.OrderEnded).order_id)
            elif event.type == e.ORDER_UNKNOWN:
                order_id = msgspec.json.decode(event.data, type=e.OrderEnded).order_id
                found = self._state.open.get(order_id)
                if found is not None:
                    self._state.unknown[order_id] = found.order.instrument

    def _acknowledged(self, report: Acknowledged, at: int) -> NewEvent:
        self._state.acknowledged(report.order_id)
        data = e.OrderAcknowledged(order_id=report.order_id, venue_order_id=report.venue_order_id, at=at)
        return self._record.order_event(e.ORDER_ACKNOWLEDGED, data, at=at, order_id=report.order_id)

    def _execution(self, venue: str, report: Execution, at: int) -> list[NewEvent]:
        found = self._state.open.get(report.order_id)
        if found is None or (venue, report.execution_id) in self._state.executions:
            return []
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
            leaves=found.leaves - report.quantity,
            slippage_bps=slippage_bps(order, report.price),
            at=at,
        )
        event = self._record.order_event(
            e.ORDER_FILLED, fill, at=at, order_id=order.order_id, key=(venue, report.execution_id)
        )
        trips = self._state.filled(fill)
        return [event, *self._trips(trips, fill, event)]

    def _trips(self, trips: Sequence[Trip], fill: e.OrderFilled, cause: NewEvent) -> list[NewEvent]:
        made: list[NewEvent] = []
        for number, trip in enumerate(trips):
            trip_id = f"{fill.execution_id}-{number}"
            closed = e.RoundTripClosed(
                trip_id=trip_id, exit_reason="signal", at=fill.at, **msgspec.structs.asdict(trip)
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
        self._state.ended(report.order_id)
        return [self._record.ended(report.how, report.order_id, report.reason, at)]


def slippage_bps(order: Order, price: Decimal) -> float | None:
    """Return how much worse than the decision price an execution was, in basis points; negative: better."""
    if not order.decision_price:
        return None
    against = (price - order.decision_price) * (1 if order.side is Side.BUY else -1)
    return round(float(against / order.decision_price) * 10_000, 6)


def _order(submitted: e.OrderSubmitted) -> Order:
    return Order(
        order_id=OrderId(submitted.order_id),
        strategy=submitted.strategy,
        instrument=submitted.instrument,
        venue=submitted.venue,
        side=submitted.side,
        quantity=submitted.quantity,
        order_type=submitted.order_type,
        limit_price=submitted.limit_price,
        time_in_force=submitted.time_in_force,
        decision_price=submitted.decision_price,
        created_at=submitted.at,
    )
