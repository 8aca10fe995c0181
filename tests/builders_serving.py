"""A desk that serves: a venue that does as it is told, and a feed behind which a test acts between two looks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from steersman.bootstrap.workspace import CATALOGUE
from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Unavailable
from steersman.ledger import Event, Ledger
from steersman.policy import approvals
from steersman.policy.store import PolicyStore, activate
from steersman.trading.calendars import Calendar
from steersman.trading.handlers import commands
from steersman.trading.handlers.trader import Trader
from steersman.trading.model.bar import Bar
from steersman.trading.model.instrument import Instrument
from steersman.trading.model.order import (
    Acknowledged,
    CancelRefused,
    Ended,
    Execution,
    OpenOrder,
    Order,
    Quote,
    Report,
    VenueOrder,
    VenuePosition,
)
from steersman.trading.model.request import SignalRequest
from steersman.trading.model.signal import OrderId, Side
from steersman.trading.ports import Session
from steersman.trading.settings import ALWAYS, StrategySettings, TradingSettings

NOW = 1_700_000_000_000_000_000
SECOND = 10**9
HOUR = 3600 * SECOND
POLICY = {
    "trading.outlier_z": "1000001",
    "trading.max_data_age": "10d",
    "trading.max_gap": "1000000",
    "trading.approval_notional": "3000",
    "trading.duplicate_window": "0s",
    "trading.allow_short": "true",
    "trading.max_concentration": "1",
    "trading.price_collar": "0.5",
    "trading.price_optional": "true",
}


class Market:
    """A venue with a memory of its own; acknowledges at once and trades when it is told to."""

    name = "market"
    simulated = False
    oco = False

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.orders: dict[str, Order] = {}
        self.status: dict[str, str] = {}
        self.filled: dict[str, Decimal] = {}
        self.sent: list[Order] = []
        self.restored: list[str] = []
        self.reports: list[Report] = []
        self._reported = 0
        self.foreign: list[VenueOrder] = []
        self.held: Decimal = Decimal(0)
        self.price: Decimal | None = None
        self.raises: dict[str, Exception] = {}
        """What the named method raises once."""
        self.down: set[str] = set()
        """Methods that never answer."""
        self.swallows = False
        """Takes orders and does not acknowledge them."""
        self.hides = 0
        """How often it does not tell what it has, once it was asked for it."""
        self.asked_for = 0
        self.keeps_open = False
        """Refuses to cancel."""

    def _edge(self, name: str) -> None:
        if name in self.down:
            raise Unavailable(f"no answer to {name}", fix="wait")
        if name in self.raises:
            raise self.raises.pop(name)

    def submit(self, order: Order) -> None:
        self.sent.append(order)
        self._edge("submit")
        self.take(order)

    def take(self, order: Order) -> None:
        """Hold an order, however it came here."""
        self.orders[order.order_id], self.status[order.order_id] = order, "open"
        self.filled[order.order_id] = Decimal(0)
        if not self.swallows:
            self.say(Acknowledged(order_id=order.order_id, venue_order_id=f"m-{order.order_id}", at=0))

    def say(self, report: Report) -> None:
        self.reports.append(report)

    def trade(self, order_id: str, quantity: int, price: str = "100", *, execution: str = "") -> None:
        """Execute a part of an order."""
        order, number = self.orders[order_id], self.filled[order_id]
        self.filled[order_id] += quantity
        self.held += quantity if order.side is Side.BUY else -quantity
        if self.filled[order_id] >= order.quantity:
            self.status[order_id] = "filled"
        self.say(
            Execution(
                order_id=OrderId(order_id),
                execution_id=execution or f"{order_id}-{number}",
                quantity=Decimal(quantity),
                price=Decimal(price),
                fee=Decimal(1),
                at=0,
            )
        )

    def cancel(self, order_id: OrderId) -> None:
        self._edge("cancel")
        if self.status.get(order_id) != "open":
            return
        if self.keeps_open:
            self.say(CancelRefused(order_id=order_id, reason="too late", at=0))
            return
        self.status[order_id] = "cancelled"
        self.say(Ended(order_id=order_id, how="cancelled", reason="asked for", at=0))

    def poll(self) -> Sequence[Report]:
        self._edge("poll")
        if self.hides and len(self.reports) > self._reported:
            self.hides -= self.asked_for > 0
            self.asked_for += 1
            return ()
        found = self.reports[self._reported :]
        self._reported = len(self.reports)
        return found

    def lookup(self, order_id: OrderId) -> VenueOrder | None:
        self._edge("lookup")
        return self._told(order_id) if order_id in self.orders else None

    def _told(self, order_id: str) -> VenueOrder:
        order = self.orders[order_id]
        return VenueOrder(
            order_id=order_id,
            venue_order_id=f"m-{order_id}",
            instrument=order.instrument,
            side=order.side,
            quantity=order.quantity,
            filled=self.filled[order_id],
            status=self.status[order_id],  # type: ignore[arg-type]  # one of its words
        )

    def open_orders(self) -> Sequence[VenueOrder]:
        self._edge("open_orders")
        return [*(self._told(i) for i in self.orders if self.status[i] == "open"), *self.foreign]

    def positions(self) -> Sequence[VenuePosition] | None:
        return [VenuePosition(instrument="ABC", quantity=self.held, average_price=Decimal(100))] if self.held else []

    def quotes(self) -> Sequence[Quote]:
        if self.price is None:
            return ()
        return [Quote(instrument="ABC", at=self.clock.now_ns(), bid=self.price, ask=self.price)]

    def restore(self, orders: Iterable[OpenOrder]) -> None:
        self.restored = [o.order.order_id for o in orders]
        self._reported = 0  # a new life is told everything once more

    def on_bar(self, bar: Bar) -> None:
        """It has prices of its own."""

    def close(self) -> None:
        """Nothing to let go."""


class Acts:
    """Bars that give the desk a past, then one act of the test between two looks of the trader."""

    name = source = "acts"
    live = True

    def __init__(
        self, acts: Sequence[Callable[[], object]], stop: threading.Event, instrument: str, price: Decimal
    ) -> None:
        self._instrument = instrument
        self._price = price
        self._acts = acts
        self._stop = stop

    def sessions(self) -> Iterator[Session | None]:
        for number in range(24, -1, -1):
            at = NOW - number * HOUR
            price = self._price + Decimal(number * 7 % 11) / 100
            bar = Bar(
                instrument=self._instrument, at=at, open=price, high=price, low=price, close=price, volume=Decimal(1)
            )
            yield Session(at=at, bars=(bar,))
        yield None
        for act in self._acts:
            act()
            yield None
        self._stop.set()
        yield None

    def total(self) -> int | None:
        return None


class ServingDesk:
    """One ledger, one market, and lives of a trader between them."""

    def __init__(
        self,
        ledger: Ledger,
        tmp_path: Path,
        *,
        instrument: str = "ABC",
        price: Decimal = Decimal(100),
        lot: Decimal = Decimal(1),
        clock: FakeClock | None = None,
        strategy: str | None = None,
        **policy: str,
    ) -> None:
        self.ledger = ledger
        self.clock = clock or FakeClock(NOW)
        self.instrument = instrument
        self._strategy = strategy
        if strategy is not None:
            (tmp_path / "hand.py").write_text(strategy, encoding="utf-8")
        self._price = price
        self._lot = lot
        self.market = Market(self.clock)
        self._root = tmp_path
        self.venues: dict[str, Any] = {"market": self.market}
        self.watched: Any = ledger
        activate(
            ledger,
            {**POLICY, **{f"trading.{name}": text for name, text in policy.items()}},
            actor="person:test",
            reason="test",
            source="test",
            now_ns=NOW,
        )

    def live(self, *acts: Callable[[], object]) -> Trader:
        """Let a trader live through `acts`; each is followed by a look of the trader. Return it as it ended."""
        stop = threading.Event()
        traded = Instrument(
            name=self.instrument,
            tick=Decimal("0.01"),
            lot=self._lot,
            currency="USD",
            venue="market",
            calendar=ALWAYS,
        )
        trader = Trader(
            settings=TradingSettings(
                instruments={self.instrument: traded},
                strategies={
                    "hand": StrategySettings(
                        instruments=(self.instrument,), file=None if self._strategy is None else "hand.py"
                    )
                },
            ),
            root=self._root,
            capital=Decimal(100_000),
            currency="USD",
            ledger=self.watched,
            policy=PolicyStore(self.ledger, CATALOGUE),
            venues=self.venues,
            feed=Acts([*acts, lambda: None], stop, self.instrument, self._price),
            feed_name="acts",
            clock=self.clock,
            calendars={ALWAYS: Calendar((), covers=None)},
            look_s=0.01,  # nobody else acts here: no reason to wait for them
        )
        trader.run(stop)
        return trader

    # -- what a test does ----------------------------------------------------------------------------------------

    def submit(self, number: str = "1", **fields: Any) -> Callable[[], object]:
        """Return the act of submitting a signal; it buys 10 ABC unless told otherwise."""
        said: dict[str, Any] = {"side": Side.BUY, "quantity": Decimal(10), **fields}
        request = SignalRequest(signal_id=number, strategy="hand", instrument=self.instrument, **said)
        return lambda: commands.submit(
            self.ledger, request, source="test", actor="person:test", now_ns=self.clock.now_ns()
        )

    def answer(self, number: str = "1", *, grant: bool = True) -> Callable[[], object]:
        return lambda: approvals.answer(
            self.ledger,
            f"trade/test/{number}",
            grant=grant,
            by="person:test",
            reason="looked at it",
            now_ns=self.clock.now_ns(),
        )

    def cancel(self) -> None:
        """Ask for the end of the latest order."""
        commands.cancel(
            self.ledger, self.order_id(), by="person:test", reason="changed my mind", now_ns=self.clock.now_ns()
        )

    def replace(self, **changes: Decimal) -> Callable[[], object]:
        return lambda: commands.replace(
            self.ledger, self.order_id(), by="person:test", now_ns=self.clock.now_ns(), **changes
        )

    def reconcile(self, *, settle: bool = False) -> Callable[[], object]:
        return lambda: commands.reconcile(self.ledger, by="person:test", settle=settle, now_ns=self.clock.now_ns())

    def wait(self, seconds: float) -> Callable[[], object]:
        return lambda: self.clock.advance(seconds)

    # -- what a test looks at ------------------------------------------------------------------------------------

    def order_id(self, number: int = -1) -> str:
        return str(self.said("trading.order.submitted")[number]["order_id"])

    def events(self, *kinds: str) -> list[Event]:
        return list(self.ledger.read(types=kinds))

    def said(self, kind: str) -> list[dict[str, Any]]:
        """Return the data of every event of `kind`, oldest first."""
        return [msgspec.json.decode(event.data) for event in self.events(kind)]
