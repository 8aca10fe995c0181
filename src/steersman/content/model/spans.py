"""Paragraphs and sentences of a draft as offsets in the file: what rules about lengths, sources and voice look at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from steersman.content.model.draft import Draft

WORD: Final = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_END: Final = re.compile(r"[.!?…]+[\"'”’)\]*_]*(?=\s|\Z)")
# A full stop after these ends no sentence.
_ABBREVIATED: Final = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|cf|approx|no|fig|mr|mrs|ms|dr|st|inc|ltd|co|u\.s)|\b[A-Z])\.$", re.IGNORECASE
)
_LONGEST_LOOK_BACK: Final = 12


def paragraphs(draft: Draft) -> Iterator[tuple[int, int]]:
    """Yield the span of each paragraph, also those in lists and quotes; headings, tables and code are none."""
    masked = draft.masked
    for token in masked.tokens:
        if token.type == "paragraph_open" and token.map is not None:
            start, end = masked.lines.span(*token.map)
            text = masked.prose[start:end]
            yield start + len(text) - len(text.lstrip()), start + len(text.rstrip())


def sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the span of each sentence of `text[start:end]`."""
    begin = start
    for match in _END.finditer(text, start, end):
        look = text[max(begin, match.start() - _LONGEST_LOOK_BACK) : match.start() + 1]
        if _ABBREVIATED.search(look) and match.end() < end:
            continue
        yield begin, match.end()
        begin = match.end()
        while begin < end and text[begin].isspace():
            begin += 1
    if text[begin:end].strip():
        yield begin, end


def words(text: str, start: int, end: int) -> int:
    """Count the words of `text[start:end]`."""
    return sum(1 for _ in WORD.finditer(text, start, end))
