"""What a restart must not change: recorded decisions, cancelled orders, fills; and what it may: new bars."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.builders_desk import TOML, a_small_desk, a_trader, paper, some_rows, trade, write_bars, write_strategy

from steersman.kernel.errors import OutcomeUnknown, Unavailable
from steersman.ledger import ANY, Appended, Ledger, NewEvent
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.policy.store import halt_event, resume_event
from steersman.trading import events as e
from steersman.trading.digest import decisions_digest
from steersman.trading.handlers import trader
from steersman.trading.links import check_links
from steersman.trading.model.order import Order


class Cut(BaseException):
    """The process is gone."""


class Proxy:
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class CutAfterDecision(Proxy):
    """Ends the process when the first decisions with an order are durable and nothing is sent."""

    def append(self, events: Sequence[NewEvent], *, expect: int = ANY) -> Appended:
        done: Appended = self._inner.append(events, expect=expect)
        if any(event.type == e.ORDER_SUBMITTED for event in events):
            raise Cut
        return done


def data(ledger: Ledger, *types: str) -> list[dict[str, Any]]:
    return [msgspec.json.decode(event.data) for event in ledger.read(types=types)]


def paper_at(root: Path) -> Any:
    settings = a_trader(root, memory_ledger())._settings
    return paper(settings)


def cut_after_a_decision(root: Path, ledger: Ledger) -> list[dict[str, Any]]:
    with pytest.raises(Cut):
        trade(root, CutAfterDecision(ledger))
    decided = data(ledger, e.ORDER_SUBMITTED)
    assert decided
    assert data(ledger, e.ORDER_ACKNOWLEDGED) == []
    return decided


def test_a_decision_that_was_recorded_is_sent_once_even_if_the_strategy_was_edited_meanwhile(tmp_path: Path) -> None:
    root, ledger = a_small_desk(tmp_path), memory_ledger()
    decided = cut_after_a_decision(root, ledger)
    write_strategy(root, "swing", "def on_bar(bar): ...")
    trade(root, ledger)
    assert data(ledger, e.ORDER_SUBMITTED) == decided
    assert len(data(ledger, e.ORDER_ACKNOWLEDGED)) == len(decided)
    assert {f["order_id"] for f in data(ledger, e.ORDER_FILLED)} == {o["order_id"] for o in decided}
    assert check_links(ledger).problems == []


def test_a_decision_that_was_recorded_is_not_sent_if_a_halt_came_meanwhile(tmp_path: Path) -> None:
    root, ledger = a_small_desk(tmp_path), memory_ledger()
    decided = cut_after_a_decision(root, ledger)
    ledger.append([halt_event("all", reason="looking", actor="person:test", now_ns=1)])
    trade(root, ledger)
    assert data(ledger, e.ORDER_SUBMITTED) == decided
    assert data(ledger, e.ORDER_ACKNOWLEDGED, e.ORDER_FILLED) == []
    assert ["halted" in c["reason"] for c in data(ledger, e.ORDER_CANCELLED)] == [True] * len(decided)


def test_an_order_cancelled_before_it_was_sent_stays_cancelled_after_a_restart_without_the_halt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, ledger = a_small_desk(tmp_path), memory_ledger()
    decided = cut_after_a_decision(root, ledger)
    ledger.append([halt_event("all", reason="looking", actor="person:test", now_ns=1)])

    monkeypatch.setattr(trader, "_HELD", 1)

    class CutAtMark(Proxy):
        def append_soon(self, events: Sequence[NewEvent], *, expect: int = ANY) -> Any:
            if any(event.type == e.ACCOUNT_MARKED for event in events) and data(ledger, e.ORDER_CANCELLED):
                raise Cut
            return self._inner.append_soon(events, expect=expect)

    with pytest.raises(Cut):
        trade(root, CutAtMark(ledger))
    assert len(data(ledger, e.ORDER_CANCELLED)) == len(decided)
    ledger.append([resume_event("all", reason="fine", actor="person:test", now_ns=1)])
    trade(root, ledger)
    first = {o["order_id"] for o in decided}
    assert not first & {a["order_id"] for a in data(ledger, e.ORDER_ACKNOWLEDGED, e.ORDER_FILLED)}
    assert len(data(ledger, e.ORDER_SUBMITTED)) > len(decided)


def test_an_order_of_unknown_fate_that_the_venue_has_is_known_again_and_unblocks_its_instrument(tmp_path: Path) -> None:
    root, ledger = a_small_desk(tmp_path), memory_ledger()

    class Deaf(Proxy):
        """Takes every order, but the answer to the first one gets lost; what was sent is remembered."""

        sent: list[Order]

        def submit(self, order: Order) -> None:
            self._inner.submit(order)
            self.sent.append(order)
            if len(self.sent) == 1:
                self._inner.poll()
                raise OutcomeUnknown("no answer within 5 s", fix="look it up")

    venue = Deaf(paper_at(root))
    venue.sent = []
    trade(root, ledger, venue=venue)
    lost = venue.sent[0]
    assert [u["order_id"] for u in data(ledger, e.ORDER_UNKNOWN)] == [lost.order_id]
    assert [a["order_id"] for a in data(ledger, e.ORDER_ACKNOWLEDGED)].count(lost.order_id) == 1
    assert sum(float(f["quantity"]) for f in data(ledger, e.ORDER_FILLED) if f["order_id"] == lost.order_id) == float(
        lost.quantity
    )
    assert len([o for o in venue.sent if o.instrument == lost.instrument]) > 1


def test_nothing_is_sent_once_an_append_that_nobody_waited_for_was_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trader, "_HELD", 1)  # or nobody would write a mark alone
    root, ledger = a_small_desk(tmp_path), memory_ledger()

    class FullForAMoment(Proxy):
        """Refuses the session before the first order, then has room again."""

        refused = 0

        def append_soon(self, events: Sequence[NewEvent], *, expect: int = ANY) -> Future[Appended]:
            last = [event for event in events if event.type == e.ACCOUNT_MARKED]
            if last and msgspec.json.decode(last[0].data)["at"] == before:
                future: Future[Appended] = Future()
                future.set_exception(Unavailable("the disk is full", fix="free some"))
                self.refused += 1
                # As it is when the disk is slow: nobody has looked at the answer when the next decision is made.
                return Late(future)
            return self._inner.append_soon(events, expect=expect)  # type: ignore[no-any-return]  # of a proxy

    with pytest.raises(Cut):
        trade(root, CutAfterDecision(probe := memory_ledger()))
    marks = [m["at"] for m in data(probe, e.ACCOUNT_MARKED)]
    before = marks[-1]
    full, venue = FullForAMoment(ledger), Listening(paper_at(root))
    venue.heard = []
    with pytest.raises(Unavailable):
        trade(root, full, venue=venue)
    assert full.refused == 1
    assert data(ledger, e.ORDER_SUBMITTED)
    assert venue.heard == []


class Late(Future[Appended]):
    """Answers as `known` does, but only once it has been asked twice whether it is done."""

    def __init__(self, known: Future[Appended]) -> None:
        super().__init__()
        self._known, self._asked = known, 0

    def done(self) -> bool:
        self._asked += 1
        return self._asked > 2

    def result(self, timeout: float | None = None) -> Appended:
        return self._known.result(timeout)


class Listening(Proxy):
    heard: list[Order]

    def submit(self, order: Order) -> None:
        self.heard.append(order)
        self._inner.submit(order)


def test_bars_that_a_finished_feed_got_later_are_traded_and_the_old_ones_are_not_again(tmp_path: Path) -> None:
    whole, grown = a_small_desk(tmp_path / "whole", sessions=48), a_small_desk(tmp_path / "grown", sessions=36)
    expected, ledger = memory_ledger(), memory_ledger()
    trade(whole, expected)
    assert trade(grown, ledger).finished
    write_bars(grown, "AAA", some_rows(48))
    write_bars(grown, "BBB", some_rows(48, start=50.0, step=0.2))
    again = trade(grown, ledger)
    assert (again.finished, again.sessions, again.resumed_after) == (True, 48, 36)
    assert decisions_digest(ledger) == decisions_digest(expected)
    assert data(ledger, e.ACCOUNT_MARKED) == data(expected, e.ACCOUNT_MARKED)
    assert [f["accepted"] for f in data(ledger, e.FEED_FINISHED)] == [72, 96]


def test_fills_at_instants_the_feed_lost_since_are_still_in_the_book(tmp_path: Path) -> None:
    root, ledger = a_small_desk(tmp_path, sessions=40), memory_ledger()
    trade(root, ledger)
    filled_at = data(ledger, e.ORDER_FILLED)[0]["at"]
    marks = data(ledger, e.ACCOUNT_MARKED)
    lost = [m["at"] for m in marks].index(filled_at)
    for name, rows in (("AAA", some_rows(41)), ("BBB", some_rows(41, start=50.0, step=0.2))):
        write_bars(root, name, [*rows[:lost], *rows[lost + 1 :]])
    trader = a_trader(root, ledger)
    trader.run(threading.Event())
    fills = data(ledger, e.ORDER_FILLED)
    signed = [(f["instrument"], float(f["quantity"]) * (1 if f["side"] == "buy" else -1)) for f in fills]
    for name in ("AAA", "BBB"):
        assert float(trader._state.book.position(name)) == sum(units for i, units in signed if i == name)


def test_a_strategy_that_exits_or_never_ends_is_stopped_like_one_that_raises(tmp_path: Path) -> None:
    root, ledger = a_small_desk(tmp_path, sessions=30), memory_ledger()
    expected = memory_ledger()
    trade(root, expected)
    more = ""
    for name, body in (
        ("exits", "import sys\ndef on_bar(bar): sys.exit('enough')"),
        ("endless", "from steersman.trading import buy\ndef on_bar(bar):\n    while True: yield buy('AAA', 1)"),
    ):
        write_strategy(root, name, body)
        more += f'[strategy.{name}]\nfile = "strategies/{name}.py"\ninstruments = ["AAA"]\n'
    trade(root, ledger, text=TOML + more)
    assert [d["strategy"] for d in data(ledger, e.STRATEGY_DISABLED)] == ["exits", "endless"]
    assert len(data(ledger, e.STRATEGY_FAILED)) == 6
    assert decisions_digest(ledger) == decisions_digest(expected)


@pytest.mark.parametrize(
    "said",
    [
        "buy('AAA', 5, notes='\\ud800 half a character')",
        "buy('AAA', 5, confidence=10**400)",
        "buy(['AAA'], 5)",
        "buy('AAA', 10**5000)",
        "type('X', (), {'__repr__': lambda self: 1 / 0})()",
    ],
)
def test_nothing_a_strategy_can_say_stops_the_desk(said: str, tmp_path: Path) -> None:
    root, ledger = a_small_desk(tmp_path, sessions=26), memory_ledger()
    write_strategy(root, "swing", f"from steersman.trading import buy\ndef on_bar(bar): return [{said}]")
    assert trade(root, ledger).finished
    assert len(data(ledger, e.SIGNAL_REFUSED, e.SIGNAL_RECEIVED)) == 52
    assert check_links(ledger).problems == []
