"""Files that are either the old or the new, whatever happens in between."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def put(path: Path, content: bytes, *, private: bool = False) -> None:
    """Put `content` at `path` by way of a file beside it; it is on disk before this returns.

    Folders that are missing are made. A file that was there gives the new one its permissions.

    Args:
        private: for this user only: mode 0600, and 0700 for folders that are made.

    Raises:
        OSError: the disk takes nothing; what stood there before still stands.
    """
    if private:
        _private_folder(path.parent)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
    # Several processes may keep the same post or version; whoever writes other files is alone, and leaves one at most.
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp" if private else f".{path.name}.tmp")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(beside, flags, 0o600 if private else 0o666), "wb") as file:
            if not private and path.exists():
                os.fchmod(file.fileno(), stat.S_IMODE(path.stat().st_mode))
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)  # noqa: PTH105 - the call that crash tests cut
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _private_folder(path: Path) -> None:
    # One by one: `parents=True` would make those in between with the mode of the umask.
    for folder in reversed([each for each in (path, *path.parents) if not each.exists()]):
        folder.mkdir(mode=0o700, exist_ok=True)


def _sync(folder: Path) -> None:
    """Make what was moved within a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
