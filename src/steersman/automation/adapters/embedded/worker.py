"""Who works: each worker process under a name that tells whether it is still alive, on this machine, without a clock.

Workers of a workspace share its files and the core's socket, so they share a machine. A heartbeat in the database would
call everybody dead when the database was away; pid, start time and boot do not.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import msgspec

from steersman.automation.runner.group import boot_id, start_ticks

_NAME = re.compile(r"worker-(\d+)-(\d+)-([0-9a-f]{8})")


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    """One worker process: pid, its start in clock ticks since boot, and a digest of the boot's id."""

    pid: int
    ticks: int
    boot: str

    @property
    def name(self) -> str:
        """What DBOS knows it by (its executor id)."""
        return f"worker-{self.pid}-{self.ticks}-{self.boot}"

    def lives(self) -> bool:
        """Say whether it still runs; a later process with the same pid is another one."""
        return self.boot == _boot() and start_ticks(self.pid) == self.ticks


def this_process() -> Worker:
    """Return the worker that this process is."""
    return Worker(pid=os.getpid(), ticks=start_ticks(os.getpid()) or 0, boot=_boot())


def named(text: str) -> Worker | None:
    """Return the worker of an executor id; None for a name that is none of ours."""
    found = _NAME.fullmatch(text)
    return Worker(pid=int(found[1]), ticks=int(found[2]), boot=found[3]) if found else None


class Register:
    """The workers of a workspace, one empty file each; what a killed one left is cleared away when it is looked at."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def enter(self, worker: Worker) -> None:
        """Write down that `worker` is there."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self._folder / worker.name).touch()

    def leave(self, worker: Worker) -> None:
        """Take it out; one that is not there is fine."""
        (self._folder / worker.name).unlink(missing_ok=True)

    def living(self) -> list[Worker]:
        """Return the workers that run now, by pid."""
        alive = []
        for path in self._folder.glob("worker-*") if self._folder.is_dir() else ():
            worker = named(path.name)
            if worker is not None and worker.lives():
                alive.append(worker)
            else:
                path.unlink(missing_ok=True)
        return sorted(alive, key=lambda worker: worker.pid)


def _boot() -> str:
    return hashlib.sha256(boot_id().encode()).hexdigest()[:8]
