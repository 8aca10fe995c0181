"""A series as one line of block characters, for the terminal and for digests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_BLOCKS: Final = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], *, width: int = 20) -> str:
    """Return at most `width` blocks for the latest `values`, scaled to their own range; equal values are mid-height."""
    shown = values[-width:] if width > 0 else ()
    if not shown:
        return ""
    low, high = min(shown), max(shown)
    if high == low:
        return _BLOCKS[3] * len(shown)
    return "".join(_BLOCKS[min(int((x - low) / (high - low) * 8), 7)] for x in shown)
