"""What the trader knows between two decisions: the book, open orders, and what was sent and filled lately.

A fold of trading events: the live path and a restart take the same events in, so they know the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import msgspec

from steersman.kernel.fixed import Nano, to_nano
from steersman.trading import events as e
from steersman.trading.model.bar import Bar
from steersman.trading.model.book import Book, Trip
from steersman.trading.model.instrument import Instrument
from steersman.trading.model.moves import Moves
from steersman.trading.model.order import OpenOrder, Order
from steersman.trading.model.signal import Side, Signal

_ZERO: Final = Decimal(0)
_KEPT: Final = 1000
SIGN: Final = {Side.BUY: 1, Side.SELL: -1}


class Open(msgspec.Struct, kw_only=True):
    """An order that may still trade."""

    order: Order
    filled: Decimal = _ZERO
    acknowledged: bool = False

    @property
    def leaves(self) -> Decimal:
        return self.order.quantity - self.filled


class State:
    """Mutable, one per trader; every change is a recorded event or a bar."""

    def __init__(self, *, capital: Decimal, instruments: Mapping[str, Instrument]) -> None:
        self.book = Book(capital)
        self.open: dict[str, Open] = {}
        self.executions: set[tuple[str, str]] = set()
        self.unknown: dict[str, str] = {}
        """Orders that may or may not have arrived, and their instrument, which is blocked until they are known."""
        self.instruments = instruments
        self.moves = {name: Moves() for name in instruments}
        self.bar_at: dict[str, int] = {}
        self.seen: set[tuple[str, str]] = set()
        self.contents: dict[str, deque[tuple[int, tuple[str, Side, Decimal]]]] = {}
        self.messages: dict[str, deque[int]] = {}
        self.fills: dict[tuple[str, str], deque[int]] = {}
        # Numbers the gate reads, converted once per price rather than once per signal.
        self.nano: dict[str, Nano] = {}
        self.steps = {name: (to_nano(i.tick), to_nano(i.lot)) for name, i in instruments.items()}

    # -- what happened -------------------------------------------------------------------------------------------

    def bar(self, bar: Bar) -> None:
        """Take in a bar."""
        self.book.mark(bar)
        self.moves[bar.instrument].add(bar.close)
        self.bar_at[bar.instrument] = bar.at
        self.nano[bar.instrument] = to_nano(bar.close)

    def signal(self, signal: Signal, at: int) -> None:
        """Remember a decided signal, for what must not come twice."""
        self.seen.add((signal.source, signal.signal_id))
        kept = self.contents.setdefault(signal.strategy, deque(maxlen=_KEPT))
        kept.append((at, (signal.instrument, signal.side, signal.quantity)))

    def submitted(self, order: Order, at: int) -> None:
        """Reserve what an order may do; it counts from now on."""
        self.open[order.order_id] = Open(order=order)
        self.messages.setdefault(order.strategy, deque(maxlen=_KEPT)).append(at)

    def acknowledged(self, order_id: str) -> None:
        self.unknown.pop(order_id, None)
        if order_id in self.open:
            self.open[order_id].acknowledged = True

    def filled(self, fill: e.OrderFilled) -> list[Trip]:
        """Take in an execution once; return the round trips it closed."""
        identity = (fill.venue, fill.execution_id)
        if identity in self.executions:
            return []
        self.executions.add(identity)
        self.unknown.pop(fill.order_id, None)
        found = self.open.get(fill.order_id)
        if found is not None:
            found.filled += fill.quantity
            if found.leaves <= 0:
                del self.open[fill.order_id]
        self.fills.setdefault((fill.strategy, fill.instrument), deque(maxlen=_KEPT)).append(fill.at)
        return self.book.fill(
            strategy=fill.strategy,
            instrument=fill.instrument,
            side=fill.side,
            quantity=fill.quantity,
            price=fill.price,
            fee=fill.fee,
            at=fill.at,
        )

    def ended(self, order_id: str) -> None:
        """Give back what an order reserved."""
        self.unknown.pop(order_id, None)
        self.open.pop(order_id, None)

    def open_orders(self) -> list[OpenOrder]:
        """Return what may still trade, as a venue takes it over after a restart."""
        return [OpenOrder(order=o.order, filled=o.filled, acknowledged=o.acknowledged) for o in self.open.values()]
