"""Two books of one history: as it was, and as it would have been once the first order was another one."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from steersman.policy import HaltState
from steersman.trading import events as e
from steersman.trading.model.instrument import Instrument
from steersman.trading.model.lifecycle import Status
from steersman.trading.whatif.account import Account
from steersman.trading.whatif.family import Parent
from steersman.trading.whatif.market import Market
from steersman.trading.whatif.modelled import Model, exits_of
from steersman.trading.whatif.outcome import Mark, Tally


class Books:
    """Takes in what happened, and what would not have happened or would have happened otherwise."""

    def __init__(
        self, *, capital: Decimal, instruments: dict[str, Instrument], market: Market, model: Model, tally: Tally
    ) -> None:
        self._market = market
        self._model = model
        self._tally = tally
        self._plans: dict[tuple[str, str], Decimal] = {}
        self._blocked: set[str] = set()
        self._halted: list[tuple[int, HaltState]] = []
        self._number = 0
        self._later: list[tuple[int, int, str, e.OrderFilled | None]] = []
        self.actual = Account(capital, instruments)
        self.other: Account | None = None
        self.marks: list[Mark] = []

    @property
    def best(self) -> Account:
        """The book as it would have been."""
        return self.actual if self.other is None else self.other

    def child_quantity(self, parent: Parent, recorded: Decimal) -> Decimal:
        """Return the size of a signal that follows another order, in the other book; 0: it would not have come.

        An exit covers what was executed; a replacement asks for less by what the order would have had less to trade.
        Neither is larger than the `recorded` one.
        """
        other = self.best
        if parent.execution is None:
            missing = self.actual.leaves(parent.order_id) - other.leaves(parent.order_id)
            return max(recorded - missing, Decimal(0))
        bracket = other.state.brackets.get(parent.order_id)
        executions = [] if bracket is None else bracket.executions
        return min(recorded, executions[parent.execution - 1]) if parent.execution <= len(executions) else Decimal(0)

    def plan(self, strategy: str, signal_id: str, quantity: Decimal) -> None:
        """From here on the books differ: this signal's recorded order would have been of `quantity` units, or none."""
        self._part()
        self._plans[strategy, signal_id] = quantity

    def add(self, order: e.OrderSubmitted) -> None:
        """Send an order that was never sent; what becomes of it is a model."""
        other = self._part()
        other.submitted(order)
        outlook = self._model.outlook(order)
        if outlook.at is not None:
            self._number += 1
            heapq.heappush(self._later, (outlook.at, self._number, order.order_id, outlook.fill))

    def halt(self, scope: str, at: int) -> None:
        """A halt of `scope` at `at` that was none: orders it covers end before anything can trade again."""
        self._part()
        self._halted.append((at, HaltState({scope: ""})))

    def _cancel_halted(self, at: int) -> None:
        due = [halt for since, halt in self._halted if since < at]
        if not due or self.other is None:
            return
        self._halted = [(since, halt) for since, halt in self._halted if since >= at]
        for found in list(self.other.state.open.values()):
            order = found.order
            names = {"venue": order.venue, "strategy": order.strategy, "instrument": order.instrument}
            if any(halt.covering(**names) is not None for halt in due):
                self.other.ended(order.order_id, Status.CANCELLED)
                self._blocked.add(order.order_id)

    def _modelled(self, fill: e.OrderFilled) -> None:
        """Take in an execution that no market made, and send the exits that its bracket asks for."""
        other = self._part()
        other.filled(fill)
        self._tally.modelled_fills += 1
        bracket = other.state.brackets.get(fill.order_id)
        if bracket is not None:
            for order in exits_of(bracket, fill):
                self.add(order)

    def _end_alternatives(self, order_id: str) -> None:
        """End what was only to trade if this order did not."""
        if self.other is None or self.other.leaves(order_id) > 0:
            return
        done = self.other.state.order(order_id)
        if done is None or done.order.group is None:
            return
        for found in list(self.other.state.open.values()):
            if found.order.group == done.order.group:
                self.other.ended(found.order.order_id, Status.CANCELLED)
                self._blocked.add(found.order.order_id)

    def _part(self) -> Account:
        if self.other is None:
            self.other = self.actual.copied()
        return self.other

    # -- what happened ---------------------------------------------------------------------------------------------

    def advance(self, at: int) -> None:
        """Bring prices up to `at`, and trade what was added and is due."""
        self._cancel_halted(at)
        for _, name, price in self._market.until(at):
            for account in self._accounts():
                account.priced(name, price)
        while self.other is not None and self._later and self._later[0][0] <= at:
            _, _, order_id, fill = heapq.heappop(self._later)
            if fill is None:
                self.other.ended(order_id, Status.EXPIRED)
            elif order_id not in self._blocked:
                self._modelled(fill)
                self._end_alternatives(order_id)

    def submitted(self, order: e.OrderSubmitted) -> None:
        self.actual.submitted(order)
        if self.other is None:
            return
        quantity = self._plans.get((order.strategy, order.signal_id), order.quantity)
        if quantity > 0:
            self.other.submitted(msgspec.structs.replace(order, quantity=quantity))
        else:
            self._blocked.add(order.order_id)

    def filled(self, fill: e.OrderFilled) -> None:
        """Take in an execution; a smaller order gets the first units of it, at the same price.

        That is what the same market would have given it: it was willing to trade more.
        """
        self.actual.filled(fill)
        if self.other is None or fill.order_id in self._blocked:
            return
        if self.other.state.order(fill.order_id) is None:
            self.other.filled(fill)  # of an order from before anything differed, and long over
            return
        left, first = self.other.leaves(fill.order_id), not self.other.executed(fill.order_id)
        quantity = min(fill.quantity, left)
        if quantity > 0:
            fee = self._model.fee(fill, quantity, first=first)
            self.other.filled(msgspec.structs.replace(fill, quantity=quantity, fee=fee))
            self._end_alternatives(fill.order_id)
        if left > quantity and self.actual.leaves(fill.order_id) <= 0:
            self._modelled(self._model.more(fill, left - quantity))

    def ended(self, order_id: str, how: Status) -> None:
        for account in self._accounts():
            account.ended(order_id, how)

    def adjusted(self, adjusted: e.PositionAdjusted) -> None:
        for account in self._accounts():
            account.adjusted(adjusted)

    def marked(self, mark: e.AccountMarked) -> e.AccountMarked:
        """End a session in both books; return the mark there would have been.

        What the books differ by is what the recorded equity would have differed by.
        """
        folded = self.actual.marked(mark)
        other = folded if self.other is None else self.other.marked(mark)
        would_be = mark.equity + (other - folded)
        below = self.actual.measured(mark.equity)
        if self.other is None:
            self.marks.append(Mark(mark.at, mark.equity, folded, would_be, below, below))
            return mark
        held = self.other.state.book.positions()
        self._tally.stale_marks += any(name not in mark.prices and name not in self._market.used for name in held)
        below_other = self.other.measured(would_be)
        self.marks.append(Mark(mark.at, mark.equity, folded, would_be, below, below_other))
        return msgspec.structs.replace(
            mark,
            equity=would_be,
            day_pnl=mark.day_pnl + self.other.of_day - self.actual.of_day,
            drawdown_ratio=round(float(below_other), 9),
        )

    def _accounts(self) -> Sequence[Account]:
        return (self.actual,) if self.other is None else (self.actual, self.other)
