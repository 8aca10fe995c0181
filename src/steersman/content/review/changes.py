"""What changed between two versions, word by word, and where a place of the one is in the other."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Final, Literal

import msgspec

from steersman.content.model.lines import Lines

_WORD: Final = re.compile(r"\w+|[^\w\s]")
_BLANK: Final = re.compile(r"(?:\r\n|\r(?!\n)|\n)[^\S\r\n]*(?:\r\n|\r|\n)\s*")
_EDGE: Final = re.compile(_BLANK.pattern + r"|(?:\A|(?<=[\r\n]))[-+]{1,3}[^\S\r\n]*(?:\r\n|\r|\n|\Z)")
"""Where a paragraph ends, or front matter does; the fence may be cut, for each of its signs is a word here."""
_MOST_WORDS: Final = 20_000
"""A stretch without a paragraph in common that is longer than this counts as rewritten, not as edited."""
_CONTEXT: Final = 8
_WHOLE: Final = 24
"""Code points a line needs so that finding it again elsewhere means that it was moved there."""

Kind = Literal["same", "gone", "new"]


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A run of text that is the same in both versions, gone, or new."""

    kind: Kind
    text: str


class Hunk(msgspec.Struct, frozen=True, kw_only=True):
    """One changed place with a few words around it; `line` is from 1, in the later version."""

    line: int
    segments: tuple[Segment, ...]


class Changes:
    """The comparison of two versions; words are compared without the white space around them, so a re-wrap is none."""

    def __init__(self, before: str, after: str) -> None:
        self.before, self.after = before, after
        self._old = [match.span() for match in _WORD.finditer(before)]
        self._new = [match.span() for match in _WORD.finditer(after)]
        self._pairs = list(_pairs(self._words(before, self._old), self._words(after, self._new), self._breaks()))
        self._to = {a + i: b + i for a, b, size in self._pairs for i in range(size)}

    @staticmethod
    def _words(text: str, spans: Sequence[tuple[int, int]]) -> list[str]:
        return [text[start:end] for start, end in spans]

    def _breaks(self) -> tuple[list[int], list[int]]:
        """Return, for each version, the index of the first word of every paragraph, and the number of words."""
        found = []
        for text, spans in ((self.before, self._old), (self.after, self._new)):
            starts = [start for start, _ in spans]
            first = {bisect.bisect_left(starts, gap.end()) for gap in _BLANK.finditer(text)}
            found.append(sorted({0, *first, len(spans)}))
        return found[0], found[1]

    @property
    def is_empty(self) -> bool:
        """Whether nothing but white space differs."""
        return len(self._to) == len(self._old) == len(self._new)

    def moved(self, start: int, end: int) -> tuple[int, int] | None:
        """Return where `before[start:end]` stands in the later version; None if any word of it changed.

        A line that was moved as a whole is found again; one that stands there twice is not.
        """
        touched = [i for i in self._between(start, end) if self._old[i][1] > start]
        if not touched:
            return None
        there = [self._to.get(i) for i in touched]
        first = there[0]
        if first is None or there != list(range(first, first + len(there))):
            return self._elsewhere(start, end)
        last = first + len(there) - 1
        return (
            self._new[first][0] + max(0, start - self._old[touched[0]][0]),
            self._new[last][0] + min(end, self._old[touched[-1]][1]) - self._old[touched[-1]][0],
        )

    def _between(self, start: int, end: int) -> range:
        low = bisect.bisect_right(self._old, start, key=lambda span: span[1])
        high = bisect.bisect_left(self._old, end, key=lambda span: span[0])
        return range(low, high)

    def _elsewhere(self, start: int, end: int) -> tuple[int, int] | None:
        begin = self.before.rfind("\n", 0, start) + 1
        stop = self.before.find("\n", end)
        line = self.before[begin : stop if stop >= 0 else len(self.before)].strip()
        if len(line) < _WHOLE or self.after.count(line) != 1:
            return None
        shift = self.after.find(line) - self.before.find(line, begin)
        return start + shift, end + shift

    def hunks(self) -> list[Hunk]:
        """Return every changed place, in the order of the later version."""
        lines, found = Lines(self.after), list[Hunk]()
        for group in self._grouped():
            segments = list[Segment]()
            b = group[0][2]
            segments += self._around(b - min(_CONTEXT, b), b, lead=True)
            for index, (a1, a2, b1, b2) in enumerate(group):
                if index:
                    segments += self._text("same", self._new, self.after, b, b1)
                segments += self._text("gone", self._old, self.before, a1, a2)
                segments += self._text("new", self._new, self.after, b1, b2)
                b = b2
            segments += self._around(b, min(b + _CONTEXT, len(self._new)), lead=False)
            at = self._new[min(group[0][2], len(self._new) - 1)][0] if self._new else 0
            found.append(Hunk(line=lines.position(at)[0], segments=tuple(segments)))
        return found

    def _grouped(self) -> Iterator[list[tuple[int, int, int, int]]]:
        """Yield those gaps together that stand in one paragraph and whose surroundings would overlap."""
        group = list[tuple[int, int, int, int]]()
        for gap in self._gaps():
            if group and (gap[2] - group[-1][3] > 2 * _CONTEXT or self._is_apart(group[-1][3], gap[2])):
                yield group
                group = []
            group.append(gap)
        if group:
            yield group

    def _is_apart(self, end: int, start: int) -> bool:
        """Say whether a paragraph ends between the new words before `end` and those from `start` on."""
        low = self._new[end - 1][1] if end else 0
        high = self._new[start][0] if start < len(self._new) else len(self.after)
        return _BLANK.search(self.after, low, high) is not None

    def _around(self, first: int, end: int, *, lead: bool) -> Iterator[Segment]:
        """Yield the words before or behind a change, as far as they stand in its paragraph."""
        for segment in self._text("same", self._new, self.after, first, end):
            parts = _EDGE.split(segment.text)
            text = parts[-1] if lead else parts[0]
            if text:
                yield Segment(kind="same", text=text)

    def _gaps(self) -> list[tuple[int, int, int, int]]:
        """Return the stretches of words between what is the same: old from, to, new from, to."""
        gaps, a, b = [], 0, 0
        for pair_a, pair_b, size in [*self._pairs, (len(self._old), len(self._new), 0)]:
            if pair_a > a or pair_b > b:
                gaps.append((a, pair_a, b, pair_b))
            a, b = pair_a + size, pair_b + size
        return gaps

    @staticmethod
    def _text(kind: Kind, spans: Sequence[tuple[int, int]], source: str, first: int, end: int) -> Iterator[Segment]:
        if first >= end:
            return
        last = spans[end - 1][1]
        # The white space behind it comes along, so that what stands side by side reads as the text does.
        space = source[last : spans[end][0] if end < len(spans) else len(source)]
        if kind == "same":
            yield Segment(kind=kind, text=source[spans[first][0] : last] + space)
            return
        yield Segment(kind=kind, text=source[spans[first][0] : last])
        if space:
            yield Segment(kind="same", text=space)


def _pairs(
    old: Sequence[str], new: Sequence[str], breaks: tuple[Sequence[int], Sequence[int]]
) -> Iterator[tuple[int, int, int]]:
    """Yield (old index, new index, count) of runs of equal words, in order, each run as long as can be.

    Paragraphs first, then words within what is left: a text of a million words costs no square of its length.
    """
    merged = list[tuple[int, int, int]]()
    for a, b, size in _raw_pairs(old, new, breaks):
        if merged and (a, b) == (merged[-1][0] + merged[-1][2], merged[-1][1] + merged[-1][2]):
            merged[-1] = (merged[-1][0], merged[-1][1], merged[-1][2] + size)
        else:
            merged.append((a, b, size))
    yield from merged


def _raw_pairs(
    old: Sequence[str], new: Sequence[str], breaks: tuple[Sequence[int], Sequence[int]]
) -> Iterator[tuple[int, int, int]]:
    at_old, at_new = breaks
    parts_old = [tuple(old[a:b]) for a, b in pairwise(at_old)]
    parts_new = [tuple(new[a:b]) for a, b in pairwise(at_new)]
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, parts_old, parts_new).get_opcodes():
        a1, a2, b1, b2 = at_old[i1], at_old[i2], at_new[j1], at_new[j2]
        if tag == "equal":
            yield a1, b1, a2 - a1
        elif tag == "replace":
            yield from _within(old, new, (a1, a2, b1, b2))


def _within(
    old: Sequence[str], new: Sequence[str], stretch: tuple[int, int, int, int]
) -> Iterator[tuple[int, int, int]]:
    a1, a2, b1, b2 = stretch
    head = 0
    while a1 + head < a2 and b1 + head < b2 and old[a1 + head] == new[b1 + head]:
        head += 1
    tail = 0
    while a1 + head < a2 - tail and b1 + head < b2 - tail and old[a2 - tail - 1] == new[b2 - tail - 1]:
        tail += 1
    if head:
        yield a1, b1, head
    a, b = list(old[a1 + head : a2 - tail]), list(new[b1 + head : b2 - tail])
    if a and b and max(len(a), len(b)) <= _MOST_WORDS:
        for block in SequenceMatcher(None, a, b).get_matching_blocks():
            if block.size:
                yield a1 + head + block.a, b1 + head + block.b, block.size
    if tail:
        yield a2 - tail, b2 - tail, tail
