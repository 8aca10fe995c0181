"""Where code spans end: runs of backticks paired by their length, without looking at any of them twice."""

from __future__ import annotations

import bisect
import re
from typing import Final

_RUN: Final = re.compile(r"`+")


class Ticks:
    """The runs of backticks between two offsets."""

    def __init__(self, source: str, start: int, end: int) -> None:
        self._starts: dict[int, list[int]] = {}
        for run in _RUN.finditer(source, start, end):
            self._starts.setdefault(run.end() - run.start(), []).append(run.start())

    def closing(self, opened_end: int, length: int, limit: int) -> int:
        """Return the offset after the run of `length` backticks that closes the span opened before `opened_end`.

        0 if none does before `limit`. Source: CommonMark 0.31.2, section 6.1 (code spans).
        """
        starts = self._starts.get(length, [])
        at = bisect.bisect_left(starts, opened_end)
        if at == len(starts) or starts[at] + length > limit:
            return 0
        return starts[at] + length
