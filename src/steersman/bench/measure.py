"""Measuring two things in turns, so that whatever else the machine does hits both alike."""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
import psutil

from steersman.bench.row import Row
from steersman.kernel.clock import SystemClock

_IN_MEMORY: Final = ("tmpfs", "ramfs")
_clock = SystemClock()


class Turns(msgspec.Struct, frozen=True):
    """What ours and the peer gave in each turn, in the same unit."""

    ours: list[float]
    peer: list[float]

    @property
    def ratios(self) -> list[float]:
        """Ours over the peer's, turn by turn."""
        return [a / b for a, b in zip(self.ours, self.peer, strict=True)]


def in_turns(ours: Callable[[], float], peer: Callable[[], float], *, rounds: int) -> Turns:
    """Measure ABAB...; the first turn of each warms up and is dropped."""
    found = Turns([], [])
    for number in range(rounds + 1):
        a, b = ours(), peer()
        if number:
            found.ours.append(a)
            found.peer.append(b)
    return found


def seconds(work: Callable[[], object]) -> float:
    """Return how long `work` took."""
    began = _clock.elapsed_ns()
    work()
    return (_clock.elapsed_ns() - began) / 1e9


def row_of(
    bench: str,
    metric: str,
    values: list[float],
    unit: str,
    *,
    at_most: float | None = None,
    at_least: float | None = None,
    compared_with: str = "",
    note: str = "",
) -> Row:
    """Return the row of `values`: their median against the target, and their range."""
    median = statistics.median(values)
    met = None
    if at_most is not None:
        met = median <= at_most
    elif at_least is not None:
        met = median >= at_least
    return Row(
        bench=bench,
        metric=metric,
        value=round(median, 3),
        unit=unit,
        target=at_least if at_most is None else at_most,
        met=met,
        compared_with=compared_with,
        runs=len(values),
        low=round(min(values), 3),
        high=round(max(values), 3),
        note=note,
    )


@contextmanager
def on_disk() -> Iterator[Path]:
    """Yield a folder on a real disk: a sync to memory costs nothing and proves nothing."""
    with tempfile.TemporaryDirectory(prefix="steersman-bench-", dir=_disk()) as folder:
        yield Path(folder)


def _disk() -> str:
    """Return the first usual place for scratch files that is not in memory; the usual one if all are."""
    usual = tempfile.gettempdir()
    for folder in (usual, "/var/tmp", str(Path.cwd())):  # noqa: S108 - a fresh private folder is made inside
        if os.access(folder, os.W_OK) and _file_system(Path(folder)) not in _IN_MEMORY:
            return folder
    return usual


def _file_system(folder: Path) -> str:
    mounts = {Path(m.mountpoint): m.fstype for m in psutil.disk_partitions(all=True)}
    here = folder.resolve()
    return next((mounts[place] for place in (here, *here.parents) if place in mounts), "")
