"""What the messages about one order mean: each execution once, whatever is lost, repeated or contradictory."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.trading.adapters.fix.known import Known, told
from steersman.trading.adapters.fix.questions import held
from steersman.trading.adapters.fix.wire import Message
from steersman.trading.model.instrument import Instrument
from steersman.trading.model.order import Acknowledged, CancelRefused, Ended, Execution, Order, Report
from steersman.trading.model.signal import OrderId, OrderType, Side, TimeInForce

STOCK = Instrument(name="IBM", tick=Decimal("0.01"), lot=Decimal(1), currency="USD", venue="broker", symbol="IBM.N")
HUNDRED = Decimal(100)


def known(base: int = 0, **changes: Any) -> Known:
    fine: dict[str, Any] = {
        "order_id": OrderId("a1"), "strategy": "trend", "instrument": "IBM", "venue": "broker", "side": Side.BUY,
        "quantity": HUNDRED, "order_type": OrderType.MARKET, "limit_price": None, "time_in_force": TimeInForce.GTC,
        "decision_price": None, "created_at": 1,
    }  # fmt: skip
    return Known(Order(**{**fine, **changes}), STOCK, Decimal(base))


def a_report(kind: str, status: str, **fields: object) -> Message:
    head = ((35, "8"), (37, "V1"), (11, "a1"), (150, kind), (39, status), (60, "20231114-22:13:20"))
    more = tuple((int(tag[1:]), str(value)) for tag, value in fields.items())
    return Message(type="8", fields=(*head, *more), raw=b"raw")


def a_fill(number: int, quantity: int, cum: int, price: str = "100", average: str = "100", **more: object) -> Message:
    return a_report("F", "1", t17=f"E{number}", t32=quantity, t31=price, t14=cum, t6=average, **more)


def reports(order: Known, *messages: Message) -> list[Report]:
    made: list[Report] = []
    for message in messages:
        found = order.take(message, 5)
        assert found.trouble == ""
        made += found.reports
    return made


def filled(made: list[Report]) -> dict[str, tuple[Decimal, Decimal]]:
    return {r.execution_id: (r.quantity, r.price) for r in made if isinstance(r, Execution)}


def test_a_fill_before_the_acknowledgement_also_acknowledges() -> None:
    order = known()
    first, second = reports(order, a_fill(1, 40, 40), a_report("0", "0", t14=0))
    assert isinstance(first, Acknowledged)
    assert isinstance(second, Execution)
    assert (second.at, second.execution_id) == (1_700_000_000_000_000_000, "a1-E1")


def test_an_order_that_is_only_pending_is_not_acknowledged() -> None:
    assert reports(known(), a_report("A", "A", t14=0)) == []


@given(st.permutations([(1, 40, 40), (2, 30, 70), (3, 30, 100)]))
def test_fills_in_any_order_add_up_to_what_was_traded(order_of: list[tuple[int, int, int]]) -> None:
    order = known()
    made = reports(order, *(a_fill(*fill) for fill in order_of), *(a_fill(*fill) for fill in order_of))
    assert sum(quantity for quantity, _ in filled(made).values()) == 100
    assert order.state().status == "filled"


def test_what_a_state_says_beyond_the_known_is_one_execution_at_the_price_that_is_left() -> None:
    order = known()
    made = reports(order, a_fill(1, 40, 40, "100", "100"), a_report("I", "1", t14=70, t6="101.5"))
    assert filled(made) == {"a1-E1": (Decimal(40), HUNDRED), "a1-missed-70": (Decimal(30), Decimal("103.5"))}
    late = reports(order, a_fill(2, 10, 50), a_fill(3, 20, 70), a_fill(4, 30, 100))
    assert filled(late) == {"a1-E4": (Decimal(30), HUNDRED)}


def test_a_fill_after_lost_ones_brings_them_along() -> None:
    made = reports(known(), a_fill(7, 10, 60, "90", "100"))
    assert filled(made) == {"a1-missed-50": (Decimal(50), Decimal(102)), "a1-E7": (Decimal(10), Decimal(90))}


def test_without_an_average_price_nothing_is_made_up() -> None:
    order = known()
    found = order.take(a_report("I", "1", t14=70), 5)
    assert found.reports == []
    assert "AvgPx does not say" in found.trouble
    assert order.cum == 0


def test_an_average_price_that_cannot_be_is_refused() -> None:
    order = known()
    reports(order, a_fill(1, 40, 40, "100"))
    found = order.take(a_report("I", "1", t14=50, t6="1"), 5)
    assert "does not agree" in found.trouble
    assert order.cum == 40


def test_fills_that_the_ledger_has_are_told_again_under_their_ids_and_never_counted_twice() -> None:
    order = known()
    order.trust(Decimal(40))
    made = reports(order, a_fill(1, 40, 40), a_fill(2, 60, 100))
    assert filled(made) == {"a1-E1": (Decimal(40), HUNDRED), "a1-E2": (Decimal(60), HUNDRED)}
    assert order.cum == 100


def test_a_fill_that_overlaps_what_is_known_is_a_contradiction() -> None:
    order = known()
    reports(order, a_fill(1, 40, 40))
    found = order.take(a_fill(2, 20, 50), 5)
    assert found.reports == []
    assert "execution E2 up to 50, but 40 were told of before" in found.trouble


@pytest.mark.parametrize(
    ("message", "how"),
    [
        (a_report("4", "4", t14=0), "cancelled"),
        (a_report("C", "C", t14=0), "expired"),
        (a_report("8", "8", t14=0, t58="no"), "rejected"),
        (a_report("I", "4", t14=0), "cancelled"),
        (a_report("D", "C", t14=0), "expired"),
        (a_report("3", "3", t14=0), "expired"),
    ],
)
def test_an_order_ends_once_with_a_reason(message: Message, how: str) -> None:
    order = known(time_in_force=TimeInForce.DAY)
    (ended,) = [r for r in reports(order, message, message) if isinstance(r, Ended)]
    assert ended.how == how
    assert ended.reason
    assert not order.is_open
    assert order.state().status == how


def test_a_day_that_is_over_does_not_end_an_order_that_is_good_till_cancelled() -> None:
    order = known()
    assert [type(r) for r in reports(order, a_report("3", "3", t14=0))] == [Acknowledged]
    assert order.is_open


def test_the_end_of_a_filled_order_is_its_last_fill() -> None:
    order = known()
    made = reports(order, a_fill(1, 100, 100), a_report("4", "4", t14=100))
    assert not [r for r in made if isinstance(r, Ended)]


def test_a_last_fill_that_also_ends_the_order_does_both() -> None:
    message = a_report("F", "4", t17="E1", t32=40, t31=100, t14=40, t6=100)
    made = reports(known(), message)
    assert [type(r) for r in made] == [Acknowledged, Execution, Ended]


def test_an_order_that_was_made_smaller_there_ends_with_what_was_filled() -> None:
    order = known()
    reports(order, a_fill(1, 40, 40))
    assert [type(r) for r in reports(order, a_report("D", "1", t14=40, t38=60, t6=100))] == []
    last = a_report("F", "2", t17="E2", t32=20, t31=100, t14=60, t38=60, t6=100)
    execution, ended = reports(order, last)
    assert isinstance(execution, Execution)
    assert isinstance(ended, Ended)
    assert (ended.how, ended.reason) == ("cancelled", "it is done with 60 of 100")


def test_a_cancel_that_is_refused_is_said_while_it_matters() -> None:
    order = known()
    refused = Message(type="9", fields=((35, "9"), (41, "a1"), (102, "0")), raw=b"")
    assert [r.reason for r in reports(order, refused) if isinstance(r, CancelRefused)] == ["too late to cancel"]
    reports(order, a_report("4", "4", t14=0))
    assert reports(order, refused) == []


def test_an_order_that_somebody_replaced_is_named() -> None:
    found = known().take(a_report("5", "0", t14=0), 5)
    assert "replaced, not by us" in found.trouble


@pytest.mark.parametrize(
    ("fields", "fee", "trouble"),
    [
        ({}, "0", ""),
        ({"t12": "1.25", "t13": "3"}, "1.25", ""),
        ({"t12": "0.01", "t13": "1"}, "0.4", ""),
        ({"t12": "0.001", "t13": "2"}, "4", ""),
        ({"t12": "1", "t13": "3", "t137": "0.5"}, "1.5", ""),
        ({"t12": "-0.2", "t13": "3"}, "-0.2", ""),
        ({"t12": "1", "t13": "9"}, "0", "type 9 was not booked"),
        ({"t12": "1", "t13": "3", "t479": "EUR"}, "0", "not in USD"),
        ({"t137": "0.5", "t138": "USD"}, "0.5", ""),
        ({"t137": "0.5", "t138": "GBP"}, "0", "a fee in GBP was not booked"),
    ],
)
def test_fees_are_booked_in_the_instruments_currency_or_said(fields: dict[str, str], fee: str, trouble: str) -> None:
    found = known().take(a_fill(1, 40, 40, **fields), 5)
    (execution,) = [r for r in found.reports if isinstance(r, Execution)]
    assert execution.fee == Decimal(fee)
    assert trouble in found.trouble


def test_a_foreign_order_is_told_with_what_it_says() -> None:
    message = a_report("I", "1", t54="5", t38="30", t14="10", t151="20")
    found = told(message, "IBM", "theirs")
    assert (found.side, found.quantity, found.filled, found.status) == (Side.SELL, Decimal(30), Decimal(10), "open")


@pytest.mark.parametrize("fields", [{}, {"t54": "1"}, {"t54": "1", "t14": "5", "t38": "4"}])
def test_an_order_that_does_not_say_what_it_is_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="side"):
        told(a_report("I", "1", **fields), "IBM", "x")


@pytest.mark.parametrize(
    ("groups", "quantity"),
    [([("TQ", "704", "5")], "5"), ([("TQ", "705", "5")], "-5"), ([("SOD", "704", "9"), ("TQ", "704", "5")], "5")],
)
def test_a_position_is_its_total(groups: list[tuple[str, str, str]], quantity: str) -> None:
    fields = [f for kind, tag, value in groups for f in ((703, kind), (int(tag), value))]
    assert held(Message(type="AP", fields=tuple(fields), raw=b"")) == Decimal(quantity)


def test_a_position_of_several_kinds_without_a_total_is_refused() -> None:
    with pytest.raises(ValueError, match="2 kinds of quantity"):
        held(Message(type="AP", fields=((703, "SOD"), (704, "1"), (703, "ITD"), (704, "2")), raw=b""))
