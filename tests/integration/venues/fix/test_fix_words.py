"""What a FIX counterparty may say, and may not."""

from __future__ import annotations

import re
import threading
from decimal import Decimal

import pytest
from tests.integration.venues.fix_harness import an_order
from tests.integration.venues.fix_steps import (
    FIRST,
    HUNDRED,
    SECOND,
    Start,
    filled,
    numbers,
    sent,
    take,
    up,
)

from steersman.kernel.errors import Unavailable
from steersman.trading.model.order import Ended, Execution
from steersman.trading.model.signal import Side


@pytest.mark.parametrize(
    ("type_", "body"),
    [("j", [[372, "D"], [380, "4"], [58, "closed today"]]), ("3", [[372, "D"], [373, "5"], [58, "closed today"]])],
)
def test_a_reject_of_the_message_is_a_reject_of_the_order(start: Start, type_: str, body: list[list[object]]) -> None:
    harness, venue = start()
    harness.acceptor.do("deaf", to=["D"])
    venue.submit(an_order())
    harness.settle()
    harness.acceptor.do("send", type=type_, body=[[45, "3"], *body])
    (ended,) = take(harness, venue)
    assert ended == Ended(order_id=FIRST, how="rejected", reason="closed today", at=ended.at)
    assert [type(r) for r in harness.restart().poll()] == []


def execution(**changes: object) -> list[list[object]]:
    fine: dict[int, object] = {
        37: "V1", 11: FIRST, 17: "X1", 39: "1", 150: "F", 55: "IBM.N", 54: "1", 38: "10", 14: "4", 151: "6", 6: "100",
        32: "4", 31: "100", 59: "1",
    }  # fmt: skip
    fine |= {int(tag[1:]): value for tag, value in changes.items()}
    return [[tag, str(value)] for tag, value in fine.items() if value is not None]


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"t32": "-4"}, "quantity above 0"),
        ({"t32": "NaN"}, "not a number of sensible size"),
        ({"t31": "0"}, "price above 0"),
        ({"t31": "1e999999999"}, "not a number of sensible size"),
        ({"t14": "11", "t32": "11"}, "CumQty 11 of an order of 10"),
        ({"t32": "11", "t14": None}, "an execution of 11 up to 11"),
        ({"t17": None}, "an execution without id"),
        ({"t150": "Z"}, "unknown ExecType 'Z'"),
        ({"t39": "?"}, "OrdStatus '?'"),
        ({"t54": "2"}, "side '2' is not the order's"),
        ({"t150": "H"}, "taken back or corrected"),
        ({"t150": "G"}, "taken back or corrected"),
    ],
)
def test_a_contradiction_is_told_once_and_the_next_good_message_counts(
    start: Start, wrong: dict[str, object], what: str
) -> None:
    harness, venue = start()
    venue.submit(an_order())
    take(harness, venue)
    harness.acceptor.do("send", type="8", body=execution(**wrong))
    harness.settle()
    with pytest.raises(Unavailable) as found:
        venue.poll()
    assert FIRST in found.value.message
    assert re.search(what.replace("?'", r"\?'"), found.value.message), found.value.message
    assert len(found.value.message) <= 200
    harness.acceptor.do("send", type="8", body=execution())
    assert filled(take(harness, venue)) == [(f"{FIRST}-X1", Decimal(4))]


def test_an_execution_told_twice_is_reported_once(start: Start) -> None:
    harness, venue = start()
    venue.submit(an_order())
    take(harness, venue)
    for _ in range(2):
        harness.acceptor.do("send", type="8", body=execution())
    assert filled(take(harness, venue)) == [(f"{FIRST}-X1", Decimal(4))]


def test_a_commission_in_another_currency_is_not_booked_and_said(start: Start) -> None:
    harness, venue = start()
    venue.submit(an_order())
    take(harness, venue)
    harness.acceptor.do("send", type="8", body=execution(t12="3", t13="3", t479="EUR"))
    (report,) = take(harness, venue)
    assert isinstance(report, Execution)
    assert report.fee == 0
    with pytest.raises(Unavailable, match="commission 3 EUR was not booked"):
        venue.poll()


def test_a_question_that_is_not_answered_ends_after_the_timeout(start: Start) -> None:
    harness, venue = start(timeout="0.3s")
    venue.submit(an_order())
    take(harness, venue)
    harness.acceptor.do("deaf", to=["H", "AF", "AN"])
    for ask in (lambda: venue.lookup(FIRST), venue.open_orders, venue.positions):
        with pytest.raises(Unavailable, match=r"no answer to (H|AF|AN) within 0\.3s"):
            ask()


def test_a_question_that_is_refused_is_quoted(start: Start) -> None:
    harness, venue = start()
    up(harness, venue)
    harness.acceptor.do("deaf", to=["AN"])
    number = numbers(venue)[1]
    answer = threading.Thread(
        target=lambda: harness.acceptor.do(
            "send", type="j", body=[[45, str(number)], [372, "AN"], [380, "3"], [58, "no positions here"]]
        )
    )

    def answered(data: bytes) -> bytes:
        if b"35=AN" in data:
            answer.start()
        return data

    harness.wire.to_them = answered
    with pytest.raises(Unavailable, match="refused a question: no positions here"):
        venue.positions()
    answer.join()


def test_an_acknowledged_order_that_is_unknown_later_is_a_contradiction(start: Start) -> None:
    harness, venue = start()
    venue.submit(an_order())
    take(harness, venue)
    harness.acceptor.do("forget", id=FIRST)
    with pytest.raises(Unavailable, match="now says it knows none of that id"):
        venue.lookup(FIRST)


def test_without_mass_status_our_own_open_orders_are_asked_for_one_by_one(start: Start) -> None:
    harness, venue = start(mass_status=False, positions=False)
    venue.submit(an_order(FIRST))
    venue.submit(an_order(SECOND))
    take(harness, venue)
    harness.place_foreign("foreign", Decimal(3))
    assert {o.order_id for o in venue.open_orders()} == {FIRST, SECOND}
    assert len(sent(harness, "H")) == 2
    assert sent(harness, "AF") == []
    assert venue.positions() is None
    assert list(venue.quotes()) == []


def test_positions_are_signed(start: Start) -> None:
    harness, venue = start()
    venue.submit(an_order(side=Side.SELL))
    harness.trade("IBM", HUNDRED, Decimal(7))
    held = venue.positions()
    assert held is not None
    assert [(p.instrument, p.quantity, p.average_price) for p in held] == [("IBM", Decimal(-7), None)]
