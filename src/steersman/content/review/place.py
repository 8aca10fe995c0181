"""`LINE[:COL[-COL]]`: where a remark points, as a person writes it and as offsets."""

from __future__ import annotations

import re
from typing import Final

from steersman.content.model.lines import Lines
from steersman.kernel.errors import Rejected

_PLACE: Final = re.compile(
    r"(?P<line>[0-9]{1,9})(?:-(?P<last>[0-9]{1,9})|:(?P<first>[0-9]{1,9})(?:-(?P<end>[0-9]{1,9}))?)?"
)
_BREAK: Final = re.compile(r"[\r\n]*\Z")
_WORD: Final = re.compile(r"\S+")


def span_of(place: str, text: str) -> tuple[int, int]:
    """Return the offsets in `text` (code points) that `place` means.

    `12` is a whole line, `12-14` are lines, `12:5` is the word at column 5, `12:5-9` are the columns 5 to 9 of it, the
    last one included. Lines and columns count from 1.

    Raises:
        Rejected: not a place, or no such line or column; says which there are.
    """
    found = _PLACE.fullmatch(place.strip())
    if found is None:
        raise Rejected(
            f"found {place[:40]!r}, and a place is LINE, LINE-LINE, LINE:COLUMN or LINE:COLUMN-COLUMN",
            fix="write it as content check does, e.g. 12:5",
        )
    lines = Lines(text)
    line, last = int(found["line"]), int(found["last"] or found["line"])
    if not 1 <= line <= last <= len(lines.starts):
        raise Rejected(
            f"there are no lines {line} to {last}" if found["last"] else f"there is no line {line}",
            fix=f"the draft has {len(lines.starts)} lines",
        )
    start, end = _line(lines, text, line)[0], _line(lines, text, last)[1]
    if found["first"] is not None:
        return _columns(text, (start, end), int(found["first"]), int(found["end"] or 0), line)
    if not text[start:end].strip():
        raise Rejected(f"line {line} is empty", fix="name a line that has words")
    return start + len(text[start:end]) - len(text[start:end].lstrip()), start + len(text[start:end].rstrip())


def _line(lines: Lines, text: str, number: int) -> tuple[int, int]:
    start, stop = lines.span(number - 1, number)
    broken = _BREAK.search(text, start, stop)
    return start, broken.start() if broken else stop


def _columns(text: str, line: tuple[int, int], first: int, last: int, number: int) -> tuple[int, int]:
    start, end = line
    if not 1 <= first <= end - start or (last and not first <= last <= end - start):
        column = last if 1 <= first <= end - start else first
        raise Rejected(f"line {number} has no column {column}", fix=f"it has {end - start} columns")
    if last:
        return start + first - 1, start + last
    at = start + first - 1
    for word in _WORD.finditer(text, start, end):
        if word.start() <= at < word.end():
            return _trimmed(text, word.start(), word.end(), at)
    raise Rejected(f"there is no word at {number}:{first}", fix="name a column of a word, or columns, e.g. 12:5-9")


def _trimmed(text: str, start: int, end: int, at: int) -> tuple[int, int]:
    """Return the word without the marks around it, unless it is the mark that was meant."""
    low, high = start, end
    while low < high and not text[low].isalnum():
        low += 1
    while high > low and not text[high - 1].isalnum():
        high -= 1
    return (low, high) if low <= at < high else (start, end)
