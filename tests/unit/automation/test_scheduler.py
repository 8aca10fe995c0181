"""What is due, told by a clock that tests move."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.builders_automation import an_automation, wait_for

from steersman.automation import Automation, Manifest
from steersman.automation.handled import Handled
from steersman.automation.missed import Missed
from steersman.automation.scheduler import Scheduler
from steersman.kernel.clock import FakeClock, iso, to_ns
from steersman.kernel.errors import Unavailable

NOON = to_ns(datetime(2026, 6, 1, 12, 0, 30, tzinfo=UTC))


def watched(*automations: Automation) -> tuple[FakeClock, Scheduler, list[tuple[list[str], str]]]:
    clock = FakeClock(NOON)
    seen: list[tuple[list[str], str]] = []
    scheduler = Scheduler(Manifest(automations), clock, lambda names, at: seen.append((names, iso(at)[11:16])))
    return clock, scheduler, seen


def test_nothing_is_due_before_its_time() -> None:
    clock, scheduler, seen = watched(an_automation(schedule="*/5 * * * *"))
    clock.advance(200)
    assert 0 < scheduler.tick() <= 5
    assert seen == []


def test_each_start_comes_once() -> None:
    clock, scheduler, seen = watched(an_automation(schedule="*/5 * * * *"))
    for _ in range(660):
        clock.advance(1)
        scheduler.tick()
    assert seen == [(["job"], "12:05"), (["job"], "12:10")]


def test_those_due_at_the_same_instant_come_together() -> None:
    clock, scheduler, seen = watched(
        an_automation("a", schedule="5 * * * *"), an_automation("b", schedule="*/5 * * * *"), an_automation("c")
    )
    clock.advance(300)
    scheduler.tick()
    assert seen == [(["a", "b"], "12:05")]


def test_a_machine_that_slept_makes_up_for_the_latest_start() -> None:
    clock, scheduler, seen = watched(an_automation(schedule="*/5 * * * *"))
    clock.advance(3600)
    scheduler.tick()
    scheduler.tick()
    assert seen == [(["job"], "13:00")]
    clock.advance(300)
    scheduler.tick()
    assert seen[1:] == [(["job"], "13:05")]


def test_a_clock_set_back_repeats_nothing_and_loses_nothing() -> None:
    clock, scheduler, seen = watched(an_automation(schedule="*/5 * * * *"))
    clock.advance(300)
    scheduler.tick()
    clock.set(NOON)
    scheduler.tick()
    clock.advance(300)
    scheduler.tick()
    assert seen == [(["job"], "12:05")]
    clock.advance(300)
    scheduler.tick()
    assert seen == [(["job"], "12:05"), (["job"], "12:10")]


def a_desk_that_was_down(
    path: Path, hours: float, *, then: Automation | None = None, **fields: Any
) -> tuple[list[str], list[Missed]]:
    """Watch for six minutes, be gone for `hours`, and return what the next desk starts and misses at once."""
    clock, job = FakeClock(NOON), an_automation(schedule="*/5 * * * *", **fields)
    first = Scheduler(Manifest([job]), clock, lambda names, at: None, handled=Handled(path))
    clock.advance(360)
    first.tick()
    clock.advance(hours * 3600)
    seen: list[str] = []
    missed: list[Missed] = []
    manifest = Manifest([then or job])
    again = Scheduler(
        manifest, clock, lambda n, at: seen.append(iso(at)[11:16]), handled=Handled(path), on_missed=missed.append
    )
    again.tick()
    again.tick()
    return seen, missed


def test_a_desk_that_was_down_makes_up_for_the_latest_start_and_tells_the_others(tmp_path: Path) -> None:
    seen, missed = a_desk_that_was_down(tmp_path / "s.json", 1)
    assert seen == ["13:05"]
    assert [(m.count, iso(m.first)[11:16], iso(m.last)[11:16]) for m in missed] == [(11, "12:10", "13:00")]


def test_catch_up_all_makes_up_for_every_start_in_order(tmp_path: Path) -> None:
    seen, missed = a_desk_that_was_down(tmp_path / "s.json", 0.5, catchup="all")
    assert seen == ["12:10", "12:15", "12:20", "12:25", "12:30", "12:35"]
    assert missed == []


def test_catch_up_all_is_bounded_and_tells_the_rest(tmp_path: Path) -> None:
    seen, missed = a_desk_that_was_down(tmp_path / "s.json", 24 * 7, catchup="all")
    assert len(seen) == 100
    assert missed[0].count == 24 * 7 * 12 - 100


def test_catch_up_none_makes_up_for_nothing(tmp_path: Path) -> None:
    seen, missed = a_desk_that_was_down(tmp_path / "s.json", 1.04, catchup="none")
    assert seen == []
    assert missed[0].count == 12


def test_catch_up_none_is_no_reason_to_drop_a_start_that_is_seconds_late(tmp_path: Path) -> None:
    seen, _ = a_desk_that_was_down(tmp_path / "s.json", 0.98, catchup="none")
    assert seen == ["13:05"]


def test_an_edited_schedule_starts_nothing_by_itself(tmp_path: Path) -> None:
    seen, missed = a_desk_that_was_down(tmp_path / "s.json", 1, then=an_automation(schedule="*/10 * * * *"))
    assert (seen, missed) == ([], [])


def test_a_torn_file_of_starts_is_as_good_as_none(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text('{"job": [')
    assert Handled(tmp_path / "s.json").through(an_automation(schedule="* * * * *")) is None


@pytest.mark.parametrize("hours", [1, 9, 365 * 24])
def test_a_clock_that_came_back_from_another_zone_or_year_is_followed_again(hours: int) -> None:
    clock, scheduler, seen = watched(an_automation(schedule="*/5 * * * *"))
    clock.set(NOON + hours * 3600 * 10**9)
    scheduler.tick()
    clock.set(NOON)
    scheduler.tick()
    clock.advance(300)
    scheduler.tick()
    assert [at for _, at in seen] == [iso(NOON + hours * 3600 * 10**9)[11:16], "12:05"]


def test_the_wait_ends_at_the_next_start() -> None:
    clock, scheduler, _ = watched(an_automation(schedule="*/5 * * * *"))
    clock.advance(268.5)
    assert scheduler.tick() == pytest.approx(1.5)


def test_a_start_that_fails_is_asked_for_again_and_the_schedule_goes_on(tmp_path: Path) -> None:
    clock, seen, failures = FakeClock(NOON), [], [OSError(28, "No space left on device")]

    def due(names: list[str], at: int) -> None:
        if failures:
            raise failures.pop()
        seen.append((names, iso(at)[11:16]))

    scheduler = Scheduler(
        Manifest([an_automation(schedule="*/5 * * * *")]), clock, due, handled=Handled(tmp_path / "s.json")
    )
    clock.advance(300)
    with pytest.raises(OSError, match="No space"):
        scheduler.tick()
    clock.advance(5)
    scheduler.tick()
    scheduler.tick()
    assert seen == [(["job"], "12:05")]


def test_the_thread_of_the_schedules_outlives_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steersman.automation.scheduler._LOOK_AGAIN_S", 0.01)
    clock, seen, failures = FakeClock(NOON), [], [Unavailable("no core process", fix="wait")] * 3

    def due(names: list[str], at: int) -> None:
        if failures:
            raise failures.pop()
        seen.append(iso(at)[11:16])

    scheduler = Scheduler(Manifest([an_automation(schedule="*/5 * * * *")]), clock, due)
    clock.advance(300)
    scheduler.start()
    try:
        wait_for(lambda: seen)
    finally:
        scheduler.stop()
    assert seen == ["12:05"]


def test_an_automation_that_is_enabled_again_makes_up_for_nothing(tmp_path: Path) -> None:
    clock, path, job = FakeClock(NOON), tmp_path / "s.json", an_automation(schedule="*/5 * * * *")
    seen: list[str] = []
    for manifest in (Manifest([job]), Manifest([msgspec.structs.replace(job, enabled=False)]), Manifest([job])):
        scheduler = Scheduler(manifest, clock, lambda n, at: seen.append(iso(at)[11:16]), handled=Handled(path))
        clock.advance(240)
        scheduler.tick()
        clock.advance(3600)
    assert seen == ["14:10"]


@pytest.mark.parametrize("schedule", ["* * * * *", "every 10s", "*/5 9-17 * * mon-fri"])
def test_after_a_year_only_the_last_starts_are_looked_at(tmp_path: Path, schedule: str) -> None:
    clock, job = FakeClock(NOON), an_automation(schedule=schedule, catchup="all")
    Scheduler(Manifest([job]), clock, lambda names, at: None, handled=Handled(tmp_path / "s.json"))
    clock.advance(365 * 86_400)
    seen: list[int] = []
    missed: list[Missed] = []
    again = Scheduler(
        Manifest([job]),
        clock,
        lambda names, at: seen.append(at),
        handled=Handled(tmp_path / "s.json"),
        on_missed=missed.append,
    )
    again.tick()
    assert (len(seen), seen == sorted(set(seen))) == (100, True)
    assert clock.now_ns() - seen[-1] < 86_400 * 10**9
    assert missed[0].last < seen[0]
    assert missed[0].said().startswith("missed at least 4,900 starts from 2026-06-0")
