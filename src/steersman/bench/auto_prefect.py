"""Prefect beside us: flow runs that start one process each, on a server and a process worker of its own."""

from __future__ import annotations

from typing import Final

import msgspec

from steersman.bench.peer_venv import Peer, prefect
from steersman.bench.row import Row, not_measured
from steersman.kernel.errors import Unavailable

RUNS: Final = 20
SPACING_S: Final = 3
_METRIC: Final = "Prefect: start lateness, p99"
_TIMEOUT_S: Final = 1200.0


class _Lateness(msgspec.Struct, frozen=True):
    """Seconds from the due instant to the moment in which the flow starts its process; negative is early."""

    p50: float
    p99: float
    max: float
    min: float


class _Found(msgspec.Struct, frozen=True):
    """What the script that runs in Prefect's environment prints."""

    runs: int
    completed: int
    early: int
    lateness_s: _Lateness
    cpu_s_per_run: dict[str, float]
    peak_rss_mb: dict[str, float]
    server_ready_s: float


def prefect_rows() -> list[Row]:
    """Measure Prefect as its own documents set it up; a row says why when it cannot run here.

    Fewer runs than ours: at three seconds each, two hundred would take ten minutes.
    """
    try:
        peer = prefect()
        found = msgspec.convert(peer.run("noop_flows.py", RUNS, SPACING_S, timeout_s=_TIMEOUT_S), _Found)
    except Unavailable as exc:
        return [not_measured("auto", _METRIC, "ms", None, str(exc).replace("\n ", ";"))]
    return _rows(peer, found)


def _rows(peer: Peer, found: _Found) -> list[Row]:
    late = found.lateness_s
    note = f"{found.completed} of {found.runs} runs, one each {SPACING_S} s; {found.early} early; server ready after"
    memory = ", ".join(f"{name} {peak:.0f} MB" for name, peak in found.peak_rss_mb.items())
    return [
        _row(f"{_METRIC}, {peer.version}", late.p99 * 1e3, "ms", f"{note} {found.server_ready_s:.1f} s", late),
        _row("Prefect: start lateness, median", late.p50 * 1e3, "ms", "", late),
        _row("Prefect: CPU per run, server and worker", found.cpu_s_per_run["all"] * 1e3, "ms", "", None),
        _row("Prefect: peak resident", sum(found.peak_rss_mb.values()), "MB", memory, None),
    ]


def _row(metric: str, value: float, unit: str, note: str, late: _Lateness | None) -> Row:
    return Row(
        bench="auto",
        metric=metric,
        value=round(value, 1),
        unit=unit,
        target=None,
        met=None,
        runs=1,
        low=None if late is None else round(late.min * 1e3, 1),
        high=None if late is None else round(late.max * 1e3, 1),
        note=note,
    )
