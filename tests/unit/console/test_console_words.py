"""Spans, the desk's time, and the life of an order in words."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from tests.builders_console import DAY, HOLD, START, TOML, a_desk, some_history
from tests.builders_trading_ledger import a_fill, a_hold, a_signal, a_verdict, an_intent, append

from steersman.bootstrap.desk import Desk
from steersman.console.inbox import look
from steersman.console.timeline import life_of
from steersman.console.when import ago, span
from steersman.console.wording import size
from steersman.kernel.clock import FakeClock
from steersman.policy.store import halt_event
from steersman.trading import events as e
from steersman.trading import queries

NO_FEED = TOML.replace('[feed.daily]\nkind = "replay"\n', "")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3_599, "59 min"),
        (3_600, "1 h 0 min"),
        (86_399, "23 h 59 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_a_span_is_told_in_the_units_that_matter(seconds: float, words: str) -> None:
    assert span(seconds) == words


def test_how_long_ago_something_was() -> None:
    assert ago(0, 125_000_000_000) == "2 min ago"


def test_a_replayed_desk_lives_in_the_time_of_its_feed_and_another_one_by_the_clock(tmp_path: Path) -> None:
    clock = FakeClock(START + 400 * DAY)
    replayed, other = a_desk(tmp_path / "a", clock=clock), a_desk(tmp_path / "b", clock=clock, text=NO_FEED)
    for desk in (replayed, other):
        assert desk.time_ns() == clock.now_ns()
        some_history(desk)
        desk.refresh()
    assert (replayed.replays, replayed.time_ns()) == (True, START + 29 * DAY)
    assert (other.replays, other.time_ns()) == (False, clock.now_ns())
    for desk in (replayed, other):
        desk.close()


def test_the_inbox_has_the_numbers_that_matter_and_what_a_halt_would_do(tmp_path: Path) -> None:
    desk = a_desk(tmp_path / "desk")
    some_history(desk)
    append(desk.ledger, e.SIGNAL_RECEIVED, a_signal("s3"))
    desk.ledger.append([halt_event("strategy:trend", reason="drift", actor="core", now_ns=1)])
    (item,) = look(desk).waiting
    assert (item.title, item.price, item.value) == ("buy 10 IBM", Decimal(100), Decimal(1000))
    assert (item.held, item.after, item.left, item.urgent) == (Decimal(10), Decimal(20), "1 d 0 h", False)
    assert [check.code for check in item.checks] == ["MAX_NOTIONAL", "DATA_OUTLIER"]
    assert item.halted == "strategy:trend"
    desk.close()


def test_a_signal_without_a_price_is_worth_what_the_gate_made_of_it(tmp_path: Path) -> None:
    desk = a_desk(tmp_path / "desk")
    signal = msgspec.structs.replace(a_signal().signal, price=None, quantity=Decimal(400))
    append(desk.ledger, e.SIGNAL_RECEIVED, e.SignalReceived(signal=signal, at=START))
    worth = e.CheckRow("APPROVAL", False, 38_560_000_000_000, 5_000_000_000_000, "currency", -33_560_000_000_000, "")
    verdict = msgspec.structs.replace(
        a_verdict(outcome="hold", at=START), checks=(worth,), asked=Decimal(400), quantity=Decimal(259)
    )
    append(desk.ledger, e.VERDICT_GIVEN, verdict)
    hold = a_hold(e.trade_approval("s1"), at=START, expires_at=desk.clock.now_ns() + DAY)
    append(desk.ledger, e.HOLD_REQUESTED, hold)
    (item,) = look(desk).waiting
    assert (item.title, item.price, item.value) == ("buy 259 IBM", Decimal("96.4"), Decimal("24967.6"))
    assert item.wanted == Decimal(400)
    desk.close()


def test_the_hold_that_expires_first_is_the_first_in_the_inbox(tmp_path: Path) -> None:
    desk = a_desk(tmp_path / "desk")
    some_history(desk)
    soon = START + 29 * DAY + 10 * 60 * 10**9
    append(desk.ledger, e.HOLD_REQUESTED, a_hold("trade/s4", at=START, expires_at=soon, signal_id="s4"))
    first, second = look(desk).waiting
    assert (first.hold.approval_id, first.left, first.urgent) == ("trade/s4", "10 min", True)
    # Nothing is known of its signal but what the hold itself says.
    assert (first.title, first.value, second.hold.approval_id) == ("buy 10 IBM", None, HOLD)
    desk.close()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = a_desk(tmp_path / "desk")
    stream = "signal/cli/s1"
    append(made.ledger, e.SIGNAL_RECEIVED, a_signal(), stream=stream)
    append(made.ledger, e.VERDICT_GIVEN, a_verdict(outcome="hold"), stream=stream)
    append(made.ledger, e.HOLD_REQUESTED, a_hold(e.trade_approval("s1")), stream="approval/s1")
    yes = e.ApprovalAnswered(approval_id=e.trade_approval("s1"), by="person:me", reason="fine", at=1)
    append(made.ledger, e.APPROVAL_GRANTED, yes, stream="approval/s1", actor="person:me")
    append(made.ledger, e.VERDICT_GIVEN, a_verdict(approved=True), stream=stream)
    append(made.ledger, e.ORDER_SUBMITTED, an_intent(), stream="order/o1")
    return made


def titles(desk: Desk) -> list[str]:
    desk.refresh()
    found = queries.order(desk.db, "o1")
    assert found is not None
    steps = life_of(desk.ledger, found.row, source="cli", halts=queries.halts(desk.db))
    assert [step.pos for step in steps] == sorted(step.pos for step in steps)
    return [step.title for step in steps]


def test_the_life_of_an_order_goes_from_its_signal_through_the_approval_to_its_fills(desk: Desk) -> None:
    append(desk.ledger, e.ORDER_FILLED, a_fill(quantity=4), stream="order/o1")
    assert titles(desk) == [
        "signal",
        "the gate says hold",
        "a person is asked",
        "approved by person:me",
        "after the approval: the gate says accept",
        "recorded, then sent",
        "4 filled at 100",
    ]
    desk.close()


def test_a_halt_that_covers_an_open_order_is_part_of_its_life_and_others_are_not(desk: Desk) -> None:
    for scope in ("strategy:other", "instrument:IBM"):
        desk.ledger.append([halt_event(scope, reason="odd", actor="person:me", now_ns=1)])
    append(desk.ledger, e.ORDER_CANCELLED, e.OrderEnded(order_id="o1", reason="asked for", at=2), stream="order/o1")
    desk.ledger.append([halt_event("all", reason="later", actor="person:me", now_ns=1)])
    assert titles(desk)[-3:] == ["recorded, then sent", "instrument:IBM was halted", "cancelled"]
    desk.close()


def test_sizes_are_never_shown_as_nothing() -> None:
    assert [size(n) for n in (0, 512, 53_200, 999_949, 1_400_000)] == ["0 B", "512 B", "53.2 kB", "999.9 kB", "1.4 MB"]
