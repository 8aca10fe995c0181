"""Whatever the orders and bars: same seed, same fills; never too many, never from the past, the same after restarts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from steersman.trading.adapters.paper import PaperVenue
from steersman.trading.adapters.paper.models import Costs
from steersman.trading.model.bar import Bar
from steersman.trading.model.instrument import Instrument
from steersman.trading.model.order import Ended, Execution, OpenOrder, Order, Report
from steersman.trading.model.signal import OrderId, OrderType, Side, TimeInForce

_TICK = Decimal("0.05")
_INSTRUMENT = Instrument(name="IBM", tick=_TICK, lot=Decimal(2), currency="USD", venue="paper")


@st.composite
def bars(draw: st.DrawFn) -> list[Bar]:
    found = []
    for at in range(1, draw(st.integers(2, 8)) + 1):
        low, *middle, high = sorted(draw(st.lists(st.integers(1, 400), min_size=4, max_size=4)))
        found.append(
            Bar(
                instrument="IBM",
                at=at * 10,
                open=middle[0] * _TICK,
                high=high * _TICK,
                low=low * _TICK,
                close=middle[1] * _TICK,
                volume=Decimal(draw(st.integers(0, 300))),
            )
        )
    return found


@st.composite
def orders(draw: st.DrawFn) -> list[Order]:
    found = []
    for number in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from(OrderType))
        found.append(
            Order(
                order_id=OrderId(f"o{number}"),
                strategy="s",
                instrument="IBM",
                venue="paper",
                side=draw(st.sampled_from(Side)),
                quantity=Decimal(2 * draw(st.integers(1, 60))),
                order_type=kind,
                limit_price=draw(st.integers(1, 400)) * _TICK if kind is OrderType.LIMIT else None,
                time_in_force=draw(st.sampled_from(TimeInForce)),
                decision_price=None,
                created_at=draw(st.integers(0, 80)),
            )
        )
    return found


costs = st.builds(
    Costs,
    seed=st.integers(0, 3),
    latency_ns=st.integers(0, 15),
    fee_bps=st.just(Decimal(2)),
    fee_min=st.just(Decimal(1)),
    slippage_bps=st.integers(0, 100).map(Decimal),
    participation=st.sampled_from([Decimal("0.05"), Decimal("0.5"), Decimal(1)]),
)


def run(
    orders: Sequence[Order],
    bars: Sequence[Bar],
    costs: Costs,
    interrupted: Sequence[bool] = (),
    *,
    backwards: bool = False,
) -> list[Report]:
    """Return every report; where `interrupted[i]`, a new venue takes over before the i-th bar."""
    venue = PaperVenue({"IBM": _INSTRUMENT}, costs)
    waiting = sorted(orders, key=lambda o: o.created_at)
    reports: list[Report] = []
    for place, bar in enumerate(bars):
        early = [o for o in waiting if o.created_at < bar.at]
        waiting = [o for o in waiting if o.created_at >= bar.at]
        for order in early:
            venue.submit(order)
        reports += venue.poll()
        if place < len(interrupted) and interrupted[place]:
            left = _still_open([o for o in orders if o not in waiting], reports)
            venue = PaperVenue({"IBM": _INSTRUMENT}, costs)
            venue.restore(reversed(left) if backwards else left)
        venue.on_bar(bar)
        reports += venue.poll()
    return reports


def _still_open(orders: Sequence[Order], reports: Sequence[Report]) -> list[OpenOrder]:
    """Return what a ledger of these reports says is open."""
    filled: dict[str, Decimal] = defaultdict(Decimal)
    for report in reports:
        if isinstance(report, Execution):
            filled[report.order_id] += report.quantity
    ended = {r.order_id for r in reports if isinstance(r, Ended)}
    return [
        OpenOrder(order=o, filled=filled[o.order_id], acknowledged=True)
        for o in orders
        if o.order_id not in ended and filled[o.order_id] < o.quantity
    ]


def fills(reports: Sequence[Report]) -> list[Execution]:
    return [r for r in reports if isinstance(r, Execution)]


@given(orders(), bars(), costs)
def test_the_same_seed_gives_the_same_reports(orders: list[Order], bars: list[Bar], costs: Costs) -> None:
    assert run(orders, bars, costs) == run(orders, bars, costs)


@given(orders(), bars(), costs)
def test_fills_never_exceed_the_order_nor_the_share_of_the_bar(
    orders: list[Order], bars: list[Bar], costs: Costs
) -> None:
    by_order: dict[str, Decimal] = defaultdict(Decimal)
    by_bar: dict[int, Decimal] = defaultdict(Decimal)
    found = fills(run(orders, bars, costs))
    for execution in found:
        assert execution.quantity > 0
        assert execution.quantity % _INSTRUMENT.lot == 0
        assert execution.price % _TICK == 0
        by_order[execution.order_id] += execution.quantity
        by_bar[execution.at] += execution.quantity
    assert all(by_order[o.order_id] <= o.quantity for o in orders)
    assert all(by_bar[bar.at] <= bar.volume * costs.participation for bar in bars)
    assert len({e.execution_id for e in found}) == len(found)


@given(orders(), bars(), costs, st.integers(1, 400))
def test_bars_up_to_an_order_never_change_how_it_trades(
    orders: list[Order], bars: list[Bar], costs: Costs, level: int
) -> None:
    order = orders[0]
    value = level * _TICK
    past = [
        msgspec.structs.replace(b, open=value, high=value, low=value, close=value, volume=b.volume + 1)
        if b.at <= order.created_at + costs.latency_ns
        else b
        for b in bars
    ]
    found = run([order], bars, costs)
    assert run([order], past, costs) == found
    assert all(e.at > order.created_at + costs.latency_ns for e in fills(found))


@given(orders(), bars(), costs, st.lists(st.booleans(), min_size=8, max_size=8), st.booleans())
def test_interrupted_anywhere_the_executions_are_the_same(
    orders: list[Order], bars: list[Bar], costs: Costs, interrupted: list[bool], backwards: bool
) -> None:
    assert run(orders, bars, costs, interrupted, backwards=backwards) == run(orders, bars, costs)


@given(orders(), bars(), costs)
def test_other_orders_change_how_much_trades_but_not_at_which_price(
    orders: list[Order], bars: list[Bar], costs: Costs
) -> None:
    alone = {
        e.execution_id: e.price for o in orders for e in fills(run([o], bars, costs)) if e.execution_id.endswith("-1")
    }
    together = {e.execution_id: (e.price, e.at) for e in fills(run(orders, bars, costs))}
    first = {e.execution_id: e.at for o in orders for e in fills(run([o], bars, costs))}
    for execution_id, (price, at) in together.items():
        if execution_id in alone and first[execution_id] == at:
            assert price == alone[execution_id]
