"""A draft's text as lines of runs: what is marked in it, and what a reader could not see, said in letters."""

from __future__ import annotations

import unicodedata
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import msgspec

from steersman.bootstrap.pieces import View
from steersman.content.model.lines import Lines

MOST: Final = 300_000
"""Code points of a draft that a page shows; the whole of it is in its file."""
_EXCERPT: Final = 80
_ORDER: Final = {"remark": 0, "gate": 1, "warn": 2, "info": 3, "suppressed": 4}
_HIDDEN: Final = frozenset("\N{SOFT HYPHEN}\N{ZERO WIDTH SPACE}\N{WORD JOINER}\N{ZERO WIDTH NO-BREAK SPACE}")


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A place in the text: `kind` is a tier or `remark`; `number` is what text and list call it by.

    `ref` is the fingerprint of the finding or the id of the remark.
    """

    start: int
    end: int
    kind: str
    ref: str
    number: int


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a line under one mark, or none.

    Attributes:
        begins, ends: the mark does so here.
        under: numbers of marks that begin here below a more urgent one: links to them must lead somewhere.
        hidden: it names a character that a reader could not see, or that would turn around what follows it.
    """

    text: str
    mark: Mark | None = None
    begins: bool = False
    ends: bool = False
    under: tuple[int, ...] = ()
    hidden: bool = False


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the file, numbered from 1."""

    number: int
    runs: tuple[Run, ...]


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """A draft to be read on a page.

    `numbers` says which mark a finding or remark is, by its `ref`, `excerpts` what it covers; `left_out` counts the
    code points that are not shown.
    """

    lines: tuple[Line, ...]
    numbers: dict[str, int]
    excerpts: dict[str, str]
    left_out: int = 0


def of_view(view: View) -> Text:
    """Return the text of a piece with the findings of the first pass and the remarks of people in it."""
    found = [(f.start, f.end, f.severity if f.status == "open" else f.status, f.fingerprint) for f in view.findings]
    found += [
        (r.start, r.end, "remark", r.row.id)
        for r in view.remarks
        if r.now == "open" and r.start is not None and r.end is not None and not r.is_note
    ]
    ordered = sorted(found, key=lambda one: (one[0], _ORDER.get(one[2], 9), one[1], one[3]))
    marks = [
        Mark(start=start, end=max(end, start + 1), kind=kind, ref=ref, number=n)
        for n, (start, end, kind, ref) in enumerate(ordered, 1)
    ]
    return lay_out(view.text or "", marks)


def lay_out(text: str, marks: Sequence[Mark], *, most: int = MOST) -> Text:
    """Return `text` line by line, cut where a mark begins or ends; where marks overlap, the more urgent one shows."""
    shown = text[:most]
    starts = [*Lines(shown).starts, len(shown)]
    queue = deque(sorted(marks, key=lambda mark: mark.start))
    active, laid = list[Mark](), list[Line]()
    for number, (start, stop) in enumerate(pairwise(starts), 1):
        while queue and (queue[0].start < stop or stop == len(shown) == queue[0].start):
            active.append(queue.popleft())
        active = [mark for mark in active if mark.end > start]
        laid.append(Line(number=number, runs=tuple(_runs(shown, start, stop, active))))
    if len(laid) > 1 and not laid[-1].runs[0].text and laid[-1].runs[0].mark is None:
        laid.pop()  # what follows the last line break is no line
    return Text(
        lines=tuple(laid),
        numbers={mark.ref: mark.number for mark in marks},
        excerpts={mark.ref: _excerpt(text[mark.start : mark.end]) for mark in marks},
        left_out=len(text) - len(shown),
    )


def _excerpt(covered: str) -> str:
    words = " ".join("".join(" " if _is_hidden(char) else char for char in covered[:400]).split())
    return words if len(words) <= _EXCERPT else f"{words[: _EXCERPT - 1]}…"


def _runs(text: str, start: int, stop: int, marks: Sequence[Mark]) -> Iterator[Run]:
    end = start + len(text[start:stop].rstrip("\r\n"))
    cuts = {edge for mark in marks for edge in (mark.start, mark.end) if start < edge < end}
    edges = sorted({start, end} | cuts) if start < end else [start, start]
    for low, high in pairwise(edges):
        # What stands in the break at the end of a line is shown at its last word.
        here = [m for m in marks if low <= m.start < high or (m.start >= high == end)]
        over = [m for m in marks if m.start <= low and m.end >= high] or here[:1]
        mark = min(over, key=lambda m: (_ORDER.get(m.kind, 9), m.number), default=None)
        begins = mark is not None and mark in here
        ends = mark is not None and mark.end <= stop and high == min(mark.end, end)
        under = tuple(m.number for m in here if m is not mark)
        yield from _visible(text[low:high], mark, begins=begins, ends=ends, under=under)


def _visible(text: str, mark: Mark | None, *, begins: bool, ends: bool, under: tuple[int, ...]) -> Iterator[Run]:
    """Yield runs of printable text, and between them the names of characters that have no look of their own."""
    parts, plain = list[tuple[str, bool]](), ""
    for char in text:
        if _is_hidden(char):
            parts += [(plain, False)] if plain else []
            parts.append((f"U+{ord(char):04X}", True))
            plain = ""
        else:
            plain += char
    parts += [(plain, False)] if plain or not parts else []
    for index, (shown, hidden) in enumerate(parts):
        yield Run(
            text=shown,
            mark=mark,
            begins=begins and index == 0,
            ends=ends and index == len(parts) - 1,
            under=under if index == 0 else (),
            hidden=hidden,
        )


def visible(text: str) -> str:
    """Return `text` with every character named that has no look of its own, line breaks apart."""
    return "".join(f"[U+{ord(c):04X}]" if _is_hidden(c) and c not in "\r\n" else c for c in text)


def _is_hidden(char: str) -> bool:
    if char in ("\t", "\N{ZERO WIDTH JOINER}", "\N{ZERO WIDTH NON-JOINER}"):
        return False  # scripts and emoji need them
    return char in _HIDDEN or unicodedata.category(char) == "Cc" or unicodedata.bidirectional(char) in (
        "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI",
    )  # fmt: skip
