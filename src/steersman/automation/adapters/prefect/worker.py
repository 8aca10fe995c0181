"""A Prefect worker as our child: restarted when it ends, gone when we are, whichever way we go."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from steersman.automation.adapters.prefect.plan import FLOWS
from steersman.automation.runner.group import signal_group
from steersman.kernel.clock import Clock

_PAUSES_S: Final = (1.0, 2.0, 5.0, 15.0, 60.0)
_STABLE_S: Final = 60.0
_LOG_BYTES: Final = 5 << 20
STOP_S: Final = 15.0
"""Seconds between SIGTERM to the worker's group and SIGKILL: longer than a run has to end in."""


class Worker:
    """Keeps one worker process alive between `start` and `stop`."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], log: Path, clock: Clock) -> None:
        self._command = list(command)
        self._env = dict(env)
        self._log = log
        self._clock = clock
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self.restarts = 0

    @property
    def pid(self) -> int | None:
        """The worker's process; None while there is none."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    def start(self) -> None:
        """Start it, and start it again whenever it ends, until `stop`."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._thread = threading.Thread(target=self._keep, name="prefect-worker", daemon=True)
        self._thread.start()

    def stop(self, grace_s: float = STOP_S) -> None:
        """End the worker and what it runs; runs record their end on SIGTERM. Returns once all are gone."""
        with self._lock:
            self._stopping.set()
            process = self._process
        if process is not None:
            self._end_group(process, grace_s)
        if self._thread is not None:
            self._thread.join()

    def _keep(self) -> None:
        # The child is tied to this thread, not to the process: it must live as long as the worker shall.
        failures = 0
        while True:
            began = self._clock.elapsed_ns()
            with self._lock:
                if self._stopping.is_set():
                    return
                self._process = self._spawn()
            self._process.wait()
            if self._stopping.is_set():
                return
            lived_s = (self._clock.elapsed_ns() - began) / 1e9
            failures = 0 if lived_s > _STABLE_S else failures + 1
            self.restarts += 1
            if self._stopping.wait(_PAUSES_S[min(failures, len(_PAUSES_S) - 1)]):
                return

    def _spawn(self) -> subprocess.Popen[bytes]:
        tied = [sys.executable, "-IS", str(FLOWS / "tied.py"), str(os.getpid()), *self._command]
        with self._open_log() as log:
            return subprocess.Popen(
                tied, env=self._env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def _open_log(self) -> IO[bytes]:
        """Open the log, begun anew once it has grown large; Prefect's lines go there, scripts write to their own."""
        with suppress(FileNotFoundError):
            if self._log.stat().st_size > _LOG_BYTES:
                self._log.replace(self._log.with_suffix(".log.1"))
        return self._log.open("ab")

    def _end_group(self, process: subprocess.Popen[bytes], grace_s: float) -> None:
        signal_group(process.pid, signal.SIGTERM)
        pause = threading.Event()
        until = self._clock.elapsed_ns() + int(grace_s * 1e9)
        while _group_lives(process.pid) and self._clock.elapsed_ns() < until:
            pause.wait(0.05)
        signal_group(process.pid, signal.SIGKILL)


def _group_lives(pgid: int) -> bool:
    """Say whether the process group has a member that still runs (a zombie has ended)."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError, IndexError):
                stat = (folder / "stat").read_text(encoding="utf-8", errors="replace")
                fields = stat.rpartition(")")[2].split()
                if int(fields[2]) == pgid and fields[0] != "Z":
                    return True
    return False


def worker_command(python: Path, pool: str, name: str) -> list[str]:
    """Return what starts a process worker of `pool` that installs nothing."""
    start = ["worker", "start", "--pool", pool, "--type", "process", "--name", name, "--install-policy", "never"]
    return [str(python), "-m", "prefect", *start]


def worker_environment(base: Mapping[str, str], *, url: str, key: str, home: Path, poll_s: float) -> dict[str, str]:
    """Return the worker's environment: `base`, and Prefect told where its server is and to tell nobody else."""
    env = {name: value for name, value in base.items() if not name.startswith("PREFECT_")}
    env |= {
        "PREFECT_API_URL": url,
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_WORKER_QUERY_SECONDS": f"{poll_s:g}",
        "PREFECT_LOGGING_COLORS": "false",
        "PREFECT_CLI_COLORS": "false",
    }
    return env | ({"PREFECT_API_KEY": key} if key else {})
