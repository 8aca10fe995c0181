"""Acting on what was asked: deciding signals from outside, held signals a person answered, replacements and exits."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final
from uuid import UUID

import msgspec

from steersman.kernel.clock import Clock
from steersman.kernel.errors import Conflict
from steersman.ledger import Event, Ledger, NewEvent
from steersman.policy.approvals import approval_stream
from steersman.policy.store import PolicyStore
from steersman.trading import events as e
from steersman.trading.handlers import journal
from steersman.trading.handlers.commands import decided_id
from steersman.trading.handlers.decisions import Approved, Decider, Decision, Moment
from steersman.trading.handlers.exits import Exits
from steersman.trading.handlers.intake import asked_signal, order_type
from steersman.trading.handlers.recorded import Recorder
from steersman.trading.handlers.state import Held, Open, State
from steersman.trading.handlers.strategies import Runner, readable
from steersman.trading.model.signal import Signal, SignalId

_REPLACE: Final = "replace"


class Answers:
    """Decides; what it returns is appended and waited for before any of its orders is sent."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        state: State,
        recorder: Recorder,
        decider: Decider,
        exits: Exits,
        policy: PolicyStore,
        clock: Clock,
        runners: Mapping[str, Runner],
    ) -> None:
        self._ledger = ledger
        self._state = state
        self._record = recorder
        self._decider = decider
        self._exits = exits
        self._policy = policy
        self._clock = clock
        self._runners = runners

    def moment(self, at: int, now: int) -> Moment:
        return Moment(at=at, now=now, snapshot=self._policy.current(), halts=self._policy.current_halts())

    def strategy_on(self, name: str) -> bool:
        runner = self._runners.get(name)
        return runner is not None and not runner.stopped

    def submitted(self, event: Event, at: int, now: int) -> Decision | None:
        """Return the decision on a signal from outside, or why it is none; None if that was said before."""
        asked = msgspec.json.decode(event.data, type=e.SignalSubmitted)
        request, source = asked.request, asked.source
        signal_id = decided_id(source, request.signal_id)
        if (source, signal_id) in self._state.seen:
            return None
        refused = (request.strategy, source, signal_id)
        if self._record.said(e.SIGNAL_REFUSED, *refused):
            return None
        # Its age is measured on the clock of the door, also where the desk lives in the time of a replayed feed.
        wall = self._clock.now_ns()
        made_at = int(request.created_at.timestamp() * 1e6) * 1000 if request.created_at else asked.received_at
        try:
            signal = asked_signal(
                request, source=source, signal_id=signal_id, at=now, age_ns=wall - made_at, state=self._state
            )
        except ValueError as exc:
            found = msgspec.json.encode(request).decode()[:500]
            data = e.SignalRefused(
                source=source, strategy=request.strategy, reason=readable(str(exc)), found=found, at=at
            )
            stream = f"signal/{source}/{signal_id}"
            made = self._record.event(e.SIGNAL_REFUSED, data, at=at, stream=stream, key=refused, cause=event)
            return Decision(events=[made], order=None)
        on = self.strategy_on(request.strategy)
        return self._decider.decide(signal, self.moment(at, now), strategy_on=on)

    def granted(self, event: Event, at: int, now: int) -> Decision | None:
        """Return the new decision on a held signal that a person approved; None if it is over already."""
        answered = msgspec.json.decode(event.data, type=e.ApprovalAnswered)
        held = self._state.holds.get(answered.approval_id)
        if held is None:
            return None
        if now > held.expires_at:
            # The answer came when the hold was over, and before anybody had said so.
            return Decision(events=self._unsent(held, "expired", "the approval came too late", at, event), order=None)
        signal = msgspec.structs.replace(held.signal, quantity=held.quantity)
        age = self._clock.now_ns() - answered.at
        del self._state.holds[held.approval_id]
        return self._decider.decide(
            signal,
            self.moment(at, now),
            strategy_on=self.strategy_on(signal.strategy),
            approved=Approved(age_ns=age, cause=event),
        )

    def denied(self, event: Event, at: int) -> list[NewEvent]:
        answered = msgspec.json.decode(event.data, type=e.ApprovalAnswered)
        held = self._state.holds.get(answered.approval_id)
        if held is None:
            return []
        why = f": {answered.reason}" if answered.reason else ""
        return self._unsent(held, "denied", f"denied by {answered.by}{why}", at, event)

    def expire(self, at: int, now: int) -> None:
        """End the holds whose time is over, unless a person was faster, and say so in the journal."""
        for held in [h for h in self._state.holds.values() if now > h.expires_at]:
            stream = approval_stream(held.approval_id)
            data = e.ApprovalExpired(approval_id=held.approval_id, at=at)
            event = self._record.event(e.APPROVAL_EXPIRED, data, at=at, stream=stream, key=(held.approval_id,))
            entry = self._entry(held, "expired", "nobody answered in time", at, event)
            try:
                self._ledger.append([event, entry], expect=1)
            except Conflict:
                continue  # it was answered a moment ago; the answer is read next
            del self._state.holds[held.approval_id]

    def _unsent(self, held: Held, outcome: str, reason: str, at: int, cause: Event) -> list[NewEvent]:
        """Drop a hold; return what the journal says of it, unless an earlier life said so."""
        del self._state.holds[held.approval_id]
        if self._record.said(e.JOURNAL_WRITTEN, held.approval_id, outcome):
            return []
        return [self._entry(held, outcome, reason, at, cause)]

    def _entry(self, held: Held, outcome: str, reason: str, at: int, cause: Event | NewEvent) -> NewEvent:
        entry = journal.of_unsent(held.signal, outcome, reason, at)
        stream = f"signal/{held.signal.source}/{held.signal.signal_id}"
        return self._record.event(
            e.JOURNAL_WRITTEN, entry, at=at, stream=stream, key=(held.approval_id, outcome), cause=cause
        )

    def exits(self, at: int, now: int) -> list[Decision]:
        """Return the decisions on exits that became due."""
        return [
            self._decider.decide(due.signal, self.moment(at, now), strategy_on=True, group=due.group)
            for due in self._exits.due(now)
        ]

    def to_swap(self) -> list[str]:
        """Return the exits that make room for their alternative."""
        return self._exits.to_swap()

    def wants_replacement(self, event: Event, at: int, now: int) -> tuple[str | None, list[NewEvent]]:
        """Remember that an order is to be replaced; return its id if it is to be cancelled for it.

        What the gate would refuse is refused before: nobody loses an order for one that cannot be.
        """
        request = msgspec.json.decode(event.data, type=e.OrderReplaceRequested)
        order_id = request.order_id
        found = self._state.order(order_id)
        if found is None or self._replaced(order_id, event):
            return None, []
        if order_id in self._state.open:
            signal = self._replacing(found, request, str(event.id), at)
            on = self.strategy_on(signal.strategy)
            judged = self._decider.preview(signal, self.moment(at, now), strategy_on=on, instead_of=order_id)
            if judged.outcome == "reject":
                return None, [self._dropped(order_id, event.id, f"it would not pass: {judged.why}", at)]
        self._state.replacements[order_id] = (event.id, request)
        return (order_id if order_id in self._state.open else None), []

    def _dropped(self, order_id: str, request_id: UUID, reason: str, at: int) -> NewEvent:
        data = e.OrderEnded(order_id=order_id, reason=readable(reason), at=at)
        return self._record.order_event(e.ORDER_REPLACE_DROPPED, data, at=at, order_id=order_id, key=(str(request_id),))

    def replacements(self, at: int, now: int) -> list[Decision]:
        """Return the decisions on what takes the place of orders that have ended since."""
        made = []
        for order_id, (request_id, request) in list(self._state.replacements.items()):
            if order_id in self._state.open:
                continue
            del self._state.replacements[order_id]
            found = self._state.closed.get(order_id)
            left = found.order.quantity - found.filled if found is not None else 0
            if found is None or left <= 0:
                event = self._dropped(order_id, request_id, "it was filled before it could be replaced", at)
                made.append(Decision(events=[event], order=None))
                continue
            signal = self._replacing(found, request, str(request_id), at)
            on = self.strategy_on(signal.strategy)
            moment = self.moment(at, now)
            made.append(self._decider.decide(signal, moment, strategy_on=on, group=found.order.group, replaces=True))
        return made

    def _replaced(self, order_id: str, event: Event) -> bool:
        signal_id = _replacement_id(order_id, str(event.id))
        if (_REPLACE, signal_id) in self._state.seen:
            return True
        return self._record.said(e.ORDER_REPLACE_DROPPED, order_id, str(event.id))

    def _replacing(self, found: Open, request: e.OrderReplaceRequested, request_id: str, at: int) -> Signal:
        order = found.order
        bracket = self._state.brackets.get(order.order_id)
        # A new quantity is that of the whole: what was executed of the old order is part of it.
        quantity = (order.quantity if request.quantity is None else request.quantity) - found.filled
        limit = order.limit_price if request.limit_price is None else request.limit_price
        stop = order.stop_price if request.stop_price is None else request.stop_price
        return Signal(
            signal_id=SignalId(_replacement_id(order.order_id, request_id)),
            source=_REPLACE,
            strategy=order.strategy,
            instrument=order.instrument,
            side=order.side,
            quantity=max(quantity, Decimal(0)),
            order_type=order_type(limit, stop),
            created_at=at,
            limit_price=limit,
            stop_price=stop,
            price=self._state.book.prices.get(order.instrument),
            time_in_force=order.time_in_force,
            stop_loss=bracket.stop_loss if bracket else None,
            take_profit=bracket.take_profit if bracket else None,
            notes=f"replaces order {order.order_id}, asked by {request.by}",
        )


def _replacement_id(order_id: str, request_id: str) -> str:
    return f"{_REPLACE}/{order_id}/{request_id[-12:]}"
