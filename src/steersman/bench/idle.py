"""What a desk costs while nothing happens: the sample workspace, its history replayed, its drafts published."""

from __future__ import annotations

import subprocess
import tempfile
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import psutil

from steersman.bench.row import Row, measured
from steersman.bench.start import COMMAND, serving
from steersman.kernel.clock import SystemClock
from steersman.kernel.errors import Unavailable

_SETTLES_S: Final = 45.0
"""What a start brings with it (its event triggers, a first look at every draft) is over by then."""
_WINDOW_S: Final = 60.0
_WINDOWS: Final = 3
_CPU_RATIO: Final = 0.01
_RESIDENT_MB: Final = 250.0
_row: Final = partial(measured, "idle", digits=4)


def run() -> list[Row]:
    """Measure; processor time and memory of the supervisor, the core, the desk and whatever they keep running."""
    with tempfile.TemporaryDirectory(prefix="steersman-bench-") as scratch:
        desk = Path(scratch) / "desk"
        made = subprocess.run(
            [*COMMAND, "demo", "--once", "--json", "--dir", str(desk)], capture_output=True, check=False
        )
        if made.returncode:
            raise Unavailable(f"steersman demo ended with {made.returncode}", fix="run it by hand")
        with serving(desk) as process:
            return _watched(process, threading.Event().wait)


def _watched(process: psutil.Process, wait: Callable[[float], object]) -> list[Row]:
    clock = SystemClock()
    wait(_SETTLES_S)
    shares, resident, private = [], [], []
    for _ in range(_WINDOWS):
        before, began = _cpu_s(process), clock.elapsed_ns()
        wait(_WINDOW_S)
        shares.append((_cpu_s(process) - before) / ((clock.elapsed_ns() - began) / 1e9))
        family = _family(process)
        resident.append(sum(p.memory_info().rss for p in family) / 1e6)
        private.append(sum(p.memory_full_info().pss for p in family) / 1e6)
    note = f"supervisor, core and desk; {_WINDOW_S:.0f} s each, {_SETTLES_S:.0f} s after the start"
    return [
        _row("processor time, of one core", shares, "ratio", _CPU_RATIO, note=note),
        _row("resident in all", resident, "MB", _RESIDENT_MB, note="shared pages count in each process"),
        _row("resident in all, shared pages once", private, "MB", None),
    ]


def _family(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def _cpu_s(process: psutil.Process) -> float:
    """Return the processor seconds of all of them, those of children that ended included."""
    times = [p.cpu_times() for p in _family(process)]
    return sum(t.user + t.system + t.children_user + t.children_system for t in times)
