"""The paper venue: who trades, how much of a bar, at which price and fee, and when an order's time is over."""

from __future__ import annotations

from decimal import Decimal

import pytest

from steersman.trading.adapters.paper import PaperVenue
from steersman.trading.adapters.paper.models import Costs, fee, price
from steersman.trading.model.bar import Bar
from steersman.trading.model.instrument import Instrument
from steersman.trading.model.order import Ended, Execution, OpenOrder, Order
from steersman.trading.model.signal import OrderId, OrderType, Side, TimeInForce

DAY = 86_400_000_000_000
INSTRUMENTS = {
    name: Instrument(name=name, tick=Decimal("0.01"), lot=Decimal(1), currency="USD", venue="paper")
    for name in ("IBM", "MSFT")
}


def costs(**changes: object) -> Costs:
    values: dict[str, object] = {
        "seed": 7,
        "latency_ns": 0,
        "fee_bps": Decimal(0),
        "fee_min": Decimal(0),
        "slippage_bps": Decimal(0),
        "participation": Decimal("0.1"),
    }
    return Costs(**{**values, **changes})  # type: ignore[arg-type]  # names are those of the fields


def a_venue(**changes: object) -> PaperVenue:
    return PaperVenue(INSTRUMENTS, costs(**changes))


def an_order(order_id: str = "o1", quantity: int | str = 10, **changes: object) -> Order:
    values: dict[str, object] = {
        "order_id": OrderId(order_id),
        "strategy": "trend",
        "instrument": "IBM",
        "venue": "paper",
        "side": Side.BUY,
        "quantity": Decimal(quantity),
        "order_type": OrderType.MARKET,
        "limit_price": None,
        "time_in_force": TimeInForce.GTC,
        "decision_price": None,
        "created_at": DAY,
    }
    return Order(**{**values, **changes})  # type: ignore[arg-type]  # names are those of the fields


def a_limit(order_id: str, limit: str, quantity: int = 10, **changes: object) -> Order:
    return an_order(order_id, quantity, order_type=OrderType.LIMIT, limit_price=Decimal(limit), **changes)


def a_bar(
    day: int, open_: str = "100", high: str = "110", low: str = "90", volume: int = 10_000, instrument: str = "IBM"
) -> Bar:
    return Bar(
        instrument=instrument,
        at=day * DAY,
        open=Decimal(open_),
        high=Decimal(high),
        low=Decimal(low),
        close=Decimal(open_),
        volume=Decimal(volume),
    )


def executions(venue: PaperVenue) -> list[tuple[str, Decimal, Decimal]]:
    return [(r.execution_id, r.quantity, r.price) for r in venue.poll() if isinstance(r, Execution)]


def endings(venue: PaperVenue) -> list[tuple[str, str]]:
    return [(r.how, r.reason) for r in venue.poll() if isinstance(r, Ended)]


def test_a_market_order_trades_at_the_next_bars_open() -> None:
    venue = a_venue()
    venue.on_bar(a_bar(1, open_="50"))
    venue.submit(an_order())
    venue.on_bar(a_bar(2, open_="101.5"))
    assert executions(venue) == [("o1-1", Decimal(10), Decimal("101.5"))]


def test_latency_keeps_an_order_from_a_bar_that_closes_within_it() -> None:
    venue = a_venue(latency_ns=DAY)
    venue.submit(an_order())
    venue.on_bar(a_bar(2))
    assert executions(venue) == []
    venue.on_bar(a_bar(3))
    assert len(executions(venue)) == 1


def test_a_bar_of_another_instrument_fills_nothing() -> None:
    venue = a_venue()
    venue.submit(an_order())
    venue.on_bar(a_bar(2, instrument="MSFT"))
    assert executions(venue) == []


@pytest.mark.parametrize(("side", "worse"), [(Side.BUY, 1), (Side.SELL, -1)])
def test_slippage_is_against_us_and_lands_on_the_tick(side: Side, worse: int) -> None:
    seen = set()
    for number in range(50):
        order = an_order(f"o{number}", side=side)
        found = price(order, a_bar(2, open_="100.01"), Decimal("0.01"), costs(slippage_bps=Decimal(10)), 1)
        assert found is not None
        assert found % Decimal("0.01") == 0
        assert Decimal("0.05") <= worse * (found - Decimal("100.01")) <= Decimal("0.17")
        seen.add(found)
    assert len(seen) > 5  # jitter differs by order


def test_a_sale_never_slips_below_one_tick() -> None:
    bar = a_bar(2, open_="0.01", low="0.01", high="0.01")
    assert price(an_order(side=Side.SELL), bar, Decimal("0.01"), costs(slippage_bps=Decimal(5000)), 1) == Decimal(
        "0.01"
    )


@pytest.mark.parametrize(
    ("side", "limit", "expected"),
    [
        (Side.BUY, "95", "95"),  # the range comes down to it
        (Side.BUY, "105", "100"),  # the open is better
        (Side.BUY, "90", "90"),  # touched
        (Side.BUY, "89.99", None),
        (Side.SELL, "105", "105"),
        (Side.SELL, "95", "100"),
        (Side.SELL, "110", "110"),
        (Side.SELL, "110.01", None),
    ],
)
def test_a_limit_order_trades_at_its_limit_or_a_better_open(side: Side, limit: str, expected: str | None) -> None:
    venue = a_venue(slippage_bps=Decimal(50))
    venue.submit(a_limit("o1", limit, side=side))
    venue.on_bar(a_bar(2))
    assert [p for _, _, p in executions(venue)] == ([Decimal(expected)] if expected else [])


def test_an_order_takes_its_share_of_a_bar_and_the_rest_goes_on() -> None:
    venue = a_venue()
    venue.submit(an_order(quantity=100))
    venue.on_bar(a_bar(2, volume=409))
    venue.on_bar(a_bar(3, open_="102", volume=10_000))
    assert executions(venue) == [("o1-1", Decimal(40), Decimal(100)), ("o1-41", Decimal(60), Decimal(102))]
    assert venue.open_orders() == []


def test_the_share_of_a_bar_is_for_all_orders_together_in_price_time_priority() -> None:
    venue = a_venue()
    venue.submit(a_limit("low", "98", 30))
    venue.submit(a_limit("late", "99", 30, created_at=DAY + 1))
    venue.submit(a_limit("early", "99", 30))
    venue.submit(an_order("market", 30))
    venue.on_bar(a_bar(2, volume=1000))
    assert [(id_, q) for id_, q, _ in executions(venue)] == [
        ("market-1", Decimal(30)),
        ("early-1", Decimal(30)),
        ("late-1", Decimal(30)),
        ("low-1", Decimal(10)),
    ]


def test_a_bar_without_volume_fills_nothing() -> None:
    venue = a_venue()
    venue.submit(an_order())
    venue.on_bar(a_bar(2, volume=0))
    assert executions(venue) == []


def test_immediate_or_cancel_ends_after_its_first_bar() -> None:
    venue = a_venue()
    venue.submit(an_order(quantity=100, time_in_force=TimeInForce.IOC))
    venue.on_bar(a_bar(2, volume=400))
    assert endings(venue) == [("cancelled", "immediate or cancel: 60 not filled")]
    assert venue.open_orders() == []


def test_a_day_order_expires_after_the_session_it_could_trade_in() -> None:
    venue = a_venue()
    venue.on_bar(a_bar(1))
    venue.submit(a_limit("o1", "50", time_in_force=TimeInForce.DAY))
    venue.on_bar(a_bar(1, instrument="MSFT"))
    assert endings(venue) == []
    venue.on_bar(a_bar(2))
    assert endings(venue) == [("expired", "end of the session: 10 not filled")]


def test_the_smallest_fee_is_asked_once_per_order() -> None:
    model = costs(fee_bps=Decimal(1), fee_min=Decimal(1))
    assert fee(Decimal(2000), model, first=True) == Decimal("1.00")
    assert fee(Decimal(2000), model, first=False) == Decimal("0.20")
    assert fee(Decimal(50_000), model, first=True) == Decimal("5.00")


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (an_order(instrument="NOPE"), "unknown instrument NOPE"),
        (an_order(quantity=0), "quantity 0 is not above 0"),
        (an_order(quantity=-5), "quantity -5 is not above 0"),
        (an_order(quantity="NaN"), "quantity NaN is not above 0"),
        (an_order(quantity="1.5"), "quantity 1.5 is not a multiple of the lot 1"),
        (a_limit("o1", "10.005"), "limit price 10.005 is off the tick 0.01"),
        (a_limit("o1", "-1"), "limit price -1 is not above 0"),
        (an_order(order_type=OrderType.LIMIT), "limit price None is not above 0"),
    ],
)
def test_what_cannot_trade_is_rejected_with_the_reason(order: Order, reason: str) -> None:
    venue = a_venue()
    venue.submit(order)
    assert endings(venue) == [("rejected", reason)]
    venue.on_bar(a_bar(2))
    assert executions(venue) == []


def test_an_order_restored_before_its_acknowledgement_is_checked_and_acknowledged() -> None:
    venue = a_venue()
    venue.restore([OpenOrder(order=an_order(quantity=0), filled=Decimal(0), acknowledged=False)])
    assert endings(venue) == [("rejected", "quantity 0 is not above 0")]
