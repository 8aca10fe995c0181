"""When markets are open. The sessions of an exchange are worked out once, in a process of their own, and kept as JSON.

The package that knows the exchanges brings pandas: it never comes into a process of ours. `python -m
steersman.trading.calendars XNYS 2025 2027` prints the opens and closes of these years.
"""

from __future__ import annotations

import subprocess
import sys
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from steersman.kernel.errors import Misconfigured, Unavailable

ALWAYS: Final = "24/7"
EXTRA: Final = "steersman[calendars]"
_TIMEOUT_S: Final = 120
_NO_PACKAGE, _NO_CALENDAR, _NO_YEARS = 3, 4, 5


class Calendar:
    """The sessions of one market: opens and closes, ns since 1970 UTC, ascending; no two overlap."""

    def __init__(self, sessions: Iterable[tuple[int, int]], *, covers: tuple[int, int] | None) -> None:
        """Take the sessions of the span `covers` (from, up to and without); None: open at all times."""
        pairs = sorted(sessions)
        self._opens = [opens for opens, _ in pairs]
        self._closes = [closes for _, closes in pairs]
        self._covers = covers

    def is_open(self, at: int) -> bool | None:
        """Say whether the market trades at `at`; None: outside of the years that were worked out.

        The instant of the close belongs to the session: a bar that ends with it is decided in it.
        """
        if self._covers is None:
            return True
        if not self._covers[0] <= at < self._covers[1]:
            return None
        number = bisect_right(self._opens, at) - 1
        return number >= 0 and at <= self._closes[number]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What is written to the state folder: the sessions of the years `first` to `last`, both included."""

    name: str
    first: int
    last: int
    covers: tuple[int, int]
    sessions: tuple[tuple[int, int], ...]
