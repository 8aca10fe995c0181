"""`steersman.trading.whatif` on small histories, held against real runs under the other policy."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from tests.builders_desk import a_small_desk, write_strategy
from tests.builders_trading_ledger import TradingLedger, a_mark, a_verdict
from tests.builders_whatif import bars_of, last_mark, of_type, replayed, sizes, traded

from steersman.kernel.errors import Rejected
from steersman.ledger import Ledger, new_event
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.policy import HaltState
from steersman.policy.events import HaltLifted, HaltSet
from steersman.policy.store import resume_event
from steersman.trading import events as e
from steersman.trading.whatif import Report
from steersman.trading.whatif.family import parent_of
from steersman.trading.whatif.halts import Halts

TRADING = "[policy.trading]\n"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_small_desk(tmp_path_factory.mktemp("desk"), sessions=120)


@pytest.fixture(scope="module")
def recorded(root: Path) -> Ledger:
    return traded(root)


def verdicts(ledger: Ledger) -> dict[str, int]:
    found = [v.outcome for v in of_type(ledger, e.VERDICT_GIVEN, e.VerdictGiven)]
    return {name: found.count(name) for name in ("accept", "adjust", "hold", "reject")}


def same_as(report: Report, really: Ledger) -> None:
    assert report.after.equity == last_mark(really).equity
    assert {k: v for k, v in report.verdicts_after.items() if k != "dropped"} == verdicts(really)
    assert report.after.orders == len(sizes(really))
    assert report.modelled_fills == 0


@pytest.mark.parametrize(
    "policy",
    [
        "halt_drawdown = 0.002",
        "halt_daily_loss = 70",
        "halt_drawdown = 0.002\nmax_notional = 3000",
        "max_open_orders = 1",
        "message_rate = 1",
        "restricted = ['AAA']",
        "enabled = false",
    ],
)
def test_what_only_takes_away_is_what_a_real_run_gives_to_the_cent(root: Path, recorded: Ledger, policy: str) -> None:
    report = replayed(root, recorded, TRADING + policy)
    assert report.changed > 0
    same_as(report, traded(root, TRADING + policy))


def test_drawdown_and_every_session_of_the_curve_are_those_of_a_real_run(root: Path, recorded: Ledger) -> None:
    report = replayed(root, recorded, TRADING + "max_open_orders = 1")
    marks = of_type(traded(root, TRADING + "max_open_orders = 1"), e.ACCOUNT_MARKED, e.AccountMarked)
    assert [p.equity_after for p in report.curve] == [mark.equity for mark in marks]
    assert [p.drawdown_after for p in report.curve] == [mark.drawdown_ratio for mark in marks]
    assert report.after.max_drawdown == max(mark.drawdown_ratio for mark in marks)


def test_limits_of_one_strategy_and_of_one_instrument_reach_only_those(root: Path, recorded: Ledger) -> None:
    report = replayed(root, recorded, "[policy.trading.instrument.AAA]\nmax_qty = 20\n")
    changed = {c.instrument for c in report.changes}
    assert changed == {"AAA"}
    assert next(s for s in report.instruments if s.name == "BBB").changed == 0
    other = next(s for s in report.instruments if s.name == "BBB")
    assert other.pnl_after == other.pnl_before


def test_before_and_after_the_span_the_limits_are_those_that_were_in_force(root: Path, recorded: Ledger) -> None:
    at = [v.at for v in of_type(recorded, e.VERDICT_GIVEN, e.VerdictGiven)]
    begin, end = at[20], at[40]
    report = replayed(root, recorded, TRADING + "max_qty = 20", from_ns=begin, to_ns=end)
    assert report.decided_anew == sum(1 for when in at if begin <= when < end)
    assert all(c.path for c in report.changes if not begin <= c.at < end)
    assert {begin <= c.at < end for c in report.changes if not c.path} == {True}
    assert all(c.at >= begin for c in report.changes)
    whole = replayed(root, recorded, TRADING + "max_qty = 20")
    assert 0 < report.changed < whole.changed


def test_another_duplicate_window_counts_repetitions_as_a_real_run_does(root: Path) -> None:
    # Buys: exits may repeat.
    policy = TRADING + "duplicate_window = '90d'\nmax_losing_streak = 100\n"
    write_strategy(
        root,
        "swing",
        """
        from steersman.trading import buy, sell

        class Strategy:
            def __init__(self):
                self.seen = {}

            def on_bar(self, bar):
                n = self.seen[bar.instrument] = self.seen.get(bar.instrument, 0) + 1
                if n > 22 and n % 5 == 0:
                    yield buy(bar.instrument, 10 + n % 2)
        """,
    )
    try:
        ledger = traded(root, TRADING + "max_losing_streak = 100\n")
        report = replayed(root, ledger, policy)
        same_as(report, traded(root, policy))
    finally:
        a_small_desk(root, sessions=120)
    assert [c.code for c in report.checks] == ["DUPLICATE_CONTENT"]
    assert report.checks[0].newly_fails >= report.checks[0].decisive == report.changed > 0


def test_exits_of_a_bracket_follow_the_size_of_their_entry(tmp_path: Path) -> None:
    root = a_small_desk(tmp_path, sessions=90)
    write_strategy(
        root,
        "swing",
        """
        from steersman.trading import TimeInForce, buy

        class Strategy:
            def __init__(self):
                self.seen = {}

            def on_bar(self, bar):
                n = self.seen[bar.instrument] = self.seen.get(bar.instrument, 0) + 1
                if n in (24, 50):
                    stop, target = round(bar.close * 97 / 100, 2), round(bar.close * 101 / 100, 2)
                    more = {"stop_loss": stop, "take_profit": target, "time_in_force": TimeInForce.GTC}
                    yield buy(bar.instrument, 50, **more)
        """,
    )
    ledger = traded(root)
    assert any(v.signal_id.startswith("bracket/") for v in of_type(ledger, e.VERDICT_GIVEN, e.VerdictGiven))
    cut = replayed(root, ledger, TRADING + "max_qty = 20", bars=bars_of(root))
    really = traded(root, TRADING + "max_qty = 20")
    assert {k: v for k, v in cut.verdicts_after.items() if k != "dropped"} == verdicts(really)
    assert {c.signal_id: c.quantity_after for c in cut.changes if c.quantity_after} == sizes(really)
    # Targets that were refused while the rest of their entry was open never traded: those are a model.
    assert abs(cut.after.equity - last_mark(really).equity) < 1
    none = replayed(root, ledger, TRADING + "enabled = false")
    assert none.verdicts_after["dropped"] > 0
    assert none.after.equity == 100_000


@pytest.mark.parametrize(
    ("recorded", "tried"), [("max_qty = 20", "max_qty = 1000"), ("enabled = false", "enabled = true")]
)
def test_an_entry_that_would_have_been_added_or_larger_has_the_exits_of_its_bracket(
    tmp_path: Path, recorded: str, tried: str
) -> None:
    root = a_small_desk(tmp_path, sessions=90)
    for name in ("AAA", "BBB"):
        bars = tmp_path / "data" / f"{name}.csv"
        head, *rows = bars.read_text().splitlines()
        bars.write_text("\n".join([head, *(f"{row.rpartition(',')[0]},100000" for row in rows)]) + "\n")
    write_strategy(
        root,
        "swing",
        """
        from steersman.trading import TimeInForce, buy

        class Strategy:
            def __init__(self):
                self.seen = {}

            def on_bar(self, bar):
                n = self.seen[bar.instrument] = self.seen.get(bar.instrument, 0) + 1
                if n > 22 and n % 9 == 0:
                    stop, target = round(bar.close * 985 / 1000, 2), round(bar.close * 101 / 100, 2)
                    more = {"stop_loss": stop, "take_profit": target, "time_in_force": TimeInForce.GTC}
                    yield buy(bar.instrument, 50, **more)
        """,
    )
    report = replayed(root, traded(root, TRADING + recorded), TRADING + tried, bars=bars_of(root))
    really = traded(root, TRADING + tried)
    fills = of_type(really, e.ORDER_FILLED, e.OrderFilled)
    assert report.modelled_fills == len(fills) > 10
    costs = sum(f.fee for f in fills) + sum(f.quantity * f.price for f in fills) / 1000
    assert abs(report.after.equity - last_mark(really).equity) < costs
    assert ("No fill tells what a venue charges" in report.note) == (recorded == "enabled = false")


def test_a_signal_that_was_held_and_would_have_gone_at_once_is_an_order_of_the_model(root: Path) -> None:
    ledger = traded(root, TRADING + "approval_notional = 3000\n")
    assert verdicts(ledger)["hold"] > 0
    report = replayed(root, ledger, TRADING + "approval_notional = 1000000", bars=bars_of(root))
    assert report.verdicts_after["hold"] == 0
    assert report.orders.added.orders > 0
    assert report.bars_used == ("AAA", "BBB")
    assert f"Model-based for {report.orders.added.orders + report.orders.grown.orders:,} orders" in report.note


def test_a_granted_hold_that_would_have_gone_at_once_is_not_sent_twice(root: Path) -> None:
    """The approved verdict stands behind the hold, with an order of its own; otherwise nobody would have been asked."""
    source = traded(root)
    ledger = memory_ledger()
    first = of_type(source, e.ORDER_SUBMITTED, e.OrderSubmitted)[0]
    for event in source.read():
        data = event.data
        kind = event.type
        if kind == e.VERDICT_GIVEN:
            verdict = msgspec.json.decode(data, type=e.VerdictGiven)
            if verdict.signal_id == first.signal_id:
                held = msgspec.structs.replace(verdict, outcome="hold", failed=("APPROVAL",))
                ledger.append([new_event(kind, stream=event.stream, data=held, actor="core", now_ns=1)])
                granted = msgspec.structs.replace(verdict, approved=True)
                ledger.append([new_event(kind, stream=event.stream, data=granted, actor="core", now_ns=1)])
                continue
        decoded = msgspec.json.decode(data)
        ledger.append([new_event(kind, stream=event.stream, data=decoded, actor="core", now_ns=1)])
    report = replayed(root, ledger, TRADING + "approval_notional = 1000000", bars=bars_of(root))
    changed = [(c.before, c.after) for c in report.changes]
    assert changed == [("hold", "accept"), ("accept", "dropped")]
    assert (report.orders.added.orders, report.orders.avoided.orders) == (1, 1)
    assert report.after.orders == report.before.orders
    again = replayed(root, ledger, TRADING + "max_gross = 99999")
    assert [(c.before, c.after) for c in again.changes] == [("hold", "accept"), ("accept", "dropped")]


def test_bars_that_are_not_what_was_traded_on_are_not_used(root: Path, recorded: Ledger) -> None:
    bars = bars_of(root)
    wrong = [msgspec.structs.replace(bar, close=bar.close + 1) if bar.instrument == "AAA" else bar for bar in bars]
    report = replayed(root, recorded, TRADING + "max_qty = 50", bars=wrong)
    assert (report.bars_used, report.bars_refused) == (("BBB",), ("AAA",))
    assert "bars of AAA are not those that were traded on" in report.note


def test_without_bars_added_orders_trade_at_the_next_price_the_ledger_knows(root: Path, recorded: Ledger) -> None:
    with_bars = replayed(root, recorded, TRADING + "max_qty = 50", bars=bars_of(root))
    without = replayed(root, recorded, TRADING + "max_qty = 50")
    assert without.verdicts_after == with_bars.verdicts_after
    assert without.bars_used == ()
    assert 0 < abs(without.after.equity - with_bars.after.equity) < 100
    assert "the next price the ledger knows" in without.note


def test_verdicts_without_facts_are_taken_as_recorded_and_counted(root: Path) -> None:
    ledger = traded(root)
    bare = msgspec.structs.replace(of_type(ledger, e.VERDICT_GIVEN, e.VerdictGiven)[0], facts=(), signal_id="older")
    ledger.append([new_event(e.VERDICT_GIVEN, stream="signal/x/older", data=bare, actor="core", now_ns=1)])
    report = replayed(root, ledger, TRADING + "max_qty = 50")
    assert report.without_facts == 1
    assert "1 verdicts carry no facts" in report.note


def test_a_ledger_with_nothing_to_decide_again_is_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="holds no verdict yet"):
        replayed(root, memory_ledger(), TRADING + "max_qty = 50")
    old = TradingLedger(tmp_path / "projections.db")
    old.ledger_only(e.VERDICT_GIVEN, a_verdict())
    old.ledger_only(e.ACCOUNT_MARKED, a_mark(at=20))
    with pytest.raises(Rejected, match="none of the 1 verdicts carries the facts"):
        replayed(root, old.ledger, TRADING + "max_qty = 50")


def test_a_verdict_of_another_table_is_counted(root: Path) -> None:
    ledger = traded(root)
    first = of_type(ledger, e.VERDICT_GIVEN, e.VerdictGiven)[0]
    other = msgspec.structs.replace(first, table="older", signal_id="older")
    ledger.append([new_event(e.VERDICT_GIVEN, stream="signal/x/older", data=other, actor="core", now_ns=1)])
    assert replayed(root, ledger, TRADING + "max_qty = 50").other_table == 1


def test_a_person_who_lifts_a_halt_lifts_the_one_there_would_have_been(root: Path, recorded: Ledger) -> None:
    policy = TRADING + "halt_drawdown = 0.002"
    forever = replayed(root, recorded, policy)
    first = next(c for c in forever.changes)
    ledger = memory_ledger()
    lifted = False
    for event in recorded.read():
        if not lifted and event.type == e.ACCOUNT_MARKED and msgspec.json.decode(event.data)["at"] > first.at:
            ledger.append([resume_event("all", reason="seen", actor="person:test", now_ns=1)])
            lifted = True
        decoded = msgspec.json.decode(event.data)
        ledger.append([new_event(event.type, stream=event.stream, data=decoded, actor="core", now_ns=1)])
    report = replayed(root, ledger, policy)
    assert lifted
    assert report.changed < forever.changed


def test_a_halt_that_a_check_led_to_goes_with_the_check() -> None:
    halts = Halts()
    names = {"venue": "paper", "strategy": "trend", "instrument": "IBM"}
    halts.would_not_stop(b"verdict")
    halts.set(HaltSet(scope="strategy:trend", reason="too many fills"), b"verdict", guarded=False)
    assert not halts.halted(True, **names, at=5)
    halts.set(HaltSet(scope="instrument:IBM", reason="by hand"), None, guarded=False)
    assert halts.halted(True, **names, at=5)
    halts.lifted(HaltLifted(scope="instrument:IBM", reason=""))
    assert not halts.halted(True, **names, at=5)
    assert halts.halted(True, venue="paper", strategy="other", instrument="IBM", at=5)


def test_a_halt_that_would_have_been_is_met_later_and_lifted_like_any_other() -> None:
    halts = Halts()
    names = {"venue": "paper", "strategy": "trend", "instrument": "IBM"}
    halts.would_stop("strategy:trend", at=5)
    assert not halts.halted(False, **names, at=5)
    assert halts.halted(False, **names, at=6)
    assert halts.then == HaltState({"strategy:trend": ""})
    halts.lifted(HaltLifted(scope="all", reason=""))
    assert not halts.halted(False, **names, at=6)


def test_marks_judged_anew_leave_out_the_halts_that_marks_led_to() -> None:
    halts = Halts()
    names = {"venue": "paper", "strategy": "trend", "instrument": "IBM"}
    halts.set(HaltSet(scope="all", reason="halt_drawdown: 0.3 below the highest equity"), None, guarded=True)
    assert not halts.halted(True, **names, at=5)
    halts.set(HaltSet(scope="all", reason="a person said so"), None, guarded=True)
    assert halts.halted(True, **names, at=5)


@pytest.mark.parametrize(
    ("signal_id", "order_id", "execution"),
    [("bracket/o1/stop-2", "o1", 2), ("bracket/o1/target-1", "o1", 1), ("replace/o1/abc", "o1", None)],
)
def test_the_order_a_signal_follows_is_read_from_its_id(signal_id: str, order_id: str, execution: int | None) -> None:
    found = parent_of(signal_id)
    assert found is not None
    assert (found.order_id, found.execution) == (order_id, execution)
    assert parent_of("api/o1/x") is None
    assert parent_of("swing-AAA-1") is None
