"""One build at a time, and the knowledge whether the last one ended."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """The lock while it is held: `fd` is handed to children, `crashed` says that the holder before never let go."""

    fd: int
    crashed: bool


@contextmanager
def exclusive(path: Path) -> Iterator[Held]:
    """Wait for the lock at `path` and hold it.

    A child that inherits `fd` holds it too: as long as a git outlives its killed parent, nobody else begins.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    busy = path.with_suffix(".busy")
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        crashed = busy.exists()
        busy.touch()
        yield Held(fd=file.fileno(), crashed=crashed)
        # Not in a finally: an exception may have left git's own locks behind just as a kill does.
        busy.unlink()
