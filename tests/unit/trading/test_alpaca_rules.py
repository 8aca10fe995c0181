"""What is sent to Alpaca and what is not: its table of order types and time in force, without asking it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from steersman.trading.adapters.alpaca.rules import body, plain, refusal
from steersman.trading.adapters.alpaca.wire import Malformed, instant, shown, units
from steersman.trading.model.instrument import Instrument
from steersman.trading.model.order import Order
from steersman.trading.model.signal import OrderId, OrderType, Side, TimeInForce

STOCK = Instrument(name="AAPL", tick=Decimal("0.0001"), lot=Decimal("0.001"), currency="USD", venue="a")
CRYPTO = Instrument(
    name="COIN", tick=Decimal("0.0001"), lot=Decimal("0.000000001"), currency="USD", venue="a", symbol="BTC/USD"
)
DAY, GTC, IOC = TimeInForce.DAY, TimeInForce.GTC, TimeInForce.IOC
MARKET, LIMIT, STOP, STOP_LIMIT = OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT


def an_order(type_: OrderType = LIMIT, lives: TimeInForce = DAY, quantity: str = "10", **changes: Any) -> Order:
    return Order(
        **{
            "order_id": OrderId("alpha000000000000001a"),
            "strategy": "trend",
            "instrument": "AAPL",
            "venue": "a",
            "side": Side.BUY,
            "quantity": Decimal(quantity),
            "order_type": type_,
            "limit_price": Decimal(100) if type_ in (LIMIT, STOP_LIMIT) else None,
            "stop_price": Decimal(99) if type_ in (STOP, STOP_LIMIT) else None,
            "time_in_force": lives,
            "decision_price": None,
            "created_at": 0,
            **changes,
        }
    )


# Rows and columns as in Alpaca's documentation: what is not in here is refused before it is sent.
TAKEN = {
    "whole": {(DAY, t) for t in OrderType} | {(GTC, t) for t in OrderType} | {(IOC, MARKET), (IOC, LIMIT)},
    "fraction": {(DAY, t) for t in OrderType},
    "crypto": {(GTC, MARKET), (GTC, LIMIT), (GTC, STOP_LIMIT), (IOC, MARKET), (IOC, LIMIT)},
}


@pytest.mark.parametrize("kind", TAKEN)
@pytest.mark.parametrize("lives", list(TimeInForce))
@pytest.mark.parametrize("type_", list(OrderType))
def test_a_combination_is_sent_if_alpaca_takes_it(kind: str, lives: TimeInForce, type_: OrderType) -> None:
    quantity = {"whole": "10", "fraction": "0.5", "crypto": "0.000000001"}[kind]
    why = refusal(an_order(type_, lives, quantity), CRYPTO if kind == "crypto" else STOCK)
    assert (why == "") is ((lives, type_) in TAKEN[kind])
    if why:
        assert "Alpaca takes" in why
        assert lives.value in why or type_.value in why


@pytest.mark.parametrize(
    ("price", "taken"),
    [("100", True), ("100.01", True), ("100.001", False), ("1.00", True), ("1.001", False), ("0.9999", True)],
)
def test_stocks_have_two_decimals_from_one_dollar_on_and_four_below(price: str, taken: bool) -> None:
    for type_, field in ((LIMIT, "limit_price"), (STOP, "stop_price")):
        why = refusal(msgspec.structs.replace(an_order(type_), **{field: Decimal(price)}), STOCK)
        assert (why == "") is taken
    assert refusal(an_order(LIMIT, GTC, limit_price=Decimal(price)), CRYPTO) == ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"quantity": Decimal(0)}, "not above 0"),
        ({"quantity": Decimal(-1)}, "not above 0"),
        ({"quantity": Decimal("NaN")}, "not above 0"),
        ({"quantity": Decimal("Infinity")}, "not above 0"),
        ({"quantity": Decimal("0.0005")}, "lot 0.001"),
        ({"limit_price": None}, "not above 0"),
        ({"limit_price": Decimal(0)}, "not above 0"),
        ({"limit_price": Decimal("NaN")}, "not above 0"),
        ({"limit_price": Decimal("0.00005")}, "off the tick 0.0001"),
        ({"stop_price": Decimal(1)}, "has no stop price"),
        ({"order_id": OrderId("")}, "order id"),
        ({"order_id": OrderId("x" * 129)}, "order id"),
        ({"order_id": OrderId("naïve")}, "order id"),
    ],
)
def test_an_impossible_order_is_not_sent(changes: dict[str, Any], words: str) -> None:
    assert words in refusal(an_order(**changes), STOCK)


def test_an_instrument_nobody_declared_is_not_sent() -> None:
    assert "unknown instrument AAPL" in refusal(an_order(), None)


def test_more_decimals_than_alpaca_keeps_are_not_sent() -> None:
    fine = msgspec.structs.replace(CRYPTO, lot=Decimal("0.0000000001"))
    assert "9 decimals" in refusal(an_order(MARKET, GTC, "0.0000000001"), fine)


def test_numbers_travel_as_text_without_exponent_or_idle_zeros() -> None:
    sent = msgspec.json.decode(body(an_order(LIMIT, GTC, "1E+2", limit_price=Decimal("99.50")), "AAPL"))
    assert (sent["qty"], sent["limit_price"], sent["time_in_force"]) == ("100", "99.5", "gtc")
    assert "stop_price" not in sent
    assert [plain(Decimal(t)) for t in ("0.10", "10", "1E-9", "0E+3")] == ["0.1", "10", "0.000000001", "0"]


def test_instants_keep_what_alpaca_gives() -> None:
    assert instant("1970-01-01T00:00:01Z", "t") == 1_000_000_000
    assert instant("1970-01-01T00:00:01.000000001Z", "t") == 1_000_000_001
    assert instant("1970-01-01T01:00:01.5+01:00", "t") == 1_500_000_000
    for text in ("", "1970-01-01", "1970-01-01T00:00:01", "1970-13-01T00:00:01Z", "\n", "0000-01-01T00:00:00Z"):
        with pytest.raises(Malformed):
            instant(text, "t")


def test_absurd_numbers_are_refused_before_anybody_counts_with_them() -> None:
    for text in ("1e300000000", "1e-300000000", "1e15", "sNaN", "NaN", "-0.1", "Infinity"):
        with pytest.raises(Malformed):
            units(Decimal(text), "a quantity")
    with pytest.raises(Malformed):
        units(Decimal(0), "a quantity", above_zero=True)
    with pytest.raises(Malformed):
        units(None, "a quantity")
    assert units(Decimal(999999999999999), "a quantity") == 999_999_999_999_999


def test_what_was_found_is_one_readable_line() -> None:
    assert shown(b"") == "nothing"
    assert shown(b"\x00\x1b[31m a\n\tb\xff").isprintable()
    assert len(shown(b"x" * 10_000)) == 200
