"""What a venue driven by bars promises beyond test_venue.py: no look into the future, and the ledger as its memory."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from steersman.bootstrap.plugins import factory
from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Conflict
from steersman.trading.adapters.paper.settings import PaperSettings
from steersman.trading.model.bar import Bar
from steersman.trading.model.instrument import Instrument
from steersman.trading.model.order import Acknowledged, Ended, Execution, OpenOrder, Order, Report
from steersman.trading.model.signal import OrderId, OrderType, Side, TimeInForce
from steersman.trading.ports import Venue

VENUES = ("paper",)
DAY = 86_400_000_000_000
INSTRUMENTS = {
    "IBM": Instrument(name="IBM", tick=Decimal("0.01"), lot=Decimal(1), currency="USD", venue="paper"),
}
pytestmark = pytest.mark.parametrize("kind", VENUES)


def a_venue(kind: str) -> Venue:
    settings = PaperSettings(
        kind=kind, seed=3, latency="1s", fee_bps=Decimal(1), slippage_bps=Decimal(5), participation=Decimal("0.1")
    )
    venue: Venue = factory("venues", kind)(settings=settings, instruments=INSTRUMENTS, root=Path(), clock=FakeClock())
    return venue


def an_order(order_id: str = "a1", quantity: int = 100, instrument: str = "IBM") -> Order:
    return Order(
        order_id=OrderId(order_id),
        strategy="trend",
        instrument=instrument,
        venue="paper",
        side=Side.BUY,
        quantity=Decimal(quantity),
        order_type=OrderType.MARKET,
        limit_price=None,
        time_in_force=TimeInForce.GTC,
        decision_price=Decimal(100),
        created_at=DAY,
    )


def a_bar(day: int, volume: int = 400) -> Bar:
    price = Decimal(100 + day)
    return Bar(
        instrument="IBM",
        at=day * DAY,
        open=price,
        high=price + 2,
        low=price - 2,
        close=price + 1,
        volume=Decimal(volume),
    )


def executions(reports: Sequence[Report]) -> list[Execution]:
    return [report for report in reports if isinstance(report, Execution)]


def test_an_order_id_is_taken_once_even_after_it_was_filled(kind: str) -> None:
    venue = a_venue(kind)
    venue.submit(an_order(quantity=10))
    with pytest.raises(Conflict):
        venue.submit(an_order(quantity=20))
    venue.on_bar(a_bar(2))
    with pytest.raises(Conflict):
        venue.submit(an_order(quantity=10))
    venue.on_bar(a_bar(3))
    assert sum(e.quantity for e in executions(venue.poll())) == 10


def test_nothing_trades_at_prices_from_before_the_order(kind: str) -> None:
    venue = a_venue(kind)
    venue.on_bar(a_bar(1))
    venue.submit(an_order())
    assert executions(venue.poll()) == []
    venue.on_bar(a_bar(1))  # closed when the order was made: its prices were known
    assert executions(venue.poll()) == []


def test_an_order_fills_in_parts_that_add_up_to_it(kind: str) -> None:
    venue = a_venue(kind)
    venue.submit(an_order(quantity=100))
    seen = []
    for day in range(2, 8):
        venue.on_bar(a_bar(day))
        seen += executions(venue.poll())
        filled = sum(e.quantity for e in seen)
        left = [(o.order_id, o.filled) for o in venue.open_orders()]
        assert left == ([("a1", filled)] if filled < 100 else [])
    assert [e.quantity for e in seen] == [40, 40, 20]
    assert len({e.execution_id for e in seen}) == 3
    assert all(e.fee > 0 and e.at > DAY for e in seen)
    assert [e.at for e in seen] == sorted(e.at for e in seen)


def test_a_report_is_given_once(kind: str) -> None:
    venue = a_venue(kind)
    venue.submit(an_order())
    venue.on_bar(a_bar(2))
    assert len(venue.poll()) == 2
    assert list(venue.poll()) == []


def test_a_cancelled_order_trades_no_more(kind: str) -> None:
    venue = a_venue(kind)
    venue.submit(an_order())
    venue.on_bar(a_bar(2))
    venue.poll()
    venue.cancel(OrderId("a1"))
    venue.on_bar(a_bar(3))
    (ended,) = venue.poll()
    assert isinstance(ended, Ended)
    assert (ended.order_id, ended.how) == ("a1", "cancelled")
    assert ended.at >= 2 * DAY
    assert list(venue.open_orders()) == []


def test_cancelling_what_is_unknown_or_ended_changes_nothing(kind: str) -> None:
    venue = a_venue(kind)
    venue.submit(an_order(quantity=10))
    venue.on_bar(a_bar(2))
    venue.poll()
    venue.cancel(OrderId("a1"))
    venue.cancel(OrderId("never-seen"))
    assert list(venue.poll()) == []


def test_what_cannot_trade_is_rejected_through_the_reports(kind: str) -> None:
    venue = a_venue(kind)
    venue.submit(an_order("a1", instrument="NOPE"))
    venue.submit(an_order("a2", quantity=0))
    reports = venue.poll()
    assert [(r.order_id, r.how) for r in reports if isinstance(r, Ended)] == [("a1", "rejected"), ("a2", "rejected")]
    assert all(r.reason for r in reports if isinstance(r, Ended))
    assert list(venue.open_orders()) == []


def test_a_restored_order_goes_on_where_it_was(kind: str) -> None:
    whole, first = a_venue(kind), a_venue(kind)
    for venue in (whole, first):
        venue.submit(an_order())
        venue.on_bar(a_bar(2))
        venue.poll()
    second = a_venue(kind)
    second.restore(first.resting())  # type: ignore[attr-defined]
    with pytest.raises(Conflict):
        second.submit(an_order())
    for venue in (whole, second):
        venue.on_bar(a_bar(3))
        venue.on_bar(a_bar(4))
    assert executions(second.poll()) == executions(whole.poll())


def test_an_order_restored_unacknowledged_is_acknowledged(kind: str) -> None:
    venue = a_venue(kind)
    venue.restore([OpenOrder(order=an_order(), filled=Decimal(0), acknowledged=False)])
    assert [type(report) for report in venue.poll()] == [Acknowledged]
