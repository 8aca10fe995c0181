"""A worker as our child, played by a shell: restarted when it ends, gone when it is stopped or its parent is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.builders_automation import wait_for

from steersman.automation.adapters.prefect.plan import FLOWS
from steersman.automation.adapters.prefect.worker import Worker, worker_command, worker_environment
from steersman.automation.runner.group import start_ticks
from steersman.kernel.clock import SystemClock


@contextmanager
def working(tmp_path: Path, script: str) -> Iterator[Worker]:
    worker = Worker(["/bin/sh", "-c", script], {"PATH": os.defpath}, tmp_path / "logs" / "worker.log", SystemClock())
    worker.start()
    try:
        yield worker
    finally:
        worker.stop(0.3)


def test_it_is_started_again_when_it_is_killed(tmp_path: Path) -> None:
    with working(tmp_path, "echo here; sleep 60") as worker:
        wait_for(lambda: worker.pid)
        first = worker.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: worker.pid not in (None, first))
        assert worker.restarts == 1
    assert worker.pid is None


def test_stopping_ends_all_of_its_group_also_who_ignores_the_signal(tmp_path: Path) -> None:
    stubborn = f'trap "" TERM; echo $$ > {tmp_path}/child; while :; do sleep 0.05; done'
    script = f"trap '' TERM; sh -c '{stubborn}' & wait; sleep 60"
    with working(tmp_path, script):
        wait_for((tmp_path / "child").exists)
        wait_for(lambda: (tmp_path / "child").read_text().strip())
    child = int((tmp_path / "child").read_text())
    wait_for(lambda: start_ticks(child) is None)


def test_a_large_log_is_begun_anew(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "worker.log"
    log.parent.mkdir()
    log.write_bytes(b"x" * (6 << 20))
    with working(tmp_path, "echo here; sleep 60"):
        wait_for(lambda: log.exists() and log.read_bytes() == b"here\n")
    assert log.with_suffix(".log.1").stat().st_size == 6 << 20


def test_a_tied_process_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    parent = textwrap.dedent(
        f"""
        import os, subprocess, sys
        tied = [sys.executable, "-IS", {str(FLOWS / "tied.py")!r}, str(os.getpid())]
        subprocess.run([*tied, "/bin/sh", "-c", "echo $$; sleep 60"])
        """
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        assert start_ticks(child) is not None
        process.kill()
    wait_for(lambda: start_ticks(child) is None)


def test_a_process_whose_parent_is_gone_already_does_not_start() -> None:
    done = subprocess.run(
        [sys.executable, "-IS", str(FLOWS / "tied.py"), "1", "/bin/echo", "started"], capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, b"")


def test_the_worker_tells_nobody_but_its_server(tmp_path: Path) -> None:
    base = {"PREFECT_API_KEY": "another's", "PREFECT_PROFILE": "cloud", "HOME": "/h"}
    env = worker_environment(base, url="http://h/api", key="", home=tmp_path, poll_s=0.5)
    assert env["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert env["DO_NOT_TRACK"] == "1"
    assert (env["PREFECT_API_URL"], env["PREFECT_WORKER_QUERY_SECONDS"], env["HOME"]) == ("http://h/api", "0.5", "/h")
    assert not {"PREFECT_API_KEY", "PREFECT_PROFILE"} & set(env)
    assert worker_environment({}, url="u", key="k", home=tmp_path, poll_s=1)["PREFECT_API_KEY"] == "k"


def test_the_worker_installs_nothing() -> None:
    command = worker_command(Path("/v/bin/python"), "p", "n")
    assert command[:4] == ["/v/bin/python", "-m", "prefect", "worker"]
    assert command[-2:] == ["--install-policy", "never"]
