"""The exits of a bracket: a stop and a target for each execution of an entry, so that what is held is covered at once.

Each exit is a signal of its own and passes the gate like any other. At a venue that knows alternatives both wait there,
and the one that is filled ends the other. Elsewhere only the stop waits at the venue, where it protects even while this
process is down; the target is watched here, and once its price is reached the stop is cancelled and the target sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

import msgspec

from steersman.trading.handlers.state import Bracket, Open, State
from steersman.trading.model.signal import OrderType, Side, Signal, SignalId, TimeInForce
from steersman.trading.ports import Venue

SOURCE = "bracket"


class Exit(msgspec.Struct, frozen=True, kw_only=True):
    """A signal that closes what an execution opened, and the group its order belongs to."""

    signal: Signal
    group: str


class Exits:
    """Finds the exits that are due; what was decided is known by its signal, so that none comes twice."""

    def __init__(self, state: State, venues: Mapping[str, Venue]) -> None:
        self._state = state
        self._venues = venues

    def due(self, at: int) -> list[Exit]:
        """Return the exits of executions that have none yet, and targets whose stop has made room for them."""
        made: list[Exit] = []
        for order_id, bracket in list(self._state.brackets.items()):
            found = [
                due
                for number, quantity in enumerate(bracket.executions, start=1)
                for due in self._pair(bracket, number, quantity, at)
            ]
            made += found
            if not found and self._is_over(order_id, bracket):
                del self._state.brackets[order_id]
        return made

    def reached(self) -> list[str]:
        """Return the ids of stops to be cancelled, because the target behind them was reached."""
        found: list[str] = []
        for bracket in self._state.brackets.values():
            target = bracket.take_profit
            price = self._state.book.prices.get(bracket.order.instrument)
            if target is None or price is None or self._native(bracket):
                continue
            if price >= target if bracket.order.side is Side.BUY else price <= target:
                found += [o.order.order_id for o in self._stops(bracket) if not o.known.cancelling]
        return found

    def _pair(self, bracket: Bracket, number: int, quantity: Decimal, at: int) -> Iterator[Exit]:
        group = f"{SOURCE}:{bracket.order.order_id}:{number}"
        if bracket.stop_loss is not None and not self._decided(bracket, "stop", number):
            yield self._exit(bracket, "stop", number, quantity, at, group)
        if bracket.take_profit is None or self._decided(bracket, "target", number):
            return
        if bracket.stop_loss is None or self._native(bracket):
            yield self._exit(bracket, "target", number, quantity, at, group)
            return
        left = self._left_by_stop(group)
        if left is not None and left > 0:
            yield self._exit(bracket, "target", number, left, at, group)

    def _left_by_stop(self, group: str) -> Decimal | None:
        """Return the units a stop left when it was cancelled for its target; None while it waits or was filled."""
        for found in self._state.closed.values():
            if found.order.group == group and found.known.cancelling:
                return found.order.quantity - found.filled
        return None

    def _exit(self, bracket: Bracket, kind: str, number: int, quantity: Decimal, at: int, group: str) -> Exit:
        order, stop = bracket.order, kind == "stop"
        signal = Signal(
            signal_id=self._id(bracket, kind, number),
            source=SOURCE,
            strategy=order.strategy,
            instrument=order.instrument,
            side=Side.SELL if order.side is Side.BUY else Side.BUY,
            quantity=quantity,
            order_type=OrderType.STOP if stop else OrderType.LIMIT,
            created_at=at,
            limit_price=None if stop else bracket.take_profit,
            stop_price=bracket.stop_loss if stop else None,
            price=self._state.book.prices.get(order.instrument),
            time_in_force=TimeInForce.GTC,
            notes=f"{kind} of order {order.order_id}",
        )
        return Exit(signal=signal, group=group)

    def _id(self, bracket: Bracket, kind: str, number: int) -> SignalId:
        return SignalId(f"{SOURCE}/{bracket.order.order_id}/{kind}-{number}")

    def _decided(self, bracket: Bracket, kind: str, number: int) -> bool:
        return (SOURCE, self._id(bracket, kind, number)) in self._state.seen

    def _native(self, bracket: Bracket) -> bool:
        return self._venues[bracket.order.venue].oco

    def _stops(self, bracket: Bracket) -> Iterator[Open]:
        prefix = f"{SOURCE}:{bracket.order.order_id}:"
        for found in self._state.open.values():
            if found.order.group and found.order.group.startswith(prefix) and found.order.stop_price is not None:
                yield found

    def _is_over(self, order_id: str, bracket: Bracket) -> bool:
        """Say whether nothing more can be due: the entry has ended, and every exit of it was decided and is over."""
        if order_id in self._state.open:
            return False
        if self._native(bracket) or bracket.take_profit is None or bracket.stop_loss is None:
            return True
        # A target that is watched here: until its stop is filled, or it was sent itself.
        prefix = f"{SOURCE}:{order_id}:"
        waiting = any((o.order.group or "").startswith(prefix) for o in self._state.open.values())
        decided = all(self._decided(bracket, "target", n) for n in range(1, len(bracket.executions) + 1))
        left = any(
            (o.order.group or "").startswith(prefix) and o.known.cancelling and o.filled < o.order.quantity
            for o in self._state.closed.values()
        )
        return decided or not (waiting or left)
