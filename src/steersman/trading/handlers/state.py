"""What the trader knows between two decisions: the book, open orders, and what was sent and filled lately.

A fold of trading events: the live path and a restart take the same events in, so they know the same.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final
from uuid import UUID

import msgspec

from steersman.kernel.fixed import Nano, to_nano
from steersman.trading import events as e
from steersman.trading.handlers.declared import Declared
from steersman.trading.handlers.history import History
from steersman.trading.model.bar import Bar
from steersman.trading.model.book import Book, Trip
from steersman.trading.model.instrument import Instrument
from steersman.trading.model.lifecycle import Known, Status
from steersman.trading.model.moves import Moves
from steersman.trading.model.order import OpenOrder, Order, Quote
from steersman.trading.model.signal import OrderId, Side, Signal

_ZERO: Final = Decimal(0)
_KEPT: Final = 1000
_CLOSED: Final = 10_000
RECONCILED_STRATEGY: Final = "reconciled"
"""Whose positions are that no order of ours explains."""
SIGN: Final = {Side.BUY: 1, Side.SELL: -1}


class Open(msgspec.Struct, kw_only=True):
    """An order that may still trade, or did."""

    order: Order
    known: Known

    @property
    def leaves(self) -> Decimal:
        """Units that may still be executed."""
        return self.known.leaves

    @property
    def filled(self) -> Decimal:
        return self.known.filled


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A decision that waits for a person: `signal` at the `quantity` that may go, until `expires_at` (desk time)."""

    approval_id: str
    signal: Signal
    quantity: Decimal
    expires_at: int
    requested: UUID


class Bracket(msgspec.Struct, kw_only=True):
    """An entry whose exits follow its executions: one pair for each, so that what is held is covered at once.

    `taken_over` are the executions (1, 2 ...) of which a person cancelled an exit: they close them themselves.
    """

    order: Order
    stop_loss: Decimal | None
    take_profit: Decimal | None
    executions: list[Decimal] = msgspec.field(default_factory=list)
    taken_over: set[int] = msgspec.field(default_factory=set)


class Instants:
    """The latest instants at which something happened, ascending; counted without looking at each."""

    def __init__(self) -> None:
        self._at: list[int] = []

    def add(self, at: int) -> None:
        # What comes from elsewhere may be told a little late.
        insort(self._at, at)
        if len(self._at) > 2 * _KEPT:
            del self._at[:-_KEPT]

    def since(self, after: int) -> int:
        """Return how many lie behind `after`, at most those that are kept."""
        return len(self._at) - bisect_right(self._at, after)


class State:
    """Mutable, one per trader; every change is a recorded event or a bar."""

    def __init__(
        self, *, capital: Decimal, instruments: Mapping[str, Instrument], declared: Declared | None = None
    ) -> None:
        """Begin with `capital`; without `declared` no strategy may trade anything."""
        self.book = Book(capital)
        self.open: dict[str, Open] = {}
        self.executions: set[tuple[str, str]] = set()
        self.groups: dict[str, list[Open]] = {}
        """Orders of each group, those that ended too."""
        self.closed: OrderedDict[str, Open] = OrderedDict()
        """The latest orders that ended: a venue may report an execution after the end it reported."""
        self.unknown: dict[str, str] = {}
        """Orders that may or may not have arrived, and their instrument, which is blocked until they are known."""
        self.unreconciled: dict[str, str] = {}
        """Instruments whose venue says something else than the ledger, and what."""
        self.holds: dict[str, Held] = {}
        self.brackets: dict[str, Bracket] = {}
        self.resumes = 0
        """How often a person lifted a halt: what it took away is tried again then."""
        self.marked_at = 0
        """When the account of a desk that lives by the clock was marked last."""
        self.replacements: dict[str, tuple[UUID, e.OrderReplaceRequested]] = {}
        """Orders that are to be replaced once they have ended, and the request."""
        self.instruments = instruments
        self.declared = declared or Declared(entitled={})
        self.history = History()
        self.moves = {name: Moves() for name in instruments}
        self.bar_at: dict[str, int] = {}
        self.seen: set[tuple[str, str]] = set()
        self.contents: dict[str, deque[tuple[int, tuple[str, Side, Decimal]]]] = {}
        self.messages: dict[str, Instants] = {}
        self.fills: dict[tuple[str, str], Instants] = {}
        # Numbers the gate reads, converted once per price rather than once per signal.
        self.nano: dict[str, Nano] = {}
        self.steps = {name: (to_nano(i.tick), to_nano(i.lot)) for name, i in instruments.items()}

    # -- what happened -------------------------------------------------------------------------------------------

    def bar(self, bar: Bar) -> None:
        """Take in a bar."""
        self.book.mark(bar)
        self.moves[bar.instrument].add(bar.close)
        self.bar_at[bar.instrument] = bar.at
        close = self.nano[bar.instrument] = to_nano(bar.close)
        self.history.bar(bar.instrument, bar.at, close)

    def quote(self, quote: Quote) -> None:
        """Take in a price of now: the middle of the market, or the last trade where nobody quotes both sides."""
        self.history.quote(quote)
        price = quote.last if quote.bid is None or quote.ask is None else (quote.bid + quote.ask) / 2
        if price is None or price <= 0 or quote.instrument not in self.instruments:
            return
        if price == self.book.prices.get(quote.instrument):
            self.bar_at[quote.instrument] = quote.at  # fresh, and no move: many of those would make any move an outlier
            return
        self.bar(
            Bar(instrument=quote.instrument, at=quote.at, open=price, high=price, low=price, close=price, volume=_ZERO)
        )

    def signal(self, signal: Signal, at: int) -> None:
        """Remember a decided signal, for what must not come twice."""
        self.seen.add((signal.source, signal.signal_id))
        kept = self.contents.setdefault(signal.strategy, deque(maxlen=_KEPT))
        kept.append((at, (signal.instrument, signal.side, signal.quantity)))

    def submitted(self, submitted: e.OrderSubmitted) -> Open:
        """Reserve what an order may do; it counts from now on."""
        known = self.order(submitted.order_id)
        if known is not None:
            return known
        order = order_of(submitted)
        found = self.open[order.order_id] = Open(order=order, known=Known(quantity=order.quantity))
        if order.group is not None:
            self.groups.setdefault(order.group, []).append(found)
        self.messages.setdefault(order.strategy, Instants()).add(submitted.at)
        if submitted.stop_loss is not None or submitted.take_profit is not None:
            self.brackets[order.order_id] = Bracket(
                order=order, stop_loss=submitted.stop_loss, take_profit=submitted.take_profit
            )
        return found

    def order(self, order_id: str) -> Open | None:
        """Return an order that is open, or ended lately."""
        return self.open.get(order_id) or self.closed.get(order_id)

    def sent(self, order_id: str) -> None:
        if order_id in self.open:
            self.open[order_id].known.sent = True

    def doubted(self, order_id: str) -> None:
        """Remember that nobody knows whether an order arrived: its instrument is blocked until somebody does."""
        found = self.open.get(order_id)
        if found is not None:
            found.known.doubted = True
            if found.known.status is Status.UNKNOWN:
                self.unknown[order_id] = found.order.instrument

    def acknowledged(self, order_id: str) -> None:
        self.unknown.pop(order_id, None)
        found = self.order(order_id)
        if found is not None:
            found.known.acknowledged = True

    def cancelling(self, order_id: str, *, wanted: bool = True) -> None:
        """Remember that an order's end was asked for, or that the venue refused it."""
        if order_id in self.open:
            self.open[order_id].known.cancelling = wanted

    def take_over(self, order_id: str) -> None:
        """Remember that a person cancelled an exit: it does not come back."""
        found = self.order(order_id)
        parts = (found.order.group or "").split(":") if found is not None else []
        if len(parts) == 3 and parts[1] in self.brackets:
            self.brackets[parts[1]].taken_over.add(int(parts[2]))

    def filled(self, fill: e.OrderFilled) -> list[Trip]:
        """Take in an execution once; return the round trips it closed."""
        identity = (fill.venue, fill.execution_id)
        if identity in self.executions:
            return []
        self.executions.add(identity)
        self.unknown.pop(fill.order_id, None)
        found = self.order(fill.order_id)
        if found is not None:
            found.known.executed(fill.quantity)
            self._close_if_ended(found)
        bracket = self.brackets.get(fill.order_id)
        if bracket is not None:
            bracket.executions.append(fill.quantity)
        self.fills.setdefault((fill.strategy, fill.instrument), Instants()).add(fill.at)
        trips = self.book.fill(
            strategy=fill.strategy,
            instrument=fill.instrument,
            side=fill.side,
            quantity=fill.quantity,
            price=fill.price,
            fee=fill.fee,
            at=fill.at,
        )
        self.history.closed(fill.strategy, fill.order_id, fill.at, trips)
        return trips

    def ended(self, order_id: str, how: Status) -> None:
        """Give back what an order reserved."""
        self.unknown.pop(order_id, None)
        found = self.open.get(order_id)
        if found is not None:
            found.known.end(how)
            self._close_if_ended(found)

    def _close_if_ended(self, found: Open) -> None:
        order_id = found.order.order_id
        if not found.known.is_open and self.open.pop(order_id, None) is not None:
            self.closed[order_id] = found
            if len(self.closed) > _CLOSED:
                self.closed.popitem(last=False)

    def marked(self, mark: e.AccountMarked) -> None:
        """Take in a mark within a day, of a desk that has no sessions to work its day's result out from."""
        if not mark.session:
            self.marked_at = mark.at
            self.book.close_day(mark.equity - mark.day_pnl)
            self.book.peak = max(self.book.peak, mark.equity)

    def adjusted(self, adjusted: e.PositionAdjusted) -> None:
        """Take the venue's word for a position: units that no order of ours explains, at no profit and no fee."""
        side = Side.BUY if adjusted.change > 0 else Side.SELL
        self.book.fill(
            strategy=RECONCILED_STRATEGY,
            instrument=adjusted.instrument,
            side=side,
            quantity=abs(adjusted.change),
            price=adjusted.price,
            fee=_ZERO,
            at=adjusted.at,
        )

    def reconciled(self, found: e.Reconciled) -> None:
        """Take in a comparison with a venue that answered; what was settled differs no more."""
        if found.reached:
            self.disagrees(found.venue, () if found.settled else found.differences)

    def disagrees(self, venue: str, differences: Iterable[e.Difference]) -> None:
        """Block the instruments a venue says something else about, and unblock those it agrees on again."""
        for name, instrument in self.instruments.items():
            if instrument.venue == venue:
                self.unreconciled.pop(name, None)
        for difference in differences:
            # An order of somebody else is told, and blocks nothing: what it does shows in the position.
            if difference.kind != "order_foreign" and difference.instrument in self.instruments:
                self.unreconciled[difference.instrument] = difference.explained

    def open_orders(self) -> list[OpenOrder]:
        """Return what may still trade, as a venue takes it over after a restart."""
        return [
            OpenOrder(order=o.order, filled=o.filled, acknowledged=o.known.acknowledged) for o in self.open.values()
        ]


def order_of(submitted: e.OrderSubmitted) -> Order:
    """Return the order that an intent means."""
    return Order(
        order_id=OrderId(submitted.order_id),
        strategy=submitted.strategy,
        instrument=submitted.instrument,
        venue=submitted.venue,
        side=submitted.side,
        quantity=submitted.quantity,
        order_type=submitted.order_type,
        limit_price=submitted.limit_price,
        stop_price=submitted.stop_price,
        time_in_force=submitted.time_in_force,
        decision_price=submitted.decision_price,
        created_at=submitted.at,
        group=submitted.group,
    )
