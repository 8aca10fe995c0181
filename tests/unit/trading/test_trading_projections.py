"""The read model of trading: facts in any order and number give the same rows."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from tests.builders_trading_ledger import TradingLedger, a_fill, a_mark, a_signal, a_verdict, an_intent

from steersman.trading import events as e
from steersman.trading import queries
from steersman.trading.model.signal import Side


@pytest.fixture
def ledger(tmp_path: Path) -> TradingLedger:
    return TradingLedger(tmp_path / "projections.db")


def status_of(ledger: TradingLedger, order_id: str = "o1") -> str:
    found = queries.order(ledger.db, order_id)
    assert found is not None
    return found.row.status


def test_an_order_goes_through_its_states(ledger: TradingLedger) -> None:
    ledger.add(e.ORDER_SUBMITTED, an_intent())
    assert status_of(ledger) == "pending"
    ledger.add(e.ORDER_SENT, e.OrderSent(order_id="o1", at=10))
    assert status_of(ledger) == "submitted"
    ledger.add(e.ORDER_ACKNOWLEDGED, e.OrderAcknowledged(order_id="o1", venue_order_id="v1", at=11))
    assert status_of(ledger) == "acknowledged"
    ledger.add(e.ORDER_FILLED, a_fill("o1-1", quantity=4))
    assert status_of(ledger) == "partially_filled"
    ledger.add(e.ORDER_FILLED, a_fill("o1-5", quantity=6, price="110"))
    found = queries.order(ledger.db, "o1")
    assert found is not None
    assert (found.row.status, found.row.filled, found.row.average_price) == ("filled", Decimal(10), Decimal(106))
    assert found.row.fees == Decimal(2)
    assert [fill.execution_id for fill in found.fills] == ["o1-1", "o1-5"]


@pytest.mark.parametrize(
    ("type_", "how"),
    [(e.ORDER_REJECTED, "rejected"), (e.ORDER_CANCELLED, "cancelled"), (e.ORDER_EXPIRED, "expired")],
)
def test_an_order_that_ended_says_how_and_why(ledger: TradingLedger, type_: str, how: str) -> None:
    ledger.add(e.ORDER_SUBMITTED, an_intent())
    ledger.add(e.ORDER_FILLED, a_fill("o1-1", quantity=4))
    ledger.add(type_, e.OrderEnded(order_id="o1", reason="because", at=12))
    (row,) = queries.orders(ledger.db, status=how)
    assert (row.reason, row.filled) == ("because", Decimal(4))


def test_an_unknown_outcome_becomes_known_by_a_later_report(ledger: TradingLedger) -> None:
    ledger.add(e.ORDER_SUBMITTED, an_intent())
    ledger.add(e.ORDER_UNKNOWN, e.OrderEnded(order_id="o1", reason="timeout", at=12))
    assert status_of(ledger) == "unknown"
    ledger.add(e.ORDER_CANCELLED, e.OrderEnded(order_id="o1", reason="found it", at=13))
    assert status_of(ledger) == "cancelled"
    ledger.add(e.ORDER_UNKNOWN, e.OrderEnded(order_id="o1", reason="late", at=14))
    assert status_of(ledger) == "cancelled"


def test_a_fill_may_come_before_its_order_and_twice(ledger: TradingLedger) -> None:
    ledger.add(e.ORDER_FILLED, a_fill("o1-1", quantity=10))
    ledger.add(e.ORDER_FILLED, a_fill("o1-1", quantity=10))
    ledger.add(e.ORDER_ACKNOWLEDGED, e.OrderAcknowledged(order_id="o1", venue_order_id="v1", at=11))
    ledger.add(e.ORDER_SUBMITTED, an_intent())
    ledger.add(e.ORDER_SUBMITTED, an_intent())
    (row,) = queries.orders(ledger.db)
    assert (row.status, row.filled, row.signal_id) == ("filled", Decimal(10), "s1")
    (position,) = queries.positions(ledger.db)
    assert position.quantity == Decimal(10)
    assert (queries.totals(ledger.db).orders, queries.totals(ledger.db).fills) == (1, 1)


def test_the_same_execution_id_of_two_venues_is_two_fills(ledger: TradingLedger) -> None:
    ledger.add(e.ORDER_FILLED, a_fill("x"))
    ledger.add(e.ORDER_FILLED, msgspec.structs.replace(a_fill("x"), venue="other"))
    assert queries.totals(ledger.db).fills == 2


def test_a_position_averages_what_is_added_keeps_it_when_reduced_and_restarts_when_turned(
    ledger: TradingLedger,
) -> None:
    def after(execution_id: str, side: Side, quantity: int, price: str) -> tuple[float, float] | None:
        ledger.add(e.ORDER_FILLED, a_fill(execution_id, side=side, quantity=quantity, price=price))
        found = queries.positions(ledger.db)
        return (float(found[0].quantity), float(found[0].average_price)) if found else None

    assert after("1", Side.BUY, 10, "100") == (10, 100)
    assert after("2", Side.BUY, 30, "120") == (40, 115)
    assert after("3", Side.SELL, 15, "90") == (25, 115)
    assert after("4", Side.SELL, 30, "80") == (-5, 80)
    assert after("5", Side.SELL, 5, "70") == (-10, 75)
    assert after("6", Side.BUY, 10, "60") is None


def test_positions_are_valued_at_the_latest_known_price(ledger: TradingLedger) -> None:
    ledger.add(e.ORDER_FILLED, a_fill("1", quantity=10, price="100"))
    ledger.add(e.ACCOUNT_MARKED, a_mark(at=100, prices={"IBM": Decimal("103.5"), "MSFT": Decimal(1)}))
    ledger.add(e.ACCOUNT_MARKED, a_mark(at=50, prices={"IBM": Decimal(1)}))  # older: says nothing new
    (position,) = queries.positions(ledger.db)
    assert (position.last_price, position.market_value) == (Decimal("103.5"), Decimal(1035))
    assert position.unrealised_pnl == Decimal(35)


def test_a_repeated_entry_hold_or_trip_is_kept_once(ledger: TradingLedger) -> None:
    trip = e.RoundTripClosed(
        trip_id="t1",
        strategy="trend",
        instrument="IBM",
        side=Side.BUY,
        quantity=Decimal(10),
        entry_price=Decimal(100),
        exit_price=Decimal(110),
        pnl=Decimal(98),
        fees=Decimal(2),
        opened_at=1,
        closed_at=2,
        mae=Decimal(-5),
        mfe=Decimal(120),
        exit_reason="signal",
        at=2,
    )
    for _ in range(2):
        ledger.add(e.ROUND_TRIP_CLOSED, trip)
    (row,) = queries.trips(ledger.db)
    assert row.pnl == Decimal(98)
    (strategy,) = queries.strategies_status(ledger.db)
    assert (strategy.trips, strategy.wins, strategy.pnl) == (1, 1, Decimal(98))


def test_a_feed_counts_what_it_refused_until_and_after_its_end(ledger: TradingLedger) -> None:
    ledger.add(e.FEED_STARTED, e.FeedStarted(feed="daily", source="data", instruments=("IBM",), resumed_after=0, at=1))
    bad = e.BarRejected(feed="daily", instrument="IBM", reason="high below low", found="1,2", place="IBM.csv:7", at=2)
    ledger.add(e.BAR_REJECTED, bad)
    ledger.add(e.GAP_FOUND, e.GapFound(feed="daily", instrument="IBM", missing=4, from_at=1, to_at=2, at=2))
    (running,) = queries.feed_status(ledger.db)
    assert (running.rejected, running.gaps, running.accepted, running.finished) == (1, 1, 0, False)
    assert running.last_rejected == "IBM.csv:7: high below low"
    ledger.add(e.FEED_FINISHED, e.FeedFinished(feed="daily", accepted=40, rejected=1, at=9))
    (finished,) = queries.feed_status(ledger.db)
    assert (finished.accepted, finished.rejected, finished.finished) == (40, 1, True)
    totals = queries.totals(ledger.db)
    assert (totals.bars_accepted, totals.bars_rejected) == (40, 1)


def test_a_strategy_that_failed_and_was_disabled_says_so(ledger: TradingLedger) -> None:
    ledger.add(e.STRATEGY_FAILED, e.StrategyFailed(strategy="trend", error="ZeroDivisionError", traceback="...", at=5))
    ledger.add(e.STRATEGY_DISABLED, e.StrategyDisabled(strategy="trend", reason="failed 3 times", at=6))
    (row,) = queries.strategies_status(ledger.db)
    assert (row.failures, row.last_error, row.disabled, row.reason) == (
        1,
        "ZeroDivisionError",
        True,
        "failed 3 times",
    )


def test_rebuilding_gives_the_same_tables(ledger: TradingLedger, tmp_path: Path) -> None:
    ledger.add(e.SIGNAL_RECEIVED, a_signal())
    ledger.add(e.VERDICT_GIVEN, a_verdict())
    ledger.add(e.ORDER_SUBMITTED, an_intent())
    ledger.add(e.ORDER_FILLED, a_fill("o1-1", quantity=4))
    ledger.add(e.ACCOUNT_MARKED, a_mark(at=5))
    again = ledger.rebuilt(tmp_path / "again.db")
    for ask in (queries.orders, queries.positions, queries.recent_verdicts, queries.account, queries.totals):
        assert ask(again) == ask(ledger.db)
