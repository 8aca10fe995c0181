"""What is covered so far, and the text that is left once it is."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable
from typing import Final

import msgspec

FILLER: Final = "\u00a0"
"""What covered code points within a line become. Not a space: at the start of a line four of those are a code block,
and in the middle of one they are a finding ("several spaces") about something the author never wrote."""
_NOT_BREAK: Final = re.compile(r"[^\r\n]")
# Neither a letter nor white space: a block of it is a paragraph, and no word.
_OBJECT: Final = "\ufffc"


class Span(msgspec.Struct, frozen=True):
    """Code points `start` up to but without `end`."""

    start: int
    end: int


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """An address in a draft: where it stands, what it says, and whether it is a picture's."""

    start: int
    end: int
    url: str
    is_image: bool = False


class Cover:
    """The ranges of one source that are not prose."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.code: list[Span] = []
        self.links: list[Link] = []
        self._inline: list[tuple[int, int]] = []
        self._blocks: list[tuple[int, int]] = []

    def inline(self, start: int, end: int) -> None:
        """Cover a range inside a sentence: it becomes `FILLER`, and what stands around it is still one sentence."""
        if start < end:
            self._inline.append((start, end))

    def block(self, start: int, end: int) -> None:
        """Cover whole lines: they become blank lines, which end a paragraph."""
        if start < end:
            self._blocks.append((start, end))

    def prose(self) -> str:
        """Return the source with everything covered replaced; as long as the source, with its line breaks."""
        return _filled(_filled(self.source, merged(self._inline), FILLER), merged(self._blocks), " ")

    def shadow(self) -> str:
        """Return the source to find blocks in: covered lines are blank, what is covered inside lines is no markup."""
        text = _filled(_filled(self.source, merged(self._inline), _OBJECT), merged(self._blocks), " ")
        return text.replace("\0", "\ufffd")

    def spans(self) -> tuple[Span, ...]:
        """Return everything covered, in order, without overlaps."""
        return tuple(Span(start, end) for start, end in merged([*self._inline, *self._blocks]))


def merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return `ranges` sorted, those that touch or overlap as one."""
    result: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if result and start <= result[-1][1]:
            if end > result[-1][1]:
                result[-1] = (result[-1][0], end)
        else:
            result.append((start, end))
    return result


def touches(spans: tuple[Span, ...], start: int, end: int) -> bool:
    """Say whether `start` up to `end` reaches into one of `spans`, which are sorted and do not overlap."""
    at = bisect.bisect_right(spans, start, key=lambda span: span.start)
    if at and spans[at - 1].end > start:
        return True
    return at < len(spans) and spans[at].start < max(end, start + 1)


def is_inside(spans: tuple[Span, ...], start: int, end: int) -> bool:
    """Say whether one of `spans`, which are sorted and do not overlap, holds all of `start` up to `end`."""
    at = bisect.bisect_right(spans, start, key=lambda span: span.start)
    return at > 0 and end <= spans[at - 1].end


def _filled(text: str, ranges: list[tuple[int, int]], filler: str) -> str:
    parts = []
    here = 0
    for start, end in ranges:
        parts += [text[here:start], _NOT_BREAK.sub(filler, text[start:end])]
        here = end
    return "".join([*parts, text[here:]])
