"""Which events start what: now, after a burst, and after a time in which no desk followed them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders_automation import an_automation, wait_for

from steersman.automation import Automation, Manifest
from steersman.automation.bursts import LONGEST, Burst, burst_of
from steersman.automation.missed import Missed
from steersman.automation.positions import Positions
from steersman.automation.triggers import Triggers
from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Unavailable
from steersman.kernel.ids import uuid7
from steersman.ledger import Event, Ledger, new_event
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.ledger.patterns import EventPattern

S = 1_000_000_000
HALT = "policy.halt.set"
FAILED = EventPattern(
    event="automation.run.finished", where={"automation": "prices", "status": ("failed", "timed_out")}
)


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steersman.automation.triggers._LOOK_S", 0.02)


class Desk:
    """A ledger whose events are recorded when a fake clock says so, and what triggers make of them."""

    def __init__(self, path: Path | None = None) -> None:
        self.clock = FakeClock(1_000_000 * S)
        self.ledger: Ledger = memory_ledger(clock=self.clock)
        self.path = path
        self.started: list[tuple[list[str], int, int]] = []
        self.missed: list[Missed] = []
        self.ran: set[tuple[str, int]] = set()
        self.refuses = False

    def says(self, kind: str = HALT, **data: Any) -> int:
        event = new_event(kind, stream="s", data=data, actor="a", now_ns=self.clock.now_ns())
        return self.ledger.append([event]).last

    def on_event(self, names: list[str], event: Event, count: int) -> bool:
        if not self.refuses:
            self.started.append((names, event.pos, count))
        return not self.refuses

    @contextmanager
    def following(self, *automations: Automation, before: Triggers | None = None) -> Iterator[Triggers]:
        triggers = Triggers(
            Manifest([an_automation("prices"), *automations]),
            self.ledger,
            self.clock,
            self.on_event,
            positions=Positions(self.path),
            on_missed=self.missed.append,
            ran=lambda name, event, count: (name, event.pos) in self.ran,
        )
        triggers.start(before)
        try:
            yield triggers
        finally:
            triggers.stop()

    def visit(self, *automations: Automation) -> None:
        """Follow until all there is has been looked at."""
        marker = len(self.started)
        with self.following(*automations, an_automation("probe", on=("script.probe.sent",))):
            self.says("script.probe.sent")
            wait_for(lambda: any(names == ["probe"] for names, _, _ in self.started[marker:]))
        self.started = [start for start in self.started if start[0] != ["probe"]]


def an_event(pos: int, at: int) -> Event:
    return Event(
        pos=pos,
        id=uuid7(at),
        recorded_at=at,
        stream="s",
        version=pos,
        type=HALT,
        schema=1,
        actor="a",
        causation_id=None,
        correlation_id=None,
        data=b"{}",
        hash=b"",
    )


def test_conditions_are_looked_at_and_an_automation_named_twice_starts_once(tmp_path: Path) -> None:
    desk, alert = Desk(), an_automation("alert", on=("policy.*", HALT, FAILED))
    with desk.following(alert):
        halted = desk.says()
        desk.says("automation.run.finished", automation="prices", status="succeeded")
        desk.says("automation.run.finished", automation="report", status="failed")
        failed = desk.says("automation.run.finished", automation="prices", status="failed")
        wait_for(lambda: len(desk.started) == 2)
    assert desk.started == [(["alert"], halted, 1), (["alert"], failed, 1)]


def test_an_event_that_came_while_no_desk_followed_starts_what_catchup_says(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "t.json")
    each = [an_automation(how, on=(HALT,), catchup=how) for how in ("latest", "all", "none")]
    desk.visit(*each)
    first, second = desk.says(), desk.says()
    desk.clock.advance(3600)
    desk.visit(*each)
    assert desk.started == [(["all"], first, 1), (["latest", "all"], second, 1)]
    assert [(m.automation, m.count, m.events) for m in desk.missed] == [("latest", 1, HALT), ("none", 2, HALT)]
    assert "missed 2 starts by policy.halt.set from 1970-01-12T13:46Z to 1970-01-12T13:46Z" in desk.missed[1].said()
    desk.visit(*each)
    assert len(desk.started) == 2, "what was taken care of is over"


def test_a_desk_that_was_away_for_seconds_misses_nothing_even_with_catchup_none(tmp_path: Path) -> None:
    desk, job = Desk(tmp_path / "t.json"), an_automation(on=(HALT,), catchup="none")
    desk.visit(job)
    pos = desk.says()
    desk.clock.advance(5)
    desk.visit(job)
    assert (desk.started, desk.missed) == ([(["job"], pos, 1)], [])


def test_all_that_was_missed_is_bounded_and_the_rest_is_told(tmp_path: Path) -> None:
    desk, job = Desk(tmp_path / "t.json"), an_automation(on=(HALT,), catchup="all")
    desk.visit(job)
    last = [desk.says() for _ in range(130)][-1]
    desk.visit(job)
    assert [start[1] for start in desk.started] == list(range(last - 99, last + 1))
    assert [m.count for m in desk.missed] == [30]


def test_a_new_or_edited_trigger_begins_with_what_comes(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "t.json")
    desk.says()
    desk.visit(an_automation(on=("policy.halt.lifted",)))
    desk.says()
    desk.visit(an_automation(on=(HALT,)))
    assert (desk.started, desk.missed) == ([], [])


def test_another_order_of_conditions_is_no_edit(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "t.json")
    desk.visit(an_automation(on=(EventPattern(event=HALT, where={"scope": "all", "reason": "x"}),)))
    pos = desk.says(scope="all", reason="x")
    desk.visit(an_automation(on=(EventPattern(event=HALT, where={"reason": "x", "scope": "all"}),)))
    assert desk.started == [(["job"], pos, 1)]


def test_what_is_enabled_again_makes_up_for_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "t.json")
    desk.visit(an_automation(on=(HALT,)))
    desk.visit(an_automation(on=(HALT,), enabled=False))
    desk.says()
    desk.visit(an_automation(on=(HALT,)))
    assert (desk.started, desk.missed) == ([], [])


def test_what_was_the_only_trigger_and_is_enabled_again_makes_up_for_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "t.json")
    desk.visit(an_automation(on=(HALT,)))
    with desk.following(an_automation(on=(HALT,), enabled=False)):
        pass
    desk.says()
    desk.visit(an_automation(on=(HALT,)))
    assert (desk.started, desk.missed) == ([], [])


def test_an_edit_costs_no_event_and_starts_none_twice(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "t.json")
    slow, job = an_automation("slow", on=("policy.*",), debounce_s=30), an_automation(on=(HALT,))
    with desk.following(slow, job) as before:
        positions = [desk.says()]
        wait_for(lambda: desk.started)
    positions += [desk.says() for _ in range(5)]
    new = an_automation("new", on=(HALT,))
    with desk.following(slow, job, new, before=before) as now:
        positions.append(desk.says())
        wait_for(lambda: len(desk.started) >= 7)
        desk.clock.advance(31)
        wait_for(lambda: len(desk.started) == 8)
    each = [(["job"], pos, 1) for pos in positions[:-1]]
    assert desk.started == [*each, (["job", "new"], positions[-1], 1), (["slow"], positions[-1], 7)]
    assert desk.missed == []
    with desk.following(slow, job, before=now):
        pass
    assert len(desk.started) == 8


def test_the_start_of_a_desk_that_is_over_is_not_made_up_for(tmp_path: Path) -> None:
    desk, job = Desk(tmp_path / "t.json"), an_automation(on=("kernel.desk.started",))
    desk.visit(job)
    desk.says("kernel.desk.started")
    with desk.following(job):
        ours = desk.says("kernel.desk.started")
        wait_for(lambda: desk.started)
    assert (desk.started, desk.missed) == ([(["job"], ours, 1)], [])


def test_a_start_that_was_not_made_when_the_engine_closed_is_made_by_the_next_desk(tmp_path: Path) -> None:
    desk, job = Desk(tmp_path / "t.json"), an_automation(on=(HALT,))
    desk.visit(job)
    desk.refuses = True
    with desk.following(job):
        pos = desk.says()
    desk.refuses = False
    desk.visit(job)
    assert desk.started == [(["job"], pos, 1)]


def test_what_a_desk_that_died_had_started_is_not_told_as_missed(tmp_path: Path) -> None:
    desk, job = Desk(tmp_path / "t.json"), an_automation(on=(HALT,))
    desk.visit(job)
    desk.ran = {("job", desk.says())}
    pos = desk.says()
    desk.visit(job)
    assert (desk.started, desk.missed) == ([(["job"], pos, 1)], [])


def test_a_torn_or_unwritable_file_of_positions_is_as_good_as_none(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text('{"job": {"on"')
    assert Positions(tmp_path / "t.json").of(an_automation(on=(HALT,))) is None
    (tmp_path / "file").touch()
    desk = Desk(tmp_path / "file" / "t.json")
    desk.visit(an_automation(on=(HALT,)))


def test_five_hundred_events_in_a_burst_are_one_start_with_the_last_and_the_count(tmp_path: Path) -> None:
    desk, job = Desk(tmp_path / "t.json"), an_automation(on=("trading.order.filled",), debounce_s=30)
    with desk.following(job, an_automation("probe", on=("script.probe.sent",))):
        last = [desk.says("trading.order.filled") for _ in range(500)][-1]
        desk.says("script.probe.sent")
        wait_for(lambda: desk.started)
        desk.clock.advance(31)
        wait_for(lambda: len(desk.started) == 2)
    assert desk.started[1] == (["job"], last, 500)


def test_a_burst_that_a_restart_cut_in_two_is_one_start(tmp_path: Path) -> None:
    desk, job = Desk(tmp_path / "t.json"), an_automation(on=(HALT,), debounce_s=30)
    desk.visit(job)
    desk.says()
    desk.visit(job)
    desk.clock.advance(10)
    last = desk.says()
    with desk.following(job):
        desk.clock.advance(31)
        wait_for(lambda: desk.started)
    assert (desk.started, desk.missed) == ([(["job"], last, 2)], [])


@given(
    gaps=st.lists(st.integers(min_value=0, max_value=40 * S), min_size=1, max_size=60),
    quiet=st.integers(min_value=1, max_value=30 * S),
)
def test_bursts_hold_every_event_once_and_none_goes_on_for_ever(gaps: list[int], quiet: int) -> None:
    at, bursts, now = 0, list[Burst](), None
    for pos, gap in enumerate(gaps, 1):
        at += gap
        joined = now.joined(an_event(pos, at), quiet) if now is not None else None
        if joined is None:
            bursts += [now] if now is not None else []
            joined = burst_of(an_event(pos, at))
        now = joined
    assert now is not None
    bursts.append(now)
    assert sum(burst.count for burst in bursts) == len(gaps)
    assert all(burst.last.recorded_at - burst.began_at < LONGEST * quiet for burst in bursts)
    assert all(burst.is_due(quiet, burst.last.recorded_at + quiet) for burst in bursts)
    assert not any(burst.count == 1 and burst.is_due(quiet, burst.last.recorded_at + quiet - 1) for burst in bursts)


def test_an_event_that_cannot_be_handled_does_not_stop_the_others(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    desk, failures = Desk(), [RuntimeError("a bug")]

    def on_event(names: list[str], event: Event, count: int) -> bool:
        if failures:
            raise failures.pop()
        return Desk.on_event(desk, names, event, count)

    monkeypatch.setattr(desk, "on_event", on_event)
    with desk.following(an_automation(on=("policy.*",))):
        desk.says()
        lifted = desk.says("policy.halt.lifted")
        wait_for(lambda: desk.started)
    assert desk.started == [(["job"], lifted, 1)]
    assert "policy.halt.set did not start job" in caplog.text


def test_an_event_waits_for_a_ledger_that_can_not_be_told_why_it_starts_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("steersman.automation.triggers._AGAIN_S", 0.01)
    desk, failures = Desk(), [Unavailable("no core process", fix="wait")] * 3

    def on_event(names: list[str], event: Event, count: int) -> bool:
        if failures:
            raise failures.pop()
        return Desk.on_event(desk, names, event, count)

    monkeypatch.setattr(desk, "on_event", on_event)
    with desk.following(an_automation(on=("policy.*",))):
        halted = desk.says()
        wait_for(lambda: desk.started)
    assert desk.started == [(["job"], halted, 1)]


class Lives(Desk):
    """Desks one after the other, each looked at step by step; `die` is SIGKILL."""

    def __init__(self, path: Path, job: Automation) -> None:
        super().__init__(path)
        self.job = job
        self.triggers: Triggers | None = None
        self.seen = 0

    def begin(self) -> None:
        self.triggers = Triggers(
            Manifest([self.job]),
            self.ledger,
            self.clock,
            self.on_event,
            positions=Positions(self.path),
            on_missed=self.missed.append,
            ran=lambda name, event, count: (["job"], event.pos, count) in self.started,
        )
        self.seen = self.triggers._read = self.ledger.head().pos
        self.triggers._begin_at(self.seen)
        assert self.triggers._caught_up()

    def look(self) -> None:
        assert self.triggers is not None
        for event in self.ledger.read(after=self.seen):
            assert self.triggers._take(event)
            self.seen = event.pos
        self.triggers._fire_due()

    def die(self) -> None:
        self.triggers = None


@given(
    steps=st.lists(st.sampled_from(["event", "other", "look", "die", "wait", "long"]), max_size=40),
    how=st.sampled_from(["latest", "all", "none"]),
    debounce=st.sampled_from([0, 30]),
)
def test_however_often_desks_die_every_event_starts_something_once_or_is_told_as_missed(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], how: Any, debounce: int
) -> None:
    path = tmp_path_factory.mktemp("lives") / "t.json"
    lives = Lives(path, an_automation(on=(HALT,), catchup=how, debounce_s=debounce))
    lives.begin()
    said = 0
    for step in [*steps, "die", "look", "long", "look"]:
        if step in ("event", "other"):
            lives.says(HALT if step == "event" else "policy.halt.lifted")
            said += step == "event"
        elif step == "die":
            lives.die()
        elif step == "look":
            if lives.triggers is None:
                lives.begin()
            lives.look()
        else:
            lives.clock.advance(20 if step == "wait" else 600)
    once = {pos: count for _, pos, count in lives.started}
    if not debounce:
        assert sum(once.values()) + sum(missed.count for missed in lives.missed) == said
    assert all(count == once[pos] for _, pos, count in lives.started), "asked for again under the same id"
    assert sum(once.values()) <= said
    if how == "all":
        assert sum(once.values()) == said
