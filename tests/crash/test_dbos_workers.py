"""Workers that die, a server that goes away: each run still happens, once at a time, and is recorded as it was."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.builders_automation import PYTHON, events, wait_for
from tests.contracts.engine_dbos import a_worker, in_toml
from tests.contracts.engine_harness import Scripts, a_workspace
from tests.postgres import Postgres, a_postgres, missing

from steersman.automation import Engine
from steersman.automation.adapters.dbos import DbosEngine
from steersman.automation.adapters.dbos.settings import DbosSettings
from steersman.automation.runner.group import start_ticks
from steersman.bootstrap.desk import Desk
from steersman.bootstrap.engines import manifest_of
from steersman.kernel.clock import SystemClock
from steersman.kernel.errors import Unavailable

pytestmark = pytest.mark.crash

TOML = """
[automation.hang]
run = "automations/hang.py"
retries = 1
backoff = "none"

[automation.after]
run = "true"
needs = ["hang"]

[automation.gate]
run = "automations/gate.sh"

[automation.quick]
run = "true"
overlap = "queue"

[automation.behind]
run = "true"
needs = ["gate"]
"""
FILES = {
    "hang.py": """
        import os, pathlib, time
        if os.environ["STEERSMAN_ATTEMPT"] == "1":
            if os.fork() == 0:
                os.setsid()
                pathlib.Path("detached").write_text(str(os.getpid()))
                time.sleep(600)
            pathlib.Path("main").write_text(str(os.getpid()))
            time.sleep(600)
        """,
    "gate.sh": "touch waiting; while [ ! -e go ]; do sleep 0.02; done\n",
}
SCRIPTS = Scripts(TOML, FILES)

# A desk of its own: opens the engine of the workspace, as `steersman up` would, starts a cycle and lives on.
DESK_PROCESS = """
import sys
from pathlib import Path
from steersman.bootstrap.desk import open_desk
from steersman.bootstrap.engines import manifest_of, open_engine

desk = open_desk(Path(sys.argv[1]), through_core=True)
engine = open_engine(desk)
engine.start(manifest_of(desk.workspace), schedules=sys.argv[2] == "schedules")
if sys.argv[3:]:
    engine.run_cycle(sys.argv[3:])
print("serving", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    if why := missing():
        pytest.skip(why)
    with a_postgres() as running:
        yield running


@pytest.fixture
def desk(server: Postgres, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """A workspace on a database of the test's own; its core serves the ledger."""
    url = server.create_database(request.node.name[:60])
    with a_workspace(tmp_path, SCRIPTS, more=in_toml(url, max_processes=1)) as opened:
        yield opened


@contextlib.contextmanager
def an_engine(desk: Desk, *, schedules: bool = False) -> Iterator[DbosEngine]:
    settings = desk.workspace.engine
    assert isinstance(settings, DbosSettings)
    engine = DbosEngine(root=desk.workspace.root, ledger=desk.ledger, clock=desk.clock, settings=settings, grace_s=0.3)
    try:
        engine.start(manifest_of(desk.workspace), schedules=schedules)
        yield engine
    finally:
        engine.close()


@contextlib.contextmanager
def a_desk_process(root: Path, *names: str, schedules: bool = False) -> Iterator[subprocess.Popen[bytes]]:
    words = [PYTHON, "-c", DESK_PROCESS, str(root), "schedules" if schedules else "-", *names]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def alive(pid_file: Path) -> bool:
    return pid_file.exists() and bool(text := pid_file.read_text()) and start_ticks(int(text)) is not None


def test_a_living_worker_takes_over_what_a_killed_one_ran(desk: Desk) -> None:
    root, clock = desk.workspace.root, SystemClock()
    with a_desk_process(root, "hang", "after") as killed:
        wait_for(lambda: alive(root / "main") and alive(root / "detached"), timeout_s=60)
        with an_engine(desk):
            assert alive(root / "main"), "what a living worker runs is left alone"
            os.kill(killed.pid, signal.SIGKILL)
            killed.wait()
            began = clock.elapsed_ns()
            wait_for(
                lambda: [k for k, d in events(desk.ledger) if d["automation"] == "after"] == ["started", "finished"]
            )
            took_s = (clock.elapsed_ns() - began) / 1e9
        left = [name for name in ("main", "detached") if alive(root / name)]
    recorded = [(k, d["automation"], d.get("attempt"), d.get("status")) for k, d in events(desk.ledger)]
    assert recorded == [
        ("started", "hang", 1, None),
        ("finished", "hang", 1, "orphaned"),
        ("started", "hang", 2, None),
        ("finished", "hang", 2, "succeeded"),
        ("started", "after", 1, None),
        ("finished", "after", 1, "succeeded"),
    ]
    assert not left, "the orphan's processes are ended before its next attempt"
    assert took_s < 10
    assert desk.ledger.verify().ok


def test_a_worker_that_is_asked_to_end_leaves_what_waits_to_the_others(desk: Desk) -> None:
    root = desk.workspace.root
    with an_engine(desk) as engine:
        with a_worker(root) as worker:
            # One process each: the two take the gate and one of the quick ones; the third waits.
            engine.begin("schedule", ["gate"], 1_000_000_000)
            wait_for((root / "waiting").exists)
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(30) == 0
        (root / "go").touch()
        wait_for(lambda: [k for k, d in events(desk.ledger) if d["automation"] == "behind"], timeout_s=30)
        assert engine.run_now("quick")["quick"].ok
    ends = [(d["automation"], d["status"]) for k, d in events(desk.ledger) if k == "finished"]
    assert len(ends) == len(set(ends)), "nothing ran twice"


def test_runs_go_on_over_a_restart_of_the_server(desk: Desk, server: Postgres) -> None:
    root, clock = desk.workspace.root, SystemClock()
    with an_engine(desk, schedules=True) as engine:
        engine.begin("schedule", ["gate"], 1_000_000_000)
        wait_for((root / "waiting").exists)
        # Queued behind the only process there may be; `behind` waits for the gate itself.
        engine.begin("schedule", ["quick"], 2_000_000_000)
        wait_for(lambda: "1 queued" in str(engine.status()))
        server.stop()
        try:
            engine.begin("schedule", ["quick"], 3_000_000_000)
            began = clock.elapsed_ns()
            with pytest.raises(Unavailable, match=r"database of the dbos engine at 127\.0\.0\.1:\d+/.* cannot be used"):
                engine.run_now("quick")
            assert (clock.elapsed_ns() - began) / 1e9 < 10
            (root / "go").touch()
            wait_for(lambda: ("finished", "gate") in [(k, d["automation"]) for k, d in events(desk.ledger)])
            assert not engine.status().ok
        finally:
            server.start()
        wait_for(lambda: len([k for k, _ in events(desk.ledger) if k == "finished"]) == 4, timeout_s=60)
        assert engine.run_now("quick")["quick"].ok
        assert engine.status().ok
    recorded = events(desk.ledger)
    starts = [d["run_id"] for k, d in recorded if k == "started"]
    assert len(starts) == len(set(starts)) == 5
    assert {d["status"] for k, d in recorded if k == "finished"} == {"succeeded"}


def test_a_start_that_a_dying_leader_could_not_queue_is_queued_by_the_next(desk: Desk) -> None:
    root = desk.workspace.root
    with a_desk_process(root, schedules=True) as leader:
        assert leader.stdout is not None
        assert leader.stdout.readline() == b"serving\n"
        with an_engine(desk, schedules=True) as engine:
            wait_for(lambda: leads(engine) == leader.pid)
            engine.begin("schedule", ["quick"], 1_000_000_000)
            engine.run_now("quick")
            assert len(starts_of(desk, "quick")) == 1, "whoever does not lead queues no starts"
            os.kill(leader.pid, signal.SIGKILL)
            leader.wait()
            wait_for(lambda: len(starts_of(desk, "quick")) == 2)
            assert leads(engine) == os.getpid()


def test_whoever_is_killed_each_run_happens_once_at_a_time(server: Postgres, tmp_path: Path) -> None:
    names = [f"job{number}" for number in range(40)]
    tables = "".join(f'[automation.{n}]\nrun = "automations/alone.py"\nretries = 9\nbackoff = "none"\n' for n in names)
    # Two attempts of one run at once would find the other's lock held.
    alone = """
        import fcntl, os, sys, time
        lock = open(os.environ["STEERSMAN_RUN_ID"] + ".lock", "w")
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        time.sleep(0.4)
        """
    more = in_toml(server.create_database("killed"), max_processes=2, poll="100ms")
    with a_workspace(tmp_path, Scripts(tables, {"alone.py": alone}), more=more) as desk, an_engine(desk) as engine:
        for number, name in enumerate(names, start=1):
            engine.begin("schedule", [name], number * 1_000_000_000)
        for _ in range(3):
            with a_worker(tmp_path) as victim:
                name = f"worker:{victim.pid}"
                wait_for(lambda name=name: name in busy(desk) or len(succeeded(desk)) == len(names), timeout_s=60)
                victim.kill()
                victim.wait()
        wait_for(lambda: len(succeeded(desk)) == len(names), timeout_s=90)
        ends = [d for k, d in events(desk.ledger) if k == "finished"]
        assert {d["status"] for d in ends} <= {"succeeded", "orphaned"}
        assert len(succeeded(desk)) == len(set(succeeded(desk)))


def busy(desk: Desk) -> list[str]:
    """Return who has attempts running, by actor, once per attempt."""
    open_: dict[tuple[str, int], str] = {}
    for event in desk.ledger.read(types=("automation.run.started", "automation.run.finished")):
        data = msgspec.json.decode(event.data)
        attempt = (data["run_id"], data["attempt"])
        if event.type == "automation.run.started":
            open_[attempt] = event.actor
        else:
            open_.pop(attempt, None)
    return list(open_.values())


def succeeded(desk: Desk) -> list[str]:
    return [str(d["run_id"]) for k, d in events(desk.ledger) if k == "finished" and d["status"] == "succeeded"]


def leads(engine: Engine) -> int | None:
    """Return the pid that follows the schedules, as the status says."""
    found = next((f.found for f in engine.status().facts if f.name == "schedules"), "")
    return int(found.rpartition(" ")[2]) if found.startswith("followed by pid ") else None


def starts_of(desk: Desk, name: str) -> list[str]:
    return [str(d["run_id"]) for k, d in events(desk.ledger) if k == "started" and d["automation"] == name]
