"""What must not be served: kept for a person to look at, bounded in number and size, readable by its owner only."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import Final

from steersman.kernel.clock import Clock, utc

_MOST_FILES: Final = 40
_MOST_BYTES: Final = 1_000_000
_OURS: Final = re.compile(r"[0-9]{8}T[0-9]{6}\.[0-9]{6}-")


class Quarantine:
    """The folder of bodies that were refused and files that were altered."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock

    def keep(self, path: Path, key: str) -> str:
        """Copy the first megabyte of `path` in and return its name there; empty if that cannot be written."""
        name = f"{utc(self._clock.now_ns()):%Y%m%dT%H%M%S.%f}-{key}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with path.open("rb") as file:
                head = file.read(_MOST_BYTES)
            descriptor = os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        except OSError:
            return ""
        with os.fdopen(descriptor, "wb") as out, contextlib.suppress(OSError):
            out.write(head)
        self._prune(name)
        return name

    def _prune(self, latest: str) -> None:
        """Keep the latest files of ours; logins that did not open lie in the same folder, and are not."""
        with contextlib.suppress(OSError):
            ours = sorted(p for p in self._folder.iterdir() if _OURS.match(p.name) and p.name != latest)
            for old in ours[: 1 - _MOST_FILES]:
                old.unlink(missing_ok=True)
