"""A real Prefect server on a free loopback port, and a worker: made once per test process, gone when it ends."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

import apsw
import httpx2
from tests.builders_automation import wait_for

from steersman.automation.adapters.prefect.plan import FLOWS
from steersman.automation.adapters.prefect.server import POOL
from steersman.automation.adapters.prefect.settings import PrefectSettings
from steersman.automation.adapters.prefect.worker import worker_command, worker_environment
from steersman.automation.runner.group import signal_group
from steersman.bench.peer_venv import Peer, prefect
from steersman.kernel.errors import Unavailable

WORKED = "tests"
"""The pool that has a worker."""
IDLE = "tests-without-worker"
_READY_S = 120.0


class PrefectServer:
    """One server with a home of its own, and one process worker of the pool `WORKED`."""

    def __init__(self, peer: Peer) -> None:
        self.python = peer.python
        self._home = Path(tempfile.mkdtemp(prefix="prefect-"))
        self._port = _free_port()
        self.url = f"http://127.0.0.1:{self._port}/api"
        self._processes: list[subprocess.Popen[bytes]] = []
        atexit.register(self.stop)
        self.log = self._home / "server.log"
        template = self.python.parents[1] / "migrated.db"
        if template.is_file():
            shutil.copy(template, self._home / "prefect.db")
        self.pid = self.spawn(
            ["server", "start", "--host", "127.0.0.1", "--port", str(self._port), "--no-ui"], "server"
        )
        wait_for(self.answers, timeout_s=_READY_S)
        if not template.is_file():
            _keep(self._home / "prefect.db", template)
        with httpx2.Client(base_url=self.url, trust_env=False) as client:
            for name in (WORKED, IDLE):
                client.post("/work_pools/", json={"name": name, **POOL}).raise_for_status()
        command = worker_command(self.python, WORKED, "tests")
        self.worker = self.spawn(command[3:], "worker")

    def spawn(self, arguments: Sequence[str], name: str) -> int:
        """Start a Prefect command that ends with this process at the latest; return its pid."""
        # Ours, not the user's settings; and nothing waits longer than a test has time for.
        env = worker_environment(os.environ, url=self.url, key="", home=self._home, poll_s=0.3)
        env |= {"PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "1"}
        with (self._home / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-IS",
                    str(FLOWS / "tied.py"),
                    str(os.getpid()),
                    str(self.python),
                    "-m",
                    "prefect",
                    *arguments,
                ],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._processes.append(process)
        return process.pid

    def answers(self) -> bool:
        with suppress(httpx2.HTTPError):
            return httpx2.get(f"{self.url}/health", trust_env=False).is_success
        assert self._processes[0].poll() is None, self.log.read_text()[-2000:]
        return False

    def settings(self, **fields: object) -> PrefectSettings:
        """Return `[engine]` for this server: the pool with a worker, unless another is named."""
        found = {
            "url": self.url,
            "python": str(self.python),
            "start_worker": False,
            "pool": WORKED,
            "poll": "300ms",
            "timeout": "60s",
        }
        return PrefectSettings(**{**found, **fields})  # type: ignore[arg-type]  # fields of the struct, as the test writes them

    def stop(self) -> None:
        for process in reversed(self._processes):
            signal_group(process.pid, signal.SIGTERM)
        for process in reversed(self._processes):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                signal_group(process.pid, signal.SIGKILL)
                process.wait()
        shutil.rmtree(self._home, ignore_errors=True)


@cache
def missing() -> str:
    """Say why there can be no Prefect here; empty if there can. Installs it, into the cache of the benches."""
    try:
        prefect()
    except Unavailable as exc:
        return f"Prefect cannot be installed: {exc.message}"
    return ""


@cache
def a_prefect_server() -> PrefectServer:
    """Return the server of this test process, started when first asked for."""
    return PrefectServer(prefect())


def _keep(database: Path, template: Path) -> None:
    """Keep a copy of the new database beside Prefect: making its tables takes longer than all else of a start."""
    fresh = template.with_suffix(f".{os.getpid()}")
    source, copy = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY), apsw.Connection(str(fresh))
    with contextlib.closing(source), contextlib.closing(copy), copy.backup("main", source, "main") as backup:
        backup.step()
    fresh.replace(template)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
