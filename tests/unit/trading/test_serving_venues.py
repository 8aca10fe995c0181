"""Doubts, restarts and reconciliation: what venues do not say, say late, or say otherwise."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from tests.builders_serving import ServingDesk

from steersman.kernel.errors import OutcomeUnknown, Unavailable
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.policy.store import resume_event
from steersman.trading import events as e
from steersman.trading.model.order import CancelRefused, Ended, Execution
from steersman.trading.model.signal import OrderId


@pytest.fixture
def desk(tmp_path: Path) -> ServingDesk:
    return ServingDesk(memory_ledger(), tmp_path)


def outcomes(desk: ServingDesk) -> list[str]:
    return [verdict["outcome"] for verdict in desk.said(e.VERDICT_GIVEN)]


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
