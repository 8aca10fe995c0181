"""Where lines begin, so that an offset can be said as line and column."""

from __future__ import annotations

import bisect
import re
from typing import Final

_BREAK: Final = re.compile(r"\r\n|\r|\n")


class Lines:
    """The lines of a text as Markdown counts them: they end in CR LF, CR or LF, and in nothing else."""

    def __init__(self, text: str) -> None:
        self.starts = [0, *(match.end() for match in _BREAK.finditer(text))]
        self._length = len(text)

    def position(self, offset: int) -> tuple[int, int]:
        """Return the line and column of the code point at `offset`, both from 1."""
        index = bisect.bisect_right(self.starts, offset) - 1
        return index + 1, offset - self.starts[index] + 1

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Return the offsets of the lines `first` (from 0) up to but without `last`, as markdown-it maps a block."""
        return self._start(first), self._start(last)

    def _start(self, index: int) -> int:
        return self.starts[index] if index < len(self.starts) else self._length
