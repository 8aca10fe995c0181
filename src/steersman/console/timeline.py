"""The life of an order as steps, from the events of its signal, its approval and itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, Literal

import msgspec

from steersman.console.wording import quantity
from steersman.ledger import Event, Ledger
from steersman.policy.approvals import approval_stream
from steersman.policy.halts import HaltState
from steersman.trading import events as e
from steersman.trading.queries import Halt, OrderRow

State = Literal["ok", "bad", "warn", "idle"]
_MOST: Final = 200


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened: `at` is when the ledger took it, ns since 1970 UTC; `by` is who said so."""

    pos: int
    at: int
    title: str
    detail: str
    by: str
    state: State


def life_of(ledger: Ledger, order: OrderRow, *, source: str | None, halts: Iterable[Halt] = ()) -> list[Step]:
    """Return the steps of an order, first to last; the latest if there are very many.

    Args:
        source: of its signal, None if that is not known.
        halts: those that cover an open order end it; the steps say which did.
    """
    streams = [f"order/{order.order_id}"]
    if order.signal_id is not None:
        streams.append(approval_stream(order.signal_id))
        if source is not None:
            streams.append(f"signal/{source}/{order.signal_id}")
    events = [event for stream in streams for event in ledger.read(stream=stream)]
    steps = list(_steps(sorted(events, key=lambda event: event.pos)))
    if steps:
        last = None if order.is_open else steps[-1].pos
        steps += _halted(order, halts, after=order.pos, until=last)
    return sorted(steps, key=lambda step: step.pos)[-_MOST:]


def _halted(order: OrderRow, halts: Iterable[Halt], *, after: int, until: int | None) -> Iterator[Step]:
    facts = {"venue": order.venue or "", "strategy": order.strategy or "", "instrument": order.instrument or ""}
    for halt in halts:
        within = halt.pos > after and (until is None or halt.pos < until)
        if within and HaltState({halt.scope: ""}).covering(**facts) is not None:
            title = f"{'everything' if halt.scope == 'all' else halt.scope} was halted"
            yield Step(pos=halt.pos, at=halt.set_at, title=title, detail=halt.reason, by=halt.by, state="bad")


def _steps(events: list[Event]) -> Iterator[Step]:
    for event in events:
        found = _SAYS.get(event.type)
        if found is None:
            continue
        type_, say = found
        title, detail, state = say(msgspec.json.decode(event.data, type=type_))
        yield Step(pos=event.pos, at=event.recorded_at, title=title, detail=detail, by=event.actor, state=state)


Said = tuple[str, str, State]


def _received(s: e.SignalReceived) -> Said:
    return "signal", f"from {s.signal.source}{f': {s.signal.notes}' if s.signal.notes else ''}", "idle"


def _verdict(v: e.VerdictGiven) -> Said:
    state: State = "bad" if v.outcome == "reject" else "warn" if v.outcome == "hold" else "ok"
    return f"{'after the approval: ' if v.approved else ''}the gate says {v.outcome}", v.why, state


def _answered(word: str, state: State) -> Callable[[e.ApprovalAnswered], Said]:
    return lambda a: (f"{word} by {a.by}", a.reason, state)


def _filled(f: e.OrderFilled) -> Said:
    left = f", {quantity(f.leaves)} left" if f.leaves else ""
    return f"{quantity(f.quantity)} filled at {quantity(f.price)}", f"fee {quantity(f.fee)}{left}", "ok"


def _replace(r: e.OrderReplaceRequested) -> Said:
    wanted = {"quantity": r.quantity, "limit": r.limit_price, "stop": r.stop_price}
    changes = ", ".join(f"{name} {quantity(value)}" for name, value in wanted.items() if value is not None)
    return "replacement asked for", changes, "idle"


def _ended(word: str, state: State) -> Callable[[e.OrderEnded], Said]:
    return lambda o: (word, o.reason, state)


_SAYS: Final[dict[str, tuple[type[Any], Callable[[Any], Said]]]] = {
    e.SIGNAL_SUBMITTED: (e.SignalSubmitted, lambda s: ("asked for from outside", f"through {s.source}", "idle")),
    e.SIGNAL_RECEIVED: (e.SignalReceived, _received),
    e.VERDICT_GIVEN: (e.VerdictGiven, _verdict),
    e.HOLD_REQUESTED: (e.ApprovalRequested, lambda h: ("a person is asked", h.why, "warn")),
    e.APPROVAL_GRANTED: (e.ApprovalAnswered, _answered("approved", "ok")),
    e.APPROVAL_DENIED: (e.ApprovalAnswered, _answered("denied", "bad")),
    e.APPROVAL_EXPIRED: (e.ApprovalExpired, lambda _: ("expired", "nobody answered in time", "warn")),
    e.ORDER_SUBMITTED: (e.OrderSubmitted, lambda o: ("recorded, then sent", f"to {o.venue}", "idle")),
    e.ORDER_SENT: (e.OrderSent, lambda _: ("the venue took the message", "", "idle")),
    e.ORDER_ACKNOWLEDGED: (e.OrderAcknowledged, lambda a: ("the venue has it", f"as {a.venue_order_id}", "ok")),
    e.ORDER_FILLED: (e.OrderFilled, _filled),
    e.ORDER_REJECTED: (e.OrderEnded, _ended("rejected", "bad")),
    e.ORDER_CANCELLED: (e.OrderEnded, _ended("cancelled", "idle")),
    e.ORDER_EXPIRED: (e.OrderEnded, _ended("expired", "idle")),
    e.ORDER_UNKNOWN: (e.OrderEnded, _ended("nobody knows whether it arrived", "bad")),
    e.ORDER_CANCEL_REQUESTED: (e.OrderCancelRequested, lambda o: ("cancel asked for", o.reason, "idle")),
    e.ORDER_CANCEL_REFUSED: (e.OrderEnded, _ended("the venue refused to cancel it", "warn")),
    e.ORDER_REPLACE_REQUESTED: (e.OrderReplaceRequested, _replace),
    e.ORDER_REPLACE_DROPPED: (e.OrderEnded, _ended("not replaced", "warn")),
}
