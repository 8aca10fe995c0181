"""Characters as a reader counts them: grapheme clusters of Unicode Standard Annex 29."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache


def graphemes(text: str) -> list[str]:
    """Return the grapheme clusters of `text`: a flag, a family joined from four people or an é of two is one."""
    return _pattern()(text)


def count(text: str) -> int:
    """Return how many characters a reader sees in `text`."""
    return len(graphemes(text))


@cache
def _pattern() -> Callable[[str], list[str]]:
    import regex  # type: ignore[import-untyped]  # its stubs are a package of their own; start-up time: only variants count

    find: Callable[[str], list[str]] = regex.compile(r"\X").findall
    return find
