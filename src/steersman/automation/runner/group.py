"""Processes seen from outside: who is alive, who belongs to a run, and how all of a run is ended."""

from __future__ import annotations

import contextlib
import os
import signal
from functools import cache
from pathlib import Path

from steersman.automation.runner.tree import descendants, high_water_bytes

_PROC = Path("/proc")


@cache
def boot_id() -> str:
    """Return what names this boot of the machine: a pid means nothing across boots."""
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"


def start_ticks(pid: int) -> int | None:
    """Return when `pid` was started (clock ticks since boot), None if there is no such live process.

    Together with the boot id it tells a process from a later one that was given the same pid.
    """
    try:
        fields = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


def peak_rss_bytes(pid: int) -> int:
    """Return the largest high-water mark of resident memory among `pid` and its living descendants; 0 if gone."""
    return max(high_water_bytes(here) for here in (pid, *descendants(pid)))


def signal_group(pgid: int, number: signal.Signals) -> None:
    """Send `number` to every member of the process group; a group that is gone is fine."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pgid, number)


def kill_run(run_id: str) -> list[int]:
    """Kill every process whose environment says it belongs to `run_id`, those that left the group too; return pids.

    For runs whose keeper was killed with their engine; one that emptied its environment as well is not found.
    """
    wanted = f"STEERSMAN_RUN_ID={run_id}".encode()
    killed: list[int] = []
    for folder in _PROC.iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                os.kill(int(folder.name), signal.SIGKILL)
                killed.append(int(folder.name))
    return killed
