"""MDX: imports, exports, expressions and components around Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Protocol

_ESM: Final = re.compile(r"(?:\A|(?<=[\r\n]))(?:import|export)\b[^\r\n]*(?:(?:\r\n|\r|\n)[ \t]*[^\s][^\r\n]*)*")
# Strings and comments may hold braces that are not code.
_BRACES: Final = re.compile(
    r"""[{}]|/\*.{0,20000}?\*/|"(?:[^"\\\r\n]|\\.){0,2000}"|'(?:[^'\\\r\n]|\\.){0,2000}'|`(?:[^`\\]|\\.){0,2000}`""",
    re.DOTALL,
)
_TAG_START: Final = re.compile(r"</?(?:[A-Za-z][\w.:-]*)?(?=[\s/>{])")
_IN_TAG: Final = re.compile(r"""[<>{]|"[^"]{0,4000}"|'[^']{0,4000}'""")


class _Allowed(Protocol):
    def __call__(self, offset: int, /) -> bool: ...


def mdx(source: str, start: int, is_code: _Allowed) -> Iterator[tuple[int, int]]:
    """Yield the ranges of MDX that are no prose; what stands between two tags of a component is.

    Source: https://mdxjs.com/docs/what-is-mdx (syntax): ESM ends at a blank line, expressions are balanced braces.
    """
    taken = start
    for match in _ESM.finditer(source, start):
        if not is_code(match.start()) and _begins_block(source, match.start(), taken):
            yield match.span()
            taken = match.end()
    braces = _pairs(source, start, is_code)
    done = start
    for opening in sorted(braces):
        if opening >= done:
            done = braces[opening]
            yield opening, done
    for match in _TAG_START.finditer(source, start):
        if not is_code(match.start()):
            closed = _tag_end(source, match.end(), braces)
            if closed:
                yield match.start(), closed


def _begins_block(source: str, at: int, taken: int) -> bool:
    before = source[max(taken, at - 400) : at].rstrip(" \t")
    return not before or before.endswith(("\n\n", "\n\r\n", "\r\r")) or at - taken <= 2 or not before.strip()


def _pairs(source: str, start: int, is_code: _Allowed) -> dict[int, int]:
    """Return where each brace that is closed closes."""
    opened: list[int] = []
    pairs = {}
    here = start
    while match := _BRACES.search(source, here):
        here = match.end()
        character = match.group()
        if len(character) > 1:
            # Outside an expression an apostrophe is an apostrophe.
            here = here if opened else match.start() + 1
        elif is_code(match.start()) or (match.start() and source[match.start() - 1] == "\\"):
            continue
        elif character == "{":
            opened.append(match.start())
        elif opened:
            pairs[opened.pop()] = match.end()
    return pairs


def _tag_end(source: str, here: int, braces: dict[int, int]) -> int:
    while match := _IN_TAG.search(source, here):
        if match.group() == ">":
            return match.end()
        if match.group() == "<":
            return 0
        here = braces.get(match.start(), 0) if match.group() == "{" else match.end()
        if not here:
            return 0
    return 0
