"""kill -9 of an engine in the middle of a run: the next one ends what was left, records it once, and goes on."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.builders_automation import ENGINES, PYTHON, a_script, an_automation, an_engine, events, wait_for

from steersman.automation import Automation, Manifest
from steersman.automation.runner.group import start_ticks
from steersman.automation.runner.inflight import Inflight, end_orphan
from steersman.kernel.clock import SystemClock
from steersman.kernel.errors import Conflict
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.ledger.adapters.sqlite import create as sqlite_ledger

pytestmark = pytest.mark.crash

ENGINE_PROCESS = """
import sys
from pathlib import Path
from steersman.automation import Manifest
from steersman.kernel.clock import SystemClock
from steersman.ledger.adapters.sqlite import create
from tests.builders_automation import an_automation, an_engine

root, kind, retries = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
ledger = create(root / "ledger.db")
engine = an_engine(kind, root, ledger)
job = an_automation(run="automations/hang.py", retries=retries, backoff="fixed", backoff_s=0.1)
engine.start(Manifest([job, an_automation("after", needs=("job",))]), schedules=False)
engine.run_cycle(["job", "after"])
"""
HANG = """
    import os, pathlib, time
    attempt = os.environ["STEERSMAN_ATTEMPT"]
    if attempt == "1":
        if os.fork() == 0:
            os.setsid()
            pathlib.Path("detached").write_text(str(os.getpid()))
            time.sleep(600)
        pathlib.Path("main").write_text(str(os.getpid()))
        time.sleep(600)
    print("second attempt")
"""


def alive(pid_file: Path) -> bool:
    return pid_file.exists() and bool(text := pid_file.read_text()) and start_ticks(int(text)) is not None


@contextlib.contextmanager
def killed_engine(root: Path, kind: str, *, retries: int = 0) -> Iterator[None]:
    """Start an engine in a process of its own, wait until its script runs, and kill -9 the engine."""
    a_script(root, "hang.py", HANG)
    process = subprocess.Popen([PYTHON, "-c", ENGINE_PROCESS, str(root), kind, str(retries)])
    try:
        wait_for(lambda: alive(root / "main") and alive(root / "detached"))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert alive(root / "main"), "the script outlives its engine; that is what makes it an orphan"
        yield
    finally:
        process.kill()
        process.wait()
        for name in ("main", "detached"):
            if alive(root / name):
                os.kill(int((root / name).read_text()), signal.SIGKILL)


def a_job(retries: int = 0) -> tuple[Automation, Automation]:
    job = an_automation(run="automations/hang.py", retries=retries, backoff="fixed", backoff_s=0.1)
    return job, an_automation("after", needs=("job",))


@pytest.mark.parametrize("kind", ENGINES)
def test_an_orphan_is_ended_and_recorded_once(kind: str, tmp_path: Path) -> None:
    clock = SystemClock()
    with killed_engine(tmp_path, kind):
        for _ in range(2):
            ledger = sqlite_ledger(tmp_path / "ledger.db")
            engine = an_engine(kind, tmp_path, ledger)
            began = clock.elapsed_ns()
            engine.start(Manifest(a_job()), schedules=False)
            took_s = (clock.elapsed_ns() - began) / 1e9
            wait_for(lambda: not alive(tmp_path / "main") and not alive(tmp_path / "detached"), timeout_s=10)
            if kind == "embedded":
                wait_for(lambda ledger=ledger: events(ledger)[-1][0] == "skipped", timeout_s=10)
            engine.close()
            recorded = events(ledger)
            ledger.close()
            assert took_s < 10
    ends = [d for k, d in recorded if k == "finished"]
    assert [(d["automation"], d["status"], d["attempt"], d["will_retry"]) for d in ends] == [
        ("job", "orphaned", 1, False)
    ]
    if kind == "embedded":
        # The run that waited for the orphan is resumed too, and learns what became of its need.
        assert [d["reason"] for k, d in recorded if k == "skipped"] == [
            "needs job, which was orphaned: the engine was killed while it ran"
        ]


def test_the_embedded_engine_resumes_with_the_next_attempt(tmp_path: Path) -> None:
    with killed_engine(tmp_path, "embedded", retries=1):
        ledger = sqlite_ledger(tmp_path / "ledger.db")
        engine = an_engine("embedded", tmp_path, ledger)
        engine.start(Manifest(a_job(retries=1)), schedules=False)
        wait_for(lambda: [k for k, d in events(ledger) if d["automation"] == "after"] == ["started", "finished"])
        engine.close()
        recorded = [(k, d["automation"], d.get("attempt"), d.get("status")) for k, d in events(ledger)]
        assert ledger.verify().ok
        ledger.close()
    assert recorded == [
        ("started", "job", 1, None),
        ("finished", "job", 1, "orphaned"),
        ("started", "job", 2, None),
        ("finished", "job", 2, "succeeded"),
        ("started", "after", 1, None),
        ("finished", "after", 1, "succeeded"),
    ]


def test_a_process_killed_between_deciding_and_recording_is_found_by_its_environment(tmp_path: Path) -> None:
    inflight = Inflight(tmp_path / "inflight")
    marker = inflight.intend(run_id="job-7", automation="job", attempt=1, log="x", began_at=1, may_retry=False)
    process = subprocess.Popen(["sleep", "600"], env={**os.environ, "STEERSMAN_RUN_ID": "job-7"})
    stranger = subprocess.Popen(["sleep", "600"], env={**os.environ, "STEERSMAN_RUN_ID": "job-71"})
    try:
        assert marker.pid == 0
        assert end_orphan(marker) == [process.pid]
        assert process.wait(5) == -signal.SIGKILL
        assert stranger.poll() is None
    finally:
        for each in (process, stranger):
            each.kill()
            each.wait()


def test_what_a_living_engine_runs_is_no_orphan(tmp_path: Path) -> None:
    inflight = Inflight(tmp_path / "inflight")
    inflight.intend(run_id="job-7", automation="job", attempt=1, log="x", began_at=1, may_retry=False)
    assert list(inflight.orphans()) == []


def test_a_marker_torn_by_the_crash_is_passed_over(tmp_path: Path) -> None:
    inflight = Inflight(tmp_path / "inflight")
    inflight.intend(run_id="job-7", automation="job", attempt=1, log="x", began_at=1, may_retry=False)
    (tmp_path / "inflight" / "job-8.1.json").write_bytes(b'{"run_id": "jo')
    (tmp_path / "inflight" / "job-9.1.new").write_bytes(b"")
    assert list(inflight.orphans()) == []


def test_a_second_embedded_engine_is_refused(tmp_path: Path) -> None:
    first = an_engine("embedded", tmp_path, memory_ledger())
    second = an_engine("embedded", tmp_path, memory_ledger())
    first.start(Manifest(), schedules=False)
    try:
        with pytest.raises(Conflict, match="already runs an embedded engine"):
            second.start(Manifest(), schedules=False)
        second.close()
        assert first.run_cycle([]) == {}
    finally:
        first.close()
