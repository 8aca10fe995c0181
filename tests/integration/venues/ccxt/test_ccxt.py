"""Spot orders through ccxt's real Binance client, against a local exchange: one request each, whatever goes wrong."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal, Underflow, getcontext
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.contracts.venue_harness import Desk
from tests.integration.venues.ccxt_exchange import CcxtExchange, Fault
from tests.integration.venues.ccxt_harness import BITCOIN, CcxtHarness, coin

from steersman.kernel.errors import Conflict, OutcomeUnknown, Unavailable
from steersman.trading.adapters.ccxt import CcxtVenue
from steersman.trading.model.order import Acknowledged, CancelRefused, Ended, Execution, OpenOrder, Order
from steersman.trading.model.signal import OrderId, OrderType, Side, TimeInForce

FIRST, SECOND = "s0123456789abcdef0123", "s0123456789abcdef0124"


def an_order(desk: Desk, order_id: str = FIRST, **changes: Any) -> Order:
    return desk.order(order_id, **changes)


# -- one request per order, whatever becomes of it

DEFINITELY_NOT = [
    pytest.param(Fault(status=429, body=b"{}", headers={"Retry-After": "7"}), id="429"),
    pytest.param(Fault(status=418, body=b"{}"), id="418"),
    pytest.param(
        Fault(status=400, body=b'{"code":-1021,"msg":"Timestamp for this request is outside of the recvWindow."}'),
        id="clock",
    ),
    pytest.param(
        Fault(status=401, body=b'{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}'), id="key"
    ),
    pytest.param(Fault(status=400, body=b'{"code":-1003,"msg":"Too much request weight used."}'), id="weight"),
]
NOBODY_KNOWS = [
    pytest.param(Fault(status=500, body=b"{}"), id="500"),
    pytest.param(Fault(status=502, body=b"<html>Bad Gateway</html>"), id="502"),
    pytest.param(Fault(status=503, body=b'{"code":-1008,"msg":"Server is busy"}'), id="503"),
    pytest.param(Fault(status=504, body=b"", accepts=True), id="504 after accepting"),
    pytest.param(Fault("hang", accepts=True), id="silence after accepting"),
    pytest.param(Fault("hang"), id="silence"),
    pytest.param(Fault("reset", accepts=True), id="reset after accepting"),
    pytest.param(Fault("reset"), id="reset"),
    pytest.param(Fault(body=b"<html>maintenance</html>", accepts=True), id="HTML"),
    pytest.param(Fault(body=b""), id="empty"),
    pytest.param(Fault(body=b"\x00\xff\xfe\x80junk"), id="binary"),
    pytest.param(Fault(body=b'{"orderId": NaN}'), id="NaN"),
    pytest.param(Fault(body=b"null"), id="null"),
    pytest.param(Fault(body=b"{}"), id="no order"),
    pytest.param(Fault(body=b"[[[[]]]]"), id="lists"),
    pytest.param(Fault(body=b'{"orderId": 5, "clientOrderId": "another"}'), id="another order"),
    pytest.param(Fault(status=400, body=b'{"code":-1007,"msg":"Timeout waiting for response."}'), id="-1007"),
    pytest.param(Fault(status=400, body=b'{"code":-1006,"msg":"Unexpected response."}'), id="-1006"),
    pytest.param(
        Fault(body=b'{"code":-9999,"msg":"What is this?"}', accepts=True), id="200 with an error nobody knows"
    ),
    pytest.param(Fault(status=307, headers={"Location": "/api/v3/order"}), id="redirect"),
]


@pytest.mark.parametrize("fault", DEFINITELY_NOT)
def test_an_order_that_was_not_taken_is_sent_once_and_may_be_sent_again(
    desk: Desk, exchange: CcxtExchange, fault: Fault
) -> None:
    exchange.fault("POST", "order", fault)
    with pytest.raises(Unavailable) as caught:
        desk.submit(an_order(desk))
    assert not isinstance(caught.value, OutcomeUnknown)
    assert caught.value.fix
    assert exchange.count("POST", "order") == 1
    assert exchange.taken(FIRST) == 0
    fault.times = 0
    desk.harness.clock.advance(60)
    desk.submit(an_order(desk))
    assert exchange.taken(FIRST) == 1


@pytest.mark.parametrize("fault", NOBODY_KNOWS)
def test_an_order_of_unknown_outcome_is_sent_once_and_found_or_given_up(
    desk: Desk, exchange: CcxtExchange, fault: Fault
) -> None:
    wait_less(desk, fault)
    exchange.fault("POST", "order", fault)
    with pytest.raises(OutcomeUnknown) as caught:
        desk.venue.submit(an_order(desk))
    assert "steersman reconcile" in caught.value.fix
    assert exchange.count("POST", "order") == 1
    with pytest.raises(Conflict):
        desk.venue.submit(an_order(desk))
    if fault.accepts:
        found = desk.venue.lookup(OrderId(FIRST))
        assert found is not None
        assert found.status == "open"
        assert [type(r) for r in desk.poll()] == [Acknowledged]
    else:
        with pytest.raises(Unavailable, match="may still arrive"):
            desk.venue.lookup(OrderId(FIRST))
        assert desk.poll() == []
        desk.harness.clock.advance(15)
        assert desk.venue.lookup(OrderId(FIRST)) is None
        desk.venue.submit(an_order(desk))
    assert exchange.taken(FIRST) == 1
    assert exchange.count("POST", "order") == (1 if fault.accepts else 2)


def test_ccxt_told_to_retry_sends_no_second_request(desk: Desk, exchange: CcxtExchange) -> None:
    ours(desk).options["maxRetriesOnFailure"] = 5
    exchange.fault("POST", "order", Fault(status=504, accepts=True, times=5))
    with pytest.raises(OutcomeUnknown):
        desk.venue.submit(an_order(desk))
    assert exchange.count("POST", "order") == 1


def test_a_second_request_within_one_order_is_held_back(desk: Desk, exchange: CcxtExchange) -> None:
    there = ours(desk)
    once = there.create_order

    def twice(**given: Any) -> Any:
        once(**given)
        return once(**given)

    there.create_order = twice
    with pytest.raises(OutcomeUnknown, match="sent again by itself"):
        desk.venue.submit(an_order(desk))
    assert exchange.count("POST", "order") == exchange.taken(FIRST) == 1


def test_nothing_is_sent_to_an_exchange_that_is_not_there(desk: Desk, exchange: CcxtExchange) -> None:
    desk.venue.close()  # or an open connection would outlive the other side's port
    exchange.close()
    with pytest.raises(Unavailable, match="cannot be reached") as caught:
        desk.venue.submit(an_order(desk))
    assert not isinstance(caught.value, OutcomeUnknown)


def test_an_order_refused_by_name_of_its_id_is_a_conflict(desk: Desk, exchange: CcxtExchange) -> None:
    exchange.fault("POST", "order", Fault(status=400, body=b'{"code":-2010,"msg":"Duplicate order sent."}'))
    with pytest.raises(Conflict):
        desk.venue.submit(an_order(desk))
    assert desk.poll() == []


def test_an_id_of_an_ended_order_is_not_used_again_though_the_exchange_would_take_it(
    desk: Desk, exchange: CcxtExchange
) -> None:
    desk.submit(an_order(desk))
    desk.trade(10)
    desk.poll()
    desk.restart([])
    with pytest.raises(Conflict):
        desk.venue.submit(an_order(desk))
    assert exchange.taken(FIRST) == exchange.count("POST", "order") == 1
    known = desk.executions()
    desk.poll()
    assert desk.executions() == known
    assert [type(r) for r in desk.reports].count(Execution) == 2  # told again: an earlier life may not have heard it


def test_another_order_of_the_same_id_is_a_conflict_and_nothing_is_reported_of_it(
    desk: Desk, exchange: CcxtExchange
) -> None:
    exchange.place_foreign(FIRST, Decimal(3), Decimal(100))
    with pytest.raises(Conflict):
        desk.venue.submit(an_order(desk))
    assert desk.poll() == []
    assert exchange.count("POST", "order") == 0


def test_asked_to_wait_nothing_is_asked_until_the_time_is_over(desk: Desk, exchange: CcxtExchange) -> None:
    exchange.fault("GET", "openOrders", Fault(status=429, body=b"{}", headers={"Retry-After": "7"}))
    with pytest.raises(Unavailable, match="429"):
        desk.venue.open_orders()
    seen = len(exchange.requests)
    desk.harness.clock.advance(6)
    for ask in (desk.venue.open_orders, desk.venue.positions, desk.venue.quotes):
        with pytest.raises(Unavailable, match="1 s more"):
            ask()
    with pytest.raises(Unavailable, match="1 s more"):
        desk.venue.submit(an_order(desk))
    assert len(exchange.requests) == seen
    desk.harness.clock.advance(1)
    assert list(desk.venue.open_orders()) == []


def test_a_clock_that_is_off_is_found_before_an_order_is_sent(desk: Desk, exchange: CcxtExchange) -> None:
    exchange.skew_ms = 60_000
    with pytest.raises(Unavailable, match="clock") as caught:
        desk.venue.submit(an_order(desk))
    assert not isinstance(caught.value, OutcomeUnknown)
    assert "NTP" in caught.value.fix
    assert exchange.count("POST", "order") == 0


def test_an_exchange_half_down_is_asked_for_what_it_still_tells(desk: Desk, exchange: CcxtExchange) -> None:
    desk.submit(an_order(desk, FIRST))
    desk.submit(an_order(desk, SECOND))
    desk.poll()
    down = exchange.fault("GET", "order", Fault(status=503, body=b"<html>503</html>", times=100))
    exchange.end(FIRST, "CANCELED")
    exchange.trade("BTCUSDT", Decimal(100), Decimal("0.004"))
    assert {o.order_id for o in desk.venue.open_orders()} == {SECOND}
    with pytest.raises(Unavailable, match="503"):
        desk.venue.submit(an_order(desk, "s0123456789abcdef0125"))
    for _ in range(4):
        try:
            desk.poll()
        except Unavailable as exc:
            assert "503" in str(exc)  # noqa: PT017 - each round may tell reports or the failure
    assert desk.filled(SECOND) == Decimal("0.004")
    assert desk.of(Ended) == []
    assert exchange.count("POST", "order") == 2
    down.times = 0
    desk.poll()
    assert [(e.order_id, e.how) for e in desk.of(Ended)] == [(FIRST, "cancelled")]


def test_a_failure_is_told_after_the_reports_that_were_learned_before_it(desk: Desk, exchange: CcxtExchange) -> None:
    desk.submit(an_order(desk, FIRST))
    desk.poll()
    desk.trade(4)
    exchange.fault("GET", "openOrders", Fault(status=500, times=1))
    with pytest.raises(Unavailable):
        desk.poll()
    assert [type(r) for r in desk.poll()] == [Execution]


# -- numbers


def test_quantities_and_prices_arrive_to_the_last_digit(desk: Desk, exchange: CcxtExchange) -> None:
    exchange.balances["USDT"] = Decimal(10) ** 20
    quantity, price = Decimal("1234567890.12345678"), Decimal("0.1") + Decimal("0.2")
    assert float(quantity) != quantity
    desk.submit(an_order(desk, quantity=quantity, limit_price=price))
    (sent,) = [body for request, body in zip(exchange.requests, exchange.bodies, strict=True) if request[0] == "POST"]
    assert (sent["quantity"], Decimal(sent["price"])) == ("1234567890.12345678", Decimal("0.3"))
    exchange.trade("BTCUSDT", Decimal("0.29"), Decimal("1234567890.12345677"))
    desk.poll()
    (execution,) = desk.executions().values()
    assert (execution.quantity, execution.price) == (Decimal("1234567890.12345677"), Decimal("0.29"))
    found = desk.venue.lookup(OrderId(FIRST))
    assert found is not None
    assert (found.quantity, found.filled) == (quantity, Decimal("1234567890.12345677"))
    desk.trade(10**12, price=Decimal("0.29"))
    desk.poll()
    assert desk.filled(FIRST) == quantity


def test_numbers_written_as_numbers_are_read_to_the_last_digit(desk: Desk, exchange: CcxtExchange) -> None:
    desk.submit(an_order(desk, quantity=Decimal("123456789.12345678"), limit_price=Decimal("1.00")))
    exchange.trade("BTCUSDT", Decimal("0.99"), Decimal("123456789.12345678"))
    raw = (
        b'[{"symbol":"BTCUSDT","id":7,"orderId":%d,"price":0.990000000000000001,"qty":123456789.12345678,"time":1,'
        % (exchange.orders[0]["orderId"])
    )
    exchange.fault("GET", "myTrades", Fault(body=raw + b'"commission":0.1,"commissionAsset":"USDT","isBuyer":true}]'))
    desk.poll()
    (execution,) = desk.executions().values()
    assert execution.quantity == Decimal("123456789.12345678")
    assert execution.price == Decimal("0.990000000000000001")
    assert execution.fee == Decimal("0.1")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (
            {"quantity": Decimal("0.123456789")},
            "quantity 0.123456789 is not a multiple of the market's step 0.00000001",
        ),
        ({"quantity": Decimal("0.000000001")}, "not a multiple"),
        ({"limit_price": Decimal("99.999")}, "limit price 99.999 is not a multiple of the market's step 0.01"),
        ({"limit_price": Decimal("0.01"), "quantity": Decimal("0.00000001")}, "below the market's smallest"),
        ({"quantity": Decimal(9_000_000_001)}, "above the market's largest"),
        ({"time_in_force": TimeInForce.DAY}, "takes: gtc, ioc"),
        ({"limit_price": None}, "limit price None is not above 0"),
        ({"limit_price": Decimal("NaN")}, "limit price NaN"),
        ({"stop_price": Decimal(1)}, "a limit order has no stop price"),
        ({"order_type": OrderType.STOP, "limit_price": None}, "stop price None is not above 0"),
        (
            {
                "order_type": OrderType.STOP,
                "limit_price": None,
                "stop_price": Decimal(101),
                "time_in_force": TimeInForce.IOC,
            },
            "takes: gtc",
        ),
        ({"instrument": "XYZ"}, "unknown instrument XYZ; this venue trades: BTC"),
    ],
)
def test_what_would_have_to_be_changed_is_refused_and_not_sent(
    desk: Desk, exchange: CcxtExchange, changes: dict[str, Any], why: str
) -> None:
    desk.submit(an_order(desk, **changes))
    (ended,) = desk.poll()
    assert isinstance(ended, Ended)
    assert (ended.order_id, ended.how) == (FIRST, "rejected")
    assert why in ended.reason
    assert exchange.count("POST", "order") == 0


def test_a_refusal_of_the_exchange_is_its_own_words(desk: Desk, exchange: CcxtExchange) -> None:
    desk.submit(desk.harness.refused_order(FIRST))
    (ended,) = desk.poll()
    assert isinstance(ended, Ended)
    assert "insufficient balance" in ended.reason
    assert exchange.count("POST", "order") == 1


def test_our_arithmetic_is_left_as_it_was(desk: Desk) -> None:
    before = getcontext().copy()
    desk.submit(an_order(desk))
    desk.trade(10)
    desk.poll()
    after = getcontext()
    assert (after.rounding, after.prec, after.traps[Underflow]) == (
        before.rounding,
        before.prec,
        before.traps[Underflow],
    )
    assert after.rounding == ROUND_HALF_EVEN


def test_an_order_lives_and_ends_at_binanceus(harness: CcxtHarness, tmp_path: Path) -> None:
    harness.settings = {"exchange": "binanceus"}
    desk = Desk(harness, tmp_path)
    desk.submit(an_order(desk))
    desk.trade(4)
    desk.poll()
    desk.venue.cancel(OrderId(FIRST))
    desk.poll()
    assert desk.filled(FIRST) == Decimal("0.004")
    assert [e.how for e in desk.of(Ended)] == ["cancelled"]
    assert harness.exchange.count("POST", "order") == 1


def test_a_stop_order_waits_for_its_price(desk: Desk, exchange: CcxtExchange) -> None:
    stop = an_order(desk, order_type=OrderType.STOP, limit_price=None, stop_price=Decimal("105.00"))
    desk.submit(stop)
    bounded = an_order(desk, SECOND, order_type=OrderType.STOP_LIMIT, stop_price=Decimal("105.00"))
    desk.submit(replace(bounded, limit_price=Decimal("106.00")))
    assert [(o["type"], o["stopPrice"]) for o in exchange.orders] == [("STOP_LOSS", "105"), ("STOP_LOSS_LIMIT", "105")]
    desk.trade(100, price=Decimal(104))
    desk.poll()
    assert desk.executions() == {}
    desk.trade(100, price=Decimal("105.00"))
    desk.poll()
    assert desk.filled(FIRST) == desk.filled(SECOND) == stop.quantity


def test_an_order_that_sells_sells(desk: Desk, exchange: CcxtExchange) -> None:
    exchange.balances["BTC"] = Decimal(1)
    desk.submit(an_order(desk, side=Side.SELL))
    desk.trade(10, price=Decimal(101))
    desk.poll()
    assert desk.filled(FIRST) == Decimal("0.010")
    (held,) = desk.venue.positions() or ()
    assert (held.instrument, held.quantity) == ("BTC", Decimal("0.990"))


# -- answers that cannot be right


def _set(**values: Any) -> Callable[[Any], Any]:
    def edit(told: Any) -> Any:
        return [{**each, **values} for each in told] if isinstance(told, list) else {**told, **values}

    return edit


@pytest.mark.parametrize(
    ("path", "edit"),
    [
        ("openOrders", _set(executedQty="-1")),
        ("openOrders", _set(executedQty="NaN")),
        ("openOrders", _set(executedQty="Infinity")),
        ("openOrders", _set(executedQty="0.020")),
        ("openOrders", _set(origQty="0.005")),
        ("openOrders", _set(side="SELL")),
        ("openOrders", _set(side="BOTH")),
        ("openOrders", _set(status="PONDERING")),
        ("openOrders", _set(status=None)),
        ("openOrders", _set(orderId=None)),
        ("openOrders", _set(executedQty={"a": 1})),
        ("openOrders", lambda _: {"a": "b"}),
        ("openOrders", lambda _: ["open", 5, None]),
        ("openOrders", lambda _: [[]]),
        ("openOrders", lambda _: {"code": -2008, "msg": "Invalid Api-Key ID."}),
        ("myTrades", _set(qty="-0.004")),
        ("myTrades", _set(qty="0")),
        ("myTrades", _set(qty="9.0")),
        ("myTrades", _set(price="NaN")),
        ("myTrades", _set(price="0")),
        ("myTrades", _set(id=None)),
        ("myTrades", _set(commission="much")),
        ("myTrades", lambda _: {"trades": 1}),
        ("myTrades", lambda _: "trades"),
    ],
)
def test_an_answer_that_cannot_be_right_is_not_believed_and_the_next_one_is(
    desk: Desk, exchange: CcxtExchange, path: str, edit: Callable[[Any], Any]
) -> None:
    desk.submit(an_order(desk))
    desk.poll()
    desk.trade(4)
    exchange.edit["GET", f"/api/v3/{path}"] = edit
    for _ in range(2):
        with pytest.raises(Unavailable) as caught:
            desk.poll()
        assert not isinstance(caught.value, OutcomeUnknown)
        assert len(caught.value.message) < 500
    assert [type(r) for r in desk.reports] == [Acknowledged]
    exchange.edit.clear()
    desk.poll()
    assert desk.filled(FIRST) == Decimal("0.004")
    assert desk.of(Ended) == []


@pytest.mark.parametrize(
    "body",
    [b"<html>login</html>", b"", b"\x00\xff", b"NaN", b"[" * 100_000, b'"open"', b"12", b'{"msg": 5}', b"[5]", b"{}"],
)
def test_junk_for_an_answer_is_not_believed(desk: Desk, exchange: CcxtExchange, body: bytes) -> None:
    desk.submit(an_order(desk))
    desk.poll()
    for path in ("openOrders", "account", "ticker/24hr"):
        exchange.fault("GET", path, Fault(body=body, times=1))
    for ask in (desk.poll, desk.venue.positions, desk.venue.quotes):
        with pytest.raises(Unavailable):
            ask()
    assert desk.poll() == []
    assert desk.venue.quotes()


def test_a_packed_answer_is_read_to_its_end(desk: Desk, exchange: CcxtExchange) -> None:
    desk.submit(an_order(desk))
    raw = json.dumps([{**order, "note": "x" * 300_000} for order in exchange.orders]).encode()
    packed = gzip.compress(raw)
    exchange.fault("GET", "openOrders", Fault(body=packed, headers={"Content-Encoding": "gzip"}))
    assert [o.order_id for o in desk.venue.open_orders()] == [FIRST]
    exchange.fault("GET", "openOrders", Fault(body=packed[: len(packed) // 2], headers={"Content-Encoding": "gzip"}))
    with pytest.raises(Unavailable):
        desk.venue.open_orders()


def test_another_order_than_was_asked_for_is_not_believed(desk: Desk, exchange: CcxtExchange) -> None:
    desk.submit(an_order(desk))
    exchange.edit["GET", "/api/v3/order"] = _set(clientOrderId="another")
    with pytest.raises(Unavailable, match="tells another"):
        desk.venue.lookup(OrderId(FIRST))


def test_an_end_waits_for_the_executions_that_belong_to_it(desk: Desk, exchange: CcxtExchange) -> None:
    desk.submit(an_order(desk))
    desk.trade(4)
    exchange.end(FIRST, "CANCELED")
    exchange.edit["GET", "/api/v3/myTrades"] = lambda _: []
    desk.poll()
    assert [type(r) for r in desk.reports] == [Acknowledged]
    exchange.edit.clear()
    desk.poll()
    assert [type(r) for r in desk.reports] == [Acknowledged, Execution, Ended]


def test_executions_that_never_come_are_named(desk: Desk, exchange: CcxtExchange) -> None:
    desk.submit(an_order(desk))
    desk.trade(4)
    exchange.edit["GET", "/api/v3/myTrades"] = lambda _: []
    desk.poll()
    desk.harness.clock.advance(31)
    with pytest.raises(Unavailable, match=r"says 0\.004 of order s0123456789abcdef0123 are filled"):
        desk.poll()


def test_an_order_that_vanishes_is_named(desk: Desk, exchange: CcxtExchange) -> None:
    desk.submit(an_order(desk))
    desk.poll()
    exchange.orders.clear()
    with pytest.raises(Unavailable, match="does not know it now"):
        desk.poll()


def test_an_answer_that_drips_ends_with_the_timeout(harness: CcxtHarness, tmp_path: Path) -> None:
    harness.settings = {"timeout": "1s"}
    desk = Desk(harness, tmp_path)
    desk.venue.quotes()
    harness.exchange.fault("GET", "account", Fault("drip"))
    with pytest.raises(Unavailable, match="did not finish its answer within 1 s"):
        desk.venue.positions()


# -- executions


def test_many_executions_are_asked_for_page_by_page(
    desk: Desk, exchange: CcxtExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = ours_venue(desk)._asking
    monkeypatch.setattr(asking, "_about", replace(asking._about, page=3))
    desk.submit(an_order(desk, lots=10))
    for _ in range(10):
        desk.trade(1)
    for _ in range(4):
        desk.poll()
    assert desk.filled(FIRST) == Decimal("0.010")
    assert len(desk.executions()) == 10
    assert exchange.count("GET", "myTrades") == 4


def test_one_trade_number_in_two_markets_is_two_executions(harness: CcxtHarness, tmp_path: Path) -> None:
    harness.instruments = {"BTC": BITCOIN, "BNB": coin("BNB", "BNBUSDT")}
    desk = Desk(harness, tmp_path)
    for order_id, instrument in ((FIRST, "BTC"), (SECOND, "BNB")):
        desk.submit(an_order(desk, order_id, instrument=instrument))
    for symbol in ("BTCUSDT", "BNBUSDT"):
        harness.exchange.trade(symbol, Decimal(100), Decimal("0.010"))
    for trade in harness.exchange.trades:
        trade["id"] = 7
    desk.poll()
    assert set(desk.executions()) == {"BTCUSDT-7-buy", "BNBUSDT-7-buy"}
    assert {e.order_id: e.execution_id for e in desk.of(Execution)} == {FIRST: "BTCUSDT-7-buy", SECOND: "BNBUSDT-7-buy"}


@pytest.mark.parametrize(
    ("asset", "expected"),
    [("USDT", "0.0004"), ("BTC", "0.0004"), ("BNB", "0.0024")],  # 0.1 % of 0.004 at 100; of 0.004 BNB at 600
)
def test_fees_are_told_in_the_currency_of_the_price(
    desk: Desk, exchange: CcxtExchange, asset: str, expected: str
) -> None:
    exchange.fee_asset = asset
    desk.submit(an_order(desk))
    desk.trade(4)
    desk.poll()
    (execution,) = desk.executions().values()
    assert execution.fee == Decimal(expected)


def test_a_fee_in_what_has_no_price_is_recorded_as_none_and_said_so(
    desk: Desk, exchange: CcxtExchange, caplog: pytest.LogCaptureFixture
) -> None:
    exchange.fee_asset = "POINTS"
    desk.submit(an_order(desk))
    desk.trade(4)
    desk.poll()
    (execution,) = desk.executions().values()
    assert execution.fee == 0
    assert "in POINTS, which has no price in USDT" in caplog.text


def test_an_untold_fee_is_none(desk: Desk, exchange: CcxtExchange) -> None:
    exchange.edit["GET", "/api/v3/myTrades"] = _set(commission=None, commissionAsset=None)
    desk.submit(an_order(desk))
    desk.trade(4)
    desk.poll()
    (execution,) = desk.executions().values()
    assert execution.fee == 0


def test_a_fee_whose_price_is_not_told_delays_the_execution_and_loses_nothing(
    desk: Desk, exchange: CcxtExchange
) -> None:
    exchange.fee_asset = "BNB"
    desk.submit(an_order(desk))
    desk.poll()
    desk.trade(4)
    exchange.fault("GET", "ticker/24hr", Fault(status=500))
    with pytest.raises(Unavailable):
        desk.poll()
    desk.poll()
    assert desk.filled(FIRST) == Decimal("0.004")


def test_orders_are_asked_about_no_more_often_than_told(harness: CcxtHarness, tmp_path: Path) -> None:
    harness.settings = {"poll_every": "30s"}
    desk = Desk(harness, tmp_path)
    desk.submit(an_order(desk))
    desk.poll()
    seen = len(harness.exchange.requests)
    for _ in range(29):
        desk.poll()  # each a second later
    assert len(harness.exchange.requests) == seen
    desk.trade(10)
    desk.poll()
    assert desk.filled(FIRST) == Decimal("0.010")


def test_without_orders_nothing_is_asked(desk: Desk, exchange: CcxtExchange) -> None:
    seen = len(exchange.requests)
    for _ in range(5):
        assert desk.poll() == []
    assert len(exchange.requests) == seen


def test_an_order_the_exchange_ended_while_nobody_listened_is_reported_ended(
    desk: Desk, exchange: CcxtExchange
) -> None:
    desk.submit(an_order(desk))
    desk.trade(4)
    desk.poll()
    known = desk.open_orders()
    desk.trade(3)
    exchange.end(FIRST, "EXPIRED")
    desk.restart(known)
    desk.poll()
    assert desk.filled(FIRST) == Decimal("0.007")
    (ended,) = desk.of(Ended)
    assert (ended.how, ended.reason) == ("expired", "expired at the exchange: 0.003 not filled")


def test_an_order_restored_that_never_arrived_is_not_called_ended(desk: Desk, exchange: CcxtExchange) -> None:
    order = an_order(desk)
    desk.restart([OpenOrder(order=order, filled=Decimal(0), acknowledged=False)])
    assert desk.poll() == []
    assert desk.venue.lookup(OrderId(FIRST)) is None
    desk.submit(order)
    assert exchange.taken(FIRST) == 1


def test_an_order_of_an_instrument_that_is_gone_is_named(harness: CcxtHarness, tmp_path: Path) -> None:
    harness.instruments = {"BTC": BITCOIN, "BNB": coin("BNB", "BNBUSDT")}
    desk = Desk(harness, tmp_path)
    desk.submit(an_order(desk, instrument="BNB"))
    desk.poll()
    harness.instruments = {"BTC": BITCOIN}
    desk.restart()
    with pytest.raises(Unavailable, match=r"does not trade any more\n  fix: declare \[instrument\.BNB\]"):
        desk.poll()


# -- cancelling


@pytest.mark.parametrize(
    "fault", [Fault(status=504, accepts=True), Fault("reset"), Fault("hang"), Fault(body=b"<html>")]
)
def test_a_cancel_of_unknown_outcome_is_sent_once_and_may_be_asked_for_again(
    desk: Desk, exchange: CcxtExchange, fault: Fault
) -> None:
    desk.submit(an_order(desk))
    desk.poll()
    fault.times = 1
    wait_less(desk, fault)
    exchange.fault("DELETE", "order", fault)
    with pytest.raises(OutcomeUnknown):
        desk.venue.cancel(OrderId(FIRST))
    assert exchange.count("DELETE", "order") == 1
    if not fault.accepts:
        desk.venue.cancel(OrderId(FIRST))
    desk.poll()
    assert [(e.order_id, e.how) for e in desk.of(Ended)] == [(FIRST, "cancelled")]


def test_a_cancel_that_is_refused_says_why(desk: Desk, exchange: CcxtExchange) -> None:
    desk.submit(an_order(desk))
    desk.poll()
    exchange.fault("DELETE", "order", Fault(status=400, body=b'{"code":-2011,"msg":"CANCEL_REJECTED"}'))
    desk.venue.cancel(OrderId(FIRST))
    desk.poll()
    assert [(r.order_id, "CANCEL_REJECTED" in r.reason) for r in desk.of(CancelRefused)] == [(FIRST, True)]
    assert desk.of(Ended) == []
    desk.venue.cancel(OrderId(FIRST))
    desk.poll()
    assert [e.how for e in desk.of(Ended)] == ["cancelled"]


def test_an_end_that_was_granted_and_did_not_come_can_be_asked_for_again(desk: Desk, exchange: CcxtExchange) -> None:
    desk.submit(an_order(desk))
    desk.poll()
    granted = {**exchange.orders[0], "status": "PENDING_CANCEL"}
    exchange.fault("DELETE", "order", Fault(body=json.dumps(granted).encode()))
    desk.venue.cancel(OrderId(FIRST))
    desk.poll()
    assert desk.of(Ended) == []
    desk.venue.cancel(OrderId(FIRST))
    desk.venue.cancel(OrderId(FIRST))
    desk.poll()
    assert [e.how for e in desk.of(Ended)] == ["cancelled"]
    assert desk.of(CancelRefused) == []


# -- what the tests above use


def wait_less(desk: Desk, fault: Fault) -> None:
    """Have the adapter wait a second only for an exchange that will not answer."""
    if fault.kind == "hang":
        ours(desk).session._timeout_s = 1.0


def ours_venue(desk: Desk) -> CcxtVenue:
    assert isinstance(desk.venue, CcxtVenue)
    return desk.venue


def ours_of(venue: object) -> Any:
    """Return the ccxt exchange inside a venue."""
    assert isinstance(venue, CcxtVenue)
    return venue._calls.exchange


def ours(desk: Desk) -> Any:
    return ours_of(desk.venue)
