"""From what a model said to findings: located, checked, or dropped and counted."""

from __future__ import annotations

from collections import Counter
from typing import Final

import msgspec

from steersman.content.llm.answers import Kind, Remark
from steersman.content.llm.locate import level, locate
from steersman.content.llm.preserve import small_words, why_not
from steersman.content.model.draft import Draft
from steersman.content.model.finding import Found
from steersman.content.model.mask import Span

CATEGORIES: Final[dict[Kind, str]] = {
    "function_word": "llm-function-word",
    "punctuation": "llm-punctuation",
    "clarity": "llm-clarity",
    "claim": "llm-claim",
    "other": "llm-other",
}
"""Categories of their own: no gate of the first pass names one, and settings refuse to."""
_RULES: Final[dict[Kind, str]] = {
    "function_word": "FunctionWord",
    "punctuation": "Punctuation",
    "clarity": "Clarity",
    "claim": "ClaimWithoutSource",
    "other": "Remark",
}
_CONFIDENCE: Final = 0.4
_LONGEST_MESSAGE: Final = 240
_MOST_REMARKS: Final = 40


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A replacement that was not shown as one, and why."""

    line: int
    rule: str
    why: str


class Sifted(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the remarks on one part: findings, replacements refused, remarks dropped by reason."""

    found: tuple[Found, ...]
    refused: tuple[Refused, ...]
    dropped: Counter[str]


def sift(draft: Draft, part: Span, remarks: tuple[Remark, ...], *, source: str) -> Sifted:
    """Return what can be believed of `remarks` on `part` of `draft`.

    A model can only point at words that are there; what it says about them is shown on one line, without control
    characters, and its replacement survives only if it keeps numbers, names, links, code and quotations.
    """
    text = draft.masked.source
    levelled, small = level(text), small_words(text)
    found: list[Found] = []
    refused: list[Refused] = []
    dropped: Counter[str] = Counter()
    for remark in remarks[:_MOST_REMARKS]:
        place = locate(levelled, remark.quote, remark.context, part.start, part.end)
        if isinstance(place, str):
            dropped[place] += 1
            continue
        problem, why = _about(draft, place, remark, small)
        if problem:
            dropped[problem] += 1
            continue
        if why:
            line = draft.masked.lines.position(place.start)[0]
            refused.append(Refused(line=line, rule=_RULES[remark.kind], why=why))
        found.append(_found(remark, place, source=source, offered="" if why else remark.replacement))
    if len(remarks) > _MOST_REMARKS:
        dropped["too many at once"] += len(remarks) - _MOST_REMARKS
    return Sifted(found=tuple(found), refused=tuple(refused), dropped=dropped)


def _about(draft: Draft, place: Span, remark: Remark, small: frozenset[str]) -> tuple[str, str]:
    """Return why a remark is dropped, and why its replacement is refused; each empty if it is not."""
    masked = draft.masked
    # A sentence may hold a link; a remark that begins or ends inside of one is not about prose.
    if masked.is_blanked(place.start, place.start + 1) or masked.is_blanked(place.end - 1, place.end):
        return "in code, a link or markup", ""
    original = masked.source[place.start : place.end]
    if not _one_line(remark.message):
        return "without a message", ""
    if not remark.replacement.strip():
        return "", ""
    if " ".join(remark.replacement.split()) == " ".join(original.split()):
        return "changes nothing", ""
    return "", why_not(original, remark.replacement, small)


def _found(remark: Remark, place: Span, *, source: str, offered: str) -> Found:
    return Found(
        start=place.start,
        end=place.end,
        source=source,
        rule=_RULES[remark.kind],
        category=CATEGORIES[remark.kind],
        message=_one_line(remark.message),
        suggestions=(offered.strip(),) if offered.strip() else (),
        confidence=_CONFIDENCE,
        is_private=True,
    )


def _one_line(text: str) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _LONGEST_MESSAGE else f"{line[: _LONGEST_MESSAGE - 1]}…"
