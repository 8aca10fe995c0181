"""Characters as a reader counts them: grapheme clusters of Unicode Standard Annex 29."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Final

_FLAGS: Final = re.compile("[\U0001f1e6-\U0001f1ff]{17,}")
_AT_ONCE: Final = 16
"""Regional indicators looked at in one go: two make a flag, so any even number of them ends with a whole one."""


def graphemes(text: str) -> list[str]:
    """Return the grapheme clusters of `text`: a flag, a family joined from four people or an é of two is one."""
    find = _pattern()
    # To know whether one of them ends a flag or begins the next, all before it are counted: cut long runs of them,
    # or their square is what it costs.
    cuts = [at for run in _FLAGS.finditer(text) for at in range(run.start() + _AT_ONCE, run.end(), _AT_ONCE)]
    if not cuts:
        return find(text)
    starts, ends = [0, *cuts], [*cuts, len(text)]
    return [one for start, end in zip(starts, ends, strict=True) for one in find(text[start:end])]


def count(text: str) -> int:
    """Return how many characters a reader sees in `text`."""
    return len(graphemes(text))


@cache
def _pattern() -> Callable[[str], list[str]]:
    import regex  # type: ignore[import-untyped]  # its stubs are a package of their own; start-up time: only variants count

    find: Callable[[str], list[str]] = regex.compile(r"\X").findall
    return find
