"""What Alpaca says of orders, positions and prices: asked rarely, checked, and never taken for what it is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.venues.alpaca_harness import AlpacaDesk

from steersman.kernel.errors import OutcomeUnknown, SteersmanError, Unavailable
from steersman.trading.model.order import Acknowledged, Ended, Execution, OpenOrder, VenuePosition
from steersman.trading.model.signal import OrderId, Side, TimeInForce

FIRST, SECOND = "alpha000000000000001a", "alpha000000000000002b"
Json = dict[str, Any]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[AlpacaDesk]:
    desk = AlpacaDesk(tmp_path)
    yield desk
    desk.harness.close()


def trouble(desk: AlpacaDesk) -> Unavailable:
    """Poll until it says what is wrong: reports that were heard come first."""
    desk.harness.settle()
    for _ in range(3):
        try:
            desk.reports += desk.venue.poll()
        except Unavailable as exc:
            return exc
    raise AssertionError("nothing was wrong")


# -- asking ------------------------------------------------------------------------------------------------------


def test_it_asks_at_most_once_a_second_and_only_when_something_is_open(desk: AlpacaDesk) -> None:
    for _ in range(5):
        desk.poll()
    assert desk.exchange.count("GET") == 0
    desk.submit(desk.order())
    desk.harness.settle()
    for _ in range(5):
        desk.venue.poll()
        desk.harness.clock.advance(0.1)
    assert desk.exchange.count("GET") == 1
    desk.harness.clock.advance(0.5)
    desk.venue.poll()
    assert desk.exchange.count("GET") == 2
    desk.trade(10)
    desk.poll()
    asked = desk.exchange.count("GET")
    desk.poll()
    assert desk.exchange.count("GET") == asked


def test_a_question_costs_one_request_while_nothing_happens(desk: AlpacaDesk) -> None:
    for number in range(30):
        desk.submit(desk.order(f"alpha0000000000000{number:03}a"))
    desk.poll()
    before = desk.exchange.count("GET")
    for _ in range(10):
        desk.poll()
    assert desk.exchange.count("GET") - before == 10


def test_many_orders_that_end_at_once_cost_a_few_requests(desk: AlpacaDesk) -> None:
    ids = [f"alpha0000000000000{number:03}a" for number in range(120)]
    for order_id in ids:
        desk.submit(desk.order(order_id, lots=2, time_in_force=TimeInForce.DAY))
    desk.poll()
    before = desk.exchange.count("GET")
    desk.trade(2 * 100)
    desk.trade(1)
    desk.harness.end_session()
    desk.poll()
    assert desk.exchange.count("GET") - before == 4  # open, closed, and two pages of executions
    assert [desk.filled(order_id) for order_id in ids] == [2] * 100 + [1] + [0] * 19
    assert sorted(e.order_id for e in desk.of(Ended)) == ids[100:]


def test_many_orders_that_ended_while_down_cost_a_few_requests(desk: AlpacaDesk) -> None:
    for number in range(50):
        desk.submit(desk.order(f"alpha0000000000000{number:03}a", lots=1))
    desk.poll()
    known = desk.open_orders()
    desk.trade(50)
    desk.restart(known)
    before = desk.exchange.count("GET")
    desk.poll()
    assert desk.exchange.count("GET") - before == 3
    assert len(desk.executions()) == 50


def test_an_order_of_others_that_cannot_be_read_does_not_hide_ours(desk: AlpacaDesk) -> None:
    for number in range(5):
        desk.submit(desk.order(f"alpha0000000000000{number:03}a", lots=1))
    desk.harness.place_foreign("several legs", Decimal(5))
    desk.harness.place_foreign("others", Decimal(5))
    desk.told("several legs").update(symbol=None, side="", qty=None, filled_qty=None)
    desk.trade(5)
    desk.exchange.fill(desk.exchange.of("others"), Decimal(1), Decimal(100))
    desk.exchange.fills[-1]["price"] = None
    desk.poll()
    assert len(desk.executions()) == 5
    with pytest.raises(Unavailable):
        desk.venue.open_orders()  # asked for all of them, it does not leave one out


def test_orders_that_a_page_of_ended_ones_leaves_out_are_asked_for(desk: AlpacaDesk) -> None:
    ids = [f"alpha0000000000000{number:03}a" for number in range(6)]
    for order_id in ids:
        desk.submit(desk.order(order_id))
    for number in range(520):
        desk.harness.clock.advance(0.1)
        desk.harness.place_foreign(f"other-{number}", Decimal(1))
    desk.poll()
    for order in desk.exchange.orders.values():
        desk.exchange.end(order, "canceled")
    desk.poll()
    assert [e.order_id for e in desk.of(Ended)] == ids


def test_old_orders_do_not_make_it_read_through_all_that_came_since(desk: AlpacaDesk) -> None:
    ids = [f"alpha0000000000000{number:03}a" for number in range(5)]
    for order_id in ids:
        desk.submit(desk.order(order_id, lots=1))
    desk.poll()
    desk.harness.clock.advance(30 * 86_400)
    desk.harness.place_foreign("not-from-here", Decimal(1000))
    for _ in range(300):
        desk.exchange.fill(desk.exchange.of("not-from-here"), Decimal(1), Decimal(100))
    desk.trade(5)
    before = desk.exchange.count("GET", "/v2/account")
    desk.poll()
    assert desk.exchange.count("GET", "/v2/account") - before == 5
    assert [desk.filled(order_id) for order_id in ids] == [1] * 5


def test_how_often_it_asks_can_be_set(tmp_path: Path) -> None:
    desk = AlpacaDesk(tmp_path, poll_every="10s")
    try:
        desk.submit(desk.order())
        for _ in range(21):
            desk.poll()
        assert desk.exchange.count("GET") == 3
    finally:
        desk.harness.close()


def test_an_outage_loses_nothing(desk: AlpacaDesk) -> None:
    desk.submit(desk.order())
    desk.poll()
    desk.fails("GET", "/v2/", status=503, body=b"<html>down</html>", times=1000)
    desk.trade(10)
    for _ in range(3):
        assert "503" in trouble(desk).message
    desk.heals()
    desk.poll()
    assert desk.filled(FIRST) == 10


def test_half_an_outage_reports_what_is_heard_and_the_rest_later(desk: AlpacaDesk) -> None:
    desk.submit(desk.order(FIRST))
    desk.submit(desk.order(SECOND))
    desk.poll()
    desk.exchange.end(desk.exchange.of(FIRST), "canceled")
    desk.trade(10)
    desk.fails("GET", "/v2/account/activities", status=500, times=1000)
    assert "activities" in trouble(desk).message
    assert [e.order_id for e in desk.of(Ended)] == [FIRST]
    desk.heals()
    desk.poll()
    assert desk.filled(SECOND) == 10


def test_after_an_error_the_next_question_waits_its_time(desk: AlpacaDesk) -> None:
    desk.submit(desk.order())
    desk.poll()
    desk.fails("GET", "/v2/orders", status=429, times=1000)
    assert "429" in trouble(desk).message
    before = desk.exchange.count("GET")
    for _ in range(5):
        desk.venue.poll()
    assert desk.exchange.count("GET") == before


def test_an_answer_that_does_not_come_is_waited_for_no_longer_than_set(desk: AlpacaDesk) -> None:
    desk.submit(desk.order())
    desk.poll()
    desk.trade(3)
    desk.fails("GET", "/v2/account/activities", how="hang", times=1000)
    with desk.patience("hang", seconds=2.0):  # the first of two answers must come in it
        assert "activities" in trouble(desk).message
    desk.heals()
    desk.poll()
    assert desk.filled(FIRST) == 3


# -- executions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("knows_the_filter", [True, False])
def test_more_executions_than_a_page_holds_are_all_reported(desk: AlpacaDesk, knows_the_filter: bool) -> None:
    desk.exchange.fill_filter = knows_the_filter
    desk.submit(desk.order(FIRST, lots=250))
    desk.submit(desk.order(SECOND, lots=250))
    for _ in range(250):
        for order_id in (FIRST, SECOND):
            desk.exchange.fill(desk.exchange.of(order_id), Decimal(1), Decimal(99))
    desk.poll()
    assert desk.filled(FIRST) == desk.filled(SECOND) == 250
    assert len(desk.executions()) == 500


def test_an_order_does_not_end_before_its_executions_are_listed(desk: AlpacaDesk) -> None:
    desk.submit(desk.order())
    desk.poll()
    desk.exchange.hold_fills = True
    desk.trade(4)
    desk.exchange.end(desk.exchange.of(FIRST), "canceled")
    for _ in range(5):
        desk.poll()
    assert desk.of(Ended) == desk.of(Execution) == []
    desk.exchange.hold_fills = False
    desk.poll()
    assert [type(r) for r in desk.reports] == [Acknowledged, Execution, Ended]


def test_executions_that_never_come_are_said_to_be_missing(desk: AlpacaDesk) -> None:
    desk.submit(desk.order())
    desk.exchange.hold_fills = True
    desk.trade(4)
    for _ in range(30):
        desk.poll()
    problem = trouble(desk)
    assert "has 4 filled, and executions of 0 for" in problem.message
    assert "reconcile" in problem.fix


def test_instants_are_kept_to_the_nanosecond(desk: AlpacaDesk) -> None:
    desk.submit(desk.order())
    desk.trade(10)
    desk.exchange.fills[0]["transaction_time"] = "2026-06-25T01:12:30.709802123Z"
    desk.poll()
    (execution,) = desk.of(Execution)
    assert execution.at % 1_000_000_000 == 709_802_123


def test_an_execution_of_another_order_under_the_same_page_is_not_ours(desk: AlpacaDesk) -> None:
    desk.exchange.fill_filter = False
    desk.harness.place_foreign("not-from-here", Decimal(5))
    desk.trade(5)
    desk.submit(desk.order())
    desk.trade(4)
    desk.poll()
    assert desk.filled(FIRST) == 4
    assert {r.order_id for r in desk.reports} == {FIRST}


BAD_FILLS: dict[str, Json] = {
    "negative": {"qty": "-4"},
    "nothing": {"qty": "0"},
    "not a number": {"qty": "NaN"},
    "infinite": {"price": "Infinity"},
    "text": {"price": "cheap"},
    "free": {"price": "0"},
    "above the order": {"qty": "11"},
    "absurd": {"qty": "1e300000000"},
    "another side": {"side": "sell"},
    "another symbol": {"symbol": "MSFT"},
    "no id": {"id": ""},
    "no instant": {"transaction_time": "yesterday"},
    "no date": {"transaction_time": "2026-13-45T99:99:99Z"},
    "a price of null": {"price": None},
}


@pytest.mark.parametrize("name", BAD_FILLS)
def test_an_execution_that_makes_no_sense_is_not_reported_and_the_next_good_answer_is(
    desk: AlpacaDesk, name: str
) -> None:
    desk.submit(desk.order())
    desk.poll()
    desk.trade(4)
    good = dict(desk.exchange.fills[0])
    desk.exchange.fills[0] |= BAD_FILLS[name]
    problem = trouble(desk)
    assert len(problem.message) < 700
    assert desk.of(Execution) == []
    desk.exchange.fills[0] = good
    desk.poll()
    assert desk.filled(FIRST) == 4


def test_an_execution_that_changed_is_not_reported_again(desk: AlpacaDesk) -> None:
    desk.submit(desk.order())
    desk.trade(4)
    desk.poll()
    desk.exchange.fills[0]["price"] = "55"
    desk.trade(4)
    assert "changed" in trouble(desk).message
    assert desk.filled(FIRST) == 4
    desk.exchange.fills[0]["price"] = "100"
    desk.poll()
    assert desk.filled(FIRST) == 8


# -- orders ------------------------------------------------------------------------------------------------------

BAD_ORDERS: dict[str, Json] = {
    "unknown status": {"status": "quantum"},
    "more than all filled": {"filled_qty": "11"},
    "less than nothing filled": {"filled_qty": "-1"},
    "no number filled": {"filled_qty": "NaN"},
    "filled without being full": {"status": "filled"},
    "another quantity": {"qty": "12"},
    "another side": {"side": "sell"},
    "another symbol": {"symbol": "MSFT"},
    "no quantity": {"qty": None},
    "no status": {"status": None},
    "a list": {"symbol": []},
}


@pytest.mark.parametrize("name", BAD_ORDERS)
def test_an_order_that_makes_no_sense_is_not_reported_and_does_not_stop_the_others(desk: AlpacaDesk, name: str) -> None:
    desk.submit(desk.order(FIRST, lots=10))
    desk.submit(desk.order(SECOND, lots=10, time_in_force=TimeInForce.DAY))
    desk.poll()
    good = dict(desk.told(FIRST))
    desk.told(FIRST).update(BAD_ORDERS[name])
    desk.exchange.end(desk.exchange.of(SECOND), "expired")
    known = len(desk.reports)
    problem = trouble(desk)
    assert FIRST in problem.message or "GET /v2/orders" in problem.message
    assert [r.order_id for r in desk.reports[known:]] in ([SECOND], [])
    desk.told(FIRST).update(good)
    desk.trade(10)
    desk.poll()
    desk.poll()
    assert desk.filled(FIRST) == 10
    assert [e.order_id for e in desk.of(Ended)] == [SECOND]


@pytest.mark.parametrize(
    "status", ["new", "accepted", "pending_new", "accepted_for_bidding", "done_for_day", "stopped", "suspended",
               "calculated", "held", "pending_replace", "pending_cancel"],
)  # fmt: skip
def test_an_order_that_may_still_trade_stays_open(desk: AlpacaDesk, status: str) -> None:
    desk.submit(desk.order())
    desk.told()["status"] = status
    desk.poll()
    desk.poll()
    assert desk.of(Ended) == []
    found = desk.venue.lookup(OrderId(FIRST))
    assert found is not None
    assert found.status == "open"
    desk.told()["status"] = "new"
    desk.trade(10)
    desk.poll()
    assert desk.filled(FIRST) == 10


@pytest.mark.parametrize(
    ("status", "how", "words"),
    [
        ("canceled", "cancelled", "not by us"),
        ("expired", "expired", "expired"),
        ("rejected", "rejected", "dashboard"),
        ("replaced", "cancelled", "replaced at Alpaca by its order 5d3b"),
    ],
)
def test_an_order_ends_as_alpaca_says(desk: AlpacaDesk, status: str, how: str, words: str) -> None:
    desk.submit(desk.order())
    desk.poll()
    desk.trade(3)
    desk.told()["replaced_by"] = "5d3b"
    desk.exchange.end(desk.exchange.of(FIRST), status)
    desk.harness.clock.advance(60)
    desk.poll()
    assert [type(r) for r in desk.reports] == [Acknowledged, Execution, Ended]
    (ended,) = desk.of(Ended)
    assert ended.how == how
    assert words in ended.reason
    assert ended.at < desk.harness.clock.now_ns() - 60 * 10**9  # when it happened, not when we heard


def test_an_order_rejected_in_the_answer_itself_is_rejected(desk: AlpacaDesk) -> None:
    desk.submit(desk.order(SECOND))
    body = {**desk.told(SECOND), "client_order_id": FIRST, "status": "rejected", "id": "0000-1111"}
    desk.fails("POST", status=200, body=msgspec.json.encode(body))
    desk.submit(desk.order(FIRST))
    desk.exchange.orders["0000-1111"] = body
    desk.poll()
    assert desk.of(Acknowledged, FIRST) == []
    assert [e.how for e in desk.of(Ended, FIRST)] == ["rejected"]


def test_all_open_orders_are_listed_however_many(desk: AlpacaDesk) -> None:
    for number in range(1203):
        desk.harness.place_foreign(f"other-{number}", Decimal(1))
        if number % 7 == 0:
            desk.harness.clock.advance(1)
    assert len({o.order_id for o in desk.venue.open_orders()}) == 1203


def test_a_list_of_open_orders_that_does_not_end_is_refused(desk: AlpacaDesk) -> None:
    for number in range(501):
        desk.harness.place_foreign(f"other-{number}", Decimal(1))  # all in one instant: no page follows another
    with pytest.raises(Unavailable, match="does not end"):
        desk.venue.open_orders()


def test_an_order_in_money_is_shown_without_inventing_units(desk: AlpacaDesk) -> None:
    desk.exchange.place({"symbol": "NFLX", "notional": "500", "side": "buy", "type": "market", "time_in_force": "day"})
    (found,) = desk.venue.open_orders()
    assert (found.instrument, found.quantity, found.filled) == ("NFLX", Decimal(0), Decimal(0))
    assert "money (500)" in found.reason


def test_lookup_takes_no_other_404_for_an_answer(desk: AlpacaDesk) -> None:
    for body in (b"<html>404</html>", b'{"message":"endpoint not found."}', b""):
        desk.fails("GET", status=404, body=body)
        with pytest.raises(Unavailable, match="404"):
            desk.venue.lookup(OrderId(FIRST))
    assert desk.venue.lookup(OrderId(FIRST)) is None


def test_lookup_takes_no_other_order_for_an_answer(desk: AlpacaDesk) -> None:
    desk.submit(desk.order(SECOND))
    desk.fails("GET", status=200, body=msgspec.json.encode(desk.told(SECOND)))
    with pytest.raises(Unavailable, match="told of"):
        desk.venue.lookup(OrderId(FIRST))


# -- positions and prices ----------------------------------------------------------------------------------------


def a_position(**changes: Any) -> Json:
    return {"symbol": "AAPL", "qty": "5", "side": "long", "avg_entry_price": "100.25", **changes}


def positions(desk: AlpacaDesk, *told: Json) -> list[VenuePosition]:
    desk.exchange.faults.clear()
    desk.fails("GET", "/v2/positions", status=200, body=msgspec.json.encode(list(told)))
    return list(desk.venue.positions() or ())


def test_positions_are_signed_and_carry_our_names(desk: AlpacaDesk) -> None:
    found = positions(
        desk,
        a_position(),
        a_position(symbol="MSFT", qty="-2.5", side="short"),
        a_position(symbol="BTCUSD", qty="0.12", avg_entry_price=None),
        a_position(symbol="NFLX", qty="1"),
    )
    assert [(p.instrument, p.quantity, p.average_price) for p in found] == [
        ("APPLE", Decimal(5), Decimal("100.25")),
        ("MSFT", Decimal("-2.5"), Decimal("100.25")),
        ("COIN", Decimal("0.12"), None),
        ("NFLX", Decimal(1), Decimal("100.25")),
    ]


@pytest.mark.parametrize(
    "change", [{"side": "long", "qty": "-5"}, {"side": "sideways"}, {"qty": "NaN"}, {"qty": "1e99"}, {"qty": None},
               {"avg_entry_price": "-1"}, {"symbol": None}],
)  # fmt: skip
def test_a_position_that_makes_no_sense_is_refused(desk: AlpacaDesk, change: Json) -> None:
    with pytest.raises(Unavailable):
        positions(desk, a_position(), a_position(**change))
    assert len(positions(desk, a_position())) == 1


def test_quotes_are_asked_for_all_at_once_and_leave_out_what_nobody_quotes(desk: AlpacaDesk) -> None:
    desk.exchange.quotes = {
        "AAPL": {"t": "2026-11-24T15:00:00.5Z", "bp": 100.01, "bs": 3, "ap": 100.03, "as": 1, "c": ["R"]},
        "MSFT": {"t": "2026-11-24T15:00:00Z", "bp": 0, "ap": 0},
        "BTC/USD": {"t": "2026-11-24T15:00:00.123456789Z", "bp": 60000.5, "ap": 0},
    }
    found = {q.instrument: q for q in desk.venue.quotes()}
    assert set(found) == {"APPLE", "COIN"}
    assert (found["APPLE"].bid, found["APPLE"].ask) == (Decimal("100.01"), Decimal("100.03"))
    assert (found["COIN"].bid, found["COIN"].ask) == (Decimal("60000.5"), None)
    assert found["COIN"].at % 10**9 == 123_456_789
    assert desk.exchange.count("GET") == 2
    desk.exchange.quotes["AAPL"]["bp"] = -1
    with pytest.raises(Unavailable):
        desk.venue.quotes()


def test_without_a_data_address_beside_another_trading_address_nobody_is_asked(tmp_path: Path) -> None:
    desk = AlpacaDesk(tmp_path, data_url="")
    try:
        assert list(desk.venue.quotes()) == []
        assert desk.exchange.count("GET") == 0
    finally:
        desk.harness.close()


# -- anything at all ---------------------------------------------------------------------------------------------

JUNK: dict[str, bytes] = {
    "nothing": b"",
    "HTML": b"<!doctype html><title>Attention Required</title>" + b"x" * 5000,
    "binary": bytes(range(256)) * 20,
    "null": b"null",
    "a number": b"1e999999",
    "a word": b'"open"',
    "an object": b"{}",
    "half": b'[{"id":"a","client_ord',
    "deep": b"[" * 200_000,
    "long": b'["' + b"a" * 9_000_000 + b'"]',
}
ASKS: dict[str, Callable[[AlpacaDesk], object]] = {
    "reports": lambda desk: desk.venue.poll(),
    "an order": lambda desk: desk.venue.lookup(OrderId(FIRST)),
    "open orders": lambda desk: desk.venue.open_orders(),
    "positions": lambda desk: desk.venue.positions(),
    "quotes": lambda desk: desk.venue.quotes(),
}


@pytest.mark.parametrize("junk", JUNK)
@pytest.mark.parametrize("ask", ASKS)
def test_an_answer_that_is_none_is_unavailable_with_what_was_found(desk: AlpacaDesk, ask: str, junk: str) -> None:
    desk.submit(desk.order())
    desk.poll()
    desk.fails("GET", "/v", status=200, body=JUNK[junk], times=9)
    desk.harness.settle()
    with pytest.raises(Unavailable) as raised:
        ASKS[ask](desk)
    assert len(str(raised.value)) < 900
    assert str(raised.value).isprintable() or "\n  fix: " in str(raised.value)
    desk.heals()
    desk.harness.settle()
    ASKS[ask](desk)


def test_an_answer_longer_than_any_account_is_not_read_to_its_end(desk: AlpacaDesk) -> None:
    desk.fails("GET", "/v2/positions", status=200, body=b"[]" + b" " * 9_000_000)
    with pytest.raises(Unavailable, match="too long"):
        desk.venue.positions()
    assert list(desk.venue.positions() or ()) == []


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just([]), st.just({}),
    st.sampled_from(["new", "filled", "canceled", "buy", "sell", "AAPL", FIRST, "10", "-1", "1e40", "NaN"]),
)  # fmt: skip
FIELDS = st.sampled_from(
    ["id", "client_order_id", "symbol", "side", "status", "qty", "filled_qty", "submitted_at", "created_at",
     "canceled_at", "price", "order_id", "transaction_time"],
)  # fmt: skip


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.dictionaries(FIELDS, VALUES, max_size=3), fill=st.dictionaries(FIELDS, VALUES, max_size=3))
def test_whatever_is_said_no_wrong_report_comes_of_it(desk: AlpacaDesk, order: Json, fill: Json) -> None:
    desk.heals()
    for kept in (desk.exchange.orders, desk.exchange.fills, desk.reports, desk.sent):
        kept.clear()
    desk.new_life_on_the_same_connection()
    desk.submit(desk.order())
    desk.poll()
    desk.trade(4)
    listed = msgspec.json.encode([{**desk.told(), **_sane(order)}])
    filled = msgspec.json.encode([{**desk.exchange.fills[0], **_sane(fill)}])
    desk.fails("GET", "/v2/account", status=200, body=filled, times=9)
    desk.fails("GET", "/v2/orders", status=200, body=listed, times=9)
    for _ in range(2):
        try:
            desk.poll()
        except Unavailable as exc:
            assert not isinstance(exc, OutcomeUnknown)  # noqa: PT017 - only this kind may come
    assert all(r.order_id == FIRST and r.at > 0 for r in desk.reports)
    assert all(0 < e.quantity <= 10 and e.price > 0 and e.execution_id for e in desk.of(Execution))
    assert desk.filled(FIRST) <= 10


def _sane(said: Json) -> Json:
    """JSON has no NaN and no infinity; as text they may be said all the same."""
    return {k: str(v) if isinstance(v, float) and (v != v or abs(v) == float("inf")) else v for k, v in said.items()}


def test_every_error_is_one_that_an_operator_can_read(desk: AlpacaDesk) -> None:
    desk.submit(desk.order())
    desk.fails("GET", "/v2/orders", status=418, body=b"\x1b[31mred\x07\n\n  teapot", times=9)
    problem = trouble(desk)
    assert isinstance(problem, SteersmanError)
    assert problem.message.isprintable()
    assert "teapot" in problem.message
    assert problem.fix


def test_a_short_sale_is_told_as_one(desk: AlpacaDesk) -> None:
    desk.submit(desk.order(side=Side.SELL))
    desk.trade(4)
    desk.poll()
    (held,) = desk.venue.positions() or ()
    assert (held.instrument, held.quantity) == ("APPLE", Decimal(-4))
    known = [OpenOrder(order=desk.sent[OrderId(FIRST)], filled=Decimal(4), acknowledged=True)]
    desk.restart(known)
    desk.trade(6)
    desk.poll()
    assert desk.filled(FIRST) == 10
