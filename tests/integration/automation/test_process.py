"""Processes that misbehave: nothing of them is left, and what they did is known."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.builders_automation import PYTHON, a_script, wait_for

from steersman.automation.runner.command import environment
from steersman.automation.runner.group import peak_rss_bytes, start_ticks
from steersman.automation.runner.process import ProcessResult, ProcessSpec, run_process
from steersman.kernel.clock import Clock, SystemClock


@pytest.fixture
def stop() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    os.close(writing)


def run(
    root: Path, stop: tuple[int, int], *command: str, clock: Clock | None = None, **fields: object
) -> ProcessResult:
    spec = {
        "run_id": f"run-{root.name}",
        "arguments": command,
        "cwd": root,
        "env": environment({}, root=root, run_id=f"run-{root.name}", attempt=1, artifacts=root),
        "timeout_s": 30.0,
        "log": root / "log",
        "log_limit_bytes": 1 << 20,
        "stop_fd": stop[0],
        "cancel_file": root / "cancel",
        "grace_s": 0.3,
        **fields,
    }
    given = ProcessSpec(**spec)  # type: ignore[arg-type]  # by name above
    return run_process(given, clock or SystemClock(), lambda pid: None)


def script(root: Path, body: str) -> tuple[str, str]:
    return PYTHON, str(root / a_script(root, "script.py", body))


def gone(pid_file: Path) -> bool:
    return start_ticks(int(pid_file.read_text())) is None


STUBBORN = """
    import os, pathlib, signal, sys, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork() == 0:
        if "--detach" in sys.argv:
            os.setsid()
            if os.fork():
                os._exit(0)
        pathlib.Path("grandchild").write_text(str(os.getpid()))
        print("grandchild is here", flush=True)
        time.sleep(600)
    time.sleep(600)
"""


@pytest.mark.parametrize("detach", [(), ("--detach",)], ids=["in the group", "detached"])
def test_a_grandchild_that_ignores_sigterm_is_gone_after_the_timeout(
    tmp_path: Path, stop: tuple[int, int], detach: tuple[str, ...]
) -> None:
    result = run(tmp_path, stop, *script(tmp_path, STUBBORN), *detach, timeout_s=0.5)
    assert (result.ending, result.exit_code) == ("timed_out", -9)
    assert b"grandchild is here" in result.tail
    wait_for(lambda: gone(tmp_path / "grandchild"), timeout_s=2)


def test_a_grandchild_left_behind_by_a_script_that_ended_well_is_ended(tmp_path: Path, stop: tuple[int, int]) -> None:
    result = run(tmp_path, stop, "sh", "-c", "sleep 600 & echo $! > grandchild; echo done")
    assert (result.ending, result.exit_code, result.tail) == ("exited", 0, b"done\n")
    assert result.wall_s < 5
    wait_for(lambda: gone(tmp_path / "grandchild"), timeout_s=2)


def test_a_daemon_that_left_the_group_does_not_hold_the_run_open(tmp_path: Path, stop: tuple[int, int]) -> None:
    body = """
        import os, pathlib, time
        if os.fork() == 0:
            os.setsid()
            pathlib.Path("daemon").write_text(str(os.getpid()))
            time.sleep(600)
        while not pathlib.Path("daemon").exists() or not pathlib.Path("daemon").read_text():
            time.sleep(0.01)
    """
    result = run(tmp_path, stop, *script(tmp_path, body))
    try:
        assert (result.ending, result.exit_code) == ("exited", 0)
        assert result.wall_s < 5
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(int((tmp_path / "daemon").read_text())).kill()


def test_a_script_that_ends_at_sigterm_may_clean_up(tmp_path: Path, stop: tuple[int, int]) -> None:
    result = run(tmp_path, stop, "sh", "-c", "trap 'echo tidy; exit 4' TERM; sleep 60 & wait", timeout_s=0.2, grace_s=5)
    assert (result.ending, result.exit_code, result.tail) == ("timed_out", 4, b"tidy\n")


def test_a_hundred_megabytes_of_output_cost_neither_disk_nor_memory(tmp_path: Path, stop: tuple[int, int]) -> None:
    body = """
        import sys
        for n in range(1600):
            sys.stdout.write("x" * 65535 + "\\n")
        print("the end")
        print('::result {"lines": 1600}')
    """
    before = psutil.Process().memory_info().rss
    result = run(tmp_path, stop, *script(tmp_path, body))
    assert result.exit_code == 0
    assert result.log_bytes + result.log_truncated_bytes == 1600 * 65536 + len('the end\n::result {"lines": 1600}\n')
    assert (tmp_path / "log").stat().st_size < (1 << 20) + 200
    assert (tmp_path / "log").read_bytes().endswith(b'the end\n::result {"lines": 1600}\n')
    assert psutil.Process().memory_info().rss - before < 8_000_000


def test_binary_output_is_kept_as_it_is(tmp_path: Path, stop: tuple[int, int]) -> None:
    body = "import sys; sys.stdout.buffer.write(bytes(range(256)) * 10); sys.stderr.buffer.write(b'\\xff\\x00')"
    run(tmp_path, stop, *script(tmp_path, body))
    assert sorted((tmp_path / "log").read_bytes()) == sorted(bytes(range(256)) * 10 + b"\xff\x00")


def test_a_script_that_closes_its_output_is_still_watched(tmp_path: Path, stop: tuple[int, int]) -> None:
    result = run(tmp_path, stop, "sh", "-c", "exec >&- 2>&-; sleep 0.2; exit 7")
    assert (result.ending, result.exit_code) == ("exited", 7)


def test_a_script_finds_no_terminal_and_no_input(tmp_path: Path, stop: tuple[int, int]) -> None:
    result = run(tmp_path, stop, "sh", "-c", "cat; test -t 0 || echo no terminal")
    assert (result.exit_code, result.tail) == (0, b"no terminal\n")


def test_everything_ends_when_the_engine_stops(tmp_path: Path, stop: tuple[int, int]) -> None:
    os.write(stop[1], b"x")
    result = run(tmp_path, stop, *script(tmp_path, STUBBORN))
    assert result.ending == "cancelled"
    assert result.wall_s < 5


def test_another_process_can_ask_for_the_end(tmp_path: Path, stop: tuple[int, int]) -> None:
    result = run(tmp_path, stop, "sh", "-c", "touch cancel; sleep 600")
    assert (result.ending, result.exit_code) == ("cancelled", -15)


def test_cpu_time_counts_the_children_a_script_waited_for(tmp_path: Path, stop: tuple[int, int]) -> None:
    burn = f"{PYTHON} -c 'import time; t = time.process_time()\nwhile time.process_time() - t < 0.3: pass'"
    result = run(tmp_path, stop, "sh", "-c", burn)
    assert result.cpu_s >= 0.3


def test_a_small_script_of_a_big_engine_is_measured_small(tmp_path: Path, stop: tuple[int, int]) -> None:
    ballast = bytearray(60_000_000)
    ballast[::4096] = b"x" * len(ballast[::4096])
    assert peak_rss_bytes(os.getpid()) > 60_000_000
    result = run(tmp_path, stop, "sleep", "0.05")
    assert 0 < result.peak_rss_bytes < 10_000_000


def test_a_start_that_cannot_be_recorded_leaves_no_process(tmp_path: Path, stop: tuple[int, int]) -> None:
    started: list[int] = []

    def refuse(pid: int) -> None:
        started.append(pid)
        raise RuntimeError("the ledger is gone")

    spec = ProcessSpec(
        run_id="r",
        arguments=("sleep", "600"),
        cwd=tmp_path,
        env=dict(os.environ),
        timeout_s=60.0,
        log=tmp_path / "log",
        log_limit_bytes=1000,
        stop_fd=stop[0],
        cancel_file=tmp_path / "cancel",
    )
    with pytest.raises(RuntimeError, match="the ledger is gone"):
        run_process(spec, SystemClock(), refuse)
    assert start_ticks(started[0]) is None


class Sleeping(SystemClock):
    """A clock by which the machine sleeps for an hour, once, from `sleeps` on."""

    def __init__(self) -> None:
        self.sleeps = threading.Event()

    def elapsed_ns(self) -> int:
        return super().elapsed_ns() + (3_600_000_000_000 if self.sleeps.is_set() else 0)


@pytest.mark.parametrize("body", ["sleep 0.4; echo done", "head -c 200000 /dev/zero; sleep 0.4; echo done"])
def test_time_in_which_the_engine_was_stopped_or_the_machine_slept_is_not_the_scripts(
    tmp_path: Path, stop: tuple[int, int], body: str
) -> None:
    clock = Sleeping()
    threading.Timer(0.2, clock.sleeps.set).start()
    result = run(tmp_path, stop, "sh", "-c", body, timeout_s=20.0, clock=clock)
    assert (result.ending, result.exit_code) == ("exited", 0)
    assert result.tail.endswith(b"done\n")
