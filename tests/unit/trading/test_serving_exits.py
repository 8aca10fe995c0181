"""Brackets and halts: what protects a position, what takes it away and what brings it back."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.builders_serving import ServingDesk

from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.policy.store import halt_event, resume_event
from steersman.trading import events as e
from steersman.trading.model.signal import Side, TimeInForce


@pytest.fixture
def desk(tmp_path: Path) -> ServingDesk:
    return ServingDesk(memory_ledger(), tmp_path)


def outcomes(desk: ServingDesk) -> list[str]:
    return [verdict["outcome"] for verdict in desk.said(e.VERDICT_GIVEN)]


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
