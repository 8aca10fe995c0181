"""One book of a replay: the state the trader would have had, and the money by strategy and instrument."""

from __future__ import annotations

from collections import defaultdict
from copy import deepcopy
from decimal import Decimal
from typing import Final

from steersman.kernel.fixed import to_nano
from steersman.trading import events as e
from steersman.trading.handlers.state import RECONCILED_STRATEGY, SIGN, State
from steersman.trading.model.instrument import Instrument
from steersman.trading.model.lifecycle import Status

_ZERO: Final = Decimal(0)
_DAY_NS: Final = 24 * 3600 * 10**9
Key = tuple[str, str]
"""Strategy and instrument."""


class Account:
    """Folds orders and fills by the trader's own methods, so that exposure means here what it means there."""

    def __init__(self, capital: Decimal, instruments: dict[str, Instrument]) -> None:
        self.state = State(capital=capital, instruments=instruments)
        self.flow: defaultdict[Key, Decimal] = defaultdict(Decimal)
        """Money in (sales) and out (buys, fees)."""
        self.fees: defaultdict[Key, Decimal] = defaultdict(Decimal)
        self.of_day = _ZERO
        """What the day made up to its last mark."""
        self._marked_at = 0
        self.peak = capital
        self.drawdown = _ZERO
        """The deepest at the end of a session so far, 0..1."""

    def copied(self) -> Account:
        """Return a second book that begins where this one stands."""
        return deepcopy(self, {id(self.state.instruments): self.state.instruments})

    def submitted(self, order: e.OrderSubmitted) -> None:
        self.state.submitted(order)

    def filled(self, fill: e.OrderFilled) -> None:
        """Take in an execution once."""
        if (fill.venue, fill.execution_id) in self.state.executions:
            return
        key = (fill.strategy, fill.instrument)
        self.flow[key] -= SIGN[fill.side] * fill.quantity * fill.price + fill.fee
        self.fees[key] += fill.fee
        self.state.filled(fill)

    def ended(self, order_id: str, how: Status) -> None:
        self.state.ended(order_id, how)

    def adjusted(self, adjusted: e.PositionAdjusted) -> None:
        self.flow[RECONCILED_STRATEGY, adjusted.instrument] -= adjusted.change * adjusted.price
        self.state.adjusted(adjusted)

    def priced(self, name: str, price: Decimal) -> None:
        self.state.book.prices[name] = price
        self.state.nano[name] = to_nano(price)

    def marked(self, mark: e.AccountMarked) -> Decimal:
        """End a session, or look at the account within a day, as the trader did at this mark; return the equity."""
        book = self.state.book
        if mark.session:
            book.close_session()
            self.of_day = book.marked - book.before
            return book.marked
        if self._marked_at and mark.at // _DAY_NS > self._marked_at // _DAY_NS:
            book.close_day(book.equity())
        self._marked_at = mark.at
        equity = book.equity()
        book.peak = max(book.peak, equity)
        self.of_day = equity - book.marked
        return equity

    def measured(self, equity: Decimal) -> Decimal:
        """Take in the equity at the end of a session; return how far it is (0..1) below the highest."""
        self.peak = max(self.peak, equity)
        below = max(_ZERO, 1 - equity / self.peak) if self.peak > 0 else _ZERO
        self.drawdown = max(self.drawdown, below)
        return below

    def leaves(self, order_id: str) -> Decimal:
        """Return the units of an order that were not executed, ended or not; 0 if there is no such order here."""
        found = self.state.order(order_id)
        return _ZERO if found is None else found.order.quantity - found.filled

    def executed(self, order_id: str) -> Decimal:
        found = self.state.order(order_id)
        return _ZERO if found is None else found.filled

    def pnl(self) -> dict[Key, Decimal]:
        """Return what each strategy made in each instrument, what is held at the last known price, fees taken off."""
        book = self.state.book
        made = {}
        for (strategy, name), flow in self.flow.items():
            held = book.own_position(strategy, name)
            made[strategy, name] = flow + (held * book.price(name) if held else _ZERO)
        return made
