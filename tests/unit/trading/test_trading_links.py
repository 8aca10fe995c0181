"""What `ledger verify --links` says of second verdicts: one order for each verdict that allowed one."""

from __future__ import annotations

import pytest
from tests.builders_trading_ledger import a_fill, a_hold, a_signal, a_verdict, an_entry, an_intent, append

from steersman.ledger import Ledger
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.trading import events as e
from steersman.trading.digest import decisions_digest
from steersman.trading.links import check_links

HOLD = e.trade_approval("s1")


@pytest.fixture
def ledger() -> Ledger:
    made = memory_ledger()
    append(made, e.SIGNAL_RECEIVED, a_signal())
    append(made, e.VERDICT_GIVEN, a_verdict(outcome="hold", failed=("APPROVAL",)))
    append(made, e.HOLD_REQUESTED, a_hold(HOLD))
    append(made, e.JOURNAL_WRITTEN, an_entry("decision/s1"))
    return made


def granted(ledger: Ledger) -> None:
    answer = e.ApprovalAnswered(approval_id=HOLD, by="person:me", reason="", at=5)
    append(ledger, e.APPROVAL_GRANTED, answer)


def sent(ledger: Ledger) -> None:
    append(ledger, e.VERDICT_GIVEN, a_verdict(approved=True))
    append(ledger, e.ORDER_SUBMITTED, an_intent())
    append(ledger, e.JOURNAL_WRITTEN, an_entry("decision/s1/approved"))
    append(ledger, e.ORDER_FILLED, a_fill())


def test_a_held_signal_that_was_approved_and_sent_is_whole(ledger: Ledger) -> None:
    granted(ledger)
    sent(ledger)
    found = check_links(ledger)
    assert found.problems == []
    assert (found.signals, found.verdicts, found.approved, found.orders, found.fills) == (1, 1, 1, 1, 1)


def test_an_order_of_a_held_signal_that_nobody_approved_is_a_problem(ledger: Ledger) -> None:
    append(ledger, e.ORDER_SUBMITTED, an_intent())
    assert check_links(ledger).problems == ["event 5: order o1 without a verdict that lets it go"]


def test_a_second_verdict_that_nobody_asked_for_is_a_problem(ledger: Ledger) -> None:
    sent(ledger)
    assert check_links(ledger).problems == ["event 5: a verdict after an approval of s1 that nobody gave"]


def test_one_verdict_lets_one_order_go(ledger: Ledger) -> None:
    granted(ledger)
    sent(ledger)
    append(ledger, e.ORDER_SUBMITTED, an_intent("o2"))
    assert check_links(ledger).problems == ["event 10: order o2 without a verdict that lets it go"]


def test_a_verdict_that_let_an_order_go_which_is_not_there_is_a_problem(ledger: Ledger) -> None:
    granted(ledger)
    append(ledger, e.VERDICT_GIVEN, a_verdict(approved=True))
    assert check_links(ledger).problems == [
        "1 decisions without a journal entry",
        "1 verdicts that let an order go, and no order",
    ]


def test_a_second_verdict_has_another_digest_than_a_first_one() -> None:
    def digest_of(verdict: e.VerdictGiven) -> str:
        made = memory_ledger()
        append(made, e.VERDICT_GIVEN, verdict)
        return decisions_digest(made)

    assert digest_of(a_verdict()) == digest_of(a_verdict())
    assert digest_of(a_verdict()) != digest_of(a_verdict(approved=True))
