"""A history decided again: unchanged limits change nothing, and blocks and cuts are what a real run makes of them."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from tests.builders_desk import TOML, a_small_desk, some_rows, write_bars, write_strategy
from tests.builders_whatif import CAPITAL, bars_of, last_mark, of_type, replayed, sizes, traded

from steersman.ledger import Ledger
from steersman.trading import events as e

TRADING = "[policy.trading]\n"
LIMITS = st.fixed_dictionaries(
    {},
    optional={
        "max_notional": st.integers(500, 25_000),
        "max_qty": st.integers(1, 200),
        "max_position": st.integers(500, 40_000),
        "max_gross": st.integers(1_000, 60_000),
        "max_open_orders": st.integers(0, 4),
        "message_rate": st.integers(0, 4),
        "approval_notional": st.integers(500, 30_000),
        "max_drawdown": st.sampled_from(["0.0005", "0.002", "0.01", "0.2"]),
        "repeat_executions": st.integers(0, 4),
        "allow_adjust": st.sampled_from(["true", "false"]),
    },
)
WISHES = st.lists(
    st.tuples(
        st.integers(0, 39),
        st.sampled_from(["AAA", "BBB"]),
        st.sampled_from(["buy", "sell"]),
        st.integers(1, 120),
    ),
    max_size=30,
    # Day orders, one for an instrument at a time: filled in parts, and none takes what another one wanted.
    unique_by=lambda wish: wish[:2],
)
ASKS = """
from steersman.trading import buy, sell

WISHES = {wishes!r}

class Strategy:
    def __init__(self):
        self.seen = {{}}

    def on_bar(self, bar):
        n = self.seen[bar.instrument] = self.seen.get(bar.instrument, 0) + 1
        for at, name, side, units in WISHES:
            if at == n - 22 and name == bar.instrument:
                yield (buy if side == "buy" else sell)(name, units)
"""


def policy_of(limits: dict[str, object]) -> str:
    return TRADING + "".join(f"{name} = {value}\n" for name, value in limits.items())


def a_desk_that_wants(root: Path, wishes: list[tuple[int, str, str, int]]) -> Path:
    write_bars(root, "AAA", some_rows(64))
    write_bars(root, "BBB", some_rows(64, start=50.0, step=0.2))
    write_strategy(root, "swing", ASKS.format(wishes=wishes))
    return root


@settings(max_examples=15)
@given(WISHES, LIMITS)
def test_the_policy_in_force_changes_nothing_and_the_book_is_folded_to_the_cent(
    wishes: list[tuple[int, str, str, int]], limits: dict[str, object]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = a_desk_that_wants(Path(folder), wishes)
        ledger = traded(root, policy_of(limits))
        if not of_type(ledger, e.VERDICT_GIVEN, e.VerdictGiven):
            return
        report = replayed(root, ledger, policy_of(limits))
    assert (report.changed, report.checks, report.marks_off) == (0, (), 0)
    assert report.after == report.before
    assert report.after.equity == last_mark(ledger).equity
    assert sum((s.pnl_after for s in report.strategies), Decimal(0)) == report.after.pnl


@settings(max_examples=15)
@given(WISHES, LIMITS)
def test_a_replay_of_blocks_and_cuts_is_what_a_real_run_gives(
    wishes: list[tuple[int, str, str, int]], limits: dict[str, object]
) -> None:
    """Orders that were never sent have no fills to go by: those replays are compared by their verdicts elsewhere."""
    with tempfile.TemporaryDirectory() as folder:
        root = a_desk_that_wants(Path(folder), wishes)
        recorded = traded(root)
        if not of_type(recorded, e.VERDICT_GIVEN, e.VerdictGiven):
            return
        report = replayed(root, recorded, policy_of(limits), bars=bars_of(root))
        really = traded(root, policy_of(limits))
    event("blocked and cut" if report.changed else "unchanged")
    if report.orders.added.orders or report.orders.grown.orders:
        event("some were added")
        return
    assert report.after.equity == last_mark(really).equity
    assert report.after.orders == len(sizes(really))
    assert report.after.fees == sum((f.fee for f in of_type(really, e.ORDER_FILLED, e.OrderFilled)), Decimal(0))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ledger]:
    root = a_small_desk(tmp_path_factory.mktemp("desk"), sessions=120)
    return root, traded(root)


@pytest.mark.parametrize(
    "limit", ["max_notional = 3000", "max_qty = 50", "max_gross = 8000", "max_position = 5000", "max_drawdown = 0.0005"]
)
def test_with_modelled_orders_the_verdicts_are_still_those_of_a_real_run(
    recorded: tuple[Path, Ledger], limit: str
) -> None:
    root, ledger = recorded
    report = replayed(root, ledger, TRADING + limit, bars=bars_of(root))
    really = traded(root, TRADING + limit)
    verdicts = [v.outcome for v in of_type(really, e.VERDICT_GIVEN, e.VerdictGiven)]
    assert report.verdicts_after == {name: verdicts.count(name) for name in report.verdicts_after}
    assert report.modelled_fills > 0
    # Jitter of the simulated slippage, and orders that a real bar would have filled in part only.
    assert abs(report.after.equity - last_mark(really).equity) < 40


def test_blocking_everything_leaves_the_capital(recorded: tuple[Path, Ledger]) -> None:
    root, ledger = recorded
    report = replayed(root, ledger, TRADING + "enabled = false")
    assert report.after.equity == CAPITAL
    assert report.after.fees == 0
    assert (report.after.max_drawdown, report.after.orders) == (0.0, 0)
    assert report.orders.avoided.orders == len(sizes(ledger))
    assert report.pnl_difference == -report.before.pnl


@given(LIMITS)
@settings(max_examples=40)
def test_on_the_facts_as_they_were_a_tighter_limit_sends_no_more(
    recorded: tuple[Path, Ledger], limits: dict[str, object]
) -> None:
    root, ledger = recorded
    tighter = {name: value for name, value in limits.items() if name != "approval_notional"}
    report = replayed(root, ledger, policy_of(tighter))
    by_limits = [c for c in report.changes if not c.path]
    assert len(by_limits) == report.by_limits
    # A held order is only asked for: cut below what a person is asked about, it goes.
    assert [c for c in by_limits if c.quantity_after > c.quantity_before and c.before != "hold"] == []


def test_the_replayed_ledger_is_only_read(recorded: tuple[Path, Ledger]) -> None:
    root, ledger = recorded
    head = ledger.head()
    replayed(root, ledger, TRADING + "max_qty = 1", text=TOML)
    assert ledger.head() == head
