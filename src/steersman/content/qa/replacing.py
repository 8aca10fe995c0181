"""A file is the old one or the new one, whatever happens in between."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def replace(path: Path, content: bytes) -> None:
    """Put `content` at `path` by way of a file beside it, with the permissions of the file that was there.

    A link is followed, so that it stays one.
    """
    target = path.resolve()
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
    beside = target.with_name(f".{target.name}.steersman-new")
    try:
        with beside.open("wb") as file:
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)  # noqa: PTH105 - the call that crash tests cut
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
