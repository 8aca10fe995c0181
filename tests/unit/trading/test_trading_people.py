"""The read model of what people do to trading: answers to holds, cancels, replacements, halts, comparisons."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from tests.builders_trading_ledger import TradingLedger, a_fill, a_hold, a_signal, a_verdict, an_entry, an_intent

from steersman.ledger import new_event
from steersman.policy.events import HALT_LIFTED, HALT_SET, HaltLifted, HaltSet
from steersman.trading import events as e
from steersman.trading import queries
from steersman.trading.model.request import SignalRequest
from steersman.trading.model.signal import Side
from steersman.trading.queries import Hold, OrderRow

HOLD = e.trade_approval("s1")


@pytest.fixture
def ledger(tmp_path: Path) -> TradingLedger:
    return TradingLedger(tmp_path / "projections.db")


def held(ledger: TradingLedger, signal_id: str = "s1") -> None:
    ledger.add(e.SIGNAL_RECEIVED, a_signal(signal_id))
    ledger.add(e.VERDICT_GIVEN, a_verdict(signal_id, outcome="hold", failed=("APPROVAL",)))
    ledger.add(e.HOLD_REQUESTED, a_hold(e.trade_approval(signal_id), signal_id=signal_id))


def answer(approval_id: str = HOLD, *, reason: str = "fine") -> e.ApprovalAnswered:
    return e.ApprovalAnswered(approval_id=approval_id, by="person:me", reason=reason, at=5)


def the_hold(ledger: TradingLedger, approval_id: str = HOLD, *, now_ns: int = 50) -> Hold:
    found = queries.hold(ledger.db, approval_id, now_ns=now_ns)
    assert found is not None
    return found


def the_order(ledger: TradingLedger, order_id: str = "o1") -> OrderRow:
    found = queries.order(ledger.db, order_id)
    assert found is not None
    return found.row


def test_a_hold_that_a_person_approves_says_who_why_and_what_came_of_it(ledger: TradingLedger) -> None:
    held(ledger)
    assert (the_hold(ledger).status, queries.waiting(ledger.db, now_ns=50)) == ("open", 1)
    ledger.add(e.APPROVAL_GRANTED, answer())
    found = the_hold(ledger)
    assert (found.status, found.answered_by, found.answer_reason, found.outcome) == (
        "approved",
        "person:me",
        "fine",
        None,
    )
    assert queries.holds(ledger.db, now_ns=50) == []
    ledger.add(e.VERDICT_GIVEN, a_verdict(approved=True))
    ledger.add(e.ORDER_SUBMITTED, an_intent())
    found = the_hold(ledger)
    assert (found.outcome, found.outcome_why, found.order_id) == ("accept", "every check passed", "o1")
    assert found.answered_at is not None


def test_an_approved_signal_shows_the_last_verdict_keeps_the_first_and_is_counted_once(ledger: TradingLedger) -> None:
    held(ledger)
    ledger.add(e.APPROVAL_GRANTED, answer())
    ledger.add(e.VERDICT_GIVEN, a_verdict(approved=True))
    ledger.add(e.ORDER_SUBMITTED, an_intent())
    (row,) = queries.recent_verdicts(ledger.db)
    assert (row.outcome, row.approved, row.order_id) == ("accept", True, "o1")
    found = queries.verdict(ledger.db, "s1")
    assert found is not None
    assert (found.row.outcome, found.row.approved) == ("accept", True)
    assert found.first is not None
    assert (found.first.outcome, found.first.failed) == ("hold", ("APPROVAL",))
    totals = queries.totals(ledger.db)
    assert (totals.signals, totals.verdicts, totals.approved) == (1, {"hold": 1}, {"accept": 1})
    assert queries.verdict_counts(ledger.db) == {"hold": 1}
    assert queries.approved_counts(ledger.db) == {"accept": 1}
    assert queries.failed_counts(ledger.db) == {"APPROVAL": 1}


def test_a_second_look_may_say_no_and_the_hold_says_why(ledger: TradingLedger) -> None:
    held(ledger)
    ledger.add(e.APPROVAL_GRANTED, answer())
    ledger.add(e.VERDICT_GIVEN, a_verdict(outcome="reject", failed=("HALT",), approved=True))
    found = the_hold(ledger)
    assert (found.status, found.outcome, found.outcome_why, found.order_id) == (
        "approved",
        "reject",
        "too large",
        None,
    )


def test_a_denied_hold_and_one_that_nobody_answered_are_told_apart(ledger: TradingLedger) -> None:
    held(ledger, "s1")
    held(ledger, "s2")
    ledger.add(e.APPROVAL_DENIED, answer(reason="not today"))
    ledger.add(e.APPROVAL_EXPIRED, e.ApprovalExpired(approval_id=e.trade_approval("s2"), at=101))
    second, first = queries.holds(ledger.db, now_ns=0, open_only=False)
    assert (first.status, first.answer_reason) == ("denied", "not today")
    assert (second.status, second.answered_by) == ("expired", "")


def test_the_first_answer_stands(ledger: TradingLedger) -> None:
    held(ledger)
    ledger.add(e.APPROVAL_DENIED, answer(reason="first"))
    ledger.add(e.APPROVAL_GRANTED, answer(reason="second"))
    assert (the_hold(ledger).status, the_hold(ledger).answer_reason) == ("denied", "first")


def test_an_approval_that_came_too_late_is_an_expired_hold(ledger: TradingLedger) -> None:
    held(ledger)
    ledger.add(e.APPROVAL_GRANTED, answer())
    text = "trend wanted to buy 10 IBM: held for a person, the approval came too late; nothing was sent."
    entry = msgspec.structs.replace(an_entry("decision/s1/expired", outcome="expired"), text=text)
    ledger.add(e.JOURNAL_WRITTEN, entry)
    found = the_hold(ledger)
    assert (found.status, found.answered_by, found.outcome_why) == ("expired", "person:me", text)


def test_a_cancel_is_pending_until_the_venue_says_so_or_refuses(ledger: TradingLedger) -> None:
    ledger.add(e.ORDER_SUBMITTED, an_intent())
    ledger.add(e.ORDER_ACKNOWLEDGED, e.OrderAcknowledged(order_id="o1", venue_order_id="v1", at=11))
    ledger.add(e.ORDER_CANCEL_REQUESTED, e.OrderCancelRequested(order_id="o1", by="person:me", reason="", at=10**18))
    row = the_order(ledger)
    # A person's clock says nothing about when something happened to the order on a replayed desk.
    assert (row.status, row.cancel_by, row.at, row.is_open) == ("cancel_pending", "person:me", 11, True)
    ledger.add(e.ORDER_CANCEL_REFUSED, e.OrderEnded(order_id="o1", reason="too late", at=12))
    row = the_order(ledger)
    assert (row.status, row.cancel_refused) == ("acknowledged", "too late")
    ledger.add(e.ORDER_CANCEL_REQUESTED, e.OrderCancelRequested(order_id="o1", by="person:me", reason="", at=13))
    ledger.add(e.ORDER_CANCELLED, e.OrderEnded(order_id="o1", reason="asked for", at=14))
    row = the_order(ledger)
    assert (row.status, row.reason, row.cancel_refused, row.is_open) == ("cancelled", "asked for", None, False)


def test_an_order_and_the_one_in_its_place_name_each_other(ledger: TradingLedger) -> None:
    ledger.add(e.ORDER_SUBMITTED, an_intent())
    wish = e.OrderReplaceRequested(
        order_id="o1", by="person:me", quantity=Decimal(5), limit_price=None, stop_price=None, at=11
    )
    ledger.add(e.ORDER_REPLACE_REQUESTED, wish)
    assert (the_order(ledger).status, the_order(ledger).replace_by) == ("cancel_pending", "person:me")
    ledger.add(e.ORDER_CANCELLED, e.OrderEnded(order_id="o1", reason="replaced", at=12))
    ledger.add(e.ORDER_SUBMITTED, an_intent("o2", signal_id="replace/o1/123456789abc"))
    assert the_order(ledger).replaced_by == "o2"
    assert the_order(ledger, "o2").replaces == "o1"


def test_a_replacement_that_came_too_late_says_so(ledger: TradingLedger) -> None:
    ledger.add(e.ORDER_SUBMITTED, an_intent())
    ledger.add(e.ORDER_FILLED, a_fill())
    ledger.add(e.ORDER_REPLACE_DROPPED, e.OrderEnded(order_id="o1", reason="it was filled before", at=12))
    assert (the_order(ledger).status, the_order(ledger).replace_dropped) == ("filled", "it was filled before")


def test_an_order_keeps_its_stop_and_its_bracket(ledger: TradingLedger) -> None:
    intent = msgspec.structs.replace(
        an_intent(), stop_price=Decimal(95), stop_loss=Decimal(90), take_profit=Decimal(120), group="bracket:o0:1"
    )
    ledger.add(e.ORDER_SUBMITTED, intent)
    row = the_order(ledger)
    assert (row.stop_price, row.stop_loss, row.take_profit, row.group) == (
        Decimal(95),
        Decimal(90),
        Decimal(120),
        "bracket:o0:1",
    )


def test_open_orders_and_statuses_are_found(ledger: TradingLedger) -> None:
    for number in range(3):
        ledger.add(e.ORDER_SUBMITTED, an_intent(f"o{number}"))
    ledger.add(e.ORDER_REJECTED, e.OrderEnded(order_id="o0", reason="no", at=12))
    assert [row.order_id for row in queries.orders(ledger.db, open_only=True)] == ["o2", "o1"]
    assert [row.order_id for row in queries.orders(ledger.db, open_only=True, strategy="other")] == []
    assert queries.order_counts(ledger.db) == {"pending": 2, "rejected": 1}


def test_a_halt_says_how_it_was_obeyed_and_who_lifted_it(ledger: TradingLedger) -> None:
    ledger.add(e.ORDER_SUBMITTED, an_intent())
    ledger.add(e.ORDER_SUBMITTED, msgspec.structs.replace(an_intent("o2"), strategy="other"))
    ledger.add(HALT_SET, HaltSet(scope="strategy:trend", reason="odd fills"), actor="person:me")
    (halt,) = queries.halts(ledger.db, open_only=True)
    assert (halt.scope, halt.by, halt.orders) == ("strategy:trend", "person:me", None)
    obeyed = e.HaltObeyed(scope="strategy:trend", halt_pos=halt.pos, orders=1, refused=0, took_ms=12.5, at=9)
    ledger.add(e.HALT_OBEYED, obeyed)
    (halt,) = queries.halts(ledger.db)
    assert (halt.orders, halt.refused, halt.took_ms) == (1, 0, 12.5)
    assert (the_order(ledger).status, the_order(ledger).cancel_by) == ("cancel_pending", "halt of strategy:trend")
    assert the_order(ledger, "o2").status == "pending"
    ledger.add(HALT_LIFTED, HaltLifted(scope="all", reason="looked at"), actor="person:you")
    (halt,) = queries.halts(ledger.db)
    assert (halt.lifted_by, halt.lifted_reason) == ("person:you", "looked at")
    assert queries.halts(ledger.db, open_only=True) == []


def reconciled(*differences: e.Difference, reached: bool = True, request_id: str = "r1") -> e.Reconciled:
    return e.Reconciled(
        request_id=request_id,
        venue="acme",
        reached=reached,
        orders=2,
        positions=1,
        differences=differences,
        settled=False,
        problem="" if reached else "no route",
        at=1,
    )


def test_a_venue_fails_until_it_is_heard_again_and_keeps_its_last_comparison(ledger: TradingLedger) -> None:
    assert queries.venue(ledger.db, "acme").last is None
    ledger.add(e.VENUE_FAILED, e.VenueFailed(venue="acme", doing="asking for reports", problem="timeout", at=1))
    since = queries.venue(ledger.db, "acme").failing_since
    assert since is not None
    ledger.add(e.RECONCILED, reconciled(reached=False))
    ledger.add(e.VENUE_FAILED, e.VenueFailed(venue="acme", doing="cancelling", problem="timeout", at=2))
    found = queries.venue(ledger.db, "acme")
    assert (found.failing_since, found.failing_doing, found.failing_why) == (since, "cancelling", "timeout")
    difference = e.Difference(
        kind="position", subject="IBM", instrument="IBM", ours="10", theirs="12", explained="they hold 2 more"
    )
    ledger.add(e.RECONCILED, reconciled(difference, request_id="r2"))
    found = queries.venue(ledger.db, "acme")
    assert (found.failing_since, found.failing_doing) == (None, "")
    assert found.last is not None
    assert (found.last.differences, found.last.reached, found.last.request_id) == ((difference,), True, "r2")
    assert [c.reached for c in queries.comparisons(ledger.db, venue="acme")] == [True, False]


def test_arming_and_foreign_orders_are_kept_by_venue(ledger: TradingLedger) -> None:
    ledger.add(e.VENUE_ARMED, e.VenueArmed(venue="acme", fingerprint="abc", by="person:me", at=1))
    foreign = e.OrderForeign(
        venue="acme",
        venue_order_id="v9",
        client_order_id="",
        instrument="IBM",
        side=Side.SELL,
        quantity=Decimal(5),
        filled=Decimal(0),
        at=1,
    )
    for _ in range(2):
        ledger.add(e.ORDER_FOREIGN, foreign)
    found = queries.venue(ledger.db, "acme")
    assert (found.armed_by, found.fingerprint, found.foreign) == ("person:me", "abc", 1)
    assert [order.quantity for order in queries.foreign_orders(ledger.db)] == [Decimal(5)]
    ledger.add(e.VENUE_DISARMED, e.VenueArmed(venue="acme", fingerprint="abc", by="person:me", at=2))
    assert queries.venue(ledger.db, "acme").armed_by is None


def test_an_adjustment_moves_the_position_and_says_on_whose_word(ledger: TradingLedger) -> None:
    ledger.add(e.ORDER_FILLED, a_fill(quantity=10))
    adjusted = e.PositionAdjusted(
        venue="paper",
        instrument="IBM",
        change=Decimal(-4),
        price=Decimal(101),
        by="person:me",
        reason="they say 6",
        at=30,
    )
    ledger.add(e.POSITION_ADJUSTED, adjusted)
    (position,) = queries.positions(ledger.db)
    assert (position.quantity, position.last_price) == (Decimal(6), Decimal(101))
    (row,) = queries.adjustments(ledger.db)
    assert (row.by, row.change, row.reason) == ("person:me", Decimal(-4), "they say 6")


def test_a_request_for_a_comparison_counts_its_answers(ledger: TradingLedger) -> None:
    assert queries.reconcile_wish(ledger.db) is None
    ledger.add(e.RECONCILE_REQUESTED, e.ReconcileRequested(request_id="r1", by="person:me", settle=True, at=1))
    ledger.add(e.RECONCILED, reconciled())
    wish = queries.reconcile_wish(ledger.db)
    assert wish is not None
    assert (wish.by, wish.settle, wish.answers) == ("person:me", True, 1)


def test_a_submitted_signal_that_is_refused_waits_no_more(ledger: TradingLedger) -> None:
    request = SignalRequest(signal_id="1", strategy="trend", instrument="IBM", side=Side.BUY, quantity=Decimal(1))
    asked = new_event(
        e.SIGNAL_SUBMITTED,
        stream="signal/cli/cli/1",
        data=e.SignalSubmitted(source="cli", request=request, received_at=3),
        actor="person:me",
        now_ns=1,
    )
    why = e.SignalRefused(source="cli", strategy="trend", reason="no price is known", found="{}", at=4)
    refused = new_event(e.SIGNAL_REFUSED, stream="signal/cli/cli/1", data=why, actor="core", now_ns=1, cause=asked)
    ledger.ledger.append([asked])
    ledger.catch_up()
    assert [row.signal_id for row in queries.undecided(ledger.db)] == ["cli/1"]
    ledger.ledger.append([refused])
    ledger.catch_up()
    assert queries.undecided(ledger.db) == []
    assert [row.reason for row in queries.refused(ledger.db)] == ["no price is known"]


def test_a_submitted_signal_waits_until_it_is_received(ledger: TradingLedger) -> None:
    request = SignalRequest(signal_id="1", strategy="trend", instrument="IBM", side=Side.BUY, quantity=Decimal(1))
    ledger.add(e.SIGNAL_SUBMITTED, e.SignalSubmitted(source="cli", request=request, received_at=3))
    assert [row.signal_id for row in queries.undecided(ledger.db)] == ["cli/1"]
    ledger.add(e.SIGNAL_RECEIVED, a_signal("cli/1"))
    assert queries.undecided(ledger.db) == []
