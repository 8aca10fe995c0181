"""What pages and commands ask about trading."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders_trading_ledger import (
    CHECKS,
    TradingLedger,
    a_fill,
    a_hold,
    a_mark,
    a_signal,
    a_verdict,
    an_entry,
    an_intent,
)

from steersman.trading import events as e
from steersman.trading import queries


@pytest.fixture
def ledger(tmp_path: Path) -> TradingLedger:
    return TradingLedger(tmp_path / "projections.db")


def test_an_empty_ledger_has_empty_answers(ledger: TradingLedger) -> None:
    db = ledger.db
    assert queries.account(db) is None
    assert queries.market_now(db) is None
    assert queries.verdict(db, "s1") is None
    assert queries.order(db, "o1") is None
    assert queries.entry(db, "j1") is None
    for ask in (
        queries.equity_series,
        queries.recent_fills,
        queries.recent_verdicts,
        queries.positions,
        queries.orders,
        queries.trips,
        queries.journal,
        queries.feed_status,
        queries.strategies_status,
        queries.refused,
    ):
        assert ask(db) == []
    assert queries.holds(db, now_ns=0) == []
    assert queries.totals(db).verdicts == queries.failed_counts(db) == {}


def test_the_account_is_the_latest_mark_whatever_came_last(ledger: TradingLedger) -> None:
    ledger.add(e.ACCOUNT_MARKED, a_mark(at=20, equity="100500.25", drawdown_ratio=0.01))
    ledger.add(e.ACCOUNT_MARKED, a_mark(at=10))
    found = queries.account(ledger.db)
    assert found is not None
    assert (found.equity, found.day_pnl, found.drawdown_ratio, found.at) == (
        Decimal("100500.25"),
        Decimal("12.5"),
        0.01,
        20,
    )
    assert queries.market_now(ledger.db) == 20


def test_a_verdict_comes_with_its_checks_signal_order_and_fills(ledger: TradingLedger) -> None:
    ledger.add(e.SIGNAL_RECEIVED, a_signal())
    ledger.add(e.VERDICT_GIVEN, a_verdict())
    ledger.add(e.ORDER_SUBMITTED, an_intent())
    ledger.add(e.ORDER_FILLED, a_fill())
    # The same id again is denied; what it led to the first time is still what people look for.
    ledger.add(e.VERDICT_GIVEN, a_verdict(outcome="reject", failed=("DUPLICATE_ID",)))
    found = queries.verdict(ledger.db, "s1")
    assert found is not None
    assert found.checks == CHECKS
    assert (found.row.outcome, found.row.order_id, found.policy_version, found.table) == ("accept", "o1", 1, "abc")
    assert found.signal is not None
    assert found.signal.notes == "20-day high"
    assert found.order is not None
    assert found.order.status == "filled"
    assert [fill.execution_id for fill in found.fills] == ["o1-1"]
    denied, accepted = queries.recent_verdicts(ledger.db)
    assert (denied.outcome, denied.order_id) == ("reject", None)
    assert (accepted.outcome, accepted.order_id) == ("accept", "o1")


def test_verdicts_are_counted_filtered_and_newest_first(ledger: TradingLedger) -> None:
    ledger.add(e.VERDICT_GIVEN, a_verdict("s1"))
    ledger.add(e.VERDICT_GIVEN, a_verdict("s2", outcome="reject", failed=("TICK", "POSITION")))
    ledger.add(e.VERDICT_GIVEN, a_verdict("s3", outcome="reject", failed=("POSITION",), strategy="reversion"))
    assert queries.verdict_counts(ledger.db) == {"reject": 2, "accept": 1}
    assert list(queries.failed_counts(ledger.db).items()) == [("POSITION", 2), ("TICK", 1)]
    assert [row.signal_id for row in queries.recent_verdicts(ledger.db)] == ["s3", "s2", "s1"]
    assert [row.signal_id for row in queries.recent_verdicts(ledger.db, outcome="reject", strategy="trend")] == ["s2"]
    assert len(queries.recent_verdicts(ledger.db, limit=2)) == 2


def test_fills_since_an_instant(ledger: TradingLedger) -> None:
    for number in range(5):
        ledger.add(e.ORDER_FILLED, a_fill(f"x{number}", at=number))
    assert [fill.execution_id for fill in queries.recent_fills(ledger.db, since_ns=3)] == ["x4", "x3"]
    (fill,) = queries.recent_fills(ledger.db, limit=1)
    assert (fill.slippage_bps, fill.fee, fill.side) == (4.5, Decimal(1), "buy")


def test_a_hold_is_open_until_it_expires(ledger: TradingLedger) -> None:
    ledger.add(e.HOLD_REQUESTED, a_hold(expires_at=100))
    assert [hold.status for hold in queries.holds(ledger.db, now_ns=100)] == ["open"]
    assert queries.waiting(ledger.db, now_ns=100) == 1
    assert queries.holds(ledger.db, now_ns=101) == []
    assert queries.waiting(ledger.db, now_ns=101) == 0
    assert [hold.status for hold in queries.holds(ledger.db, now_ns=101, open_only=False)] == ["expired"]


def test_the_journal_filters_by_kind_strategy_and_outcome(ledger: TradingLedger) -> None:
    ledger.add(e.JOURNAL_WRITTEN, an_entry("j1"))
    ledger.add(e.JOURNAL_WRITTEN, an_entry("j2", kind="round_trip", outcome="win"))
    ledger.add(e.JOURNAL_WRITTEN, an_entry("j3", strategy="reversion", outcome="reject"))
    assert [row.entry_id for row in queries.journal(ledger.db)] == ["j3", "j2", "j1"]
    assert [row.entry_id for row in queries.journal(ledger.db, kind="decision", strategy="trend")] == ["j1"]
    assert [row.entry_id for row in queries.journal(ledger.db, outcome="win")] == ["j2"]
    found = queries.entry(ledger.db, "j1")
    assert found is not None
    assert found.facts == {"asked": "10", "price": "100"}


def test_refused_input_is_listed_with_its_reason(ledger: TradingLedger) -> None:
    ledger.add(
        e.SIGNAL_REFUSED,
        e.SignalRefused(source="strategy:trend", strategy="trend", reason="quantity is NaN", found="{}", at=3),
    )
    assert [row.reason for row in queries.refused(ledger.db)] == ["quantity is NaN"]
    assert queries.totals(ledger.db).refused == 1


def test_a_long_equity_series_is_thinned_but_keeps_its_ends_and_extremes(ledger: TradingLedger) -> None:
    equities = [100_000 + (i * 37) % 101 for i in range(500)]
    equities[123], equities[321] = 1, 999_999
    for at, equity in enumerate(equities):
        ledger.ledger_only(e.ACCOUNT_MARKED, a_mark(at=at, equity=str(equity), drawdown_ratio=0.5 * (at == 222)))
    ledger.catch_up()
    found = queries.equity_series(ledger.db, limit=50)
    assert len(found) <= 50
    assert [point.at for point in found] == sorted({point.at for point in found})
    assert {0, 123, 222, 321, 499} <= {point.at for point in found}
    assert len(queries.equity_series(ledger.db)) == 500


@given(st.lists(st.floats(1, 1e6), min_size=1, max_size=60), st.integers(5, 70))
def test_thinning_never_loses_an_extreme_nor_exceeds_its_limit(equities: list[float], limit: int) -> None:
    rows = [(at, equity, at / 100) for at, equity in enumerate(equities)]
    kept = queries.thinned(rows, limit)
    assert len(kept) <= limit
    assert kept == [row for row in rows if row in kept]
    assert kept[0] == rows[0]
    assert kept[-1] == rows[-1]
    assert {min(equities), max(equities)} <= {row[1] for row in kept}
