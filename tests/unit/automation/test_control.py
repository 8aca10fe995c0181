"""Pauses folded, starts to come under them, starts counted through crashes, spans of the past: as functions."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders_automation import an_automation

from steersman.automation import Manifest
from steersman.automation.control import backfill, pauses, when
from steersman.automation.control.forecast import forecast
from steersman.automation.control.holding import HeldBack
from steersman.automation.control.pauses import EVERYTHING, Pauses, State
from steersman.automation.control.underway import Register, Underway
from steersman.automation.events import RunSkipped
from steersman.automation.handled import Handled
from steersman.automation.missed import Missed
from steersman.automation.model.outcome import RunRequest
from steersman.automation.scheduler import Scheduler
from steersman.kernel.clock import FakeClock, iso, to_ns, utc
from steersman.kernel.errors import Misconfigured, Rejected
from steersman.ledger import Ledger
from steersman.ledger.adapters.memory import create as memory_ledger

T = 1_764_500_400_000_000_000  # 30 November 2025, 11:00 UTC
MINUTE = 60_000_000_000
HOUR = 60 * MINUTE
NAMES = ("a", "b", "c", EVERYTHING)


def pause(ledger: Ledger, *names: str, at: int = T, until: int | None = None, reason: str = "") -> None:
    pauses.pause(ledger, names, until=until, reason=reason, by="person:me", now_ns=at)


def resume(ledger: Ledger, *names: str, at: int = T) -> None:
    pauses.resume(ledger, names, reason="", by="person:me", now_ns=at)


# -- pauses ----------------------------------------------------------------------------------------------------------


@given(acts=st.lists(st.tuples(st.booleans(), st.sampled_from(NAMES)), max_size=12))
def test_whoever_reads_the_pauses_in_whatever_pieces_sees_the_same(acts: list[tuple[bool, str]]) -> None:
    ledger, followed = memory_ledger(), None
    follower = Pauses(ledger)
    model: set[str] = set()
    is_whole = False
    for is_pause, name in acts:
        targets = set(NAMES[:3]) if name == EVERYTHING else {name}
        if is_pause:
            pause(ledger, name)
            model |= targets
            is_whole |= name == EVERYTHING
        elif model & targets or (is_whole and name == EVERYTHING):
            # The pause of all stands for what is declared later, also once each of today's was spared.
            resume(ledger, name)
            model -= targets
            is_whole &= name != EVERYTHING
        else:
            with pytest.raises(Rejected):
                resume(ledger, name)
        followed = follower.now()
        assert {n for n in NAMES[:3] if followed.of(n, T) is not None} == model
    assert followed in (None, Pauses(ledger).now())


def test_a_pause_with_an_end_is_over_by_itself() -> None:
    ledger = memory_ledger()
    pause(ledger, "a", until=T + HOUR)
    state = Pauses(ledger).now()
    assert [state.of("a", at) is not None for at in (T, T + HOUR - 1, T + HOUR)] == [True, True, False]


def test_the_same_pause_again_is_no_further_event_and_another_end_is() -> None:
    ledger = memory_ledger()
    for until in (None, None, T + HOUR, T + HOUR):
        pause(ledger, "a", until=until)
    assert ledger.head().pos == 2


def test_whose_needs_are_paused_however_far_is_held_back_and_names_it() -> None:
    ledger = memory_ledger()
    pause(ledger, "a", reason="no licence")
    chain = (an_automation("b", needs=("a",)), an_automation("c", needs=("b",)))
    manifest = Manifest([an_automation("a"), *chain, an_automation("d")])
    held = Pauses(ledger).now().held(manifest, T)
    assert list(held) == ["a", "b", "c"]
    assert str(held["c"]) == "needs a, which is paused by person:me since 2025-11-30 11:00 UTC: no licence"
    assert held["c"].brief == "needs a, which is paused"


def test_people_are_told_of_pauses_on_the_clocks_of_their_desk_and_tables_briefly() -> None:
    ledger = memory_ledger()
    desk = Pauses(ledger, tz="America/New_York")
    for end, told in ((None, "paused since Sun 30 Nov 06:00"), (T + HOUR, "paused until Sun 30 Nov 07:00")):
        pause(ledger, "a", until=end, reason="no licence")
        held = desk.now().held(Manifest([an_automation("a")]), T)["a"]
        assert held.brief == f"{told} America/New_York: no licence"
        assert str(held).startswith("paused by person:me since 2025-11-30 06:00 ")


def test_which_pause_fell_into_a_span_is_known_afterwards() -> None:
    ledger = memory_ledger()
    pause(ledger, "a", at=T, reason="first")
    resume(ledger, "a", at=T + HOUR)
    pause(ledger, EVERYTHING, at=T + 3 * HOUR, until=T + 4 * HOUR, reason="second")
    found = Pauses(ledger)

    def between(first: int, last: int) -> str | None:
        pause = found.between("a", T + first, T + last)
        return pause.reason if pause is not None else None

    assert between(-HOUR, -1) is None
    assert between(-HOUR, 1) == "first"
    assert between(HOUR, 2 * HOUR) is None
    assert between(2 * HOUR, 3 * HOUR) == "second"
    assert between(4 * HOUR, 9 * HOUR) is None
    assert between(0, 9 * HOUR) == "second"


# -- the clock -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("catchup", "due"), [("latest", 1), ("all", 5), ("none", 0)])
def test_a_schedule_under_a_pause_starts_nothing_and_catches_up_after_it(
    tmp_path: Path, catchup: str, due: int
) -> None:
    clock, ledger = FakeClock(T), memory_ledger()
    job = an_automation("job", schedule="*/10 * * * *", catchup=catchup)
    manifest, started, missed = Manifest([job]), [], list[Missed]()
    pausing = Pauses(ledger)

    def scheduler() -> Scheduler:
        return Scheduler(
            manifest,
            clock,
            lambda names, at: started.append(at),
            handled=Handled(tmp_path / "handled"),
            on_missed=missed.append,
            held=lambda: pausing.now().held(manifest, clock.now_ns()),
        )

    follows = scheduler()
    pause(ledger, "job")
    for _ in range(5):
        clock.advance(600)
        assert follows.tick() == 5.0, "it looks again for the end of the pause, and does not spin"
    follows = scheduler()  # the desk is started anew meanwhile
    follows.tick()
    assert (started, missed) == ([], [])
    resume(ledger, "job")
    clock.advance(180)
    follows.tick()
    assert (len(started), sum(m.count for m in missed)) == (due, 5 - due)


def test_what_is_held_back_stands_among_the_starts_to_come_with_the_reason() -> None:
    manifest = Manifest([an_automation("a", schedule="0 * * * *"), an_automation("b", schedule="30 * * * *")])
    ledger = memory_ledger()
    pause(ledger, "a", until=T + 2 * HOUR + 1)
    held = Pauses(ledger).now().held(manifest, T)
    found = [(iso(c.at)[11:16], c.automation, bool(c.why)) for c in forecast(manifest, held, T, 4)]
    assert found == [
        ("11:30", "b", False),
        ("12:00", "a", True),
        ("12:30", "b", False),
        ("13:30", "b", False),
        ("14:00", "a", False),
    ]
    pause(ledger, "a")
    held = Pauses(ledger).now().held(manifest, T)
    assert [c.automation for c in forecast(manifest, held, T, 3)] == ["b", "a", "b", "b"]


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("12:30", "2025-11-30T17:30:00Z"),
        ("05:00", "2025-12-01T10:00:00Z"),
        ("2025-12-24", "2025-12-24T05:00:00Z"),
        ("2025-12-24T06:00", "2025-12-24T11:00:00Z"),
        ("2025-12-24T06:00+01:00", "2025-12-24T05:00:00Z"),
    ],
)
def test_an_end_is_read_on_the_clocks_of_the_desk(text: str, at: str) -> None:
    assert iso(when.until(text, "America/New_York", T)) == at


@pytest.mark.parametrize("text", ["", "tomorrow", "24:01", "2025-13-01", "12", "１２:00:0x", "0001-01-01T00:00+23:59"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(Misconfigured, match="is no time"):
        when.until(text, "America/New_York", T)


# -- what was held back ----------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process ends here."""


class Disk:
    """Counts starts in a folder, and dies before the write that is wanted."""

    def __init__(self, folder: Path, die_before: int) -> None:
        self.told: dict[str, int] = {}
        self._left = die_before
        self.tally = HeldBack(folder, self._record, lambda: None)
        self._write, self._unlink = self.tally._write, Path.unlink
        self.tally._write = self._counted_write  # type: ignore[assignment, method-assign]

    def _step(self) -> None:
        if self._left == 0:
            raise Killed
        self._left -= 1

    def _counted_write(self, *args: object) -> None:
        self._step()
        self._write(*args)  # type: ignore[arg-type]

    def _record(self, event: RunSkipped, key: str) -> None:
        self._step()
        self.told.setdefault(key, event.starts)


def test_starts_that_were_counted_are_told_once_whenever_the_process_is_killed(tmp_path: Path) -> None:
    for point in range(40):
        folder = tmp_path / str(point)
        folder.mkdir()
        first: list[str] = []
        disk = Disk(folder, point)
        asked = killed = 0
        for start in range(6):
            hour = T + start // 2 * HOUR + start * MINUTE
            try:
                disk.tally.hold("job", pause="p", reason="paused", now=hour, first=partial(first.append, ""))
            except Killed:
                # The start is asked for again by nobody: it may be lost, but none that was counted before it.
                killed, before = 1, disk.told
                disk = Disk(folder, -1)
                disk.told = before
            asked += 1
        try:
            disk.tally.settle("job")
        except Killed:
            killed, before = 1, disk.told
            disk = Disk(folder, -1)
            disk.told = before
            disk.tally.settle("job")
        counted = len(first) + sum(disk.told.values())
        assert asked - killed <= counted <= asked, f"killed before write {point}"
        if not killed:
            assert counted == asked
            return
    pytest.fail("it never came through")


# -- backfills -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("begin", "end", "first", "last"),
    [
        ("2026-03-08", "2026-03-08", "2026-03-08T05:00:00Z", "2026-03-09T03:59:59.999999Z"),
        ("2026-11-01", "2026-11-01", "2026-11-01T04:00:00Z", "2026-11-02T04:59:59.999999Z"),
        ("2026-11-01T06:00", "2026-11-01T06:00", "2026-11-01T11:00:00Z", "2026-11-01T11:00:00Z"),
        ("2026-11-01T00:00Z", "2026-11-02", "2026-11-01T00:00:00Z", "2026-11-03T04:59:59.999999Z"),
    ],
)
def test_a_span_is_whole_days_on_the_clocks_of_the_automation(begin: str, end: str, first: str, last: str) -> None:
    found = backfill.span(begin, end, "America/New_York")
    assert tuple(map(iso, found)) == (first, last)


@given(day=st.dates(min_value=utc(T).date().replace(year=2020), max_value=utc(T).date()))
def test_a_day_has_each_start_of_a_fixed_time_once_also_when_the_clock_changes(day: object) -> None:
    first, last = backfill.span(str(day), str(day), "America/New_York")
    manifest = Manifest([an_automation("job", schedule="30 1,2 * * *", tz="America/New_York")])
    due, closed = backfill._due(manifest, manifest["job"], first, last)
    assert (len(due), closed) == (2, 0)
    assert to_ns(utc(due[0])) >= first


def test_a_state_without_events_holds_nobody() -> None:
    assert State().held(Manifest([an_automation("a")]), T) == {}


# -- what is in hand -------------------------------------------------------------------------------------------------


def test_a_run_is_in_hand_also_while_its_note_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register = Register(tmp_path)
    request = RunRequest(run_id="a-1", automation="a", cycle="b/1", cause="backfill", scheduled_at=T)
    seen: list[Underway | None] = []
    write = os.write

    def slow(fd: int, data: bytes) -> int:
        seen.append(register.find("a-1"))
        return write(fd, data)

    with register.entered(request, T):
        monkeypatch.setattr(os, "write", slow)
        register.note(request, "", T + 1, began=True)
        assert [noted is not None and noted.cause for noted in seen] == ["backfill"]
        found = register.find("a-1")
        assert found is not None
        assert found.began
    assert list(tmp_path.iterdir()) == []
