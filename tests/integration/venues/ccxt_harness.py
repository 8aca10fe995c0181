"""The ccxt venue held to the contract: through ccxt's Binance, against the local exchange."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.integration.venues.ccxt_exchange import KEY, SECRET, CcxtExchange

from steersman.bootstrap.plugins import factory
from steersman.kernel.clock import FakeClock
from steersman.trading.adapters.ccxt.settings import CcxtSettings
from steersman.trading.model.instrument import Instrument
from steersman.trading.model.order import Order
from steersman.trading.model.signal import OrderId, OrderType, Side, TimeInForce
from steersman.trading.ports import Venue

BITCOIN = Instrument(
    name="BTC", tick=Decimal("0.01"), lot=Decimal("0.00000001"), currency="USDT", venue="crypto", symbol="BTC/USDT"
)


def coin(name: str, symbol: str) -> Instrument:
    return Instrument(
        name=name, tick=Decimal("0.01"), lot=Decimal("0.001"), currency="USDT", venue="crypto", symbol=symbol
    )


class CcxtHarness:
    instrument = "BTC"
    price = Decimal(100)
    lot = Decimal("0.001")
    remembers = True
    has_foreign = True
    has_day_orders = False

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.exchange = CcxtExchange(self.clock)
        self.exchange.price = Decimal("99.99")
        self.venues: list[Venue] = []
        self.settings: dict[str, Any] = {}
        self.instruments = {"BTC": BITCOIN}

    def make(self, tmp_path: Path) -> Venue:
        self.root = tmp_path
        for name, secret in (("key", KEY), ("secret", SECRET)):
            file = tmp_path / f"{name}.txt"
            file.write_text(secret + "\n")
            file.chmod(0o600)
        given = {
            "kind": "ccxt",
            "exchange": "binance",
            "base_url": self.exchange.url,
            "key": "file:key.txt",
            "secret": "file:secret.txt",
            "timeout": "20s",
            "rate_limit": False,
            **self.settings,
        }
        settings = CcxtSettings(**given)
        assert list(settings.problems()) == []
        venue: Venue = factory("venues", "ccxt")(
            settings=settings, instruments=self.instruments, root=tmp_path, clock=self.clock
        )
        self.venues.append(venue)
        return venue

    def restart(self) -> Venue:
        self.venues[-1].close()
        return self.make(self.root)

    def trade(self, instrument: str, price: Decimal, quantity: Decimal) -> None:
        assert instrument == "BTC"
        self.exchange.trade("BTCUSDT", price, quantity)

    def end_session(self) -> None:
        """A market around the clock: days end, and nothing happens."""
        self.clock.advance(86_400)

    def refused_order(self, order_id: str) -> Order:
        return Order(
            order_id=OrderId(order_id),
            strategy="trend",
            instrument="BTC",
            venue="ccxt",
            side=Side.BUY,
            quantity=Decimal(90_000_000),  # more than the account can pay
            order_type=OrderType.LIMIT,
            limit_price=Decimal(100),
            time_in_force=TimeInForce.GTC,
            decision_price=None,
            created_at=self.clock.now_ns(),
        )

    def place_foreign(self, order_id: str, quantity: Decimal) -> None:
        self.exchange.place_foreign(order_id, quantity, self.price)

    def taken(self, order_id: str) -> int:
        return self.exchange.taken(order_id)

    def settle(self) -> None:
        self.clock.advance(1)

    def close(self) -> None:
        for venue in self.venues:
            venue.close()
        self.exchange.close()


def harness(tmp_path: Path) -> CcxtHarness:
    return CcxtHarness()
