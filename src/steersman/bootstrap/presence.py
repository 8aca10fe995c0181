"""Where the desk process says that it is there: one small file, believed only while its process lives."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import psutil

_CREATED_SLACK_S = 1.0


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """Who serves the console. `created_s` tells the process from a later one with the same pid."""

    pid: int
    created_s: float
    url: str


def announce(path: Path, url: str) -> None:
    """Write that this process serves `url`; no token is in it."""
    here = Presence(pid=os.getpid(), created_s=psutil.Process().create_time(), url=url)
    fresh = path.with_suffix(".new")
    fresh.write_bytes(msgspec.json.encode(here))
    fresh.replace(path)


def find(path: Path) -> Presence | None:
    """Return who serves, None if nobody does (any more)."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Presence)
        created_s = psutil.Process(found.pid).create_time()
    except (OSError, msgspec.DecodeError, psutil.Error):
        return None
    return found if abs(created_s - found.created_s) < _CREATED_SLACK_S else None


def withdraw(path: Path) -> None:
    """Say that nobody serves any more, unless another process does."""
    found = find(path)
    if found is None or found.pid == os.getpid():
        path.unlink(missing_ok=True)
