"""The desk between bars: signals from outside, a person's answers, cancels and replacements."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.builders_serving import ServingDesk

from steersman.kernel.errors import Conflict, Rejected, Unavailable
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.policy.store import halt_event
from steersman.trading import events as e
from steersman.trading.links import check_links
from steersman.trading.model.signal import Side


@pytest.fixture
def desk(tmp_path: Path) -> ServingDesk:
    return ServingDesk(memory_ledger(), tmp_path)


def outcomes(desk: ServingDesk) -> list[str]:
    return [verdict["outcome"] for verdict in desk.said(e.VERDICT_GIVEN)]


# -- signals from outside ------------------------------------------------------------------------------------------


def test_a_signal_from_outside_is_decided_and_sent_once_however_often_it_comes(desk: ServingDesk) -> None:
    desk.live(desk.submit(), desk.submit(), desk.submit())
    desk.live(desk.submit())
    assert outcomes(desk) == ["accept"]
    assert [order.order_id for order in desk.market.sent] == [desk.order_id()]
    assert len(desk.said(e.ORDER_ACKNOWLEDGED)) == 1


def test_other_contents_under_a_known_id_are_refused_and_the_first_stands(desk: ServingDesk) -> None:
    desk.live(desk.submit())
    with pytest.raises(Conflict, match="came before with other contents"):
        desk.submit(quantity=Decimal(11))()
    assert len(desk.market.sent) == 1


def test_a_signal_that_came_while_the_core_was_down_is_judged_by_its_age(desk: ServingDesk) -> None:
    desk.submit()()
    desk.clock.advance(3600)
    desk.live()
    assert outcomes(desk) == ["reject"]
    assert "SIGNAL_AGE" in desk.said(e.VERDICT_GIVEN)[0]["failed"]
    assert desk.market.sent == []


def test_a_burst_is_decided_to_the_last_signal(desk: ServingDesk) -> None:
    def burst() -> None:
        for number in range(1200):
            desk.submit(str(number), quantity=Decimal(1))()

    desk.live(burst)
    assert len(outcomes(desk)) == 1200
    assert outcomes(desk).count("accept") == len(desk.market.sent) == 20, "no more than may be open at once"
    assert check_links(desk.ledger).problems == []


def test_a_target_is_what_is_missing_to_it(desk: ServingDesk) -> None:
    def fill() -> None:
        desk.market.trade(desk.order_id(), 10)

    desk.live(
        desk.submit("1"),
        fill,
        desk.submit("2", side=None, quantity=None, target=Decimal(4)),
        desk.submit("3", side=None, quantity=None, target=Decimal(4)),
    )
    sent = desk.market.sent[1]
    assert (sent.side, sent.quantity) == (Side.SELL, Decimal(6))
    assert "at its target of 4 already" in desk.said(e.SIGNAL_REFUSED)[0]["reason"]


def test_a_risk_fraction_is_sized_by_the_distance_to_the_stop(desk: ServingDesk) -> None:
    desk.live(
        desk.submit(quantity=None, risk_fraction=Decimal("0.001"), limit_price=Decimal(100), stop_loss=Decimal(95))
    )
    assert desk.market.sent[0].quantity == Decimal(20), "0.1% of 100,000 over 5 a unit"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"quantity": None}, "the size is said by nothing"),
        ({"target": Decimal(1)}, "quantity and target"),
        ({"side": None}, "side is missing"),
        ({"quantity": None, "risk_fraction": Decimal(2), "stop_loss": Decimal(9)}, "risk_fraction is 2"),
        ({"quantity": None, "risk_fraction": Decimal("0.01")}, "needs a stop_loss"),
    ],
)
def test_a_size_that_cannot_be_is_refused_with_its_reason(desk: ServingDesk, fields: dict[str, Any], says: str) -> None:
    desk.live(desk.submit(**fields))
    assert says in desk.said(e.SIGNAL_REFUSED)[0]["reason"]
    assert desk.market.sent == []


# -- holds ---------------------------------------------------------------------------------------------------------


def test_an_approved_hold_is_checked_again_and_sent_once(desk: ServingDesk) -> None:
    desk.live(desk.submit(quantity=Decimal(40)), desk.answer())
    assert outcomes(desk) == ["hold", "accept"]
    assert [order.quantity for order in desk.market.sent] == [Decimal(40)]
    desk.live()
    assert len(desk.market.sent) == 1
    assert check_links(desk.ledger).orders == 1


def test_an_approval_in_another_life_of_the_core_counts(desk: ServingDesk) -> None:
    desk.live(desk.submit(quantity=Decimal(40)))
    desk.answer()()
    desk.live()
    assert len(desk.market.sent) == 1


def test_an_approved_hold_that_does_not_pass_any_more_is_not_sent(desk: ServingDesk) -> None:
    halt = halt_event("strategy:hand", reason="test", actor="person:test", now_ns=1)
    desk.live(desk.submit(quantity=Decimal(40)), lambda: desk.ledger.append([halt]), desk.answer())
    assert outcomes(desk) == ["hold", "reject"]
    assert desk.said(e.VERDICT_GIVEN)[1]["failed"] == ["HALT"]
    assert desk.market.sent == []


def test_a_denied_hold_is_never_sent_and_stands_in_the_journal(desk: ServingDesk) -> None:
    desk.live(desk.submit(quantity=Decimal(40)), desk.answer(grant=False))
    desk.live()
    assert outcomes(desk) == ["hold"]
    assert desk.market.sent == []
    entry = desk.said(e.JOURNAL_WRITTEN)[-1]
    assert (entry["outcome"], "denied by person:test: looked at it" in entry["text"]) == ("denied", True)


def test_a_hold_that_nobody_answers_expires_and_cannot_be_answered_after(desk: ServingDesk) -> None:
    desk.live(desk.submit(quantity=Decimal(40)), desk.wait(25 * 3600))
    assert len(desk.said(e.APPROVAL_EXPIRED)) == 1
    assert desk.said(e.JOURNAL_WRITTEN)[-1]["outcome"] == "expired"
    with pytest.raises(Rejected, match="expired unanswered"):
        desk.answer()()


def test_the_first_answer_to_a_hold_stands(desk: ServingDesk) -> None:
    desk.live(desk.submit(quantity=Decimal(40)), desk.answer(grant=False))
    with pytest.raises(Rejected, match=r"was denied by person:test before"):
        desk.answer()()
    assert desk.market.sent == []


def test_an_approval_that_came_too_late_sends_nothing(desk: ServingDesk) -> None:
    desk.live(desk.submit(quantity=Decimal(40)))
    desk.clock.advance(25 * 3600)
    desk.answer()()
    desk.live()
    assert desk.market.sent == []
    assert desk.said(e.JOURNAL_WRITTEN)[-1]["outcome"] == "expired"


# -- cancel and replace --------------------------------------------------------------------------------------------


def test_an_order_is_cancelled_when_somebody_asks(desk: ServingDesk) -> None:
    desk.live(desk.submit(), desk.cancel)
    assert [said["reason"] for said in desk.said(e.ORDER_CANCELLED)] == ["asked for"]


def test_a_cancel_the_venue_refuses_leaves_the_order_as_it_was(desk: ServingDesk) -> None:
    desk.market.keeps_open = True
    trader = desk.live(desk.submit(), desk.cancel)
    assert desk.said(e.ORDER_CANCEL_REFUSED)[0]["reason"] == "too late"
    assert trader._state.open[desk.order_id()].known.status.value == "acknowledged"


def test_a_cancel_that_could_not_be_said_is_said_again(desk: ServingDesk) -> None:
    desk.market.raises["cancel"] = Unavailable("no route", fix="wait")
    desk.live(desk.submit(), desk.cancel, desk.wait(1))
    assert len(desk.said(e.ORDER_CANCELLED)) == 1
    assert desk.said(e.VENUE_FAILED)[0]["doing"] == "cancelling"


def test_a_replaced_order_is_cancelled_first_and_what_is_left_sent_anew(desk: ServingDesk) -> None:
    def part() -> None:
        desk.market.trade(desk.order_id(), 4)

    desk.live(desk.submit(limit_price=Decimal(99)), part, desk.replace(limit_price=Decimal("99.5")))
    first, second = desk.market.sent
    assert desk.market.status[first.order_id] == "cancelled"
    assert (second.quantity, second.limit_price, second.side) == (Decimal(6), Decimal("99.5"), first.side)
    assert outcomes(desk) == ["accept", "accept"]
    desk.live()
    assert len(desk.market.sent) == 2


def test_nobody_loses_an_order_for_one_that_would_not_pass(desk: ServingDesk) -> None:
    desk.live(desk.submit(limit_price=Decimal(99)), desk.replace(limit_price=Decimal("9.99")))
    assert desk.market.status[desk.order_id()] == "open"
    assert "PRICE_COLLAR" in desk.said(e.ORDER_REPLACE_DROPPED)[0]["reason"]


def test_an_order_that_was_filled_meanwhile_is_not_replaced(desk: ServingDesk) -> None:
    def fill_and_ask() -> None:
        desk.market.trade(desk.order_id(), 10)
        desk.replace(quantity=Decimal(12))()

    desk.live(desk.submit(), fill_and_ask)
    assert len(desk.market.sent) == 1
    assert desk.said(e.ORDER_REPLACE_DROPPED) == [] or "filled" in desk.said(e.ORDER_REPLACE_DROPPED)[0]["reason"]
