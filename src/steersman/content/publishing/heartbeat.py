"""What the publishing worker says about itself, in a file: that it lives, and which posts wait for it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec

FILE: Final = Path(".steersman", "outbox", "worker.json")
_MOST: Final = 1000


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A post that is not out yet; `due_at` in ns since 1970 UTC."""

    key: str
    channel: str
    draft: str
    due_at: int
    reason: str


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """One beat.

    Attributes:
        worker: a name that no other worker has.
        at: of this beat, ns since 1970 UTC.
        count: of beats of this worker: two with the same number are the same beat, whatever clocks say.
        waiting: the posts that are due next, and all that are late.
    """

    worker: str
    pid: int
    count: int
    at: int
    waiting: tuple[Waiting, ...] = ()


def write(path: Path, beat: Heartbeat) -> None:
    """Put `beat` at `path`, whole or not at all. A power cut may lose it: so it does the worker."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.tmp")
    shown = msgspec.structs.replace(beat, waiting=tuple(sorted(beat.waiting, key=lambda one: one.due_at)[:_MOST]))
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(msgspec.json.encode(shown))
    beside.replace(path)


def read(path: Path) -> Heartbeat | None:
    """Return the last beat; None if there never was one, or the file is none of ours."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Heartbeat)
    except (OSError, msgspec.DecodeError):
        return None
