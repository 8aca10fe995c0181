"""A draft cut into what a reader reads and what is only markup, so that others can read it and offsets stay ours."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from steersman.content.model.draft import Draft
from steersman.content.model.mask import Masked

_STANDS_FOR: Final = "code"
# Marks of Markdown that stand in the prose of a mask.
_MARKS: Final = re.compile(
    r"^[ \t]*(?:>[ \t]?)+|^[ \t]*#{1,6}[ \t]+|^[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]+(?:\[[ xX]\][ \t]+)?"
    r"|!?\[(?=[^\]\n]{0,500}\][\[(])|\]\(|\]\[[^\]\n]{0,500}\]|(?<=[^\s(])\)(?=\x00)|`+|\*{1,3}|~~|(?<!\w)_{1,3}|_{1,3}(?!\w)"
    r"|</?[A-Za-z][A-Za-z0-9-]*\x00*/?>|<(?=\x00)|(?<=\x00)>|\|",
    re.MULTILINE,
)
_COVERED: Final = "\x00"
_UNSAID: Final = re.compile(
    r"<!--.{0,4000}?-->|</?[A-Za-z][A-Za-z0-9-]{0,40}(?=[\s/>])[^<>]{0,4000}>|\{\{.{0,2000}?\}\}|\{%.{0,2000}?%\}"
    r"|\]\([^)]{0,4000}\)|\]\[[^\]]{0,500}\]"
)
# A word with an entity in it is covered as a whole: `Jerry&#39;s`.
_ENTITY: Final = re.compile(r"\w{0,60}(?:&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|\w{1,31});\w{0,60}){1,20}")
_MARK_SIGNS: Final = " \t*_~`#>|[]!()-+"
_BREAK: Final = re.compile(r"\r\n|\r|\n")


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of the file: read as it stands, or markup that is read as `stands_for`."""

    start: int
    end: int
    is_markup: bool
    stands_for: str = ""


def pieces(draft: Draft, start: int, end: int, hidden: Iterable[tuple[int, int]] = ()) -> list[Piece]:
    """Return what stands between two offsets, in order and without gaps; `hidden` ranges are read as "code"."""
    masked = draft.masked
    shown = _shown(masked, start, end, hidden)
    marks = bytearray(len(shown))
    for match in _MARKS.finditer(shown):
        for index in range(*match.span()):
            marks[index] = 1
    # The closing bracket of a link stands behind a covered address.
    for match in re.finditer(r"\x00\)", shown):
        marks[match.end() - 1] = 1
    found = []
    for low, high, is_markup in _runs(shown, marks):
        stands_for = _reads_as(masked.source[start + low : start + high]) if is_markup else ""
        found.append(Piece(start=start + low, end=start + high, is_markup=is_markup, stands_for=stands_for))
    return found


def plain_text(draft: Draft, hidden: Iterable[tuple[int, int]] = ()) -> str:
    """Return the body of `draft` as a reader reads it, under its title."""
    source = draft.masked.source
    read = "".join(
        piece.stands_for if piece.is_markup else source[piece.start : piece.end]
        for piece in pieces(draft, draft.body_start, len(source), hidden)
    )
    lines = (line.rstrip() for line in _BREAK.split(read))
    return f"{draft.title}\n\n" + "\n".join(lines).strip() + "\n"


def _shown(masked: Masked, start: int, end: int, hidden: Iterable[tuple[int, int]]) -> str:
    """Return the prose with one sign for everything that is covered or hidden; line breaks stay."""
    signs = list(masked.prose[start:end])
    ranges = [(span.start, span.end) for span in (*masked.covered, *masked.code)] + list(hidden)
    for low, high in ranges:
        for index in range(max(low, start), min(high, end)):
            if signs[index - start] not in "\r\n":
                signs[index - start] = _COVERED
    return "".join(signs)


def _runs(shown: str, marks: bytearray) -> Iterator[tuple[int, int, bool]]:
    begin = 0
    kinds = [shown[i] == _COVERED or bool(marks[i]) for i in range(len(shown))]
    # A blank line between two lines of covered code is part of the block.
    for match in re.finditer(r"(?<=\x00)[\r\n]+(?=\x00)", shown):
        for index in range(*match.span()):
            kinds[index] = True
    for here in range(1, len(shown) + 1):
        if here == len(shown) or kinds[here] != kinds[begin]:
            yield begin, here, kinds[begin]
            begin = here


def _reads_as(markup: str) -> str:
    """Return what stands for a run of markup: nothing, the end of a paragraph, a sign, or a noun for code."""
    if "\n" in markup or "\r" in markup:
        return "\n\n"
    # Tags, comments, shortcodes and the targets of links are said by nobody.
    said = _UNSAID.sub("", markup).strip(_MARK_SIGNS)
    if _ENTITY.fullmatch(said):
        return html.unescape(said)
    return _STANDS_FOR if said else ""
