"""Logs and artifacts of runs, as a page may hand them out: only what the run left, and never through a link."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

import msgspec

from steersman.automation.queries import Attempt
from steersman.automation.runner.follow import SafeText

PIECE: Final = 64 << 10
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A pipe in place of a file would wait for somebody to write into it.
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """A file a run left. `name` is its path below the run's artifacts; `size_bytes` is None once it is gone."""

    name: str
    size_bytes: int | None


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a log as text that drives nothing, and the byte `after` which to ask on."""

    text: str
    after: int


def artifacts(root: Path, attempts: Iterable[Attempt]) -> list[Artifact]:
    """Return what the attempts of a run left, with the sizes of now."""
    names = sorted({path for attempt in attempts for path in attempt.artifacts})
    return [Artifact(name=_below(path), size_bytes=_size(root, path)) for path in names]


def find(attempts: Iterable[Attempt], name: str) -> str | None:
    """Return the path of the artifact called `name` within the workspace, None if the run left none of that name."""
    return next((p for a in attempts for p in a.artifacts if _below(p) == name), None)


def opened(root: Path, path: str) -> int | None:
    """Return a descriptor of a plain file in the workspace, None if there is none.

    No part of the path may be a link: scripts write where their logs and artifacts lie, and what a link leads to may be
    somebody's key.
    """
    parts = PurePosixPath(path).parts
    if not parts or PurePosixPath(path).is_absolute() or ".." in parts:
        return None
    try:
        at = os.open(root, _FOLDER & ~os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        for part in parts[:-1]:
            below = os.open(_entry(at, part), _FOLDER, dir_fd=at)
            os.close(at)
            at = below
        fd = os.open(_entry(at, parts[-1]), _FILE, dir_fd=at)
    except OSError:
        return None
    finally:
        os.close(at)
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    return None


def _entry(folder: int, name: str) -> str:
    """Return what is called `name` in events; there, bytes that are no text are written as `\\xff`."""
    if "\\x" not in name:
        return name
    there = (entry for entry in os.listdir(folder) if os.fsencode(entry).decode("utf-8", "backslashreplace") == name)
    return next(there, name)


def pieces(file: BinaryIO, length: int) -> Iterator[bytes]:
    """Yield the first `length` bytes of a file and close it; a file that grew meanwhile does not make it longer."""
    with file:
        while length > 0 and (piece := file.read(min(PIECE, length))):
            length -= len(piece)
            yield piece


def tail(root: Path, log: str, after: int, *, over: bool) -> Piece:
    """Return what a log holds behind its byte `after`, at most 64 KB of it.

    Args:
        over: nothing is added any more, so that also half a character at the end is shown.
    """
    fd = opened(root, log) if log else None
    if fd is None:
        return Piece(text="", after=after)
    with os.fdopen(fd, "rb") as file:
        size = os.fstat(fd).st_size
        start = min(max(after, 0), size)
        file.seek(start)
        found = file.read(PIECE)
    whole = found if over and start + len(found) == size else found[: _whole(found)]
    safe = SafeText()
    return Piece(text=safe.take(whole) + safe.end(), after=start + len(whole))


def _whole(found: bytes) -> int:
    """Return how many bytes end in a whole character, and not between the two bytes of a line's end."""
    for back in range(1, min(4, len(found)) + 1):
        byte = found[-back]
        if byte < 0x80:
            break
        if byte >= 0xC0:
            needs = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(found) - back if back < needs else len(found)
    return len(found) - 1 if found.endswith(b"\r") else len(found)


def _below(path: str) -> str:
    return path.partition("/artifacts/")[2] or path


def _size(root: Path, path: str) -> int | None:
    fd = opened(root, path)
    if fd is None:
        return None
    try:
        return os.fstat(fd).st_size
    finally:
        os.close(fd)
