"""What a venue brings to be held to the contract of tests/contracts/test_venue.py: a market and an account to steer.

Each adapter has one module with `def harness(tmp_path: Path) -> Harness`: `tests/contracts/<kind>_harness.py` for a
simulated venue, `tests/integration/venues/<kind>_harness.py` for one with a local program on the other side.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, cast

from steersman.kernel.clock import FakeClock
from steersman.trading.model.order import Acknowledged, Ended, Execution, OpenOrder, Order, Report
from steersman.trading.model.signal import OrderId, OrderType, Side, TimeInForce
from steersman.trading.ports import Venue


class Harness(Protocol):
    """One account at one venue, alive over restarts of the adapter, and the market it trades in.

    The suite buys `instrument`, mostly with limit orders at `price`, in whole multiples of `lot`. The account must be
    able to pay a thousand lots at that price.
    """

    clock: FakeClock
    """The one the adapter was given; `settle` moves it, so that the adapter may ask again."""

    instrument: str
    """Our name of what is traded, as the adapter was told it."""

    price: Decimal
    """A price on the tick; nothing trades before `trade` says so."""

    lot: Decimal

    remembers: bool
    """The account lives outside the adapter: a restart finds executions it missed, `lookup` knows ended orders."""

    has_foreign: bool
    """`place_foreign` works."""

    def make(self, tmp_path: Path) -> Venue:
        """Return the adapter, made by its entry point's `create`, connected to the account. `tmp_path` is its root."""
        ...

    def restart(self) -> Venue:
        """Let the adapter go as a crash does (nothing said to the other side); return a new one, same account and root.

        The suite calls `restore` on it.
        """
        ...

    def trade(self, instrument: str, price: Decimal, quantity: Decimal) -> None:
        """Make `quantity` units trade at `price` on the market: resting orders that allow the price get up to that.

        Works while no adapter is alive, if the account lives outside. More than there is to fill trades elsewhere.
        """
        ...

    def end_session(self) -> None:
        """End the trading day: day orders that are not filled end."""
        ...

    def refused_order(self, order_id: str) -> Order:
        """Return an order that this venue (or the market behind it) refuses for a reason it can say."""
        ...

    def place_foreign(self, order_id: str, quantity: Decimal) -> None:
        """Have somebody else place a buy limit order at `price`, in the same account, under that client order id."""
        ...

    def taken(self, order_id: str) -> int:
        """Return how many orders the account has ever taken under this id, ended ones too."""
        ...

    def settle(self) -> None:
        """Wait, with a bound, until everything that was done is there for the next `poll`, and it may ask for it."""
        ...

    def close(self) -> None:
        """Stop what runs. Called once, after the test; the adapter may be closed already."""
        ...


def harness_of(kind: str, tmp_path: Path) -> Harness:
    """Return the harness of an installed venue; an adapter without one fails here, whatever is tested."""
    places = (f"tests.contracts.{kind}_harness", f"tests.integration.venues.{kind}_harness")
    found = next((place for place in places if find_spec(place) is not None), None)
    assert found is not None, f"venue {kind} has no harness: write `harness(tmp_path)` in {' or '.join(places)}"
    return cast(Harness, importlib.import_module(found).harness(tmp_path))


class Desk:
    """One harness, one adapter and a ledger of its reports: what the trader would know, and no more."""

    def __init__(self, harness: Harness, tmp_path: Path) -> None:
        self.harness = harness
        self.venue = harness.make(tmp_path)
        self.sent: dict[OrderId, Order] = {}
        self.reports: list[Report] = []
        self._over: set[OrderId] = set()

    def order(self, order_id: str = "alpha000000000000001a", lots: int = 10, **changes: Any) -> Order:
        """Return a buy limit order at the harness's price, good till cancelled, of `lots` lots."""
        fine: dict[str, Any] = {
            "order_id": OrderId(order_id),
            "strategy": "trend",
            "instrument": self.harness.instrument,
            "venue": self.venue.name,
            "side": Side.BUY,
            "quantity": self.harness.lot * lots,
            "order_type": OrderType.LIMIT,
            "limit_price": self.harness.price,
            "time_in_force": TimeInForce.GTC,
            "decision_price": self.harness.price,
            "created_at": self.harness.clock.now_ns(),
        }
        return Order(**{**fine, **changes})

    def submit(self, order: Order) -> Order:
        self.venue.submit(order)
        self.sent[order.order_id] = order
        return order

    def trade(self, lots: int, price: Decimal | None = None) -> None:
        harness = self.harness
        harness.trade(harness.instrument, price or harness.price, harness.lot * lots)

    def poll(self) -> Sequence[Report]:
        """Settle, and return what the adapter reports then: after the end of an order nothing new may come of it."""
        self.harness.settle()
        new = list(self.venue.poll())
        known = set(self.reports)
        for report in new:
            late = report.order_id in self._over and report not in known
            assert not late or isinstance(report, Ended), f"{report} came after the end of its order"
            if isinstance(report, Ended):
                self._over.add(report.order_id)
        self.reports += new
        return new

    def of(self, type_: Callable[..., Report], order_id: str | None = None) -> list[Any]:
        """Return everything reported so far of one type, and of one order if it is named."""
        return [r for r in self.reports if type(r) is type_ and order_id in (None, r.order_id)]

    def executions(self, order_id: str | None = None) -> dict[str, Execution]:
        """Return the executions reported so far by their id; one id must always tell the same."""
        found: dict[str, Execution] = {}
        for execution in self.of(Execution, order_id):
            before = found.setdefault(execution.execution_id, execution)
            assert (before.order_id, before.quantity, before.price) == (
                execution.order_id,
                execution.quantity,
                execution.price,
            ), f"execution {execution.execution_id} was told in two ways"
        return found

    def filled(self, order_id: str) -> Decimal:
        return sum((e.quantity for e in self.executions(order_id).values()), Decimal(0))

    def open_orders(self) -> list[OpenOrder]:
        """Return what the ledger would say is open."""
        ended = {r.order_id for r in self.of(Ended)}
        acknowledged = {r.order_id for r in self.of(Acknowledged)}
        return [
            OpenOrder(order=order, filled=self.filled(order_id), acknowledged=order_id in acknowledged)
            for order_id, order in self.sent.items()
            if order_id not in ended and self.filled(order_id) < order.quantity
        ]

    def restart(self, orders: Iterable[OpenOrder] | None = None) -> None:
        """Start a new life of the adapter with `orders`; with what the reports say is open if none are given."""
        known = self.open_orders() if orders is None else list(orders)
        self.venue = self.harness.restart()
        self.venue.restore(known)
