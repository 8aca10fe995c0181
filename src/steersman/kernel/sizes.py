"""Sizes as people write them: `500KB`, `64MB`, `2GB`."""

from __future__ import annotations

import re
from typing import Final

_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(B|KB|MB|GB)")
_SIZE_UNITS: Final = {"B": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3}


def size_bytes(text: str) -> int:
    """Return the bytes of e.g. `512MB` (B, KB, MB, GB; thousands).

    Raises:
        ValueError: not a number with one of these units.
    """
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise ValueError(f"{text!r} is not a size: write e.g. 500KB, 64MB or 2GB")
    return int(float(found.group(1)) * _SIZE_UNITS[found.group(2)])


def spoken_bytes(count: int) -> str:
    """Return a size in words: `812 kB`, `1.4 MB`, `2.0 GB` (powers of 1000)."""
    if count < 1_000_000:
        return f"{count / 1000:.0f} kB"
    return f"{count / 1e6:.1f} MB" if count < 1_000_000_000 else f"{count / 1e9:.1f} GB"
