"""How much it costs to start: `--help`, `up` until it serves, and the whole demo."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
import psutil

from steersman.bench.row import Row, measured
from steersman.kernel.clock import SystemClock
from steersman.kernel.errors import Unavailable

_HELP_RUNS: Final = 7
_UP_RUNS: Final = 3
COMMAND: Final = (sys.executable, "-m", "steersman.cli")
_row: Final = partial(measured, "start")


def run() -> list[Row]:
    """Measure; processor time of whole processes with their children, wall time for the demo."""
    with tempfile.TemporaryDirectory(prefix="steersman-bench-") as scratch:
        return [_help(), *_up(Path(scratch)), *_demo(Path(scratch))]


def _help() -> Row:
    cpu = [_cpu_of([*COMMAND, "--help"]) for _ in range(_HELP_RUNS + 1)][1:]  # the first fills the disk cache
    return _row("steersman --help", cpu, "CPU-s", 0.25)


def _cpu_of(command: list[str]) -> float:
    """Return the processor seconds of one command and whatever it waited for."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise Unavailable(f"{' '.join(command[2:])} ended with {process.returncode}", fix="run it by hand")
    return usage.ru_utime + usage.ru_stime


def _up(scratch: Path) -> list[Row]:
    cpu, rss = [], []
    for number in range(_UP_RUNS):
        desk = scratch / f"desk-{number}"
        _cpu_of([*COMMAND, "init", str(desk)])
        with serving(desk) as process:
            family = [process, *process.children(recursive=True)]
            cpu.append(sum(p.cpu_times().user + p.cpu_times().system for p in family))
            rss.append(sum(p.memory_info().rss for p in family) / 1e6)
    return [
        _row("steersman up, to ready", cpu, "CPU-s", 3.0, note="supervisor, core and desk together"),
        _row(
            "steersman up, resident at ready", rss, "MB", None, note="sum over processes; shared pages count each time"
        ),
    ]


@contextlib.contextmanager
def serving(desk: Path) -> Iterator[psutil.Process]:
    """Start `steersman up` on `desk` and yield its process once it serves; stop it after."""
    process = subprocess.Popen(
        [*COMMAND, "up", "--json", "--port", "0", "--dir", str(desk)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        if process.stdout is None or not process.stdout.readline():
            raise Unavailable("steersman up ended before it served", fix="run it by hand")
        yield psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _demo(scratch: Path) -> list[Row]:
    clock = SystemClock()
    began = clock.elapsed_ns()
    done = subprocess.run(
        [*COMMAND, "demo", "--once", "--json", "--dir", str(scratch / "demo")], capture_output=True, check=False
    )
    wall_s = (clock.elapsed_ns() - began) / 1e9
    if done.returncode:
        raise Unavailable(f"steersman demo ended with {done.returncode}", fix="run it by hand")
    facts = msgspec.json.decode(done.stdout)
    note = f"{facts['bars']:,} bars, {facts['ledger']['events']:,} events"
    return [
        _row("demo --once", [wall_s], "s", 30.0, note=note),
        _row("demo --once, peak resident", [facts["rss_mb"]], "MB", None, note="this process and its largest child"),
    ]
