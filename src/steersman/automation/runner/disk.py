"""What a run takes of the disk, and when it has taken too much."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import msgspec

from steersman.automation.runner.tree import descendants

_SLACK_BYTES = 8 << 20
_SHARE_TO_ANSWER_FOR = 0.25


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes: in the artifacts of the run, free now and when it began (of the fuller disk), and written by it since."""

    artifacts: int
    free: int
    free_at_start: int
    written: int


def too_much(taken: Taken, *, artifact_limit: int, free_floor: int) -> str:
    """Say why a run must end, empty if it may go on; a bound of 0 is none.

    Below the floor a run ends if it began above it and answers for a quarter of what has gone since. Some ways to fill
    a disk leave no trace in a process's figures (fallocate), so below half the floor every run that began above it
    ends: the ledger needs the room more than any script does. A run that began below the floor is let be: it may be
    the one that clears up.
    """
    if artifact_limit and taken.artifacts > artifact_limit:
        return f"its artifacts grew to {_mb(taken.artifacts)} MB, allowed: {_mb(artifact_limit)}"
    gone = taken.free_at_start - taken.free
    if taken.free >= free_floor or taken.free_at_start < free_floor or gone < min(_SLACK_BYTES, free_floor // 4):
        return ""
    if taken.written >= _SHARE_TO_ANSWER_FOR * gone:
        return (
            f"it wrote {_mb(taken.written)} MB and the disk has {_mb(taken.free)} MB left, kept free: {_mb(free_floor)}"
        )
    if taken.free < free_floor // 2:
        return f"the disk has {_mb(taken.free)} MB left, kept free: {_mb(free_floor)}"
    return ""


class DiskWatch:
    """Measures what one run takes."""

    def __init__(self, pid: int, artifacts: Path | None, places: tuple[Path, ...]) -> None:
        """Begin; `places` are folders on the disks that must not run full."""
        self._pid = pid
        self._artifacts = artifacts
        self._places = places
        self._free_at_start = self._free()
        self._written: dict[int, int] = {}

    def taken(self, *, of_artifacts: bool) -> Taken:
        """Return the figures of now; `of_artifacts` adds up the run's files, which takes a while for many."""
        free = self._free()
        return Taken(
            artifacts=used_bytes(self._artifacts) if of_artifacts and self._artifacts is not None else 0,
            free=free,
            free_at_start=self._free_at_start,
            written=self._written_bytes() if free < self._free_at_start - _SLACK_BYTES // 8 else 0,
        )

    def _free(self) -> int:
        found = []
        for place in self._places:
            with suppress(OSError):
                disk = os.statvfs(place)
                found.append(disk.f_bavail * disk.f_frsize)
        return min(found, default=1 << 62)

    def _written_bytes(self) -> int:
        """Return what the processes of the run wrote, by either count the kernel keeps; ended ones as last seen."""
        for pid in (self._pid, *descendants(self._pid)):
            with suppress(OSError, ValueError):
                lines = Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines()
                counts = {key: int(value) for key, _, value in (line.partition(": ") for line in lines)}
                self._written[pid] = max(counts["wchar"], counts["write_bytes"])
        return sum(self._written.values())


def used_bytes(folder: Path) -> int:
    """Return the bytes the files below `folder` take on disk: blocks, not lengths, so holes cost nothing."""
    total, waiting = 0, [] if folder.is_symlink() else [os.fspath(folder)]
    while waiting:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                with suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
    return total


def _mb(count: int) -> str:
    return f"{count / (1 << 20):,.0f}" if count >= 10 << 20 else f"{count / (1 << 20):,.1f}"
