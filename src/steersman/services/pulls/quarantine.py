"""What must not be served: kept for a person to look at, bounded in number and size, readable by its owner only."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

from steersman.kernel.clock import Clock, utc

_MOST_FILES: Final = 40
_MOST_BYTES: Final = 1_000_000


class Quarantine:
    """The folder of bodies that were refused and files that were altered."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock

    def keep(self, path: Path, key: str) -> str:
        """Copy the first megabyte of `path` in and return its name there; empty if that cannot be written."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = f"{utc(self._clock.now_ns()):%Y%m%dT%H%M%S.%f}-{key}"
        try:
            with path.open("rb") as file:
                head = file.read(_MOST_BYTES)
            descriptor = os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        except OSError:
            return ""
        with os.fdopen(descriptor, "wb") as out, contextlib.suppress(OSError):
            out.write(head)
        for old in sorted(self._folder.iterdir())[:-_MOST_FILES]:
            old.unlink(missing_ok=True)
        return name
