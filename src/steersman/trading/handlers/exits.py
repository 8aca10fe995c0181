"""The exits of a bracket: a stop and a target for each execution of an entry, so that what is held is covered at once.

Each exit is a signal of its own and passes the gate like any other. At a venue that knows alternatives both wait there,
and the one that is filled ends the other. Elsewhere only the stop waits at the venue, where it protects even while this
process is down; the target is watched here, and once its price is reached the stop is cancelled and the target sent.

What a halt took away comes back when a person resumes; what a person cancelled does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final, Literal

import msgspec

from steersman.trading.handlers.state import Bracket, Open, State
from steersman.trading.model.lifecycle import Status
from steersman.trading.model.signal import OrderType, Side, Signal, SignalId, TimeInForce
from steersman.trading.ports import Venue

SOURCE: Final = "bracket"
Kind = Literal["stop", "target"]
_QUICK_TRIES: Final = 20
"""After so many ends of an exit it is sent again once a minute."""
_PAUSE_NS: Final = 60 * 10**9


class Exit(msgspec.Struct, frozen=True, kw_only=True):
    """A signal that closes what an execution opened, and the group its order belongs to."""

    signal: Signal
    group: str


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    """One execution of an entry, and the exits it had so far."""

    bracket: Bracket
    number: int
    left: Decimal
    orders: tuple[Open, ...]

    @property
    def group(self) -> str:
        return group_of(self.bracket.order.order_id, self.number)

    def waiting(self, kind: Kind) -> Open | None:
        return next((o for o in self.orders if o.known.is_open and kind_of(o) == kind), None)


class Exits:
    """Finds the exits that are due; what was decided is known by its signal, so that none comes twice."""

    def __init__(self, state: State, venues: Mapping[str, Venue]) -> None:
        self._state = state
        self._venues = venues

    def due(self, at: int) -> list[Exit]:
        """Return the exits of everything that is held under a bracket and that none covers."""
        made: list[Exit] = []
        for order_id, bracket in list(self._state.brackets.items()):
            parts = list(self._parts(bracket))
            made += [due for part in parts for kind in self._needed(part) for due in self._exit(part, kind, at)]
            if not parts and order_id not in self._state.open:
                # The entry is over, and so is everything it opened.
                for number in range(1, len(bracket.executions) + 1):
                    self._state.groups.pop(group_of(order_id, number), None)
                del self._state.brackets[order_id]
        return made

    def to_swap(self) -> list[str]:
        """Return the orders that make room: a stop whose target is reached, or a target the price has left again."""
        found: list[str] = []
        for bracket in self._state.brackets.values():
            if bracket.stop_loss is None or bracket.take_profit is None or self._native(bracket):
                continue
            unwanted: Kind = "stop" if self._is_reached(bracket) else "target"
            for part in self._parts(bracket):
                order = part.waiting(unwanted)
                if order is not None and not order.known.cancelling:
                    found.append(order.order.order_id)
        return found

    def _parts(self, bracket: Bracket) -> Iterator[_Part]:
        """Yield the executions that are not closed yet, those a person took over left out."""
        for number, quantity in enumerate(bracket.executions, start=1):
            own = tuple(self._state.groups.get(group_of(bracket.order.order_id, number), ()))
            left = quantity - sum((o.filled for o in own), Decimal(0))
            if left > 0 and number not in bracket.taken_over:
                yield _Part(bracket=bracket, number=number, left=left, orders=own)

    def _needed(self, part: _Part) -> Iterator[Kind]:
        """Yield the kinds of exits that should wait and do not."""
        bracket = part.bracket
        kinds: list[Kind] = ["stop"] if bracket.stop_loss is not None else []
        # A target beside its own entry would be a trade with ourselves: it waits until the entry is over.
        is_entered = bracket.order.order_id not in self._state.open
        kinds += ["target"] if bracket.take_profit is not None and is_entered else []
        if len(kinds) < 2 or self._native(bracket):
            yield from (kind for kind in kinds if part.waiting(kind) is None)
        elif not any(o.known.is_open for o in part.orders):
            yield "target" if self._is_reached(bracket) else "stop"

    def _exit(self, part: _Part, kind: Kind, at: int) -> Iterator[Exit]:
        """Yield the exit, unless it was decided: what was refused is tried again after the next resume only."""
        bracket, order = part.bracket, part.bracket.order
        cancelled = sum(1 for o in part.orders if kind_of(o) == kind and o.known.status is Status.CANCELLED)
        again = f".{cancelled}.{self._state.resumes}" if cancelled or self._state.resumes else ""
        signal_id = SignalId(f"{SOURCE}/{order.order_id}/{kind}-{part.number}{again}")
        if (SOURCE, signal_id) in self._state.seen:
            return
        if cancelled >= _QUICK_TRIES and at - max(o.order.created_at for o in part.orders) < _PAUSE_NS:
            return  # somebody ends it as soon as it is there: no storm of orders, and nothing unprotected for long
        stop = kind == "stop"
        signal = Signal(
            signal_id=signal_id,
            source=SOURCE,
            strategy=order.strategy,
            instrument=order.instrument,
            side=Side.SELL if order.side is Side.BUY else Side.BUY,
            quantity=part.left,
            order_type=OrderType.STOP if stop else OrderType.LIMIT,
            created_at=at,
            limit_price=None if stop else bracket.take_profit,
            stop_price=bracket.stop_loss if stop else None,
            price=self._state.book.prices.get(order.instrument),
            time_in_force=TimeInForce.GTC,
            notes=f"{kind} of order {order.order_id}",
        )
        yield Exit(signal=signal, group=part.group)

    def _is_reached(self, bracket: Bracket) -> bool:
        price, target = self._state.book.prices.get(bracket.order.instrument), bracket.take_profit
        if price is None or target is None:
            return False
        return price >= target if bracket.order.side is Side.BUY else price <= target

    def _native(self, bracket: Bracket) -> bool:
        return self._venues[bracket.order.venue].oco


def group_of(entry: str, number: int) -> str:
    """Return the group of the exits of the `number`-th execution of an entry."""
    return f"{SOURCE}:{entry}:{number}"


def kind_of(found: Open) -> Kind:
    """Return what an exit order is."""
    return "stop" if found.order.stop_price is not None else "target"
