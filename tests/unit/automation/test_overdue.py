"""Deadlines: what should have succeeded and has not is told once, and so is that it did after all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.builders_automation import an_automation

from steersman.automation import Manifest
from steersman.automation.events import RUN_OVERDUE, RunFinished, RunOverdue
from steersman.automation.model.expected import expected
from steersman.automation.model.outcome import RunRequest, run_id
from steersman.automation.model.window import parse_window
from steersman.automation.overdue import Overdue, overdue, words
from steersman.automation.recorder import Recorder
from steersman.automation.records import end_without_process, start_of
from steersman.automation.successes import position_before
from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import OutcomeUnknown, Unavailable
from steersman.ledger.adapters.memory import MemoryLedger

MINUTE = 60_000_000_000
HOUR = 60 * MINUTE
SIX = 1_764_482_400 * 10**9  # 2025-11-30T06:00Z


class Desk:
    """A watcher over a memory ledger; `at` moves the clock and looks."""

    def __init__(self, root: Path, *automations: Any) -> None:
        self.root = root
        self.clock = FakeClock(SIX - 10 * MINUTE)
        self.ledger = MemoryLedger(clock=self.clock)
        self.manifest = Manifest(automations)
        self.restart()

    def restart(self) -> None:
        self.watch = Overdue(
            manifest=lambda: self.manifest,
            ledger=self.ledger,
            clock=self.clock,
            path=self.root / "overdue.json",
            actor="desk",
        )

    def at(self, instant: int) -> list[str]:
        """Return what is said at an instant, as `name kind reason`."""
        self.clock.set(instant)
        return [
            f"{said.automation} {'overdue' if isinstance(said, RunOverdue) else 'recovered'}: {said.reason}"
            for said in self.watch.look()
        ]

    def run(self, name: str, began: int, ended: int, *, due: int | None = None, ok: bool = True) -> str:
        """Record a run; `due` names the start it is of, None one that a person asked for."""
        cycle = f"schedule/{due}" if due is not None else f"hand/{began}"
        own = run_id(name, due if due is not None else began, cycle)
        request = RunRequest(run_id=own, automation=name, cycle=cycle, cause="schedule", scheduled_at=due)
        recorder = Recorder(self.ledger, self.clock, actor="desk")
        self.clock.set(began)
        recorder.started(request, start_of(request, number=1, pid=1, command="true", log="", at=began))
        if ended:
            self.clock.set(ended)
            made = end_without_process(
                request, "succeeded" if ok else "failed", number=1, error="" if ok else "exit code 1", will_retry=False,
                log="", at=ended,
            )  # fmt: skip
            recorder.ended(_lasting(made, (ended - began) / 1e9), cycle=cycle)
        return own

    def events(self, kind: str) -> int:
        return len(list(self.ledger.read(types=(kind,))))


def _lasting(end: RunFinished, wall_s: float) -> RunFinished:
    return msgspec.structs.replace(end, wall_s=wall_s)


def hourly(name: str = "prices", **fields: Any) -> Any:
    return an_automation(name, **{"schedule": "0 * * * *", "deadline_s": 1800.0, **fields})


def test_a_start_that_succeeds_in_time_is_no_news(tmp_path: Path) -> None:
    desk = Desk(tmp_path, hourly())
    assert desk.at(SIX - MINUTE) == []
    desk.run("prices", SIX, SIX + 5 * MINUTE, due=SIX)
    assert desk.at(SIX + 40 * MINUTE) == []
    assert overdue(desk.manifest, desk.ledger) == {}


def test_a_start_that_nothing_began_is_told_once_and_again_when_it_succeeds_after_all(tmp_path: Path) -> None:
    desk = Desk(tmp_path, hourly())
    desk.at(SIX - MINUTE)
    assert desk.at(SIX + 29 * MINUTE) == []
    assert desk.at(SIX + 30 * MINUTE) == ["prices overdue: nothing started it"]
    assert desk.at(SIX + 31 * MINUTE) == []
    late = overdue(desk.manifest, desk.ledger)["prices"]
    assert (late.scheduled_at, late.deadline_at, late.starts) == (SIX, SIX + 30 * MINUTE, 1)
    assert words(late) == "should have succeeded by Sun 30 Nov 06:30 UTC: nothing started it"
    desk.run("prices", SIX + 32 * MINUTE, SIX + 35 * MINUTE)  # by hand
    assert desk.at(SIX + 35 * MINUTE) == ["prices recovered: it succeeded"]
    assert overdue(desk.manifest, desk.ledger) == {}


@pytest.mark.parametrize(
    ("ended", "ok", "said"),
    [(0, True, "it still runs, since 2025-11-30T06:01Z"), (SIX + 2 * MINUTE, False, "failed: exit code 1")],
    ids=["runs", "failed"],
)
def test_it_says_what_is_known_of_the_run(tmp_path: Path, ended: int, ok: bool, said: str) -> None:
    desk = Desk(tmp_path, hourly())
    desk.at(SIX - MINUTE)
    desk.run("prices", SIX + MINUTE, ended, due=SIX, ok=ok)
    assert desk.at(SIX + 31 * MINUTE) == [f"prices overdue: {said}"]


def test_what_became_due_while_no_desk_was_there_is_told_together_with_how_late(tmp_path: Path) -> None:
    desk = Desk(tmp_path, hourly())
    desk.at(SIX - MINUTE)
    desk.restart()
    assert desk.at(SIX + 5 * HOUR + 45 * MINUTE) == [
        "prices overdue: nothing started it; no desk was there from 2025-11-30T05:59Z on"
    ]
    late = overdue(desk.manifest, desk.ledger)["prices"]
    assert (late.starts, late.first_at, late.scheduled_at) == (6, SIX, SIX + 5 * HOUR)
    assert late.late_s == pytest.approx(5.25 * 3600)
    desk.restart()
    assert desk.at(SIX + 5 * HOUR + 46 * MINUTE) == []
    assert desk.events(RUN_OVERDUE) == 1


def test_a_crash_before_the_file_is_written_tells_nothing_twice(tmp_path: Path) -> None:
    desk = Desk(tmp_path, hourly())
    desk.at(SIX - MINUTE)
    before = (tmp_path / "overdue.json").read_bytes()
    desk.at(SIX + 31 * MINUTE)
    (tmp_path / "overdue.json").write_bytes(before)
    desk.restart()
    desk.at(SIX + 31 * MINUTE)
    assert desk.events(RUN_OVERDUE) == 1


def test_a_ledger_that_takes_nothing_is_told_at_the_next_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(tmp_path, hourly())
    desk.at(SIX - MINUTE)
    append = desk.ledger.append

    def away(*_: Any, **__: Any) -> Any:
        raise Unavailable("no core")

    monkeypatch.setattr(desk.ledger, "append", away)
    with pytest.raises(Unavailable):
        desk.at(SIX + 31 * MINUTE)
    monkeypatch.setattr(desk.ledger, "append", append)
    assert len(desk.at(SIX + 32 * MINUTE)) == 1


def test_a_look_whose_answer_got_lost_says_nothing_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(tmp_path, hourly())
    desk.at(SIX - MINUTE)
    append = desk.ledger.append

    def unanswered(*args: Any, **options: Any) -> Any:
        append(*args, **options)
        raise OutcomeUnknown("no answer")

    monkeypatch.setattr(desk.ledger, "append", unanswered)
    with pytest.raises(OutcomeUnknown):
        desk.at(SIX + 31 * MINUTE)
    monkeypatch.setattr(desk.ledger, "append", append)
    assert desk.at(SIX + 32 * MINUTE) == []
    assert desk.events(RUN_OVERDUE) == 1
    desk.at(SIX + 92 * MINUTE)
    late = overdue(desk.manifest, desk.ledger)["prices"]
    assert (late.first_at, late.starts) == (SIX + HOUR, 1)
    desk.run("prices", SIX + 93 * MINUTE, SIX + 94 * MINUTE)
    assert len(desk.at(SIX + 95 * MINUTE)) == 1


def test_a_success_that_began_after_a_start_was_due_stands_for_it_unless_each_counts(tmp_path: Path) -> None:
    desk = Desk(tmp_path, hourly("latest", deadline_s=5400.0), hourly("each", deadline_s=5400.0, catchup="all"))
    desk.at(SIX - MINUTE)
    for name in ("latest", "each"):
        desk.run(name, SIX, SIX + MINUTE, due=SIX, ok=False)
        desk.run(name, SIX + HOUR, SIX + HOUR + MINUTE, due=SIX + HOUR)
    assert desk.at(SIX + 91 * MINUTE) == ["each overdue: failed: exit code 1"]
    desk.run("each", SIX + 100 * MINUTE, SIX + 101 * MINUTE)  # another run, not of that start
    assert desk.at(SIX + 102 * MINUTE) == []


def test_a_success_that_began_before_a_start_was_due_does_not_stand_for_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path, hourly())
    desk.at(SIX - MINUTE)
    desk.run("prices", SIX - MINUTE, SIX + MINUTE)
    assert len(desk.at(SIX + 31 * MINUTE)) == 1


def test_a_run_of_the_start_itself_may_begin_a_little_early(tmp_path: Path) -> None:
    desk = Desk(tmp_path, hourly())
    desk.at(SIX - MINUTE)
    desk.run("prices", SIX - MINUTE, SIX - MINUTE // 2, due=SIX)
    assert desk.at(SIX + 31 * MINUTE) == []


def test_what_is_disabled_or_has_no_deadline_any_more_is_not_overdue(tmp_path: Path) -> None:
    desk = Desk(tmp_path, hourly())
    desk.at(SIX - MINUTE)
    desk.at(SIX + 31 * MINUTE)
    desk.manifest = Manifest([hourly(deadline_s=None)])
    assert desk.at(SIX + 32 * MINUTE) == [
        "prices recovered: nothing is expected of it any more: it is disabled, or its deadline was taken out"
    ]
    desk.manifest = Manifest([hourly()])
    assert desk.at(SIX + 33 * MINUTE) == []


def test_an_edit_of_the_schedule_makes_nothing_in_the_past_late(tmp_path: Path) -> None:
    desk = Desk(tmp_path, hourly())
    desk.at(SIX - MINUTE)
    desk.restart()
    desk.manifest = Manifest([hourly(schedule="30 * * * *")])
    assert desk.at(SIX + 4 * HOUR) == []


def test_a_start_outside_its_window_is_due_never_or_at_the_opening() -> None:
    window = parse_window("07:00-08:00")
    dropped, waits = hourly(window=window), hourly(window=window, outside="wait")
    first = next(expected(Manifest([dropped]), dropped, SIX - 1))
    assert first.start == SIX + HOUR
    first = next(expected(Manifest([waits]), waits, SIX - 1))
    assert (first.start, first.by) == (SIX, SIX + HOUR + 30 * MINUTE)


def test_what_follows_others_is_due_in_the_cycles_that_bring_it_in() -> None:
    report = an_automation("report", needs=("prices", "news"), deadline_s=1800.0)
    manifest = Manifest([hourly("prices"), hourly("news", schedule="0 */2 * * *"), report])
    found = expected(manifest, report, SIX - 1)
    assert [next(found).start for _ in range(2)] == [SIX, SIX + 2 * HOUR]


def test_a_position_is_found_by_time() -> None:
    clock = FakeClock(SIX)
    ledger = MemoryLedger(clock=clock)
    recorder = Recorder(ledger, clock, actor="desk")
    for n in range(20):
        request = RunRequest(run_id=f"r{n}", automation="a", cycle="c", cause="manual")
        recorder.started(request, start_of(request, number=1, pid=1, command="", log="", at=0))
        clock.advance(60)
    for n in range(20):
        assert position_before(ledger, SIX + n * MINUTE) == n
    assert position_before(ledger, SIX + HOUR) == 20


def test_a_clock_that_was_hours_ahead_for_a_while_keeps_no_deadline_from_being_watched(tmp_path: Path) -> None:
    desk = Desk(tmp_path, hourly())
    desk.at(SIX - MINUTE)
    assert len(desk.at(SIX + 540 * MINUTE)) == 1
    desk.at(SIX - MINUTE)
    (said,) = desk.at(SIX + 31 * MINUTE)
    assert said.startswith("prices overdue: nothing started it")
