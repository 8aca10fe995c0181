"""What a LanguageTool server is sent and says (HTTP API, version 2); its offsets count UTF-16 code units."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from steersman.content.reviewers.readable import Piece

_LARGEST_BMP: Final = 0xFFFF


class CategoryJson(msgspec.Struct, frozen=True):
    id: str = ""


class RuleJson(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    issue_type: str = ""
    category: CategoryJson = CategoryJson()


class ReplacementJson(msgspec.Struct, frozen=True):
    value: str


class MatchJson(msgspec.Struct, frozen=True):
    """One match: `offset` and `length` in UTF-16 code units of text and markup together."""

    offset: int
    length: int
    message: str
    rule: RuleJson
    replacements: tuple[ReplacementJson, ...] = ()


class WarningsJson(msgspec.Struct, frozen=True, rename="camel"):
    incomplete_results: bool = False


class CheckedJson(msgspec.Struct, frozen=True):
    """The answer to POST /v2/check."""

    matches: tuple[MatchJson, ...]
    warnings: WarningsJson = WarningsJson()


def annotated(source: str, pieces: Sequence[Piece]) -> str:
    """Return the value of the field `data`: text to check, and markup with what it reads as.

    Markup goes out as blanks of the same length: nobody there needs the code, the addresses or the secrets in it.
    """
    items: list[dict[str, Any]] = []
    for piece in pieces:
        text = source[piece.start : piece.end]
        if not piece.is_markup:
            items.append({"text": text})
        elif piece.stands_for:
            items.append({"markup": _blank(text), "interpretAs": piece.stands_for})
        else:
            items.append({"markup": _blank(text)})
    return msgspec.json.encode({"annotation": items}).decode()


def _blank(text: str) -> str:
    return "".join(c if c in "\r\n" else " " if ord(c) <= _LARGEST_BMP else "  " for c in text)


class CodeUnits:
    """Turns offsets in UTF-16 code units, as Java counts, into code points."""

    def __init__(self, text: str) -> None:
        # Where each code point outside the basic plane ends, in code units: from there on, one more is to be taken off.
        self._ends = [at + nth + 2 for nth, at in enumerate(i for i, c in enumerate(text) if ord(c) > _LARGEST_BMP)]
        self._units = len(text) + len(self._ends)

    def code_points(self, units: int) -> int:
        """Return the code points before `units` code units; inside of a pair, those before the pair.

        Raises:
            ValueError: there are not so many.
        """
        if not 0 <= units <= self._units:
            raise ValueError(units)
        whole = bisect_right(self._ends, units)
        is_inside = whole < len(self._ends) and self._ends[whole] - 1 == units
        return units - whole - is_inside
