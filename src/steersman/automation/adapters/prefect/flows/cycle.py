"""A cycle of runs as a Prefect flow. Runs in Prefect's own Python: nothing but the standard library and Prefect here.

Prefect decides when, and shows what came of it; what a run *is* stays in `steersman auto exec`, one process per run.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from prefect import allow_failure, flow, runtime, task  # type: ignore[import-not-found,unused-ignore]  # in its own venv
from prefect.cache_policies import NO_CACHE  # type: ignore[import-not-found,unused-ignore]  # as above
from prefect.client.orchestration import get_client  # type: ignore[import-not-found,unused-ignore]  # as above
from prefect.client.schemas.filters import (  # type: ignore[import-not-found,unused-ignore]  # as above
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterExpectedStartTime,
)
from prefect.client.schemas.objects import State  # type: ignore[import-not-found,unused-ignore]  # as above
from prefect.logging import get_run_logger  # type: ignore[import-not-found,unused-ignore]  # as above
from prefect.states import Completed, Failed  # type: ignore[import-not-found,unused-ignore]  # as above
from prefect.task_runners import ThreadPoolTaskRunner  # type: ignore[import-not-found,unused-ignore]  # as above

SKIPPED_EXIT = 99
_COMPLAINT_CHARACTERS = 400
_MISSED_AFTER_S = 120.0
_TIED = Path(__file__).with_name("tied.py")


class Started:
    """The processes of this flow run; leaving it by an exception ends them, and lets no other start."""

    def __init__(self, processes: int) -> None:
        self.slots = threading.BoundedSemaphore(processes)
        self._lock = threading.Lock()
        self._ended = False
        self._processes: set[subprocess.Popen[bytes]] = set()

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._lock:
            self._ended = kind is not None
            for process in self._processes if self._ended else ():
                process.terminate()

    def run(self, command: list[str]) -> subprocess.CompletedProcess[bytes]:
        """Run `command` to its end with its output captured."""
        with self._lock:
            if self._ended:
                return subprocess.CompletedProcess(command, 1, b"", b"the flow run was cancelled before it could start")
            process = subprocess.Popen(
                command,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            self._processes.add(process)
        with process:
            out, err = process.communicate()
        self._processes.discard(process)
        return subprocess.CompletedProcess(command, process.returncode, out, err)


@flow(name="steersman", persist_result=False, validate_parameters=False)  # type: ignore[untyped-decorator,unused-ignore]
def cycle(
    *,
    root: str,
    command: list[str],
    members: list[dict[str, Any]],
    roots: list[str],
    cause: str,
    cycle: str,
    at: str,
    params: dict[str, str],
    anyway: bool,
    catchup: str,
    processes: int,
) -> State[Any]:
    """Carry out one cycle.

    Args:
        root: the workspace; `command` starts `steersman` for it.
        members: `name` of every run of the cycle and `needs` among the members, each after what it needs.
        roots: those that were triggered.
        cycle: what names the cycle; empty: the instant it is due names it, or this flow run if a person started it.
        at: ns since 1970 UTC of the start that is due, as text (JSON numbers lose the last digits on some ways); 0:
            when this flow run was to start.
        catchup: what becomes of a scheduled start that nobody was there for: latest, none or all.
        processes: runs at once.
    """
    due = int(at) or _due_ns()
    if cause == "schedule" and (missed := _missed(catchup)):
        return Completed(name="Skipped", message=missed)
    cycle = cycle or (f"schedule/{due}" if cause == "schedule" else f"prefect/{runtime.flow_run.id}")
    names = ",".join(member["name"] for member in members)
    shared = ["--cycle", cycle, "--at", str(due), "--cause", cause, "--members", names]
    shared += ["--roots", ",".join(roots), "--dir", root, "--json", *(["--anyway"] if anyway else [])]
    shared += [word for key, value in params.items() for word in ("--param", f"{key}={value}")]
    started = Started(processes)
    futures: dict[str, Any] = {}
    # Prefect ends a cancelled flow by an exception here, and then waits for the tasks: their processes must end too.
    with _marked(Path(root)), started:
        for name, needs in ((member["name"], member["needs"]) for member in members):
            futures[name] = run.with_options(task_run_name=name, name=name).submit(
                [*command, "auto", "exec", name, *shared],
                Path(root),
                f"{cycle}\0{name}",
                started,
                wait_for=[allow_failure(futures[need]) for need in needs],
            )
        for future in futures.values():
            future.wait()
    return _together({name: future.state for name, future in futures.items()})


@task(retries=0, persist_result=False, cache_policy=NO_CACHE)  # type: ignore[untyped-decorator,unused-ignore]
def run(command: list[str], root: Path, identity: str, started: Started) -> State[Any]:
    """Carry out one run of the cycle and say by the state how it ended: Completed, Skipped or Failed."""
    # A run must not outlive this flow unseen: when it is killed, `auto exec` ends its script and records the end.
    tied = [sys.executable, "-IS", str(_TIED), str(os.getpid()), *command]
    with _once(root, identity), started.slots:
        done = started.run(tied)
    said = _said(done)
    get_run_logger().info(said)
    if done.returncode == 0:
        return Completed(message=said)
    if done.returncode == SKIPPED_EXIT:
        return Completed(name="Skipped", message=said)
    return Failed(message=said)


def _due_ns() -> int:
    due = runtime.flow_run.scheduled_start_time
    whole: int = int(due.timestamp()) * 1_000_000_000 + due.microsecond * 1000
    return whole


def _missed(catchup: str) -> str:
    """Say why a start that comes late does not happen; empty if it does."""
    due = runtime.flow_run.scheduled_start_time
    now = datetime.now(timezone.utc)  # noqa: DTZ005, TID251, UP017, RUF100 - Prefect's process has no Clock of ours
    late_s = (now - due).total_seconds()
    if catchup == "all" or late_s < _MISSED_AFTER_S:
        return ""
    if catchup == "none":
        return f"nobody was there when it was due, {late_s:.0f} s ago (catchup none)"
    with get_client(sync_client=True) as client:
        later = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                deployment_id=FlowRunFilterDeploymentId(any_=[runtime.deployment.id]),
                expected_start_time=FlowRunFilterExpectedStartTime(after_=due + timedelta(seconds=1), before_=now),
            )
        )
    superseded = [run for run in later if run.auto_scheduled]
    return "a later start was due before anybody was there (catchup latest)" if superseded else ""


def _together(states: dict[str, State[Any]]) -> State[Any]:
    failed = [name for name, state in states.items() if not state.is_completed()]
    if failed:
        return Failed(message=f"{len(failed)} of {len(states)} failed: {', '.join(failed)}")
    skipped = [name for name, state in states.items() if state.name == "Skipped"]
    if len(skipped) == len(states):
        return Completed(name="Skipped", message="all were skipped")
    return Completed(message=f"{len(states) - len(skipped)} succeeded, {len(skipped)} skipped")


def _environment() -> dict[str, str]:
    """Return our environment without Prefect's settings: its API key is no business of a script."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    """Return id and status of the run; what a script printed stays in its own log, here are no words of it."""
    try:
        outcome = json.loads(done.stdout)
        return f"{outcome['run_id']} {outcome['status']}"
    except (ValueError, KeyError, TypeError):
        complaint = done.stderr.decode(errors="replace").strip()[-_COMPLAINT_CHARACTERS:]
        return f"steersman auto exec ended with {done.returncode} and no outcome: {complaint or 'it said nothing'}"


def _folder(root: Path) -> Path:
    folder = root / ".steersman" / "runs" / ".prefect"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def _once(root: Path, identity: str) -> Iterator[None]:
    """Hold the lock of one run: of two flow runs with the same member the later is told what came of the earlier."""
    path = _folder(root) / f"{hashlib.sha256(identity.encode()).hexdigest()[:24]}.lock"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
        # Whoever still waits holds the old file open, and finds the run ended in the ledger.
        path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _marked(root: Path) -> Iterator[None]:
    """Leave on disk which process carries out this flow run, so that a killed one is found: see orphans.py."""
    flow_run, pid = str(runtime.flow_run.id), os.getpid()
    stat = Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace")
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    path = _folder(root) / f"{flow_run}.json"
    fresh = path.with_suffix(".new")
    ticks = int(stat.rpartition(")")[2].split()[19])
    fresh.write_text(json.dumps({"flow_run": flow_run, "pid": pid, "ticks": ticks, "boot": boot}), encoding="utf-8")
    fresh.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


# Every member has a thread, for one that waits for its needs must not keep those from theirs; `slots` counts processes.
cycle = cycle.with_options(task_runner=ThreadPoolTaskRunner(max_workers=256))
