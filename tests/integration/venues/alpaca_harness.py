"""The alpaca venue held to the contract, against the local program."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.contracts.venue_harness import Desk, Harness
from tests.integration.venues.alpaca_exchange import KEY, SECRET, AlpacaExchange, Fault

from steersman.bootstrap.plugins import factory
from steersman.kernel.clock import FakeClock
from steersman.trading.adapters.alpaca import AlpacaVenue
from steersman.trading.adapters.alpaca.settings import AlpacaSettings
from steersman.trading.model.instrument import Instrument
from steersman.trading.model.order import Order
from steersman.trading.model.signal import OrderId, OrderType, Side, TimeInForce
from steersman.trading.ports import Venue

INSTRUMENTS = {
    "APPLE": Instrument(
        name="APPLE", tick=Decimal("0.01"), lot=Decimal(1), currency="USD", venue="alpaca", symbol="AAPL"
    ),
    "MSFT": Instrument(name="MSFT", tick=Decimal("0.0001"), lot=Decimal("0.001"), currency="USD", venue="alpaca"),
    "COIN": Instrument(
        name="COIN", tick=Decimal("0.01"), lot=Decimal("0.0001"), currency="USD", venue="alpaca", symbol="BTC/USD"
    ),
}


class AlpacaHarness:
    """One account at the local program, alive over restarts of the adapter."""

    instrument = "APPLE"
    price = Decimal(100)
    lot = Decimal(1)
    remembers = True
    has_foreign = True

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.exchange = AlpacaExchange(self.clock)
        self._venues: list[Venue] = []

    def settings(self, tmp_path: Path, **changes: str) -> AlpacaSettings:
        """Return settings that reach the program, with the keys in private files."""
        for name, value in (("key", KEY), ("secret", SECRET)):
            (tmp_path / name).write_text(value + "\n", encoding="utf-8")
            (tmp_path / name).chmod(0o600)
        fine = {
            "key": "file:key",
            "secret": "file:secret",
            "base_url": self.exchange.url,
            "data_url": self.exchange.url,
            "timeout": "5s",
        }
        return AlpacaSettings(**{**fine, **changes})  # type: ignore[arg-type]

    def make(self, tmp_path: Path) -> Venue:
        self._root = tmp_path
        return self.made(self.settings(tmp_path))

    def made(self, settings: AlpacaSettings) -> Venue:
        self._settings = settings
        venue: Venue = factory("venues", "alpaca")(
            settings=settings, instruments=INSTRUMENTS, root=self._root, clock=self.clock
        )
        self._venues.append(venue)
        return venue

    def restart(self) -> Venue:
        return self.made(self._settings)

    def trade(self, instrument: str, price: Decimal, quantity: Decimal) -> None:
        self.clock.advance(0.25)
        known = INSTRUMENTS[instrument]
        self.exchange.trade(known.symbol or known.name, price, quantity)

    def end_session(self) -> None:
        self.clock.advance(3600)
        self.exchange.end_session()

    def refused_order(self, order_id: str) -> Order:
        return Order(
            order_id=OrderId(order_id),
            strategy="trend",
            instrument=self.instrument,
            venue="alpaca",
            side=Side.BUY,
            quantity=Decimal(20_000),
            order_type=OrderType.LIMIT,
            limit_price=self.price,
            time_in_force=TimeInForce.GTC,
            decision_price=None,
            created_at=self.clock.now_ns(),
        )

    def place_foreign(self, order_id: str, quantity: Decimal) -> None:
        self.exchange.place(
            {
                "symbol": "AAPL",
                "qty": str(quantity),
                "side": "buy",
                "type": "limit",
                "time_in_force": "gtc",
                "limit_price": str(self.price),
                "client_order_id": order_id,
            }
        )

    def taken(self, order_id: str) -> int:
        return sum(o["client_order_id"] == order_id for o in self.exchange.orders.values())

    def settle(self) -> None:
        """Nothing is under way: answers are complete when they come. Only the next question must be due."""
        self.clock.advance(1)

    def close(self) -> None:
        for venue in self._venues:
            venue.close()
        self.exchange.close()


class AlpacaDesk(Desk):
    """A desk that reaches into the local program."""

    harness: AlpacaHarness

    def __init__(self, tmp_path: Path, **changes: str) -> None:
        harness = AlpacaHarness()
        self.path = tmp_path
        super().__init__(harness, tmp_path)
        if changes:
            self.venue = harness.made(harness.settings(tmp_path, **changes))
        self.exchange = harness.exchange

    def fails(self, method: str, path: str = "/v2/orders", **fault: object) -> Fault:
        made = Fault(method=method, path=path, **fault)  # type: ignore[arg-type]
        self.exchange.faults.append(made)
        return made

    def new_life_on_the_same_connection(self) -> None:
        """Forget all orders, at the price of nothing: a new connection loads the machine's certificates."""
        old: Any = self.venue
        self.venue = AlpacaVenue(
            client=old._client,
            quotes=old._quotes,
            instruments=INSTRUMENTS,
            clock=self.harness.clock,
            poll_every_ns=10**9,
        )
        self._over.clear()

    @contextmanager
    def patience(self, how: str, seconds: float = 0.3) -> Iterator[None]:
        """Let the adapter wait only `seconds` inside, if `how` keeps it waiting; the program has the request then."""
        client = self.venue._client  # type: ignore[attr-defined]
        waits, before = how in ("hang", "drip"), client._timeout_s
        client._timeout_s = seconds if waits else before
        try:
            yield
        finally:
            client._timeout_s = before
        assert not waits or self.exchange.hanging.wait(20)

    def heals(self) -> None:
        self.exchange.faults.clear()

    def told(self, order_id: str = "alpha000000000000001a") -> dict[str, Any]:
        return self.exchange.of(order_id)


def harness(tmp_path: Path) -> Harness:
    return AlpacaHarness()
