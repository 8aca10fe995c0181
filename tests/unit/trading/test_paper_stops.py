"""Stop orders and alternatives on the paper venue, and a bracket from the strategy's wish to its exit."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.builders_desk import a_small_desk, trade, write_bars, write_strategy

from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.trading import events as e
from steersman.trading.adapters.paper.models import Costs
from steersman.trading.adapters.paper.venue import PaperVenue
from steersman.trading.model.bar import Bar
from steersman.trading.model.instrument import Instrument
from steersman.trading.model.order import Ended, Execution, Order
from steersman.trading.model.signal import OrderId, OrderType, Side, TimeInForce

DAY = 86_400_000_000_000
IBM = Instrument(name="IBM", tick=Decimal("0.01"), lot=Decimal(1), currency="USD", venue="paper")


def a_venue(participation: str = "1") -> PaperVenue:
    zero = Decimal(0)
    costs = Costs(
        seed=1, latency_ns=0, fee_bps=zero, fee_min=zero, slippage_bps=zero, participation=Decimal(participation)
    )
    return PaperVenue({"IBM": IBM}, costs)


def an_order(order_id: str, side: Side = Side.SELL, quantity: int = 10, **prices: Any) -> Order:
    limit, stop = prices.get("limit_price"), prices.get("stop_price")
    kind = {(False, True): OrderType.STOP, (True, True): OrderType.STOP_LIMIT, (True, False): OrderType.LIMIT}
    return Order(
        order_id=OrderId(order_id),
        strategy="trend",
        instrument="IBM",
        venue="paper",
        side=side,
        quantity=Decimal(quantity),
        order_type=kind.get((limit is not None, stop is not None), OrderType.MARKET),
        limit_price=None if limit is None else Decimal(limit),
        stop_price=None if stop is None else Decimal(stop),
        time_in_force=TimeInForce.GTC,
        decision_price=None,
        created_at=DAY,
        group=prices.get("group"),
    )


def a_bar(day: int, open_: str, high: str, low: str, close: str, volume: int = 1000) -> Bar:
    return Bar(
        instrument="IBM",
        at=day * DAY,
        open=Decimal(open_),
        high=Decimal(high),
        low=Decimal(low),
        close=Decimal(close),
        volume=Decimal(volume),
    )


def prices(venue: PaperVenue) -> list[tuple[str, Decimal, Decimal]]:
    return [(r.order_id, r.quantity, r.price) for r in venue.poll() if isinstance(r, Execution)]


@pytest.mark.parametrize(
    ("side", "stop", "bar", "price"),
    [
        (Side.SELL, "95", ("100", "101", "94", "96"), "95"),
        (Side.SELL, "95", ("93", "94", "92", "93"), "93"),
        (Side.SELL, "95", ("100", "101", "95.01", "96"), None),
        (Side.BUY, "105", ("100", "106", "99", "101"), "105"),
        (Side.BUY, "105", ("107", "108", "106", "107"), "107"),
        (Side.BUY, "105", ("100", "104.99", "99", "101"), None),
    ],
)
def test_a_stop_trades_once_its_price_is_reached_and_at_the_open_beyond_it(
    side: Side, stop: str, bar: tuple[str, str, str, str], price: str | None
) -> None:
    venue = a_venue()
    venue.submit(an_order("a", side, stop_price=stop))
    venue.on_bar(a_bar(2, *bar))
    assert [p for _, _, p in prices(venue)] == ([] if price is None else [Decimal(price)])


@pytest.mark.parametrize(
    ("bar", "price"),
    [
        (("100", "106", "99", "101"), "105"),
        (("107", "108", "106.5", "107"), None),
        (("107", "108", "105.5", "107"), "106"),
        (("100", "104", "99", "101"), None),
    ],
)
def test_a_stop_limit_never_pays_more_than_its_limit(bar: tuple[str, str, str, str], price: str | None) -> None:
    venue = a_venue()
    venue.submit(an_order("a", Side.BUY, stop_price="105", limit_price="106"))
    venue.on_bar(a_bar(2, *bar))
    assert [p for _, _, p in prices(venue)] == ([] if price is None else [Decimal(price)])


def test_a_bar_that_reaches_both_exits_fills_the_stop_and_ends_the_target() -> None:
    venue = a_venue()
    venue.submit(an_order("target", limit_price="110", group="g"))
    venue.submit(an_order("stop", stop_price="95", group="g"))
    venue.on_bar(a_bar(2, "100", "112", "94", "100"))
    said = list(venue.poll())
    assert [(r.order_id, r.price) for r in said if isinstance(r, Execution)] == [("stop", Decimal(95))]
    (ended,) = [r for r in said if isinstance(r, Ended)]
    assert (ended.order_id, ended.how, "its alternative stop was filled" in ended.reason) == (
        "target",
        "cancelled",
        True,
    )
    assert venue.open_orders() == []


def test_alternatives_together_never_trade_more_than_one_of_them_would() -> None:
    venue = a_venue(participation="0.01")
    venue.submit(an_order("target", limit_price="110", group="g"))
    venue.submit(an_order("stop", stop_price="95", group="g"))
    venue.on_bar(a_bar(2, "111", "112", "110", "111", volume=400))
    venue.on_bar(a_bar(3, "94", "96", "93", "94", volume=400))
    venue.on_bar(a_bar(4, "94", "111", "93", "94", volume=100_000))
    traded = prices(venue)
    assert sum(quantity for _, quantity, _ in traded) == 10
    assert [order_id for order_id, _, _ in traded] == ["target", "stop", "stop"]
    assert venue.open_orders() == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"stop_price": "95.005"}, "stop price 95.005 is off the tick"),
        ({"stop_price": "-1"}, "stop price -1 is not above 0"),
    ],
)
def test_a_stop_that_cannot_be_is_rejected(changes: dict[str, Any], says: str) -> None:
    venue = a_venue()
    venue.submit(an_order("a", **changes))
    (ended,) = [r for r in venue.poll() if isinstance(r, Ended)]
    assert (ended.how, says in ended.reason) == ("rejected", True)


BRACKETS = """
from steersman.trading import buy

class Strategy:
    def __init__(self):
        self.seen = 0

    def on_bar(self, bar):
        self.seen += 1
        if bar.instrument == "AAA" and self.seen > 52 and not getattr(self, "done", False):
            self.done = True
            yield buy("AAA", 40, stop_loss=bar.close - 4, take_profit=bar.close + 3, notes="bracket")
"""


@pytest.mark.parametrize(("last", "reason"), [("90", "stop"), ("130", "target")])
def test_a_bracket_closes_what_it_opened_by_one_of_its_exits(tmp_path: Path, last: str, reason: str) -> None:
    root, ledger = a_small_desk(tmp_path), memory_ledger()
    write_strategy(root, "swing", BRACKETS)
    rows = (root / "data" / "AAA.csv").read_text(encoding="utf-8").splitlines()[1:]
    date = rows[-3].split(",")[0]
    tail = [f"{row.split(',')[0]},{last},{last},{last},{last},10000" for row in rows[-3:]]
    write_bars(root, "AAA", [*rows[:-3], *tail])
    trade(root, ledger)
    trips = list(ledger.read(types=(e.ROUND_TRIP_CLOSED,)))
    assert trips, f"nothing was closed after {date}"
    assert {f'"exit_reason":"{reason}"'.encode() in trip.data for trip in trips} == {True}
    open_ = [event.type for event in ledger.read(types=(e.ORDER_CANCELLED,))]
    assert open_, "its alternative was ended"
