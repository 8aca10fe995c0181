"""The promises of the venue port, kept by every adapter that is installed."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from tests.contracts.venue_harness import Desk, harness_of

from steersman.bootstrap.plugins import names
from steersman.kernel.errors import Conflict
from steersman.trading.model.order import Acknowledged, CancelRefused, Ended, Execution, OpenOrder
from steersman.trading.model.signal import OrderId, OrderType, Side, TimeInForce

FIRST, SECOND = "alpha000000000000001a", "alpha000000000000002b"
NEVER = "alpha000000000000009z"


@pytest.fixture(params=names("venues"))
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """One installed venue with its harness; every entry point is a parameter, and none can be left out."""
    harness = harness_of(request.param, tmp_path)
    desk = Desk(harness, tmp_path)
    try:
        yield desk
    finally:
        desk.venue.close()
        harness.close()


def test_the_venues_that_are_shipped_are_installed() -> None:
    assert {"alpaca", "ccxt", "fix", "paper"} <= set(names("venues"))


def test_a_venue_without_a_harness_fails_this_suite(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="nobody has no harness"):
        harness_of("nobody", tmp_path)


def test_a_venue_says_its_name_and_whether_it_is_simulated(desk: Desk) -> None:
    assert desk.venue.name
    assert desk.venue.simulated is not desk.harness.remembers


def test_an_order_is_acknowledged_under_our_id(desk: Desk) -> None:
    desk.submit(desk.order())
    desk.poll()
    assert {ack.order_id for ack in desk.of(Acknowledged)} == {FIRST}
    assert len({ack.venue_order_id for ack in desk.of(Acknowledged)}) == 1
    assert all(ack.venue_order_id and ack.at > 0 for ack in desk.of(Acknowledged))
    assert desk.of(Execution) == desk.of(Ended) == []


def test_an_order_id_is_one_order_however_often_it_is_submitted(desk: Desk) -> None:
    desk.submit(desk.order(lots=10))
    for _ in range(2):
        with pytest.raises(Conflict):
            desk.venue.submit(desk.order(lots=20))
        desk.poll()
    desk.trade(100)
    desk.poll()
    with pytest.raises(Conflict):
        desk.venue.submit(desk.order(lots=10))
    desk.trade(100)
    desk.poll()
    assert desk.filled(FIRST) == 10 * desk.harness.lot
    assert desk.harness.taken(FIRST) == 1


def test_a_restart_does_not_make_an_open_order_a_second_one(desk: Desk) -> None:
    desk.submit(desk.order(lots=10))
    desk.poll()
    desk.restart()
    with pytest.raises(Conflict):
        desk.venue.submit(desk.order(lots=10))
    desk.trade(100)
    desk.poll()
    assert desk.filled(FIRST) == 10 * desk.harness.lot


def test_executions_of_an_order_add_up_to_what_was_traded(desk: Desk) -> None:
    desk.submit(desk.order(lots=10))
    for traded, expected in ((4, 4), (4, 8), (4, 10), (4, 10)):
        desk.trade(traded)
        desk.poll()
        assert desk.filled(FIRST) == expected * desk.harness.lot
        left = [(o.order_id, o.filled, o.quantity, o.status) for o in desk.venue.open_orders()]
        still = (FIRST, expected * desk.harness.lot, 10 * desk.harness.lot, "open")
        assert left == ([still] if expected < 10 else [])
    assert [e.quantity / desk.harness.lot for e in desk.executions().values()] == [4, 4, 2]
    assert all(0 < e.price <= desk.harness.price for e in desk.executions().values())
    assert all(e.fee >= 0 and e.at > 0 for e in desk.executions().values())
    assert desk.of(Ended) == []


def test_nothing_trades_beyond_the_limit(desk: Desk) -> None:
    desk.submit(desk.order(lots=10))
    desk.trade(10, price=desk.harness.price * 2)
    desk.poll()
    assert desk.executions() == {}
    assert [o.order_id for o in desk.venue.open_orders()] == [FIRST]


def test_two_orders_are_told_apart(desk: Desk) -> None:
    desk.submit(desk.order(FIRST, lots=3))
    desk.submit(desk.order(SECOND, lots=5))
    desk.trade(100)
    desk.poll()
    assert desk.filled(FIRST) == 3 * desk.harness.lot
    assert desk.filled(SECOND) == 5 * desk.harness.lot
    assert len(desk.executions()) == len(desk.executions(FIRST)) + len(desk.executions(SECOND)) >= 2


def test_a_quiet_market_brings_no_new_report(desk: Desk) -> None:
    desk.submit(desk.order(lots=10))
    desk.trade(4)
    desk.poll()
    known = set(desk.reports)
    for _ in range(3):
        assert set(desk.poll()) <= known


def test_execution_ids_do_not_change_over_polls_and_restarts(desk: Desk) -> None:
    order = desk.submit(desk.order(lots=10))
    desk.trade(4)
    desk.poll()
    before = desk.executions(FIRST)
    assert len(before) == 1
    # A venue with a memory is asked again for all of it, as after a crash before the ledger had it.
    filled = Decimal(0) if desk.harness.remembers else desk.filled(FIRST)
    desk.restart([OpenOrder(order=order, filled=filled, acknowledged=True)])
    desk.reports = []
    if desk.harness.remembers:
        desk.poll()
        assert {i: (e.quantity, e.price, e.fee, e.at) for i, e in desk.executions(FIRST).items()} == {
            i: (e.quantity, e.price, e.fee, e.at) for i, e in before.items()
        }
    desk.trade(100)
    desk.poll()
    after = {**before, **desk.executions(FIRST)}
    assert sum(e.quantity for e in after.values()) == 10 * desk.harness.lot
    assert len(after) == 2


def test_after_a_restart_executions_missed_while_down_are_reported(desk: Desk) -> None:
    desk.submit(desk.order(lots=10))
    desk.trade(4)
    desk.poll()
    known = desk.open_orders()
    if desk.harness.remembers:
        desk.trade(6)  # nobody polls any more: the adapter dies with this unheard
    desk.restart(known)
    desk.poll()
    assert desk.filled(FIRST) == (10 if desk.harness.remembers else 4) * desk.harness.lot
    if not desk.harness.remembers:
        desk.trade(6)
        desk.poll()
        assert desk.filled(FIRST) == 10 * desk.harness.lot


def _takes_day_orders(desk: Desk) -> bool:
    """Say whether there are day orders; a market around the clock has none, and says so when it is given one."""
    if getattr(desk.harness, "has_day_orders", True):
        return True
    desk.submit(desk.order(NEVER, time_in_force=TimeInForce.DAY))
    desk.poll()
    assert [(e.how, "DAY" in e.reason) for e in desk.of(Ended)] == [("rejected", True)]
    assert desk.harness.taken(NEVER) == 0
    return False


def test_after_a_restart_an_order_that_ended_meanwhile_is_reported_ended(desk: Desk) -> None:
    if not _takes_day_orders(desk):
        return
    desk.submit(desk.order(lots=10, time_in_force=TimeInForce.DAY))
    desk.poll()
    known = desk.open_orders()
    if desk.harness.remembers:
        desk.harness.end_session()
        desk.restart(known)
    else:
        desk.restart(known)
        desk.harness.end_session()
    desk.poll()
    assert [e.order_id for e in desk.of(Ended)] == [FIRST]
    assert desk.of(Ended)[0].how in ("cancelled", "expired")


def test_an_order_restored_unacknowledged_is_acknowledged(desk: Desk) -> None:
    order = desk.submit(desk.order())
    desk.restart([OpenOrder(order=order, filled=Decimal(0), acknowledged=False)])
    desk.poll()
    assert {ack.order_id for ack in desk.of(Acknowledged)} == {FIRST}
    assert desk.of(Ended) == desk.of(Execution) == []


def test_orders_nobody_restored_are_not_reported(desk: Desk) -> None:
    desk.submit(desk.order())
    desk.poll()
    desk.restart([])
    desk.reports = []
    desk.trade(10)
    desk.poll()
    assert desk.reports == []


def test_a_cancelled_order_ends_once_and_trades_no_more(desk: Desk) -> None:
    desk.submit(desk.order(lots=10))
    desk.trade(4)
    desk.poll()
    desk.venue.cancel(OrderId(FIRST))
    desk.poll()
    desk.trade(100)
    desk.poll()
    desk.poll()
    (ended,) = desk.of(Ended)
    assert (ended.order_id, ended.how) == (FIRST, "cancelled")
    assert ended.reason
    assert ended.at > 0
    assert desk.filled(FIRST) == 4 * desk.harness.lot
    assert desk.of(CancelRefused) == []
    assert list(desk.venue.open_orders()) == []


def test_cancelling_twice_does_no_harm(desk: Desk) -> None:
    desk.submit(desk.order())
    desk.poll()
    desk.venue.cancel(OrderId(FIRST))
    desk.venue.cancel(OrderId(FIRST))
    desk.poll()
    desk.venue.cancel(OrderId(FIRST))
    desk.poll()
    assert [e.how for e in desk.of(Ended)] == ["cancelled"]
    assert desk.of(CancelRefused) == []


def test_cancelling_what_is_unknown_or_ended_changes_nothing(desk: Desk) -> None:
    desk.submit(desk.order())
    desk.trade(10)
    desk.poll()
    known = list(desk.reports)
    desk.venue.cancel(OrderId(FIRST))
    desk.venue.cancel(OrderId(NEVER))
    desk.poll()
    assert set(desk.reports) == set(known)
    assert desk.filled(FIRST) == 10 * desk.harness.lot


def test_a_cancel_that_comes_too_late_ends_nothing(desk: Desk) -> None:
    desk.submit(desk.order())
    desk.poll()
    desk.trade(10)
    desk.venue.cancel(OrderId(FIRST))  # it is filled, and we do not know yet
    desk.poll()
    assert desk.filled(FIRST) == 10 * desk.harness.lot
    assert desk.of(Ended) == []
    assert {r.order_id for r in desk.of(CancelRefused)} <= {FIRST}


def test_lookup_finds_an_order_by_our_id(desk: Desk) -> None:
    assert desk.venue.lookup(OrderId(FIRST)) is None
    desk.submit(desk.order(lots=10))
    desk.trade(4)
    desk.harness.settle()
    found = desk.venue.lookup(OrderId(FIRST))
    assert found is not None
    assert found.venue_order_id
    assert (found.order_id, found.instrument, found.side) == (FIRST, desk.harness.instrument, Side.BUY)
    assert (found.quantity, found.filled, found.status) == (10 * desk.harness.lot, 4 * desk.harness.lot, "open")
    assert desk.venue.lookup(OrderId(NEVER)) is None


def test_lookup_finds_ended_orders_where_the_venue_remembers_them(desk: Desk) -> None:
    desk.submit(desk.order(FIRST))
    desk.trade(10)
    desk.poll()
    desk.submit(desk.order(SECOND))
    desk.poll()
    desk.venue.cancel(OrderId(SECOND))
    desk.poll()
    for _ in range(2):
        found = [desk.venue.lookup(OrderId(order_id)) for order_id in (FIRST, SECOND)]
        assert [o and o.status for o in found] == (["filled", "cancelled"] if desk.harness.remembers else [None, None])
        desk.restart([])


def test_looking_asks_and_changes_nothing(desk: Desk) -> None:
    desk.submit(desk.order(lots=10))
    desk.trade(4)
    desk.harness.settle()
    for _ in range(2):
        desk.venue.lookup(OrderId(FIRST))
        desk.venue.open_orders()
        desk.venue.positions()
        desk.venue.quotes()
    desk.poll()
    assert {a.order_id for a in desk.of(Acknowledged)} == {FIRST}
    assert desk.filled(FIRST) == 4 * desk.harness.lot


def test_open_orders_shows_what_is_not_ours_and_reports_nothing_about_it(desk: Desk) -> None:
    desk.submit(desk.order(FIRST))
    ours = {FIRST}
    if desk.harness.has_foreign:
        desk.harness.place_foreign("not-from-here", 3 * desk.harness.lot)
        ours.add("not-from-here")
    desk.poll()
    found = {o.order_id: o for o in desk.venue.open_orders()}
    assert set(found) == ours
    assert all(o.status == "open" and o.venue_order_id for o in found.values())
    assert {o.instrument for o in found.values()} == {desk.harness.instrument}
    desk.trade(100)
    desk.poll()
    assert {r.order_id for r in desk.reports} == {FIRST}


def test_positions_agree_with_the_executions(desk: Desk) -> None:
    held = desk.venue.positions()
    assert held in ([], (), None)
    desk.submit(desk.order(FIRST, lots=10))
    desk.trade(7)
    desk.poll()
    held = desk.venue.positions()
    if held is not None:
        assert [(p.instrument, p.quantity) for p in held] == [(desk.harness.instrument, desk.filled(FIRST))]
    assert desk.filled(FIRST) == 7 * desk.harness.lot


def test_quotes_are_of_instruments_traded_here_and_not_crossed(desk: Desk) -> None:
    for quote in desk.venue.quotes():
        assert quote.instrument == desk.harness.instrument
        assert quote.at > 0
        assert None not in (quote.bid, quote.ask) or quote.last is not None
        if quote.bid is not None and quote.ask is not None:
            assert 0 < quote.bid <= quote.ask


def test_a_refused_order_is_rejected_with_the_reason(desk: Desk) -> None:
    desk.submit(desk.harness.refused_order(FIRST))
    desk.poll()
    (ended,) = desk.of(Ended)
    assert (ended.order_id, ended.how) == (FIRST, "rejected")
    assert ended.reason
    assert desk.of(Execution) == []
    assert list(desk.venue.open_orders()) == []
    desk.submit(desk.order(SECOND))
    desk.poll()
    assert {a.order_id for a in desk.of(Acknowledged, SECOND)} == {SECOND}


@pytest.mark.parametrize("order_type", list(OrderType))
@pytest.mark.parametrize("time_in_force", list(TimeInForce))
def test_every_kind_of_order_is_taken_or_refused_with_a_reason(
    desk: Desk, order_type: OrderType, time_in_force: TimeInForce
) -> None:
    limited = order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT)
    stopped = order_type in (OrderType.STOP, OrderType.STOP_LIMIT)
    order = desk.order(
        order_type=order_type,
        time_in_force=time_in_force,
        limit_price=desk.harness.price if limited else None,
        stop_price=desk.harness.price if stopped else None,
    )
    desk.submit(order)
    desk.poll()
    first = desk.reports[0]
    assert first.order_id == FIRST
    if isinstance(first, Ended):
        assert first.how == "rejected"
        assert first.reason
        assert desk.harness.taken(FIRST) == 0 or desk.harness.remembers is False
    else:
        assert isinstance(first, Acknowledged)
        assert desk.harness.taken(FIRST) == 1


@pytest.mark.parametrize("quantity", ["0", "-5", "NaN", "Infinity"])
def test_an_impossible_quantity_is_refused_with_a_reason(desk: Desk, quantity: str) -> None:
    desk.submit(desk.order(quantity=Decimal(quantity)))
    desk.poll()
    (ended,) = desk.reports
    assert isinstance(ended, Ended)
    assert (ended.order_id, ended.how) == (FIRST, "rejected")
    assert ended.reason


def test_a_day_order_ends_with_the_session(desk: Desk) -> None:
    if not _takes_day_orders(desk):
        return
    desk.submit(desk.order(time_in_force=TimeInForce.DAY))
    desk.poll()
    assert desk.of(Ended) == []
    desk.harness.end_session()
    desk.poll()
    desk.poll()
    (ended,) = desk.of(Ended)
    assert (ended.order_id, ended.reason != "") == (FIRST, True)
    assert ended.how in ("cancelled", "expired")
    assert list(desk.venue.open_orders()) == []


def test_a_good_till_cancelled_order_outlives_the_session(desk: Desk) -> None:
    desk.submit(desk.order(time_in_force=TimeInForce.GTC))
    desk.poll()
    desk.harness.end_session()
    desk.poll()
    assert desk.of(Ended) == []
    desk.trade(10)
    desk.poll()
    assert desk.filled(FIRST) == 10 * desk.harness.lot


def test_what_cannot_be_filled_at_once_of_an_immediate_order_ends(desk: Desk) -> None:
    desk.submit(desk.order(lots=10, time_in_force=TimeInForce.IOC))
    desk.trade(4)
    desk.poll()
    desk.trade(100)
    desk.poll()
    (ended,) = desk.of(Ended)
    assert (ended.order_id, ended.reason != "") == (FIRST, True)
    assert ended.how in ("cancelled", "expired")
    assert desk.filled(FIRST) <= 4 * desk.harness.lot
    assert list(desk.venue.open_orders()) == []


def test_a_market_order_trades_at_what_the_market_gives(desk: Desk) -> None:
    desk.submit(desk.order(lots=5, order_type=OrderType.MARKET, limit_price=None))
    desk.trade(5)
    desk.poll()
    assert desk.filled(FIRST) == 5 * desk.harness.lot


def test_closing_twice_does_no_harm_and_leaves_orders_where_they_are(desk: Desk) -> None:
    desk.submit(desk.order())
    desk.poll()
    known = desk.open_orders()
    desk.venue.close()
    desk.venue.close()
    desk.restart(known)
    assert [o.order_id for o in desk.venue.open_orders()] == [FIRST]
