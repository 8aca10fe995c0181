"""The trader cut off at every append it makes: the next life decides and fills the same, and nothing twice."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from tests.builders_desk import a_small_desk, trade

from steersman.ledger import ANY, Appended, Ledger, NewEvent
from steersman.ledger.adapters.sqlite import create as sqlite_ledger
from steersman.trading.digest import decisions_digest
from steersman.trading.handlers import trader
from steersman.trading.links import check_links

pytestmark = pytest.mark.crash
SESSIONS = 34


class Cut(BaseException):
    """The process is gone."""


class CutLedger:
    """Passes everything on; the process ends before or after the append number `at`."""

    def __init__(self, ledger: Ledger, at: int, *, written: bool) -> None:
        self._ledger = ledger
        self._left = at
        self._written = written

    def append(self, events: Sequence[NewEvent], *, expect: int = ANY) -> Appended:
        return self._cut(lambda: self._ledger.append(events, expect=expect))

    def append_soon(self, events: Sequence[NewEvent], *, expect: int = ANY) -> Future[Appended]:
        future: Future[Appended] = Future()
        future.set_result(self._cut(lambda: self._ledger.append(events, expect=expect)))
        return future

    def _cut(self, write: Any) -> Appended:
        self._left -= 1
        if self._left == 0 and not self._written:
            raise Cut
        done: Appended = write()
        if self._left == 0:
            raise Cut
        return done

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)


def outcome(ledger: Ledger) -> tuple[str, int, int, list[str]]:
    """Return the digest of decisions and of every word that was said but the starts, and what `check_links` counts."""
    links = check_links(ledger)
    said = sorted(
        (event.type, event.stream, event.data)
        for event in ledger.read(types=("trading.*", "journal.*", "approval.*"))
        if event.type != "trading.feed.started"
    )
    everything = hashlib.sha256(repr(said).encode()).hexdigest()
    return f"{decisions_digest(ledger)}/{everything}", links.fills, links.journal_entries, links.problems


Undisturbed = tuple[Path, tuple[str, int, int, list[str]], int]


@pytest.fixture(params=[1, 64], ids=["each session written", "sessions held back"])
def undisturbed(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Undisturbed:
    """Return the desk, what a run without trouble leaves, and how many appends it makes."""
    monkeypatch.setattr(trader, "_HELD", request.param)
    root = a_small_desk(tmp_path / "desk", sessions=SESSIONS)
    ledger = sqlite_ledger(tmp_path / "undisturbed" / "ledger.db")
    counting = CutLedger(ledger, -1, written=True)
    trade(root, counting)
    found = outcome(ledger)
    ledger.close()
    return root, found, -1 - counting._left


@pytest.mark.parametrize("written", [False, True], ids=["before", "after"])
def test_cut_at_any_append_the_next_life_ends_the_same(written: bool, undisturbed: Undisturbed, tmp_path: Path) -> None:
    root, expected, appends = undisturbed
    assert expected[1] > 5
    assert expected[3] == []
    for at in range(2, appends + 1):  # the first append puts the policy in force
        ledger = sqlite_ledger(tmp_path / f"{at}.db")
        with pytest.raises(Cut):
            trade(root, CutLedger(ledger, at, written=written))
        trade(root, ledger)
        assert outcome(ledger) == expected, f"cut at append {at}"
        assert ledger.verify().ok
        ledger.close()


def test_cut_again_and_again_it_still_ends_the_same(undisturbed: Undisturbed, tmp_path: Path) -> None:
    root, expected, appends = undisturbed
    ledger = sqlite_ledger(tmp_path / "ledger.db")
    lives = 0
    while True:
        try:
            trade(root, CutLedger(ledger, 7 if appends > 20 else 3, written=lives % 2 == 0))
            break
        except Cut:
            lives += 1
    assert lives > (5 if appends > 20 else 1)
    assert outcome(ledger) == expected
    ledger.close()
