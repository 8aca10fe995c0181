"""Watched files: appended lines become signals once, bad ones are named, and nothing is read again in silence."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.builders_signals import NOW, a_signal_desk, refusals, submitted

from steersman.bootstrap.desk import Desk
from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Corrupt, Unavailable
from steersman.trading.sources import Declared
from steersman.trading.sources.watch import PATIENCE_S, STABLE_S, Watcher, watching

WATCHED = """
[signals.ml]
files = "signals/*.jsonl"
[signals.sheet]
files = "signals/*.csv"
strategy = "trend"
[signals.frames]
files = "frames/*.parquet"
"""
ROW = {"strategy": "trend", "instrument": "IBM", "side": "buy", "quantity": 1}


class Folder:
    """A desk with watched files, and a way to look at them again as another life of the desk would."""

    def __init__(self, desk: Desk, clock: FakeClock) -> None:
        self.desk = desk
        self.clock = clock
        self.ledger = desk.ledger
        self.root = desk.workspace.root
        (self.root / "signals").mkdir()
        (self.root / "frames").mkdir()
        self.watcher = self.another_life()

    def another_life(self) -> Watcher:
        workspace = self.desk.workspace
        self.watcher = Watcher(
            root=workspace.root,
            state=workspace.watched,
            watched=workspace.sources.watched,
            declared=Declared(workspace.trading),
            ledger=self.ledger,
            clock=self.clock,
        )
        return self.watcher

    def look(self) -> tuple[int, int, int]:
        looked = self.watcher.look()
        return looked.accepted, looked.repeated, looked.refused

    def add(self, name: str, text: str | bytes) -> None:
        with (self.root / name).open("ab") as file:
            file.write(text.encode() if isinstance(text, str) else text)

    def reasons(self) -> list[str]:
        return [refused.reason for refused in refusals(self.ledger)]

    def ids(self) -> list[str]:
        return [signal.request.signal_id for signal in submitted(self.ledger)]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    clock = FakeClock(NOW)
    desk = a_signal_desk(tmp_path / "desk", more=WATCHED, clock=clock)
    yield Folder(desk, clock)
    desk.close()


def line(**changes: Any) -> str:
    return json.dumps({**ROW, **changes}) + "\n"


def test_appended_lines_are_taken_once_and_a_partial_one_waits(folder: Folder) -> None:
    folder.add("signals/a.jsonl", line(signal_id="one") + line(signal_id="two")[:20])
    assert folder.look() == (1, 0, 0)
    assert folder.look() == (0, 0, 0)
    folder.add("signals/a.jsonl", line(signal_id="two")[20:])
    assert folder.look() == (1, 0, 0)
    assert folder.ids() == ["one", "two"]
    assert {signal.source for signal in submitted(folder.ledger)} == {"file:ml"}


def test_a_line_that_never_ends_is_told_once(folder: Folder) -> None:
    folder.add("signals/a.jsonl", line(signal_id="one").rstrip())
    assert folder.look() == (0, 0, 0)
    folder.clock.advance(PATIENCE_S)
    assert folder.look() == (0, 0, 1)
    folder.clock.advance(PATIENCE_S)
    assert folder.look() == (0, 0, 0)
    assert folder.reasons() == ["signals/a.jsonl:1: this line has no end yet; it is read once it has one"]
    folder.add("signals/a.jsonl", "\n")
    assert folder.look() == (1, 0, 0)


def test_bad_lines_are_named_and_the_rest_goes_on(folder: Folder) -> None:
    folder.add("signals/a.jsonl", "junk\n" + line(signal_id="a") + line(signal_id="b", side="up") + "\n" + "\xff\n")
    assert folder.look() == (1, 0, 3)
    assert [reason.partition(" ")[0] for reason in folder.reasons()] == [
        "signals/a.jsonl:1:",
        "signals/a.jsonl:3:",
        "signals/a.jsonl:5:",
    ]


def test_a_csv_takes_its_header_once_and_its_strategy_from_the_section(folder: Folder) -> None:
    folder.add("signals/a.csv", "signal_id,instrument,side,quantity\n")
    assert folder.look() == (0, 0, 0)
    folder.add("signals/a.csv", "x,IBM,sell,2.5\n,IBM,buy,1\n")
    folder.another_life()
    assert folder.look() == (2, 0, 0)
    assert [str(signal.request.quantity) for signal in submitted(folder.ledger)] == ["2.5", "1"]
    assert {signal.request.strategy for signal in submitted(folder.ledger)} == {"trend"}


def test_a_csv_with_a_bad_header_is_named_once_and_read_when_it_is_mended(folder: Folder) -> None:
    folder.add("signals/a.csv", "signal_id,instrment,side,quantity\nx,IBM,buy,1\n")
    assert folder.look() == (0, 0, 1)
    folder.add("signals/a.csv", "y,IBM,buy,1\n")
    assert folder.look() == (0, 0, 0)
    assert "signals/a.csv:1: unknown column 'instrment'" in folder.reasons()[0]
    (folder.root / "signals/a.csv").write_text("signal_id,instrument,side,quantity\nx,IBM,buy,1\n")
    assert folder.look() == (1, 0, 0)


def test_a_crash_before_the_place_was_kept_repeats_and_adds_nothing(folder: Folder) -> None:
    folder.add("signals/a.jsonl", line() * 3 + "junk\n")
    assert folder.look() == (3, 0, 1)
    (folder.desk.workspace.watched / "ml.json").unlink()
    before = folder.ledger.head().pos
    folder.another_life()
    assert folder.look() == (0, 3, 1)
    assert folder.ledger.head().pos == before


def test_a_ledger_that_takes_nothing_loses_nothing(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.add("signals/a.jsonl", line() * 3)
    append, calls = folder.ledger.append, iter((True, False))

    def sometimes(*args: Any, **named: Any) -> Any:
        if next(calls):
            return append(*args, **named)
        raise Unavailable("no core", fix="start it")

    with monkeypatch.context() as patched:
        patched.setattr(folder.ledger, "append", sometimes)
        with pytest.raises(Unavailable):
            folder.look()
    assert folder.look() == (2, 1, 0)
    assert len(folder.ids()) == 3


def test_a_rewritten_file_is_named_and_only_rows_with_an_id_are_taken_again(folder: Folder) -> None:
    folder.add("signals/a.jsonl", line(signal_id="a") + line(quantity=2))
    assert folder.look() == (2, 0, 0)
    rewritten = line(quantity=9) + line(signal_id="a") + line(quantity=2) + line(signal_id="b")
    (folder.root / "signals/a.jsonl").write_text(rewritten)
    assert folder.look() == (1, 1, 3)
    assert "signals/a.jsonl: was rewritten" in folder.reasons()[0]
    assert "signal_id: is missing, and the file was rewritten" in folder.reasons()[1]
    assert folder.ids()[-1] == "b"
    folder.another_life()
    folder.add("signals/a.jsonl", line(quantity=5))
    assert folder.look() == (0, 0, 1)


def test_a_line_that_was_refused_may_be_mended_in_place(folder: Folder) -> None:
    folder.add("signals/a.jsonl", line(quantity="1,5"))
    assert folder.look() == (0, 0, 1)
    (folder.root / "signals/a.jsonl").write_text(line(quantity="1.5"))
    assert folder.look() == (1, 0, 1)
    assert folder.reasons()[1].endswith("It is read again from the start")


def test_a_truncated_file_is_named(folder: Folder) -> None:
    folder.add("signals/a.jsonl", line(signal_id="a") * 2)
    folder.look()
    (folder.root / "signals/a.jsonl").write_text("")
    assert folder.look() == (0, 0, 1)
    assert folder.look() == (0, 0, 0)
    folder.add("signals/a.jsonl", line(signal_id="a"))
    assert folder.look() == (0, 1, 0)


def test_a_file_replaced_by_a_longer_one_with_the_same_beginning_only_grew(folder: Folder) -> None:
    folder.add("signals/a.jsonl", line())
    folder.look()
    fresh = folder.root / "fresh"
    fresh.write_text(line() + line())
    os.replace(fresh, folder.root / "signals/a.jsonl")  # noqa: PTH105 - what a program does that writes safely
    assert folder.look() == (1, 0, 0)
    assert folder.reasons() == []


def test_a_parquet_file_is_read_whole_once_it_is_stable(folder: Folder) -> None:
    path = folder.root / "frames/a.parquet"
    frame = pl.DataFrame([{**ROW, "quantity": 0.1}, {**ROW, "quantity": float("nan")}])
    frame.write_parquet(path)
    assert folder.look() == (0, 0, 0)
    folder.clock.advance(STABLE_S)
    assert folder.look() == (1, 0, 1)
    assert folder.look() == (0, 0, 0)
    assert "frames/a.parquet:2: quantity: found nan" in folder.reasons()[0]
    pl.DataFrame([{**ROW, "signal_id": "x"}, {**ROW, "signal_id": None}]).write_parquet(path)
    folder.look()
    folder.clock.advance(STABLE_S)
    assert folder.look() == (1, 0, 2)
    assert "frames/a.parquet: was rewritten" in folder.reasons()[1]


def test_a_half_written_parquet_file_waits_before_it_is_named(folder: Folder) -> None:
    path = folder.root / "frames/a.parquet"
    pl.DataFrame([ROW]).write_parquet(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    folder.look()
    folder.clock.advance(STABLE_S)
    assert folder.look() == (0, 0, 0)
    folder.clock.advance(PATIENCE_S)
    assert folder.look() == (0, 0, 1)
    assert "no Parquet that can be read" in folder.reasons()[0]
    path.write_bytes(whole)
    folder.look()
    folder.clock.advance(STABLE_S)
    assert folder.look() == (1, 0, 0)


def test_ten_thousand_lines_are_read_in_pieces(folder: Folder) -> None:
    bad = line(quantity="NaN", notes="x" * 20)
    folder.add("signals/a.jsonl", bad * 10_000)
    looked = folder.watcher.look()
    assert looked.more
    refused = looked.refused
    while folder.watcher.look().more:
        pass
    assert 0 < refused < 10_000
    assert len(refusals(folder.ledger)) == 10_000


def test_an_endless_line_and_other_things_than_files_do_no_harm(folder: Folder) -> None:
    folder.add("signals/a.jsonl", b"x" * 300_000 + b"\n" + line(signal_id="a").encode())
    os.mkfifo(folder.root / "signals/pipe.jsonl")
    (folder.root / "signals/folder.jsonl").mkdir()
    (folder.root / "signals/gone.jsonl").symlink_to("nowhere")
    total = [0, 0, 0]
    for _ in range(3):
        total = [a + b for a, b in zip(total, folder.look(), strict=True)]
    assert total == [1, 0, 1]
    assert "a line of 300,000 bytes, allowed: 65,536" in folder.reasons()[0]


def test_two_sections_never_read_one_file(tmp_path: Path) -> None:
    more = WATCHED + '[signals.again]\nfiles = "signals/a*.jsonl"\n'
    folder = Folder(a_signal_desk(tmp_path / "desk", more=more, clock=FakeClock(NOW)), FakeClock(NOW))
    folder.add("signals/a.jsonl", line())
    assert folder.look() == (1, 0, 1)
    assert "[signals.ml] reads this file too" in folder.reasons()[0]
    folder.desk.close()


def test_a_damaged_memory_is_named(folder: Folder) -> None:
    folder.add("signals/a.jsonl", line())
    folder.look()
    (folder.desk.workspace.watched / "ml.json").write_text("{")
    with pytest.raises(Corrupt, match="delete it"):
        folder.another_life()


def test_the_thread_reads_what_is_appended_and_ends_when_asked(folder: Folder) -> None:
    tail = folder.ledger.subscribe(after=0)
    with watching(folder.watcher):
        folder.add("signals/a.jsonl", line(signal_id="now"))
        assert [event.type for event in tail.next(20)] == ["trading.signal.submitted"]
    assert not [thread for thread in threading.enumerate() if thread.name == "watched-files"]
