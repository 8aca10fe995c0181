"""What an orchestrated run costs and how punctual it is, beside cron, a bare subprocess and Prefect.

All contenders start the same script, which says when it began. Our schedule is followed on a clock that is set forward
to just before each minute; cron's minutes are waited for, in turns with ours.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from steersman.bench.auto_peers import bare, cron, p99
from steersman.bench.auto_prefect import prefect_rows
from steersman.bench.row import Row, not_measured
from steersman.kernel.errors import Unavailable

_AT_ONCE: Final = 8
_BURSTS: Final = 26
_CROWD: Final = 67
_CROWD_BURSTS: Final = 3
_RUNS: Final = 200
_ROUNDS: Final = 3


class _Desk:
    """Our engine's process, asked line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, command: str) -> dict[str, Any]:
        if self._process.stdin is None or self._process.stdout is None:
            raise Unavailable("the engine's process has no pipes", fix="run the bench again")
        if command:
            self._process.stdin.write(f"{command}\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise Unavailable("the engine's process ended", fix="see its message above; run the bench again")
        found: dict[str, Any] = msgspec.json.decode(line)
        return found


@contextmanager
def _desk(root: Path, jobs: int) -> Iterator[_Desk]:
    command = [sys.executable, "-m", "steersman.bench.auto_desk", str(root), str(jobs)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        desk = _Desk(process)
        desk.ask("")
        yield desk
    finally:
        process.communicate()


def run() -> list[Row]:
    """Measure punctuality, processor time per run and memory; about eight minutes, most of them waiting for cron."""
    with tempfile.TemporaryDirectory(prefix="steersman-bench-") as scratch:
        return [*_few(Path(scratch)), *_cost(Path(scratch)), *_crowd(Path(scratch)), *prefect_rows()]


def _few(scratch: Path) -> list[Row]:
    """A desk as it is: a handful of scripts at the same minute. The first burst warms up."""
    with _desk(scratch / "few", _AT_ONCE) as desk:
        bursts = [desk.ask("burst") for _ in range(_BURSTS)][1:]
    late = [ms for burst in bursts for ms in burst["late_ms"]]
    note = f"{len(late)} starts, {_AT_ONCE} at each instant; from the due instant to the script's first statement"
    rss = [burst["rss_mb"] for burst in bursts]
    return [
        _row("start lateness, p99", [p99(late)], "ms", target=250, low=min(late), high=max(late), note=note),
        _row("start lateness, median", [statistics.median(late)], "ms", low=min(late), high=max(late)),
        _row("resident, engine and what helps it to run scripts", rss, "MB", target=90),
    ]


def _cost(scratch: Path) -> list[Row]:
    """One run after the other, in turns with a bare subprocess."""
    ours: list[dict[str, Any]] = []
    plain: list[dict[str, float]] = []
    with _desk(scratch / "cost", 1) as desk:
        for number in range(_ROUNDS + 1):
            found = desk.ask(f"runs {_RUNS}"), bare(scratch, _RUNS)
            if number:
                ours.append(found[0])
                plain.append(found[1])
    ratio = [a["whole_ms"] / b["whole_ms"] for a, b in zip(ours, plain, strict=True)]
    note = f"{_ROUNDS} x {_RUNS} runs, events durable in the core's process"
    return [
        _row("parent CPU per run", [o["parent_ms"] for o in ours], "ms", target=10, note=note),
        _row("CPU per run, script included", ratio, "x", against="subprocess.run of the same script"),
        _row("wall per run, one after the other", [o["wall_ms"] for o in ours], "ms"),
        _row("parent CPU per run of the bare subprocess", [b["parent_ms"] for b in plain], "ms"),
    ]


def _crowd(scratch: Path) -> list[Row]:
    """Far more at one minute than the machine has cores, in turns with cron."""
    metric = f"start lateness, p99, {_CROWD} at each instant"
    folder = scratch / "cron"
    folder.mkdir()
    try:
        with _desk(scratch / "crowd", _CROWD) as desk, cron(folder, _CROWD) as peer:
            desk.ask("burst")
            rounds = [(desk.ask("burst"), peer.burst()) for _ in range(_CROWD_BURSTS)]
    except Unavailable as exc:
        return [not_measured("auto", metric, "x", None, str(exc).replace("\n ", ";"))]
    ours = [p99(mine["late_ms"]) for mine, _ in rounds]
    theirs = [p99(other.late_ms) for _, other in rounds]
    cost = statistics.median(other.whole_ms for _, other in rounds)
    resident = statistics.median(other.rss_mb for _, other in rounds)
    return [
        _row(metric, ours, "ms", note=f"{_CROWD_BURSTS * _CROWD} starts; at most 8 processes at once"),
        _row(metric, [a / b for a, b in zip(ours, theirs, strict=True)], "x", against="Debian's cron -f"),
        _row("cron's p99 of the same", theirs, "ms"),
        _row("cron: CPU per job, script included", [cost], "ms", note=f"resident {resident:.1f} MB; keeps no record"),
    ]


def _row(
    metric: str,
    values: list[float],
    unit: str,
    *,
    target: float | None = None,
    against: str = "",
    low: float | None = None,
    high: float | None = None,
    note: str = "",
) -> Row:
    value = statistics.median(values)
    return Row(
        bench="auto",
        metric=metric,
        value=round(value, 3),
        unit=unit,
        target=target,
        met=None if target is None else value <= target,
        compared_with=against,
        runs=len(values),
        low=round(min(values) if low is None else low, 3),
        high=round(max(values) if high is None else high, 3),
        note=note,
    )
