"""Files that are either the old or the new, whatever happens in between."""

from __future__ import annotations

import os
from pathlib import Path


def write(path: Path, content: bytes) -> bool:
    """Put `content` at `path` by way of a file beside it; return False, and write nothing, if it is there already."""
    if path.is_file() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.tmp")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)  # noqa: PTH105 - the call that crash tests cut
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return True
