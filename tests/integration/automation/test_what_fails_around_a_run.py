"""Disk full, core away, two processes at once, an engine killed a moment ago: no run is lost, none happens twice."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.builders_automation import (
    ENGINES,
    PYTHON,
    a_request,
    a_script,
    an_automation,
    an_engine,
    events,
    running,
    wait_for,
)

from steersman.automation import Automation, Manifest
from steersman.automation.adapters.embedded import EmbeddedEngine
from steersman.automation.admission.approval import run_approval
from steersman.automation.attempts import Attempts
from steersman.automation.conductor import Conductor, Interrupted, Limits
from steersman.automation.execute import Assignment, Executor
from steersman.automation.model.outcome import RunRequest
from steersman.automation.runner.group import start_ticks
from steersman.automation.runner.lock import FileLock
from steersman.kernel.clock import FakeClock, SystemClock
from steersman.kernel.errors import Rejected, Unavailable
from steersman.ledger import ANY, Appended, Ledger, NewEvent
from steersman.ledger.adapters.memory import MemoryLedger
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.ledger.adapters.sqlite import create as sqlite_ledger
from steersman.policy.approvals import answer

DAY_NS = 86_400_000_000_000


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a recorder ask a ledger that is away again and again, without the pauses between."""
    monkeypatch.setattr("steersman.automation.recorder._PAUSES_S", (0.005,) * 8)


class Away(MemoryLedger):
    """A ledger whose core is away while `away` is set, for events of the types in `refused` (all if empty)."""

    def __init__(self) -> None:
        super().__init__(clock=SystemClock())
        self.away = threading.Event()
        self.refused: tuple[str, ...] = ()
        self.refusals = 0

    def append(self, events: Sequence[NewEvent], *, expect: int = ANY) -> Appended:
        if self.away.is_set() and (not self.refused or events[0].type in self.refused):
            self.refusals += 1
            raise Unavailable("no core process", fix="wait")
        return super().append(events, expect=expect)


def a_conductor(root: Path, ledger: Ledger, *automations: Automation, clock: Any = None, **limits: Any) -> Conductor:
    found = Conductor(
        root=root,
        state=root / ".steersman",
        ledger=ledger,
        clock=clock or SystemClock(),
        actor="desk",
        limits=Limits(**{"resumes": False, "processes": 8, "grace_s": 0.3, **limits}),
    )
    found.manifest = Manifest(automations)
    return found


def in_thread(do: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=do, daemon=True)
    thread.start()
    return thread


def interrupted(conductor: Conductor, request: RunRequest) -> None:
    with pytest.raises(Interrupted):
        conductor.execute(request, lambda _: None)


def words(ledger: Ledger) -> list[tuple[str, Any]]:
    return [(kind, data.get("status", data.get("reason"))) for kind, data in events(ledger)]


# -- the core is away ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ENGINES)
def test_a_run_that_ends_while_the_core_is_away_is_recorded_when_it_is_back(
    kind: str, tmp_path: Path, impatient: None
) -> None:
    ledger = Away()
    job = an_automation(run=a_script(tmp_path, "job.sh", "echo '::result {\"rows\": 3}'\n"))
    with running(kind, tmp_path, job, an_automation("after", needs=("job",)), ledger=ledger) as engine:
        ledger.away.set()
        ended = in_thread(lambda: engine.run_cycle(["job", "after"]))
        wait_for(lambda: ledger.refusals > 40)
        assert events(ledger) == []
        ledger.away.clear()
        ended.join(10)
        assert not ended.is_alive()
    assert words(ledger) == [("started", None), ("finished", "succeeded")] * 2
    assert events(ledger)[1][1]["result"] == {"rows": 3}


def test_an_end_the_core_could_not_be_told_before_the_engine_closed_is_recorded_by_the_next(tmp_path: Path) -> None:
    ledger = Away()
    ledger.refused = ("automation.run.finished",)
    job = an_automation(run=a_script(tmp_path, "job.sh", "echo done >> ran\n"))
    engine = an_engine("embedded", tmp_path, ledger, grace_s=0.3)
    engine.start(Manifest([job]), schedules=False)
    ledger.away.set()
    engine.begin("schedule", ["job"], 1_000_000_000)
    wait_for(lambda: ledger.refusals)
    engine.close()
    assert words(ledger) == [("started", None)]
    ledger.away.clear()
    (marker,) = (tmp_path / ".steersman/runs/.inflight").glob("*.json")
    as_if_its_engine_were_gone = marker.read_bytes().replace(b'"owner":%d,' % os.getpid(), b'"owner":1,')
    marker.write_bytes(as_if_its_engine_were_gone)
    with running("embedded", tmp_path, job, ledger=ledger):
        wait_for(lambda: len(events(ledger)) == 2)
    assert words(ledger) == [("started", None), ("finished", "succeeded")]
    assert (tmp_path / "ran").read_text() == "done\n"


def test_a_timeout_is_kept_although_the_start_cannot_be_recorded(tmp_path: Path, impatient: None) -> None:
    ledger = Away()
    conductor = a_conductor(tmp_path, ledger, an_automation(run="sleep 600", timeout_s=0.2))
    ledger.refused = ("automation.run.started",)
    ledger.away.set()
    ended = in_thread(lambda: conductor.execute(a_request(), lambda _: None))
    wait_for(lambda: ledger.refusals > 15)
    ledger.away.clear()
    ended.join(10)
    assert words(ledger) == [("started", None), ("finished", "timed_out")]


def test_a_start_that_does_not_happen_is_recorded_when_the_core_is_back(tmp_path: Path, impatient: None) -> None:
    ledger = Away()
    conductor = a_conductor(tmp_path, ledger, an_automation(enabled=False))
    ledger.away.set()
    ended = in_thread(lambda: conductor.execute(a_request(cause="schedule"), lambda _: None))
    wait_for(lambda: ledger.refusals > 40)
    ledger.away.clear()
    ended.join(10)
    assert words(ledger) == [("skipped", "it is disabled")]


def test_an_approval_is_asked_for_once_the_core_is_back(tmp_path: Path) -> None:
    ledger = Away()
    conductor = a_conductor(tmp_path, ledger, an_automation(approve=True))
    ledger.away.set()
    ended = in_thread(lambda: conductor.execute(a_request(cause="schedule"), lambda _: None))
    wait_for(lambda: ledger.refusals)
    ledger.away.clear()
    wait_for(lambda: ledger.head().pos)
    answer(ledger, run_approval("job-1"), grant=True, by="person:me", reason="", now_ns=2)
    ended.join(10)
    assert words(ledger) == [("started", None), ("finished", "succeeded")]


# -- what we do fails ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ENGINES)
def test_a_run_that_breaks_on_our_side_is_recorded_and_holds_nobody_up(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = memory_ledger()

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Attempts, "carry_out", broken)
    with running(kind, tmp_path, an_automation(), an_automation("after", needs=("job",)), ledger=ledger) as engine:
        outcomes = engine.run_cycle(["job", "after"])
    assert (outcomes["job"].status, outcomes["job"].reason) == (
        "failed",
        "could not be carried out: RuntimeError: a bug",
    )
    assert outcomes["after"].reason == "needs job, which failed: could not be carried out: RuntimeError: a bug"
    assert words(ledger)[0] == ("finished", "failed")


def test_a_start_that_the_engine_could_not_write_down_is_tried_again_and_does_not_hold_the_engine_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, clock = memory_ledger(), SystemClock()
    launch, failures = EmbeddedEngine._launch, [OSError(errno.ENOSPC, "No space left on device")]

    def full(engine: EmbeddedEngine, request: RunRequest) -> None:
        if failures and request.automation == "after":
            raise failures.pop()
        launch(engine, request)

    monkeypatch.setattr(EmbeddedEngine, "_launch", full)
    jobs = (an_automation(), an_automation("after", needs=("job",)))
    with running("embedded", tmp_path, *jobs, ledger=ledger) as engine:
        with pytest.raises(OSError, match="No space left"):
            engine.begin("schedule", ["job"], 1_000_000_000)
        assert [run_id for run_id in engine._running if run_id.startswith("after")] == []
        engine.begin("schedule", ["job"], 1_000_000_000)
        wait_for(lambda: len(events(ledger)) == 4)
        began = clock.elapsed_ns()
    assert clock.elapsed_ns() - began < 10e9
    assert words(ledger) == [("started", None), ("finished", "succeeded")] * 2


def test_a_full_disk_before_the_process_starts_is_a_failed_attempt_that_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, left = memory_ledger(), [1]
    write = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if path.name.startswith(".tokens") and left[0]:
            left[0] -= 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    job = an_automation(retries=1, backoff="none", resources={"api": 1})
    conductor = a_conductor(tmp_path, ledger)
    conductor.manifest = Manifest([job], resources={"api": 1})
    assert conductor.execute(a_request(), lambda _: None).ok
    first = events(ledger)[0][1]
    assert (first["status"], first["will_retry"]) == ("failed", True)
    assert "could not be started: No space left on device" in first["error"]
    assert conductor.attempts.tokens.claims() == []


def test_a_run_whose_folders_somebody_deletes_meanwhile_ends_as_it_did(tmp_path: Path) -> None:
    run = a_script(tmp_path, "clear.sh", "rm -rf .steersman/runs/job; true\n")
    conductor = a_conductor(tmp_path, memory_ledger(), an_automation(run=run))
    outcomes = [conductor.execute(a_request(run_id=f"job-{n}"), lambda _: None) for n in (1, 2)]
    assert [(outcome.status, outcome.attempts) for outcome in outcomes] == [("succeeded", 1)] * 2


def test_what_fails_after_the_end_of_a_run_does_not_change_how_it_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    ledger = memory_ledger()
    conductor = a_conductor(tmp_path, ledger, an_automation())
    monkeypatch.setattr(conductor.folders, "prune", broken)
    assert conductor.execute(a_request(), lambda _: None).ok
    assert words(ledger) == [("started", None), ("finished", "succeeded")]


def test_a_start_that_ends_one_whose_folder_is_not_there_yet_is_not_broken_by_it(tmp_path: Path) -> None:
    ledger = memory_ledger()
    job = an_automation(overlap="cancel", run=a_script(tmp_path, "job.sh", "echo $STEERSMAN_RUN_ID >> ran\n"))
    conductor = a_conductor(tmp_path, ledger, job)
    lock = FileLock(tmp_path / ".steersman/runs/job/lock")
    assert lock.acquire("job-0")
    ended = in_thread(lambda: conductor.execute(a_request(), lambda _: None))
    wait_for((tmp_path / ".steersman/runs/job/job-0/cancel").exists)
    lock.release()
    ended.join(10)
    assert words(ledger) == [("started", None), ("finished", "succeeded")]


# -- two at once --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("overlap", ["skip", "queue", "cancel"])
def test_one_run_asked_for_by_many_at_once_happens_once(tmp_path: Path, overlap: str) -> None:
    ledger = sqlite_ledger(tmp_path / "ledger.db")
    run = a_script(tmp_path, "job.sh", "echo $STEERSMAN_RUN_ID >> ran; sleep 0.2\n")
    manifest = Manifest([an_automation(run=run, overlap=overlap)])
    first = a_conductor(tmp_path, ledger, *manifest)
    before = in_thread(lambda: first.execute(a_request(run_id="job-0"), lambda _: None))
    wait_for((tmp_path / "ran").exists)
    assignment = Assignment(
        name="job", members=("job",), roots=("job",), cycle="schedule/5", cause="schedule", at=5_000_000_000
    )
    outcomes: list[object] = []

    def one() -> None:
        executor = Executor(root=tmp_path, ledger=ledger, clock=SystemClock(), actor="engine:x", grace_s=0.3)
        outcomes.append(executor.run(manifest, assignment))
        executor.close()

    threads = [in_thread(one) for _ in range(4)]
    for thread in (before, *threads):
        thread.join(20)
    assert len(outcomes) == 4
    assert all(outcome == outcomes[0] for outcome in outcomes)
    ran = (tmp_path / "ran").read_text().splitlines()
    assert len(ran) == len(set(ran)) == (1 if overlap == "skip" else 2)
    ends = [d["run_id"] for k, d in events(ledger) if k in ("finished", "skipped")]
    assert len(ends) == len(set(ends)) == 2
    ledger.close()


def test_an_approval_that_two_processes_wait_for_is_asked_once(tmp_path: Path) -> None:
    ledger = memory_ledger()
    two = [a_conductor(tmp_path, ledger, an_automation(approve=True)) for _ in range(2)]
    request = a_request(cause="schedule")
    threads = [in_thread(partial(conductor.execute, request, lambda _: None)) for conductor in two]
    wait_for(lambda: ledger.head().pos)
    answer(ledger, run_approval("job-1"), grant=True, by="person:me", reason="", now_ns=2)
    for thread in threads:
        thread.join(10)
    assert words(ledger) == [("started", None), ("finished", "succeeded")]
    assert len(list(ledger.read(types=("approval.requested",)))) == 1


KILLED = """
import sys
from pathlib import Path
from steersman.automation import Manifest
from steersman.kernel.clock import SystemClock
from steersman.ledger.adapters.sqlite import create
from tests.builders_automation import an_automation, an_engine

root = Path(sys.argv[1])
engine = an_engine("memory", root, create(root / "other.db"))
engine.start(Manifest([an_automation(run="automations/hang.sh")]), schedules=False)
engine.run_cycle(["job"])
"""


def test_the_script_of_an_engine_that_was_just_killed_is_ended_before_the_next_one_starts(tmp_path: Path) -> None:
    a_script(tmp_path, "hang.sh", "trap '' TERM; echo $$ > pid; sleep 600\n")
    ledger = sqlite_ledger(tmp_path / "ledger.db")
    look = "ps -o pid= -p $(cat pid) > alive; true\n"
    conductor = a_conductor(tmp_path, ledger, an_automation(run=a_script(tmp_path, "look.sh", look), overlap="queue"))
    process = subprocess.Popen([PYTHON, "-c", KILLED, str(tmp_path)])
    try:
        wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
        ended = in_thread(lambda: conductor.execute(a_request(), lambda _: None))
        wait_for((tmp_path / ".steersman/runs/job/queue").exists)
        os.kill(process.pid, signal.SIGKILL)
        ended.join(10)
        assert (tmp_path / "alive").read_text() == "", "two runs of one automation at once"
    finally:
        process.kill()
        process.wait()
        pid = int((tmp_path / "pid").read_text())
        if start_ticks(pid) is not None:
            os.kill(pid, signal.SIGKILL)
        ledger.close()


# -- answers and starts that come late ----------------------------------------------------------------------------


def test_an_answer_that_came_while_the_engine_was_down_counts(tmp_path: Path) -> None:
    ledger, job = memory_ledger(), an_automation(approve=True)
    with running("embedded", tmp_path, job, ledger=ledger) as engine:
        engine.begin("schedule", ["job"], 1_000_000_000)
        wait_for(lambda: ledger.head().pos > 1)
    (asked,) = ledger.read(types=("approval.requested",))
    run_id = str(msgspec.json.decode(asked.data)["approval_id"])
    answer(ledger, run_id, grant=True, by="person:me", reason="", now_ns=asked.recorded_at)
    with running("embedded", tmp_path, job, ledger=ledger):
        wait_for(lambda: len(events(ledger)) == 2)
    assert words(ledger) == [("started", None), ("finished", "succeeded")]


def test_an_approval_after_its_time_starts_nothing(tmp_path: Path) -> None:
    ledger, clock = memory_ledger(), FakeClock()
    conductor = a_conductor(tmp_path, ledger, an_automation(approve=True, approve_within_s=60), clock=clock)
    request = a_request(cause="schedule")
    waits = in_thread(lambda: interrupted(conductor, request))
    wait_for(lambda: ledger.head().pos)
    conductor.stop()
    waits.join(10)
    clock.advance(61)
    answer(ledger, run_approval("job-1"), grant=True, by="person:me", reason="", now_ns=clock.now_ns())
    again = a_conductor(tmp_path, ledger, an_automation(approve=True, approve_within_s=60), clock=clock)
    outcome = again.execute(request, lambda _: None)
    assert (outcome.status, outcome.reason) == ("skipped", "person:me approved it, but not within 1 m")


def test_nobody_is_asked_any_more_about_a_run_that_was_cancelled_while_it_waited(tmp_path: Path) -> None:
    ledger = memory_ledger()
    executor = Executor(root=tmp_path, ledger=ledger, clock=SystemClock(), actor="engine:x")
    assignment = Assignment(name="job", members=("job",), roots=("job",), cycle="c/5", cause="event", at=5)
    ended = in_thread(lambda: executor.run(Manifest([an_automation(approve=True)]), assignment))
    wait_for(lambda: ledger.head().pos)
    executor.stop()
    ended.join(10)
    executor.close()
    assert words(ledger) == [("skipped", "it was cancelled while it waited")]
    (asked,) = ledger.read(types=("approval.requested",))
    with pytest.raises(Rejected, match="expired unanswered"):
        answer(
            ledger,
            str(msgspec.json.decode(asked.data)["approval_id"]),
            grant=True,
            by="person:me",
            reason="",
            now_ns=asked.recorded_at,
        )


@pytest.mark.parametrize("kind", ENGINES)
def test_every_start_that_is_made_up_for_runs_one_after_the_other(kind: str, tmp_path: Path) -> None:
    ledger = memory_ledger()
    run = a_script(tmp_path, "job.sh", "echo $STEERSMAN_RUN_ID >> $STEERSMAN_WORKSPACE/ran; sleep 0.05\n")
    job = an_automation(run=run, catchup="all", schedule="* * * * *")
    at = SystemClock().now_ns() // 60_000_000_000 * 60_000_000_000 - DAY_NS
    with running(kind, tmp_path, job, an_automation("after", needs=("job",)), ledger=ledger) as engine:
        for n in range(6):
            engine.begin("schedule", ["job"], at + n * 60_000_000_000)
        wait_for(lambda: len([k for k, _ in events(ledger) if k in ("finished", "skipped")]) == 12)
    assert {status for kind, status in words(ledger) if kind != "started"} == {"succeeded"}
    ran = (tmp_path / "ran").read_text().splitlines()
    assert ran == sorted(ran)
    assert len(ran) == 6


def test_a_run_that_waits_to_try_again_when_its_engine_closes_has_ended(tmp_path: Path) -> None:
    ledger = memory_ledger()
    conductor = a_conductor(tmp_path, ledger)
    conductor.manifest = Manifest(
        [an_automation(run="false", retries=1, backoff="none", resources={"api": 1})], resources={"api": 1}
    )

    def taken(step: Any) -> None:
        if step.state == "retrying":
            conductor.attempts.tokens.take("other-1", "other", {"api": 1}, {"api": 1}, 1)

    ended = in_thread(lambda: conductor.execute(a_request(), taken))
    wait_for(lambda: len(conductor.attempts.tokens.claims()) == 2)
    conductor.stop()
    ended.join(10)
    assert [(d["attempt"], d["status"]) for k, d in events(ledger) if k == "finished"] == [
        (1, "failed"),
        (2, "cancelled"),
    ]


def test_a_run_keeps_its_folder_although_later_ones_were_before_it(tmp_path: Path) -> None:
    conductor = a_conductor(tmp_path, memory_ledger(), an_automation(keep_runs=1))
    assert conductor.execute(a_request(run_id="job-2"), lambda _: None).ok
    outcome = conductor.execute(a_request(run_id="job-1"), lambda _: None)
    assert (tmp_path / outcome.log).exists()
