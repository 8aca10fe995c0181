"""What the trader knows between two decisions: the book, open orders, and what was sent and filled lately.

A fold of trading events: the live path and a restart take the same events in, so they know the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import msgspec

from steersman.kernel.fixed import ONE, Nano, round_to_nano, to_nano
from steersman.policy import HaltState
from steersman.trading import events as e
from steersman.trading.gate.facts import Facts
from steersman.trading.model.bar import Bar
from steersman.trading.model.book import Book, Trip
from steersman.trading.model.instrument import Instrument
from steersman.trading.model.moves import Moves
from steersman.trading.model.order import OpenOrder, Order
from steersman.trading.model.signal import Side, Signal

_ZERO: Final = Decimal(0)
_MINUTE_NS: Final = 60 * 10**9
_DAY_NS: Final = 24 * 60 * _MINUTE_NS
_KEPT: Final = 1000
_SIGN: Final = {Side.BUY: 1, Side.SELL: -1}


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
        self._instruments = instruments
        self._moves = {name: Moves() for name in instruments}
        self._bar_at: dict[str, int] = {}
        self._seen: set[tuple[str, str]] = set()
        self._contents: dict[str, deque[tuple[int, tuple[str, Side, Decimal]]]] = {}
        self._messages: dict[str, deque[int]] = {}
        self._fills: dict[tuple[str, str], deque[int]] = {}
        # Numbers the gate reads, converted once per price rather than once per signal.
        self._nano: dict[str, Nano] = {}
        self._steps = {name: (to_nano(i.tick), to_nano(i.lot)) for name, i in instruments.items()}

    # -- what happened -------------------------------------------------------------------------------------------

    def bar(self, bar: Bar) -> None:
        """Take in a bar."""
        self.book.mark(bar)
        self._moves[bar.instrument].add(bar.close)
        self._bar_at[bar.instrument] = bar.at
        self._nano[bar.instrument] = to_nano(bar.close)

    def signal(self, signal: Signal, at: int) -> None:
        """Remember a decided signal, for what must not come twice."""
        self._seen.add((signal.source, signal.signal_id))
        kept = self._contents.setdefault(signal.strategy, deque(maxlen=_KEPT))
        kept.append((at, (signal.instrument, signal.side, signal.quantity)))

    def submitted(self, order: Order, at: int) -> None:
        """Reserve what an order may do; it counts from now on."""
        self.open[order.order_id] = Open(order=order)
        self._messages.setdefault(order.strategy, deque(maxlen=_KEPT)).append(at)

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
        self._fills.setdefault((fill.strategy, fill.instrument), deque(maxlen=_KEPT)).append(fill.at)
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

    # -- what a decision reads -----------------------------------------------------------------------------------

    def facts(
        self, signal: Signal, *, at: int, halts: HaltState, strategy_on: bool, duplicate_window_ns: int | None
    ) -> Facts:
        """Return everything the gate reads about `signal` at the instant `at`."""
        name, strategy = signal.instrument, signal.strategy
        instrument = self._instruments.get(name)
        price = self._nano.get(name)
        tick, lot = self._steps.get(name, (None, None))
        bar_at = self._bar_at.get(name)
        moves = self._moves.get(name)
        z = None if moves is None else moves.outlier_z()
        equity = self.book.equity()
        venue = instrument.venue if instrument is not None else ""
        blocked = halts.covering(venue=venue, strategy=strategy, instrument=name) is not None
        return Facts(
            halted=blocked or name in self.unknown.values(),
            strategy_on=strategy_on,
            known=instrument is not None,
            # Daily bars: the market trades at an instant for which the feed brought its bar.
            in_session=None if bar_at is None else bar_at == at,
            direction=_SIGN[signal.side],
            quantity=to_nano(signal.quantity),
            limited=signal.limit_price is not None,
            limit_price=price if signal.limit_price is None else to_nano(signal.limit_price),
            price=price,
            signal_age_ns=at - signal.created_at,
            data_age_ns=None if bar_at is None else at - bar_at,
            outlier_z=None if z is None else round(z * ONE),
            repeated_id=(signal.source, signal.signal_id) in self._seen,
            repeated_content=self._repeats(signal, at, duplicate_window_ns),
            tick=tick,
            lot=lot,
            messages=sum(1 for sent in self._messages.get(strategy, ()) if sent > at - _MINUTE_NS),
            executions=sum(1 for done in self._fills.get((strategy, name), ()) if done > at - _DAY_NS),
            open_orders=sum(1 for o in self.open.values() if o.order.strategy == strategy),
            position=round_to_nano(self._reserved_position(name)),
            own_position=round_to_nano(self._own_position(strategy, name)),
            gross=self._gross(),
            buying_power=round_to_nano(self.book.cash - self._reserved_cash()),
            crosses_own=self._crosses(signal),
            day_pnl=round_to_nano(equity - self.book.marked),
            drawdown=round_to_nano(self.book.drawdown()),
        )

    def _repeats(self, signal: Signal, at: int, window_ns: int | None) -> int:
        if window_ns is None:
            return 0
        same = (signal.instrument, signal.side, signal.quantity)
        return sum(
            1 for when, content in self._contents.get(signal.strategy, ()) if content == same and when > at - window_ns
        )

    def _reserved_position(self, instrument: str) -> Decimal:
        reserved = (_SIGN[o.order.side] * o.leaves for o in self.open.values() if o.order.instrument == instrument)
        return self.book.position(instrument) + sum(reserved, _ZERO)

    def _own_position(self, strategy: str, instrument: str) -> Decimal:
        mine = (o for o in self.open.values() if (o.order.strategy, o.order.instrument) == (strategy, instrument))
        reserved = (_SIGN[o.order.side] * o.leaves for o in mine)
        return self.book.own_position(strategy, instrument) + sum(reserved, _ZERO)

    def _gross(self) -> int | None:
        """Return all exposure in billionths, reservations counted; None if something held has no price."""
        names = {*self.book.positions(), *(o.order.instrument for o in self.open.values())}
        total = 0
        for name in names:
            price = self._nano.get(name)
            if price is None:
                return None
            total += abs(round_to_nano(self._reserved_position(name))) * price // ONE
        return total

    def _reserved_cash(self) -> Decimal:
        total = _ZERO
        for o in self.open.values():
            if o.order.side is Side.BUY:
                price = (
                    o.order.limit_price or self.book.prices.get(o.order.instrument) or o.order.decision_price or _ZERO
                )
                total += o.leaves * price
        return total

    def _crosses(self, signal: Signal) -> bool:
        """Say whether an open order of ours on the other side would trade with this signal's order."""
        for o in self.open.values():
            order = o.order
            if order.instrument != signal.instrument or order.side is signal.side:
                continue
            if order.limit_price is None or signal.limit_price is None:
                return True
            if _SIGN[signal.side] * (signal.limit_price - order.limit_price) >= 0:
                return True
        return False
