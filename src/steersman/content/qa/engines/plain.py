"""A draft as running text: paragraphs without markup, each code point traced back to the file on disk."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from html import unescape
from itertools import pairwise
from typing import Final

import msgspec

from steersman.content.model.mask import Masked

FILLER: Final = "code"
"""Stands for inline code and addresses: a noun of any number keeps most sentences whole for a grammar engine."""
_LINE_START: Final = re.compile(
    r"[ \t]*(?:>[ \t]?)*[ \t]*(?:#{1,6}[ \t]+|(?:[-*+]|\d{1,9}[.)])[ \t]+(?:\[[ xX]\][ \t]+)?)?"
)
_ITEM: Final = re.compile(r"[ \t>]*(?:[-*+]|\d{1,9}[.)])[ \t]")
_TAG: Final = re.compile(r"</?[A-Za-z][A-Za-z0-9-]*(?=[\s/>])[^<>]{0,4000}>")
_MARKUP: Final = re.compile(rf"{_TAG.pattern}|<!--.*?-->", re.DOTALL)
_LABEL: Final = re.compile(r"\][(\[][^\])\r\n]{0,4000}[)\]]")
_BLANK: Final = re.compile(r"\s+")
_TICKS: Final = re.compile(r"`+\s*`+")
_MARKS: Final = frozenset("*_~[]`")
_CELL: Final = re.compile(r"(?<!\\)\|")


class Plain(msgspec.Struct, frozen=True, kw_only=True):
    """Running text of one block.

    Attributes:
        origins: for each code point of `text`, and for its end, where it stands in the file.
        fillers: code points of `text` that stand for what the mask covers.
        is_item: it is an item of a list or a cell of a table, which may go on with a sentence.
    """

    text: str
    origins: array[int]
    fillers: frozenset[int]
    is_item: bool = False

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return where `text[start:end]` stands in the file; a range of at least one code point ends after its last."""
        first = self.origins[start]
        return first, self.origins[end - 1] + 1 if end > start else first


def paragraphs(masked: Masked) -> Iterator[Plain]:
    """Return the blocks of prose in the order of the file; a row of a table gives its cells."""
    lines: dict[tuple[int, int], bool] = {}
    for token, after in zip(masked.tokens, [*masked.tokens[1:], None], strict=True):
        if token.map is not None and token.type in ("inline", "html_block"):
            is_cell = after is not None and after.type in ("td_close", "th_close")
            lines.setdefault((token.map[0], token.map[1]), is_cell)
    for (first, last), is_row in lines.items():
        start, end = masked.lines.span(first, last)
        bounds = [start, end]
        if is_row:
            bounds = [start, *(m.end() for m in _CELL.finditer(masked.prose, start, end)), end]
        for low, high in pairwise(bounds):
            block = _Block(masked, low, high - 1 if is_row and high < end else high, is_cell=is_row).read()
            if block.text.strip():
                yield block


class _Block:
    """Reads prose from left to right and keeps what is text."""

    def __init__(self, masked: Masked, start: int, end: int, *, is_cell: bool) -> None:
        self._masked = masked
        self._prose = masked.prose
        self._start, self._end = start, end
        self._text: list[str] = []
        self._origins = array("q")
        self._fillers: list[int] = []
        self._is_item = is_cell or _ITEM.match(self._prose, start, end) is not None

    def read(self) -> Plain:
        here = self._skip_line_start(self._start)
        while here < self._end:
            here = self._step(here)
        while self._text and self._text[-1] == " ":
            self._text.pop()
            self._origins.pop()
        self._origins.append(self._origins[-1] + 1 if self._origins else self._start)
        return Plain(
            text="".join(self._text), origins=self._origins, fillers=frozenset(self._fillers), is_item=self._is_item
        )

    def _step(self, here: int) -> int:
        character = self._prose[here]
        if character == "`" and (code := _TICKS.match(self._prose, here, self._end)):
            self._fill(here)
            return code.end()
        if character == "<" and (tag := _TAG.match(self._prose, here, self._end)):
            return tag.end()
        if character == "<" and (blank := _BLANK.match(self._prose, here + 1, self._end)):
            self._fill(here)
            return blank.end() + 1
        if character == "]" and (label := _LABEL.match(self._prose, here, self._end)):
            return label.end()
        if character.isspace():
            return self._space(here)
        if character == "\\" and here + 1 < self._end and not self._prose[here + 1].isalnum():
            return here + 1 if self._prose[here + 1].isspace() else self._keep(here + 1)
        if character in _MARKS and not self._is_inside_word(here):
            return here + 1
        if character == "!" and self._prose.startswith("[", here + 1):
            return here + 1
        return self._keep(here)

    def _keep(self, here: int) -> int:
        self._add(self._prose[here], here)
        return here + 1

    def _add(self, character: str, origin: int) -> None:
        self._text.append(character)
        self._origins.append(origin)

    def _space(self, here: int) -> int:
        """Read white space and what the mask made white, which is never more than one space, or a filler."""
        blank = _BLANK.match(self._prose, here, self._end)
        end = blank.end() if blank else here + 1
        source = self._masked.source[here:end]
        covered = _MARKUP.sub("", source).strip()
        if _MARKUP.sub("", source) != covered or not source:
            self._gap(here)
        if covered:
            self._stand_in(covered, here)
            if source[-1].isspace():
                self._gap(end - 1)
            return end
        line = max(self._prose.rfind("\n", here, end), self._prose.rfind("\r", here, end))
        return self._skip_line_start(line + 1) if line >= 0 else end

    def _stand_in(self, covered: str, origin: int) -> None:
        """Write what a reader sees instead: a character for its entity, a noun for code, formulas and addresses."""
        shown = unescape(covered) if covered.startswith("&") else ""
        if len(shown) == 1:
            self._fillers.append(len(self._text))
            self._add(shown, origin)
        else:
            self._fill(origin)

    def _gap(self, origin: int) -> None:
        if self._text and self._text[-1] != " ":
            self._add(" ", origin)

    def _fill(self, origin: int) -> None:
        self._fillers += range(len(self._text), len(self._text) + len(FILLER))
        for character in FILLER:
            self._add(character, origin)

    def _skip_line_start(self, here: int) -> int:
        marker = _LINE_START.match(self._prose, here, self._end)
        return marker.end() if marker else here

    def _is_inside_word(self, here: int) -> bool:
        before, after = self._prose[here - 1 : here], self._prose[here + 1 : here + 2]
        return self._prose[here] == "_" and before.isalnum() and after.isalnum()
