"""The paper venue held to the contract: its market is the bars it is shown, its account is what the suite restores."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path

from tests.contracts.venue_harness import Harness

from steersman.bootstrap.plugins import factory
from steersman.kernel.clock import FakeClock
from steersman.trading.adapters.paper.settings import PaperSettings
from steersman.trading.model.bar import Bar
from steersman.trading.model.instrument import Instrument
from steersman.trading.model.order import Order
from steersman.trading.model.signal import OrderId, OrderType, Side, TimeInForce
from steersman.trading.ports import Venue

_INSTRUMENTS = {
    "IBM": Instrument(name="IBM", tick=Decimal("0.01"), lot=Decimal(1), currency="USD", venue="paper"),
}


class PaperHarness:
    """Counts what is submitted, and trades by bars of one price."""

    instrument = "IBM"
    price = Decimal(100)
    lot = Decimal(1)
    remembers = False
    has_foreign = False

    def __init__(self) -> None:
        self.clock = FakeClock()
        self._submitted: Counter[str] = Counter()
        self._venue: Venue | None = None

    def make(self, tmp_path: Path) -> Venue:
        self._root = tmp_path
        return self.restart()

    def restart(self) -> Venue:
        settings = PaperSettings(seed=3, latency="1s", fee_bps=Decimal(1))
        venue: Venue = factory("venues", "paper")(
            settings=settings, instruments=_INSTRUMENTS, root=self._root, clock=self.clock
        )
        submit = venue.submit

        def counted(order: Order) -> None:
            submit(order)
            self._submitted[order.order_id] += 1

        venue.submit = counted  # type: ignore[method-assign]
        self._venue = venue
        return venue

    def trade(self, instrument: str, price: Decimal, quantity: Decimal) -> None:
        assert self._venue is not None
        self.clock.advance(60)
        self._venue.on_bar(
            Bar(
                instrument=instrument,
                at=self.clock.now_ns(),
                open=price,
                high=price,
                low=price,
                close=price,
                volume=quantity,
            )
        )

    def end_session(self) -> None:
        # A bar is a session: one in which nothing is traded ends what had to be filled in it.
        self.trade(self.instrument, self.price, Decimal(0))

    def refused_order(self, order_id: str) -> Order:
        return Order(
            order_id=OrderId(order_id),
            strategy="trend",
            instrument="NOPE",
            venue="paper",
            side=Side.BUY,
            quantity=Decimal(1),
            order_type=OrderType.LIMIT,
            limit_price=Decimal(1),
            time_in_force=TimeInForce.GTC,
            decision_price=None,
            created_at=self.clock.now_ns(),
        )

    def place_foreign(self, order_id: str, quantity: Decimal) -> None:
        raise AssertionError("nobody else has access to a simulated account")

    def taken(self, order_id: str) -> int:
        return self._submitted[order_id]

    def settle(self) -> None:
        """Nothing is under way: what happens is reported at once."""

    def close(self) -> None:
        """Nothing runs."""


def harness(tmp_path: Path) -> Harness:
    return PaperHarness()
