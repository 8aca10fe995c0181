"""Flow runs that Prefect believes to run and whose process is gone: a killed worker leaves them Running for good."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from steersman.automation.runner.group import boot_id, start_ticks
from steersman.kernel.clock import to_ns

FOLDER: Final = ".prefect"
STARTING_S: Final = 300.0
"""Seconds a flow run may stand in one state without a process that says it is its own: Prefect starts slowly."""


class FlowMarker(msgspec.Struct, frozen=True, kw_only=True):
    """Which process carries out a flow run; flows/cycle.py writes it. `ticks` and `boot` tell it from a later one."""

    flow_run: str
    pid: int
    ticks: int
    boot: str

    def lives(self) -> bool:
        """Say whether that process still runs."""
        return self.boot == boot_id() and start_ticks(self.pid) == self.ticks


def read_markers(runs: Path) -> dict[str, FlowMarker]:
    """Return the markers in the workspace's folder of runs, by flow run."""
    found: dict[str, FlowMarker] = {}
    for path in sorted((runs / FOLDER).glob("*.json")):
        try:
            marker = msgspec.json.decode(path.read_bytes(), type=FlowMarker)
        except (msgspec.DecodeError, FileNotFoundError):
            continue  # it ended meanwhile
        found[marker.flow_run] = marker
    return found


def forget(runs: Path, flow_run: str) -> None:
    """Remove the marker of a flow run."""
    (runs / FOLDER / f"{flow_run}.json").unlink(missing_ok=True)


def orphaned(
    active: Iterable[Mapping[str, Any]],
    markers: Mapping[str, FlowMarker],
    now_ns: int,
    *,
    lives: Callable[[FlowMarker], bool] = FlowMarker.lives,
) -> dict[str, str]:
    """Return why a flow run is one that nobody carries out, by id.

    Args:
        active: flow runs that Prefect has as PENDING, RUNNING or CANCELLING.
        markers: what their processes wrote down on this machine.
    """
    found: dict[str, str] = {}
    for run in active:
        marker = markers.get(str(run["id"]))
        if marker is not None:
            if not lives(marker):
                found[str(run["id"])] = f"its process {marker.pid} is gone"
        elif (now_ns - state_since_ns(run)) / 1e9 > STARTING_S:
            found[str(run["id"])] = f"no process on this machine carries it out, {STARTING_S:.0f} s after it was taken"
    return found


def state_since_ns(run: Mapping[str, Any]) -> int:
    """Return since when a flow run has been in its state, ns since 1970 UTC."""
    return instant_ns(run["state"]["timestamp"])


def instant_ns(text: str) -> int:
    """Return ns since 1970 UTC of an instant as the server writes it."""
    return to_ns(datetime.fromisoformat(text))
