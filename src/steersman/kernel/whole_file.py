"""A small file that is replaced whole: whoever reads it finds the old one or the new one, never half of one."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Put `data` at `path`; its folder is made if need be. A power cut may bring the old one back.

    Several processes may do so at once: one of them has the last word.

    Raises:
        OSError: what was there stays.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        fresh.write_bytes(data)
        fresh.replace(path)
    except OSError:
        with suppress(OSError):
            fresh.unlink()  # a full disk needs the room
        raise
