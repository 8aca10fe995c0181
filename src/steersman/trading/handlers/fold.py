"""Recorded events folded into the state at a restart, by the same methods that the live path calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, Final

import msgspec

from steersman.ledger import Event
from steersman.trading import events as e
from steersman.trading.handlers.state import Held, State
from steersman.trading.model.lifecycle import Status
from steersman.trading.model.signal import Signal


class Fold:
    """Takes events in, in the order in which they were written.

    What people asked for (cancels, answers, new signals) is not folded: `Requests` reads it again from the beginning,
    and does what is not done yet.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        # A hold stands right behind its signal and its verdict, in one append.
        self._signal: Signal | None = None
        self._quantity = Decimal(0)
        self._takes: Final[dict[str, tuple[type[msgspec.Struct], Callable[[Any, Event], object]]]] = {
            e.SIGNAL_RECEIVED: (e.SignalReceived, self._received),
            e.VERDICT_GIVEN: (e.VerdictGiven, self._judged),
            e.HOLD_REQUESTED: (e.ApprovalRequested, self._held),
            e.APPROVAL_EXPIRED: (e.ApprovalExpired, lambda a, _: state.holds.pop(a.approval_id, None)),
            e.ORDER_SUBMITTED: (e.OrderSubmitted, lambda o, _: state.submitted(o)),
            e.ORDER_SENT: (e.OrderSent, lambda o, _: state.sent(o.order_id)),
            e.ORDER_ACKNOWLEDGED: (e.OrderAcknowledged, lambda o, _: state.acknowledged(o.order_id)),
            e.ORDER_FILLED: (e.OrderFilled, lambda o, _: state.filled(o)),
            e.ORDER_REJECTED: (e.OrderEnded, lambda o, _: state.ended(o.order_id, Status.REJECTED)),
            e.ORDER_CANCELLED: (e.OrderEnded, lambda o, _: state.ended(o.order_id, Status.CANCELLED)),
            e.ORDER_EXPIRED: (e.OrderEnded, lambda o, _: state.ended(o.order_id, Status.EXPIRED)),
            e.ORDER_UNKNOWN: (e.OrderEnded, lambda o, _: state.doubted(o.order_id)),
            e.ORDER_CANCEL_REFUSED: (e.OrderEnded, lambda o, _: state.cancelling(o.order_id, wanted=False)),
            e.ACCOUNT_MARKED: (e.AccountMarked, lambda m, _: state.marked(m)),
            e.POSITION_ADJUSTED: (e.PositionAdjusted, lambda a, _: state.adjusted(a)),
            e.RECONCILED: (e.Reconciled, lambda r, _: state.reconciled(r)),
        }

    def take(self, events: Iterable[Event]) -> None:
        for event in events:
            found = self._takes.get(event.type)
            if found is not None:
                type_, take = found
                take(msgspec.json.decode(event.data, type=type_), event)

    def _received(self, received: e.SignalReceived, event: Event) -> None:
        self._signal = received.signal
        self._state.signal(received.signal, received.at)

    def _judged(self, verdict: e.VerdictGiven, event: Event) -> None:
        self._quantity = verdict.quantity
        if verdict.approved:
            self._state.holds.pop(e.trade_approval(verdict.signal_id), None)

    def _held(self, request: e.ApprovalRequested, event: Event) -> None:
        signal = self._signal
        if signal is not None and signal.signal_id == request.subject:
            self._state.holds[request.approval_id] = Held(
                approval_id=request.approval_id,
                signal=signal,
                quantity=self._quantity,
                expires_at=request.expires_at,
                requested=event.id,
            )
