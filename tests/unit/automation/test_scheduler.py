"""What is due, told by a clock that tests move."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.builders_automation import an_automation

from steersman.automation import Automation, Manifest
from steersman.automation.scheduler import Scheduler
from steersman.automation.triggers import Triggers, matches
from steersman.kernel.clock import FakeClock, iso, to_ns
from steersman.ledger.adapters.memory import create as memory_ledger

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


def test_a_machine_that_slept_makes_up_for_one_start() -> None:
    clock, scheduler, seen = watched(an_automation(schedule="*/5 * * * *"))
    clock.advance(3600)
    scheduler.tick()
    scheduler.tick()
    assert seen == [(["job"], "12:05")]
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


def test_the_wait_ends_at_the_next_start() -> None:
    clock, scheduler, _ = watched(an_automation(schedule="*/5 * * * *"))
    clock.advance(268.5)
    assert scheduler.tick() == pytest.approx(1.5)


def test_an_event_type_means_itself_and_a_star_means_what_it_begins() -> None:
    assert matches("policy.halt.set", "policy.halt.set")
    assert matches("policy.*", "policy.halt.set")
    assert not matches("policy.halt", "policy.halt.set")
    assert not matches("policy.*", "policyx.halt.set")


def test_an_automation_named_twice_by_an_event_starts_once() -> None:
    manifest = Manifest([an_automation("a", on=("policy.*", "policy.halt.set")), an_automation("b", on=("x.y",))])
    triggers = Triggers(manifest, memory_ledger(), lambda names, event: None)
    assert triggers.names_for("policy.halt.set") == ["a"]
