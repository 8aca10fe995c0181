"""Files of bars that grow while somebody reads them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from steersman.bootstrap.plugins import factory
from steersman.kernel.clock import FakeClock
from steersman.trading.model.instrument import Instrument
from steersman.trading.ports import Session
from steersman.trading.settings import FeedSettings

HEADER = "date,open,high,low,close,volume\n"


class Growing:
    """Two files, a feed over them, and what it says."""

    def __init__(self, root: Path) -> None:
        self.root, self.clock = root, FakeClock()
        for name in ("A", "B"):
            (root / f"{name}.csv").write_text(HEADER, encoding="utf-8")
        instruments = {
            name: Instrument(name=name, tick=1, lot=1, currency="USD", venue="paper")  # type: ignore[arg-type]
            for name in ("A", "B")
        }
        feed = factory("feeds", "follow")(
            settings=FeedSettings(kind="follow", files="{instrument}.csv", wait="10s"),
            instruments=instruments,
            root=root,
            clock=self.clock,
        )
        self._said: Iterator[Session | None] = feed.sessions()

    def append(self, name: str, text: str) -> None:
        with (self.root / f"{name}.csv").open("a", encoding="utf-8") as file:
            file.write(text)

    def look(self) -> list[tuple[str, list[str]]]:
        """Return (instruments, reasons of refusals) of every session until there is nothing new."""
        found = []
        for session in self._said:
            if session is None:
                break
            found.append(("".join(b.instrument for b in session.bars), [b.reason for b in session.bad]))
        return found


@pytest.fixture
def files(tmp_path: Path) -> Growing:
    return Growing(tmp_path)


def bar(day: int, price: int = 100) -> str:
    return f"2024-01-{day:02},{price},{price},{price},{price},10\n"


def test_what_is_appended_is_said_once(files: Growing) -> None:
    assert files.look() == []
    for name in ("A", "B"):
        files.append(name, bar(2))
    assert files.look() == [("AB", [])]
    assert files.look() == []
    for name in ("A", "B"):
        files.append(name, bar(3) + bar(4))
    assert files.look() == [("AB", []), ("AB", [])]


def test_an_instant_waits_for_the_other_instruments_but_not_for_ever(files: Growing) -> None:
    files.append("A", bar(2))
    assert files.look() == []
    files.clock.advance(9)
    assert files.look() == []
    files.append("B", bar(2))
    assert files.look() == [("AB", [])]
    files.append("A", bar(3))
    assert files.look() == []
    files.clock.advance(11)
    assert files.look() == [("A", [])]


def test_a_bar_that_comes_after_its_instant_was_decided_is_refused_by_name(files: Growing) -> None:
    files.append("A", bar(2))
    files.look()
    files.clock.advance(11)
    assert files.look() == [("A", [])]
    files.append("B", bar(2))
    assert files.look() == []
    for name in ("A", "B"):
        files.append(name, bar(3))
    assert files.look() == [("AB", ["came after its instant was decided"])]


def test_a_line_that_is_still_being_written_is_not_read(files: Growing) -> None:
    files.append("B", bar(2) + bar(3))
    files.append("A", bar(2) + "2024-01-03,100,10")
    assert files.look() == [("AB", [])]
    files.append("A", "0,100,100,10\n")
    assert files.look() == [("AB", [])]


def test_a_bad_row_is_refused_and_the_rest_goes_on(files: Growing) -> None:
    files.append("A", bar(2) + "2024-01-03,NaN,1,1,1,1\n" + bar(4))
    files.append("B", bar(2) + bar(3) + bar(4))
    assert files.look() == [("AB", []), ("B", ["open is NaN"]), ("AB", [])]
