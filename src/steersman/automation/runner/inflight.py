"""Who runs right now, on disk, so that a killed engine's processes are found and ended by the next one."""

from __future__ import annotations

import fcntl
import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from steersman.automation.events import RunFinished
from steersman.automation.runner.group import boot_id, kill_run, signal_group, start_ticks

_log = logging.getLogger(__name__)


class Marker(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt in flight. `pid` is 0 between the decision to start and the start.

    `started_ticks` and `boot` tell the process from a later one with the same pid; `owner` is the engine's process.
    `end` is how it ended, if the ledger could not be told.
    """

    run_id: str
    automation: str
    attempt: int
    log: str
    began_at: int
    may_retry: bool
    owner: int
    owner_ticks: int
    boot: str
    pid: int = 0
    started_ticks: int = 0
    end: RunFinished | None = None

    def owner_lives(self) -> bool:
        """Say whether the engine that started it still runs."""
        return self.boot == boot_id() and start_ticks(self.owner) == self.owner_ticks


class Inflight:
    """The markers of one workspace: one small file per attempt in flight, written before the process is started."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ticks = start_ticks(os.getpid()) or 0

    def intend(self, *, run_id: str, automation: str, attempt: int, log: str, began_at: int, may_retry: bool) -> Marker:
        """Write down that a process is about to be started."""
        marker = Marker(
            run_id=run_id,
            automation=automation,
            attempt=attempt,
            log=log,
            began_at=began_at,
            may_retry=may_retry,
            owner=os.getpid(),
            owner_ticks=self._ticks,
            boot=boot_id(),
        )
        self._write(marker)
        return marker

    def started(self, marker: Marker, pid: int) -> None:
        """Add the pid, now that there is one."""
        self._write(msgspec.structs.replace(marker, pid=pid, started_ticks=start_ticks(pid) or 0))

    def ended(self, marker: Marker, end: RunFinished) -> None:
        """Add how it ended, for whoever finds the ledger there again."""
        self._write(msgspec.structs.replace(marker, end=end))

    def done(self, marker: Marker) -> None:
        """Forget the attempt: its end is in the ledger."""
        self._path(marker).unlink(missing_ok=True)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep every other process of the workspace from looking for orphans meanwhile."""
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def count(self) -> int:
        """Return how many attempts are in flight, orphans included."""
        return sum(1 for _ in self._folder.glob("*.json"))

    def orphans(self, automation: str | None = None) -> Iterator[Marker]:
        """Yield the attempts (of `automation`, if given) whose engine is gone."""
        if not self._folder.is_dir():
            return
        for path in sorted(self._folder.glob("*.json")):
            try:
                marker = msgspec.json.decode(path.read_bytes(), type=Marker)
            except FileNotFoundError:
                continue
            except msgspec.DecodeError:
                # Markers are replaced whole, so no engine that lives has left it: the machine lost its power, and with
                # it whatever ran. What was started and has no end is known from the ledger.
                _log.warning("the marker %s is damaged and was deleted", path.name)
                path.unlink(missing_ok=True)
                continue
            if automation in (None, marker.automation) and not marker.owner_lives():
                yield marker

    def _write(self, marker: Marker) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(marker)
        fresh = path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(marker))
        fresh.replace(path)

    def _path(self, marker: Marker) -> Path:
        return self._folder / f"{marker.run_id}.{marker.attempt}.json"


def end_orphan(marker: Marker) -> list[int]:
    """Kill what is left of an orphaned attempt, wherever its processes went; return the pids found by environment."""
    if marker.boot != boot_id():
        return []
    if marker.pid and start_ticks(marker.pid) == marker.started_ticks:
        signal_group(marker.pid, signal.SIGKILL)
    return kill_run(marker.run_id)
