"""The desk between bars: signals from outside, a person's answers, cancels, halts, doubts and what venues say late."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.builders_serving import ServingDesk

from steersman.kernel.errors import Conflict, OutcomeUnknown, Rejected, Unavailable
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.policy.store import halt_event, resume_event
from steersman.trading import events as e
from steersman.trading.links import check_links
from steersman.trading.model.order import CancelRefused, Ended, Execution
from steersman.trading.model.signal import OrderId, Side, TimeInForce


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


# -- brackets ------------------------------------------------------------------------------------------------------

BRACKET: dict[str, Any] = {"stop_loss": Decimal(95), "take_profit": Decimal(110), "time_in_force": TimeInForce.GTC}


def test_each_execution_of_an_entry_is_protected_by_a_stop_at_once(desk: ServingDesk) -> None:
    def part(quantity: int) -> None:
        desk.market.trade(desk.order_id(0), quantity)

    desk.live(desk.submit(**BRACKET), lambda: part(4), lambda: part(6))
    stops = desk.market.sent[1:]
    assert [(s.side, s.quantity, s.stop_price) for s in stops] == [
        (Side.SELL, Decimal(4), Decimal(95)),
        (Side.SELL, Decimal(6), Decimal(95)),
    ]
    desk.live()
    assert len(desk.market.sent) == 3, "a restart protects nothing twice"


def test_a_target_waits_until_its_entry_is_over(desk: ServingDesk) -> None:
    only: dict[str, Any] = {"take_profit": Decimal(110), "time_in_force": TimeInForce.GTC}
    desk.live(desk.submit(**only), lambda: desk.market.trade(desk.order_id(0), 4))
    assert len(desk.market.sent) == 1
    desk.live(lambda: desk.market.trade(desk.order_id(0), 6))
    assert [order.quantity for order in desk.market.sent[1:]] == [Decimal(4), Decimal(6)]


def test_a_target_that_is_reached_cancels_its_stop_and_then_goes_out(desk: ServingDesk) -> None:
    def rise() -> None:
        desk.clock.advance(2)
        desk.market.price = Decimal("110.5")

    desk.live(desk.submit(**BRACKET), lambda: desk.market.trade(desk.order_id(0), 10), rise, desk.wait(1), desk.wait(1))
    _entry, stop, target = desk.market.sent
    assert desk.market.status[stop.order_id] == "cancelled"
    assert (target.side, target.quantity, target.limit_price) == (Side.SELL, Decimal(10), Decimal(110))


def test_a_stop_that_was_filled_leaves_no_target(desk: ServingDesk) -> None:
    def stopped() -> None:
        desk.market.trade(desk.order_id(1), 10, "94")

    def rise() -> None:
        desk.clock.advance(2)
        desk.market.price = Decimal(120)

    desk.live(desk.submit(**BRACKET), lambda: desk.market.trade(desk.order_id(0), 10), stopped, rise, desk.wait(1))
    assert len(desk.market.sent) == 2
    assert desk.said(e.ROUND_TRIP_CLOSED)[0]["exit_reason"] == "stop"


def test_a_target_the_price_has_left_again_is_swapped_back_for_the_stop(desk: ServingDesk) -> None:
    def to(price: str) -> Any:
        def move() -> None:
            desk.clock.advance(2)
            desk.market.price = Decimal(price)

        return move

    desk.live(
        desk.submit(**BRACKET), lambda: desk.market.trade(desk.order_id(0), 10), to("110.5"), desk.wait(1), to("104"),
        desk.wait(1), desk.wait(1),
    )  # fmt: skip
    assert [order.stop_price for order in desk.market.sent] == [None, Decimal(95), None, Decimal(95)]
    assert [desk.market.status[order.order_id] for order in desk.market.sent[1:]] == ["cancelled", "cancelled", "open"]


def test_what_a_halt_took_away_protects_again_after_the_resume(desk: ServingDesk) -> None:
    halt = halt_event("all", reason="test", actor="person:test", now_ns=1)
    resume = resume_event("all", reason="test", actor="person:test", now_ns=1)
    desk.live(
        desk.submit(**BRACKET),
        lambda: desk.market.trade(desk.order_id(0), 10),
        lambda: desk.ledger.append([halt]),
        desk.wait(1),
        desk.wait(1),
        lambda: desk.ledger.append([resume]),
        desk.wait(1),
    )
    stops = desk.market.sent[1:]
    assert [(s.stop_price, desk.market.status[s.order_id]) for s in stops] == [
        (Decimal(95), "cancelled"),
        (Decimal(95), "open"),
    ]
    assert outcomes(desk) == ["accept", "accept", "reject", "accept"], "one try while it is halted"
    desk.live()
    assert len(desk.market.sent) == 3


def test_an_exit_that_a_person_cancelled_does_not_come_back(desk: ServingDesk) -> None:
    resume = resume_event("all", reason="test", actor="person:test", now_ns=1)
    desk.live(desk.submit(**BRACKET), lambda: desk.market.trade(desk.order_id(0), 10), desk.cancel, desk.wait(1))
    desk.live(lambda: desk.ledger.append([resume]), desk.wait(1))
    assert len(desk.market.sent) == 2


# -- halts ---------------------------------------------------------------------------------------------------------


def test_a_halt_ends_open_orders_at_once_and_says_how_long_it_took(desk: ServingDesk) -> None:
    halt = halt_event("instrument:ABC", reason="test", actor="person:test", now_ns=1)
    desk.live(
        desk.submit("1"), desk.submit("2", quantity=Decimal(7)), lambda: desk.ledger.append([halt]), desk.submit("3")
    )
    assert list(desk.market.status.values()) == ["cancelled", "cancelled"]
    (obeyed,) = desk.said(e.HALT_OBEYED)
    assert (obeyed["scope"], obeyed["orders"], obeyed["refused"]) == ("instrument:ABC", 2, 0)
    assert desk.said(e.VERDICT_GIVEN)[2]["failed"] == ["HALT"]


def test_after_a_resume_the_next_signal_goes_out_again(desk: ServingDesk) -> None:
    halt = halt_event("all", reason="test", actor="person:test", now_ns=1)
    resume = resume_event("all", reason="test", actor="person:test", now_ns=1)
    desk.live(
        lambda: desk.ledger.append([halt]), desk.submit("1"), lambda: desk.ledger.append([resume]), desk.submit("2")
    )
    assert outcomes(desk) == ["reject", "accept"]


def test_a_loss_beyond_the_guardrail_halts_everything_until_a_person_resumes(tmp_path: Path) -> None:
    desk = ServingDesk(memory_ledger(), tmp_path, halt_drawdown="0.000001")
    desk.live(desk.submit(), lambda: desk.market.trade(desk.order_id(), 10, "130"), desk.wait(61), desk.submit("2"))
    (halt,) = desk.said("policy.halt.set")
    assert halt["scope"] == "all"
    assert halt["reason"].startswith("halt_drawdown")
    assert outcomes(desk) == ["accept", "reject"]


# -- doubts --------------------------------------------------------------------------------------------------------


def test_an_order_of_unknown_fate_blocks_its_instrument_and_is_never_sent_again(desk: ServingDesk) -> None:
    desk.market.raises["submit"] = OutcomeUnknown("no answer within 5 s", fix="look it up")
    desk.market.down = {"lookup"}
    desk.live(desk.submit("1"), desk.submit("2"))
    assert desk.said(e.ORDER_UNKNOWN)[0]["reason"] == "no answer within 5 s"
    assert outcomes(desk) == ["accept", "reject"]
    assert desk.said(e.VERDICT_GIVEN)[1]["failed"] == ["UNRECONCILED"]
    desk.live(desk.wait(100))
    assert len(desk.market.sent) == 1


def test_an_order_that_arrived_after_all_is_known_again(desk: ServingDesk) -> None:
    desk.market.raises["submit"] = OutcomeUnknown("no answer", fix="look it up")

    def arrives() -> None:
        desk.market.take(desk.market.sent[0])
        desk.market.trade(desk.order_id(), 10)
        desk.clock.advance(2)

    desk.live(desk.submit("1"), arrives, desk.submit("2", quantity=Decimal(3)))
    assert outcomes(desk) == ["accept", "accept"]
    assert len(desk.said(e.ORDER_FILLED)) == 1


def test_an_order_the_venue_never_had_is_over_after_half_a_minute_of_asking(desk: ServingDesk) -> None:
    desk.market.raises["submit"] = OutcomeUnknown("no answer", fix="look it up")
    desk.live(desk.submit("1"), *[desk.wait(11)] * 4, desk.submit("2", quantity=Decimal(3)))
    assert "it never arrived" in desk.said(e.ORDER_CANCELLED)[0]["reason"]
    assert outcomes(desk) == ["accept", "accept"]
    assert len(desk.market.sent) == 2


def test_an_order_that_was_certainly_not_sent_ends_there(desk: ServingDesk) -> None:
    desk.market.raises["submit"] = Unavailable("connection refused", fix="start it")
    desk.live(desk.submit("1"))
    assert desk.said(e.ORDER_REJECTED)[0]["reason"] == "not sent: connection refused"


def test_an_adapter_that_breaks_while_sending_leaves_a_doubt_and_not_a_crash(desk: ServingDesk) -> None:
    desk.market.raises["submit"] = ZeroDivisionError("a bug")
    desk.live(desk.submit("1"), desk.submit("2"))
    assert desk.said(e.ORDER_UNKNOWN)[0]["reason"] == "ZeroDivisionError: a bug"


def test_a_venue_that_does_not_answer_is_told_once_and_nothing_it_says_later_is_lost(desk: ServingDesk) -> None:
    def down() -> None:
        desk.market.down = {"poll"}

    def back() -> None:
        desk.market.trade(desk.order_id(), 10)
        desk.market.down = set()

    desk.live(desk.submit("1"), down, desk.wait(1), desk.wait(1), back)
    assert [(f["doing"], f["problem"]) for f in desk.said(e.VENUE_FAILED)] == [
        ("asking for reports", "no answer to poll")
    ]
    assert len(desk.said(e.ORDER_FILLED)) == 1


def test_an_execution_reported_after_the_cancel_is_booked(desk: ServingDesk) -> None:
    def late() -> None:
        desk.market.trade(desk.order_id(), 4)

    trader = desk.live(desk.submit(), desk.cancel, late)
    assert trader._state.book.position("ABC") == 4
    assert len(desk.said(e.ORDER_FILLED)) == 1


def test_an_execution_before_the_acknowledgement_and_one_that_comes_twice_count_once(desk: ServingDesk) -> None:
    desk.market.swallows = True

    def twice() -> None:
        desk.market.trade(desk.order_id(), 4, execution="x1")
        desk.market.say(desk.market.reports[-1])

    trader = desk.live(desk.submit(), twice)
    assert trader._state.book.position("ABC") == 4
    assert len(desk.said(e.ORDER_FILLED)) == 1


def test_more_executions_than_were_ordered_halt_the_instrument(desk: ServingDesk) -> None:
    desk.live(desk.submit(), lambda: desk.market.trade(desk.order_id(), 25))
    (halt,) = desk.said("policy.halt.set")
    assert halt["scope"] == "instrument:ABC"
    assert "25 executed" in halt["reason"]


def test_reports_about_orders_that_are_not_ours_are_told_and_change_nothing(desk: ServingDesk) -> None:
    def strange() -> None:
        for _ in range(2):
            desk.market.say(
                Execution(
                    order_id=OrderId("zzz"),
                    execution_id="x9",
                    quantity=Decimal(5),
                    price=Decimal(1),
                    fee=Decimal(0),
                    at=0,
                )
            )
        desk.market.say(Ended(order_id=OrderId("zzz"), how="cancelled", reason="", at=0))
        desk.market.say(CancelRefused(order_id=OrderId("zzz"), reason="", at=0))

    trader = desk.live(desk.submit(), strange)
    assert trader._state.book.position("ABC") == 0
    assert len(desk.said(e.VENUE_FAILED)) == 1
    assert "not of this ledger" in desk.said(e.VENUE_FAILED)[0]["problem"]


# -- restarts and reconciliation -----------------------------------------------------------------------------------


def test_executions_while_the_core_was_down_are_booked_at_its_start(desk: ServingDesk) -> None:
    desk.live(desk.submit())
    desk.market.trade(desk.order_id(), 10)
    trader = desk.live()
    assert trader._state.book.position("ABC") == 10
    assert desk.market.restored == [desk.order_id()]
    assert desk.said(e.RECONCILED)[-1]["differences"] == []


def test_a_position_the_ledger_cannot_explain_is_a_named_halt_and_settling_frees_it(desk: ServingDesk) -> None:
    desk.market.held = Decimal(7)
    desk.live(desk.wait(3), desk.submit("1"))
    (halt,) = desk.said("policy.halt.set")
    assert halt["scope"] == "instrument:ABC"
    assert "the ledger's fills make 0, market holds 7" in halt["reason"]
    assert desk.said(e.VERDICT_GIVEN)[0]["failed"] == ["HALT", "UNRECONCILED"]
    trader = desk.live(desk.reconcile(settle=True), desk.wait(3), desk.submit("2"))
    assert trader._state.book.position("ABC") == 7
    assert desk.said(e.POSITION_ADJUSTED)[0]["change"] == "7"
    assert len(desk.said("policy.halt.lifted")) == 1
    assert outcomes(desk) == ["reject", "accept"]
    again = desk.live()
    assert again._state.book.position("ABC") == 7
    assert desk.said(e.RECONCILED)[-1]["differences"] == []


def test_an_execution_on_its_way_while_the_venue_is_asked_halts_nobody(desk: ServingDesk) -> None:
    desk.live(desk.submit("1"))
    late = desk.market

    def traded_and_not_reported() -> None:
        late.trade(desk.order_id(), 10)
        late.hides = 1

    traded_and_not_reported()
    desk.live(desk.submit("2"), desk.wait(3), desk.submit("3"))
    assert desk.said("policy.halt.set") == []
    assert [(v["outcome"], v["failed"]) for v in desk.said(e.VERDICT_GIVEN)] == [
        ("accept", []),
        ("reject", ["UNRECONCILED"]),
        ("accept", []),
    ]
    assert desk.said(e.RECONCILED)[-1]["differences"] == []


def test_settling_does_not_book_what_the_venue_has_yet_to_report(desk: ServingDesk) -> None:
    desk.live(desk.submit("1"))
    desk.market.trade(desk.order_id(), 4)
    desk.market.hides = 100
    desk.live(desk.reconcile(settle=True), desk.wait(3), desk.wait(3))
    assert desk.said(e.POSITION_ADJUSTED) == []
    desk.market.hides = 0
    trader = desk.live(desk.wait(3))
    assert trader._state.book.position("ABC") == 4
    assert desk.said(e.RECONCILED)[-1]["differences"] == []


def test_lifting_the_halt_by_hand_does_not_unblock_what_still_differs(desk: ServingDesk) -> None:
    desk.market.held = Decimal(7)
    resume = resume_event("all", reason="test", actor="person:test", now_ns=1)
    desk.live(desk.wait(3), lambda: desk.ledger.append([resume]), desk.submit("1"))
    assert desk.said(e.VERDICT_GIVEN)[0]["failed"] == ["UNRECONCILED"]


def test_an_order_of_somebody_else_is_told_and_halts_nothing(desk: ServingDesk) -> None:
    stranger = desk.market
    desk.live(desk.submit("1"))
    told = stranger._told(desk.order_id())
    stranger.foreign = [type(told)(**{f: getattr(told, f) for f in told.__struct_fields__} | {"order_id": "by-hand"})]
    desk.live(desk.submit("2"))
    desk.live()
    assert [f["client_order_id"] for f in desk.said(e.ORDER_FOREIGN)] == ["by-hand"]
    assert desk.said("policy.halt.set") == []
    assert outcomes(desk) == ["accept", "accept"]


def test_a_venue_that_cannot_be_asked_is_reported_and_the_desk_goes_on(desk: ServingDesk) -> None:
    desk.market.down = {"open_orders"}
    desk.live(desk.submit("1"))
    assert (desk.said(e.RECONCILED)[0]["reached"], desk.said(e.RECONCILED)[0]["problem"]) == (
        False,
        "no answer to open_orders",
    )
    assert outcomes(desk) == ["accept"]


def test_an_order_of_ours_that_the_venue_lost_is_explained_and_settled(desk: ServingDesk) -> None:
    desk.live(desk.submit("1"))
    desk.market.orders.clear()
    desk.market.status.clear()
    desk.live(desk.wait(3))
    (difference,) = desk.said(e.RECONCILED)[-1]["differences"]
    assert difference["kind"] == "order_missing"
    trader = desk.live(desk.reconcile(settle=True), desk.wait(3))
    assert trader._state.open == {}
    assert "settled by person:test" in desk.said(e.ORDER_CANCELLED)[0]["reason"]
