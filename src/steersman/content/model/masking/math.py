"""Which dollars are formulas and which are money."""

from __future__ import annotations

import re
from typing import Final

_LONGEST: Final = 2000
_OPERATOR: Final = re.compile(r"[\\^_{}=+*/<>|]")
_TWO_WORDS: Final = re.compile(r"[A-Za-z]{2,}[,;:.]?\s+(?:[^\sA-Za-z]+\s+)?[A-Za-z]{2,}")
_WORD: Final = re.compile(r"[A-Za-z]{3,}")
_COMMAND: Final = re.compile(r"\\[A-Za-z]+")
_BLANK_LINE: Final = re.compile(r"(?:\r\n|\r(?!\n)|\n)[ \t]*(?:\r\n|\r|\n)")
_INLINE: Final = re.compile(r"\$(?P<inner>(?:[^$\\\r\n`]|\\.|\r?\n(?![ \t]*\r?\n)){1,2000}?)\$", re.DOTALL)


def inline_math(source: str, here: int, end: int) -> int:
    """Return the offset after the formula that the dollar at `here` opens, 0 if it is only a dollar.

    As Pandoc (tex_math_dollars): no white space inside next to the dollars, no digit after the second one. Beyond it:
    not glued to a word, and words without any operator ("$5 in cash and 6$") are not a formula.
    """
    if here and (source[here - 1].isalnum() or source[here - 1] in "$\\"):
        return 0
    match = _INLINE.match(source, here, end)
    if match is None:
        return 0
    inner = match["inner"]
    after = source[match.end() : match.end() + 1]
    if inner[0].isspace() or inner[-1].isspace() or after == "$" or after.isdigit():
        return 0
    # "pay $5/month or $50/year": the second dollar is a price of its own, and so is a dollar glued to what follows.
    if after.isalpha() and not re.match(r"(?:th|st|nd|rd|s)\b", source[match.end() : match.end() + 3]):
        return 0
    return match.end() if looks_like_math(inner) else 0


def looks_like_math(inner: str) -> bool:
    """Say whether what stands between two dollars or escaped brackets is a formula, not words."""
    without_commands = _COMMAND.sub(" ", inner)
    if _OPERATOR.search(inner) and ("\\" in inner or not _TWO_WORDS.search(without_commands)):
        return True
    return not _WORD.search(without_commands) and not _TWO_WORDS.search(without_commands)


def display_math(source: str, here: int, end: int) -> int:
    """Return the offset after the display that `$$` at `here` opens, 0 if its paragraph does not close it.

    TeX allows no blank line in a display, so neither do we: two lone `$$` far apart hide nothing.
    """
    if source[here + 2 : here + 3] == "$" or (here and source[here - 1] == "$"):
        return 0
    return _bounded(source, here + 2, end, "$$")


def bracket_math(source: str, here: int, end: int) -> int:
    r"""Return the offset after the formula that `\(` or `\[` at `here` opens, 0 if it is an escaped bracket."""
    closing = r"\)" if source[here + 1] == "(" else r"\]"
    after = _bounded(source, here + 2, end, closing)
    if not after:
        return 0
    inner = source[here + 2 : after - 2]
    return after if inner.strip() and looks_like_math(inner) else 0


def environment(source: str, here: int, end: int) -> int:
    r"""Return the offset after the `\begin{name}` ... `\end{name}` that opens at `here`, 0 if there is none."""
    name = re.compile(r"\\begin\{([A-Za-z]+\*?)\}").match(source, here, end)
    return _bounded(source, name.end(), end, f"\\end{{{name[1]}}}") if name else 0


def _bounded(source: str, start: int, end: int, closing: str) -> int:
    limit = min(end, start + _LONGEST)
    found = source.find(closing, start, limit)
    if found < 0 or _BLANK_LINE.search(source, start, found):
        return 0
    return found + len(closing)
