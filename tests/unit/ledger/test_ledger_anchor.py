"""Heads written outside: what they notice, and what happens to their own file."""

from __future__ import annotations

import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Corrupt
from steersman.ledger import Ledger, NewEvent, new_event
from steersman.ledger.adapters.memory import MemoryLedger
from steersman.ledger.anchor import anchor, check_anchors, count, key_path

CLOCK = FakeClock()


def grown(ledger: Ledger, n: int, word: str = "x") -> Ledger:
    for _ in range(n):
        ledger.append([new_event("t.a.b", stream="s", data={"w": word}, actor="a", now_ns=CLOCK.now_ns())])
    return ledger


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "head.anchor"


@pytest.fixture
def ledger(path: Path) -> Ledger:
    """A ledger of nine events, anchored at 3, 6 and 9."""
    made = MemoryLedger(clock=CLOCK)
    for _ in range(3):
        anchor(grown(made, 3), path, CLOCK)
    return made


def test_a_ledger_that_grew_agrees_with_all_its_anchors(ledger: Ledger, path: Path) -> None:
    grown(ledger, 5)
    assert check_anchors(ledger, path) == ""
    assert count(path) == 3
    assert [line.split()[0] for line in path.read_text().splitlines()] == ["3", "6", "9"]


def test_no_anchors_are_no_problem_and_no_events_no_anchor(path: Path) -> None:
    empty = MemoryLedger()
    assert check_anchors(empty, path) == ""
    assert anchor(empty, path, CLOCK) is None
    assert not path.exists()


def test_a_head_that_did_not_move_is_not_written_again(ledger: Ledger, path: Path) -> None:
    assert anchor(ledger, path, CLOCK) is None
    assert count(path) == 3


def test_the_key_and_the_anchors_are_for_this_user_only(ledger: Ledger, path: Path) -> None:
    assert stat.S_IMODE(key_path(path).stat().st_mode) == 0o600
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_cut_tail_is_noticed_and_never_anchored_over(ledger: Ledger, path: Path) -> None:
    shorter = MemoryLedger(clock=CLOCK)
    shorter.append(_again(ledger, 7))
    assert shorter.head().hash == next(ledger.read(after=6)).hash, "the same history, but cut"
    assert "2 events are gone" in check_anchors(shorter, path)
    with pytest.raises(Corrupt, match="cut off"):
        anchor(shorter, path, CLOCK)
    assert count(path) == 3


def test_rewritten_history_is_noticed_though_its_own_chain_is_sound(ledger: Ledger, path: Path) -> None:
    other = grown(MemoryLedger(clock=CLOCK), 12, "y")
    assert other.verify().ok
    assert "history was rewritten: event 3" in check_anchors(other, path)
    with pytest.raises(Corrupt, match="rewritten"):
        anchor(other, path, CLOCK)


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (lambda lines: [lines[0].replace("3 ", "4 ", 1), *lines[1:]], 1),
        (lambda lines: lines[1:], 1),
        (lambda lines: [lines[0], lines[2]], 2),
        (lambda lines: [lines[1], lines[0], lines[2]], 1),
        (lambda lines: [*lines[:2], "nonsense"], 3),
        (lambda lines: [*lines[:2], "ü ü ü ü"], 3),
        (lambda lines: [*lines, lines[2]], 4),
    ],
    ids=["changed", "first gone", "middle gone", "reordered", "nonsense", "not ascii", "doubled"],
)
def test_a_line_that_was_changed_moved_or_made_up_is_named(
    ledger: Ledger, path: Path, damage: Callable[[list[str]], list[str]], line: int
) -> None:
    lines = path.read_text().splitlines()
    path.write_text("\n".join(damage(lines)) + "\n", encoding="utf-8")
    assert f"line {line} was changed" in check_anchors(ledger, path)
    with pytest.raises(Corrupt):
        anchor(grown(ledger, 1), path, CLOCK)


def test_a_lost_key_is_said_and_not_replaced(ledger: Ledger, path: Path) -> None:
    key_path(path).unlink()
    assert "is gone" in check_anchors(ledger, path)
    assert not key_path(path).exists()
    key_path(path).write_bytes(b"short")
    assert "5 bytes" in check_anchors(ledger, path)
    key_path(path).write_bytes(bytes(32))
    assert "line 1 was changed" in check_anchors(ledger, path)


def test_half_a_line_left_by_a_crash_is_overwritten_by_the_next(ledger: Ledger, path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"12 abcdef")
    assert check_anchors(ledger, path) == ""
    anchor(grown(ledger, 3), path, CLOCK)
    assert check_anchors(ledger, path) == ""
    assert count(path) == 4


def test_many_who_anchor_at_once_leave_a_sound_file(path: Path) -> None:
    ledger = MemoryLedger(clock=CLOCK)

    def work(_: int) -> None:
        anchor(grown(ledger, 1), path, CLOCK)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(24)))
    assert check_anchors(ledger, path) == ""
    assert 1 <= count(path) <= 24


def _again(ledger: Ledger, n: int) -> list[NewEvent]:
    """Return the first `n` events as they were appended."""
    fields = ("id", "type", "stream", "data", "actor", "schema", "causation_id", "correlation_id")
    return [NewEvent(**{name: getattr(event, name) for name in fields}) for event in ledger.read(limit=n)]
