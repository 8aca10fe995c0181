"""Files that are whole or not there: written beside, synced, moved into place, the folder synced too."""

from __future__ import annotations

import os
from pathlib import Path

from steersman.kernel.errors import Unavailable


def private_folder(path: Path) -> Path:
    """Make a folder for this user only, and those above it that are missing."""
    missing = [each for each in (path, *path.parents) if not each.exists()]
    for each in reversed(missing):
        # One by one: `parents=True` would make those in between with the default mode.
        each.mkdir(mode=0o700, exist_ok=True)
    return path


def write(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Put `data` at `path` (mode 0600). When this returns and `durable`, it survives a power cut.

    One writer at a time for each path: what a killed one left beside it is removed.

    Raises:
        Unavailable: the disk takes nothing; what stood there before still stands.
    """
    try:
        _replace(path, data, durable=durable)
    except OSError as exc:
        raise Unavailable(
            f"{path} cannot be written: {exc.strerror}", fix="free disk space, or correct the permissions"
        ) from exc


def _replace(path: Path, data: bytes, *, durable: bool) -> None:
    for left in path.parent.glob(f".{path.name}.*.new"):
        left.unlink(missing_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]
        if durable:
            os.fsync(handle)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)
    beside.replace(path)
    if durable:
        sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make what was moved within a folder survive a power cut."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
