"""What a disk may do to us (full, read-only, another user's files), in words; and what scripts leave on it, removed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from steersman.kernel.errors import Unavailable


@contextmanager
def usable() -> Iterator[None]:
    """Turn what the disk says within the block into an error that names the file.

    Raises:
        Unavailable: instead of OSError.
    """
    try:
        yield
    except OSError as exc:
        raise Unavailable(
            f"{exc.filename or 'the disk'} cannot be used: {exc.strerror or type(exc).__name__}",
            fix="free disk space; or, if another user ran a command here, give his files back to the workspace's owner",
        ) from exc


def remove(path: Path) -> None:
    """Remove a file or a whole folder; a link goes, not what it leads to. What cannot be removed stays."""
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
