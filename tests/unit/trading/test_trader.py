from __future__ import annotations

import threading
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.builders_desk import SWING, TOML, a_small_desk, a_trader, paper, some_rows, trade, write_bars, write_strategy

from steersman.kernel.errors import Misconfigured, OutcomeUnknown, Unavailable
from steersman.ledger import Ledger
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.policy.store import halt_event
from steersman.trading.digest import decisions_digest
from steersman.trading.links import check_links
from steersman.trading.model.order import Order

TWO = TOML + '[strategy.other]\nfile = "strategies/other.py"\ninstruments = ["AAA"]\n'


def data(ledger: Ledger, kind: str) -> list[dict[str, Any]]:
    return [msgspec.json.decode(e.data) for e in ledger.read(types=(kind,))]


def test_every_step_is_linked_and_two_runs_decide_the_same(tmp_path: Path) -> None:
    root = a_small_desk(tmp_path)
    one, two = memory_ledger(), memory_ledger()
    summary = trade(root, one)
    trade(root, two)
    links = check_links(one)
    assert (summary.sessions, summary.bars, summary.finished) == (40, 80, True)
    assert links.problems == []
    assert links.signals == links.verdicts > 5
    assert links.fills > links.orders > 3, "orders fill in parts"
    assert decisions_digest(one) == decisions_digest(two)
    assert one.verify().ok


def test_no_fill_comes_before_the_session_after_its_order(tmp_path: Path) -> None:
    ledger = memory_ledger()
    trade(a_small_desk(tmp_path), ledger)
    sent = {o["order_id"]: o["at"] for o in data(ledger, "trading.order.submitted")}
    assert all(f["at"] > sent[f["order_id"]] for f in data(ledger, "trading.order.filled"))


def test_the_intent_is_durable_before_the_venue_hears_of_it(tmp_path: Path) -> None:
    root, ledger = a_small_desk(tmp_path), memory_ledger()
    heard: list[bool] = []

    class Listening:
        def __init__(self) -> None:
            settings = a_trader(root, memory_ledger())._settings
            self._venue = paper(settings)

        def submit(self, order: Order) -> None:
            stored = [msgspec.json.decode(e.data)["order_id"] for e in ledger.read(types=("trading.order.submitted",))]
            heard.append(order.order_id in stored)
            self._venue.submit(order)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._venue, name)

    trade(root, ledger, venue=Listening())
    assert len(heard) > 3
    assert all(heard)


def test_a_finished_feed_is_not_replayed(tmp_path: Path) -> None:
    root, ledger = a_small_desk(tmp_path), memory_ledger()
    trade(root, ledger)
    head = ledger.head().pos
    again = trade(root, ledger)
    assert (again.finished, again.bars, ledger.head().pos) == (True, 80, head)


def test_a_strategy_that_raises_is_stopped_after_three_times_and_the_other_goes_on(tmp_path: Path) -> None:
    root, ledger = a_small_desk(tmp_path), memory_ledger()
    write_strategy(root, "other", "def on_bar(bar):\n    raise RuntimeError(f'no idea about {bar.close}')\n")
    trade(root, ledger, text=TWO)
    failed = data(ledger, "trading.strategy.failed")
    assert len(failed) == 3
    assert failed[0]["error"].startswith("RuntimeError: no idea about")
    assert "other.py" in failed[0]["traceback"]
    (disabled,) = data(ledger, "trading.strategy.disabled")
    assert (disabled["strategy"], "3 times in a row" in disabled["reason"]) == ("other", True)
    assert len(data(ledger, "trading.order.submitted")) > 3


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("def on_bar(bar:\n", "SyntaxError"),
        ("import nothing_like_this\n", "ModuleNotFoundError"),
        ("x = 1\n", "neither a class Strategy"),
        ("class Strategy:\n    def __init__(self, needed): ...\n", "TypeError"),
    ],
)
def test_a_strategy_that_cannot_be_loaded_is_recorded_and_the_other_goes_on(
    tmp_path: Path, body: str, told: str
) -> None:
    root, ledger = a_small_desk(tmp_path), memory_ledger()
    write_strategy(root, "other", body)
    trade(root, ledger, text=TWO)
    assert told in data(ledger, "trading.strategy.failed")[0]["error"]
    assert "could not be loaded" in data(ledger, "trading.strategy.disabled")[0]["reason"]
    assert len(data(ledger, "trading.order.submitted")) > 3


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("buy('ZZZ', 1)", "unknown instrument 'ZZZ'"),
        ("buy('AAA', float('nan'))", "quantity is NaN"),
        ("buy('AAA', -5)", "quantity is -5"),
        ("buy('AAA', 10, limit=float('inf'))", "limit is Infinity"),
        ("buy('AAA', 'many')", "quantity is not a number"),
        ("buy('AAA', True)", "quantity is a bool"),
        ("buy('AAA', 1, confidence=7)", "confidence is 7"),
        ("buy('AAA', '0.00000000001')", "finer than"),
        ("'buy AAA'", "on_bar gave a str"),
    ],
)
def test_what_cannot_be_a_signal_is_refused_by_name_and_never_an_order(tmp_path: Path, said: str, why: str) -> None:
    root, ledger = a_small_desk(tmp_path, sessions=25), memory_ledger()
    write_strategy(root, "swing", f"from steersman.trading import buy\n\ndef on_bar(bar):\n    return [{said}]\n")
    trade(root, ledger)
    refused = data(ledger, "trading.signal.refused")
    assert len(refused) == 50
    assert why in refused[0]["reason"]
    assert data(ledger, "trading.order.submitted") == []


def test_a_halt_set_while_trading_stops_orders_and_cancels_open_ones(tmp_path: Path) -> None:
    root, ledger = a_small_desk(tmp_path), memory_ledger()

    class Halting:
        """Stops everything right after the second order was sent."""

        def __init__(self) -> None:
            settings = a_trader(root, memory_ledger())._settings
            self._venue = paper(settings)
            self.sent = 0

        def submit(self, order: Order) -> None:
            self._venue.submit(order)
            self.sent += 1
            if self.sent == 2:
                ledger.append([halt_event("all", reason="odd", actor="person:test", now_ns=1)])

        def __getattr__(self, name: str) -> Any:
            return getattr(self._venue, name)

    venue = Halting()
    trade(root, ledger, venue=venue)
    assert venue.sent == 2
    outcomes = Counter(v["outcome"] for v in data(ledger, "trading.verdict.given"))
    assert outcomes["reject"] > 3
    assert "HALT" in data(ledger, "trading.verdict.given")[-1]["failed"]
    assert check_links(ledger).problems == []


def test_an_order_of_unknown_fate_blocks_its_instrument(tmp_path: Path) -> None:
    root, ledger = a_small_desk(tmp_path), memory_ledger()

    class Silent:
        def __init__(self) -> None:
            settings = a_trader(root, memory_ledger())._settings
            self._venue = paper(settings)
            self.sent: Counter[str] = Counter()

        def submit(self, order: Order) -> None:
            self.sent[order.instrument] += 1
            if order.instrument == "AAA":
                raise OutcomeUnknown("no answer within 5 s", fix="look it up")
            self._venue.submit(order)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._venue, name)

    venue = Silent()
    trade(root, ledger, venue=venue)
    assert venue.sent["AAA"] == 1
    assert venue.sent["BBB"] > 2
    assert [u["reason"] for u in data(ledger, "trading.order.unknown")] == ["no answer within 5 s"]


def test_bad_bars_and_gaps_are_named_and_the_rest_is_traded(tmp_path: Path) -> None:
    root, ledger = a_small_desk(tmp_path), memory_ledger()
    rows = some_rows(40)
    rows[4] = rows[4].replace(",", ",NaN,", 1).rsplit(",", 1)[0]
    rows[6] = rows[5]
    write_bars(root, "AAA", [*rows[:10], *rows[20:]])
    summary = trade(root, ledger)
    reasons = {b["place"]: b["reason"] for b in data(ledger, "trading.bar.rejected")}
    assert reasons == {"AAA.csv:6": "open is NaN", "AAA.csv:8": "a second bar of the same instant"}
    assert [g["missing"] for g in data(ledger, "trading.feed.gap_found")] == [10]
    assert (summary.refused, summary.bars) == (2, 68)


def test_a_missing_file_is_named_with_the_way_to_it(tmp_path: Path) -> None:
    root, ledger = a_small_desk(tmp_path), memory_ledger()
    (root / "data" / "BBB.csv").unlink()
    with pytest.raises(Misconfigured, match=r"no prices at .*BBB\.csv") as caught:
        trade(root, ledger)
    assert "auto run" in caught.value.fix


def test_a_ledger_that_takes_nothing_stops_trading_before_anything_is_sent(tmp_path: Path) -> None:
    root, ledger = a_small_desk(tmp_path), memory_ledger()
    trader = a_trader(root, ledger)
    sent: list[Order] = []

    def full(*_: Any, **__: Any) -> Any:
        raise Unavailable("the disk is full", fix="free some")

    ledger.append = full  # type: ignore[method-assign]  # a disk that fills up between two appends
    trader._dispatch.venues["paper"].submit = sent.append  # type: ignore[method-assign,assignment]
    with pytest.raises(Unavailable, match="the disk is full"):
        trader.run(threading.Event())
    assert sent == []


def test_too_many_fills_halt_the_strategy_until_a_person_resumes_it(tmp_path: Path) -> None:
    root, ledger = a_small_desk(tmp_path), memory_ledger()
    write_strategy(root, "swing", SWING.replace("every=3", "every=1"))
    trade(root, ledger, policy="[policy.trading]\nrepeat_executions = 0\n")
    halts = data(ledger, "policy.halt.set")
    assert halts[0]["scope"] == "strategy:swing"
    assert halts[0]["reason"].startswith("REPEAT_EXECUTION: ")
    last = data(ledger, "trading.verdict.given")[-1]
    assert "HALT" in last["failed"]


def test_account_marks_add_up(tmp_path: Path) -> None:
    ledger = memory_ledger()
    trade(a_small_desk(tmp_path), ledger)
    marks = data(ledger, "trading.account.marked")
    assert len(marks) == 40
    for mark in marks:
        assert Decimal(mark["equity"]) == Decimal(mark["cash"]) + Decimal(mark["net"])
    changes = sum((Decimal(m["day_pnl"]) for m in marks), Decimal(0))
    assert Decimal(marks[-1]["equity"]) == 100_000 + changes
