"""Which runs somebody carries out now, also those that still wait, and for what: what can be shown and ended.

A note beside the work, not a part of it: a run goes on without, and what a killed process left is passed over.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from steersman.automation.model.outcome import RunRequest
from steersman.automation.runner.group import boot_id, start_ticks

NEEDS = "for what it needs"


class Underway(msgspec.Struct, frozen=True, kw_only=True):
    """A run in the hands of a living process.

    Attributes:
        waits: for what, in words; empty while a process of it runs.
        began: whether a process of it has been started; then it has a record, a log and a page.
        since: ns since 1970 UTC, of the last change.
    """

    run_id: str
    automation: str
    cause: str
    cycle: str
    needs: dict[str, str]
    scheduled_at: int | None
    waits: str
    began: bool
    since: int
    pid: int
    ticks: int
    boot: str

    def lives(self) -> bool:
        """Say whether the process that has it in hand still runs."""
        return self.boot == boot_id() and start_ticks(self.pid) == self.ticks


class Register:
    """The notes of one workspace, a small file for each run in hand."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ticks = start_ticks(os.getpid()) or 0

    @contextmanager
    def entered(self, request: RunRequest, now: int) -> Iterator[None]:
        """Keep a run in the register meanwhile."""
        self.note(request, NEEDS if request.needs else "for its turn", now)
        try:
            yield
        finally:
            with suppress(OSError):
                os.unlink(self._path(request.run_id))  # noqa: PTH108 - pathlib takes longer than the disk

    def note(self, request: RunRequest, waits: str, now: int, *, began: bool = False) -> None:
        """Write down what a run waits for (empty: nothing, it runs) and whether a process of it was started."""
        noted = Underway(
            run_id=request.run_id,
            automation=request.automation,
            cause=request.cause,
            cycle=request.cycle,
            needs=request.needs,
            scheduled_at=request.scheduled_at,
            waits=waits,
            began=began,
            since=now,
            pid=os.getpid(),
            ticks=self._ticks,
            boot=boot_id(),
        )
        with suppress(OSError):  # a full disk: it is only not seen
            _write(self._folder, self._path(request.run_id), msgspec.json.encode(noted))

    def living(self, automation: str | None = None) -> list[Underway]:
        """Return the runs (of `automation`, if given) that somebody has in hand, by id; clears away what is not."""
        found = []
        for path in sorted(self._folder.glob("*.json")) if self._folder.is_dir() else ():
            try:
                noted = msgspec.json.decode(path.read_bytes(), type=Underway)
            except (FileNotFoundError, msgspec.DecodeError):
                continue  # just gone, or another version of us wrote it
            if not noted.lives():
                path.unlink(missing_ok=True)
            elif automation in (None, noted.automation):
                found.append(noted)
        return found

    def count(self, automation: str) -> int:
        """Return how many runs of `automation` may be in hand, at most: names alone are looked at."""
        return sum(1 for _ in self._folder.glob(f"{automation}-*.json"))

    def find(self, run_id: str) -> Underway | None:
        """Return a run that somebody has in hand, None if nobody has."""
        return next((noted for noted in self.living() if noted.run_id == run_id), None)

    def _path(self, run_id: str) -> Path:
        return self._folder / f"{run_id}.json"


def _write(folder: Path, path: Path, raw: bytes) -> None:
    # Whole: while a note cannot be read, nobody has the run in hand, and a backfill would be ended as if it were none.
    # By system calls: a run has several, and pathlib takes longer than the disk.
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = f"{path}.{os.getpid()}.new"
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, raw)
    finally:
        os.close(fd)
    os.replace(fresh, path)  # noqa: PTH105 - pathlib takes longer than the disk
