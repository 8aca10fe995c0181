"""Which findings can be fixed without a person reading on, and the text that is left once they are."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from steersman.content.model import distance
from steersman.content.model.draft import Draft
from steersman.content.model.finding import Finding
from steersman.content.model.mask import Masked, Span
from steersman.content.model.masking.cover import merged, touches
from steersman.content.qa.consensus import SPELLING

SAFE: Final = frozenset({"spelling", "typo", "repetition", "terms", "capitalization", "punctuation", "formatting"})
"""Categories whose only suggestion is applied unless other ones are named."""
CONFIDENCE: Final = 0.8
_MARKUP: Final = frozenset("[]()<>{}`*_$|\\#~&@/\r\n\t\0")
_QUOTE: Final = re.compile(
    r"“[^”]{1,2000}”|«[^»]{1,2000}»|„[^“”]{1,2000}[“”]|\"[^\"\r\n]{1,2000}\"|(?<!\w)‘[^’\r\n]{1,500}’(?!\w)"
)
_LINK_TEXT: Final = re.compile(r"\[[^\[\]\r\n]{0,1000}\](?=[(\[])")
_NAME: Final = re.compile(r"[^\W\d_]*[A-Z]\w*")
_SENTENCE_START: Final = re.compile(r"(?:\A|[.!?:]['\")\]”’]*\s+|(?:\r\n|\r|\n)[ \t]*(?:[-*+>#]+|\d+[.)])?[ \t]*)\Z")


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """Code points `start` to `end` of the file that become `new`, and the finding that asks for it."""

    start: int
    end: int
    new: str
    finding: Finding


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """A finding that is not fixed, and why."""

    finding: Finding
    why: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What would be done to one draft: edits in order, none reaching into another."""

    edits: tuple[Edit, ...]
    left: tuple[Left, ...]


def plan(
    draft: Draft,
    findings: Iterable[Finding],
    *,
    categories: frozenset[str] = SAFE,
    choose: Callable[[Finding], str | None] | None = None,
) -> Plan:
    """Decide what of `findings` is fixed in `draft`.

    Args:
        categories: those that are fixed; the others are left.
        choose: asks a person about each finding that may be fixed, and returns what to write instead, or None for
            leaving it; then several suggestions, low confidence and every category are theirs to judge.

    Returns:
        Edits that never touch what is masked, numbers, names, links or quotes, whoever chose them.
    """
    kept = _Kept(draft.masked)
    edits: list[Edit] = []
    left: list[Left] = []
    for finding in sorted(findings, key=lambda one: (one.start, -one.confidence, one.end)):
        if finding.status != "open":
            continue
        why = _not_wanted(finding, categories) if choose is None else "" if finding.suggestions else "no suggestion"
        why = why or (edits and finding.start < edits[-1].end and "overlaps another fix") or kept.why_not(finding)
        new = None
        if not why:
            new = finding.suggestions[0] if choose is None else choose(finding)
            why = "left by you" if new is None else kept.why_not_that(finding, new)
        if why or new is None:
            left.append(Left(finding=finding, why=why))
        else:
            edits.append(_edit(draft.masked.source, finding, new))
    return Plan(edits=tuple(edits), left=tuple(left))


def _not_wanted(finding: Finding, categories: frozenset[str]) -> str:
    if not finding.suggestions:
        return "no suggestion"
    if len(finding.suggestions) > 1:
        return f"{len(finding.suggestions)} suggestions"
    if finding.category not in categories:
        return f"category {finding.category}"
    # A word that no dictionary has is as often the author's own ("drawdown") as a slip; slips are one letter away.
    apart = distance.edits(finding.excerpt.casefold(), finding.suggestions[0].casefold())
    if finding.rule in SPELLING and apart > 1:
        return "may be a word of yours, for content/vocabulary.txt"
    return "" if finding.confidence >= CONFIDENCE else f"confidence {finding.confidence:.2f}"


def _edit(source: str, finding: Finding, new: str) -> Edit:
    start, end = finding.start, finding.end
    # A word taken out takes one of the spaces around it along.
    if not new and source[end : end + 1] == " " and (start == 0 or source[start - 1] in " \n"):
        end += 1
    return Edit(start=start, end=end, new=new, finding=finding)


class _Kept:
    """What of one text no fix may touch."""

    def __init__(self, masked: Masked) -> None:
        self._masked = masked
        prose = masked.prose
        quotes = [match.span() for match in _QUOTE.finditer(prose)]
        quotes += [masked.lines.span(*t.map) for t in masked.tokens if t.type == "blockquote_open" and t.map]
        self._quotes = _spans(quotes)
        self._links = _spans(match.span() for match in _LINK_TEXT.finditer(prose))

    def why_not(self, finding: Finding) -> str:
        """Say why the place of `finding` is not touched; empty if it may be."""
        start, end = finding.start, finding.end
        old = self._masked.source[start:end]
        if end <= start or self._masked.is_blanked(start, end):
            return "reaches into what is no prose"
        if touches(self._quotes, start, end):
            return "stands in a quote"
        if touches(self._links, start, end):
            return "stands in the words of a link"
        if any(c.isdigit() for c in old):
            return "holds a number"
        return ""

    def why_not_that(self, finding: Finding, new: str) -> str:
        """Say why `new` may not stand there; empty if it may."""
        old = self._masked.source[finding.start : finding.end]
        if any(c.isdigit() for c in new):
            return "would put in a number"
        if set(new) & (_MARKUP - set(old)) or any(not c.isprintable() for c in new):
            return "would put in markup"
        if set(old) & _MARKUP - {"\r", "\n", "\t"} - set(new):
            return "would take out markup"
        if self._joins(finding.start, finding.end, new):
            return "would cut or join words"
        return "may be a name" if self._loses_name(finding, old, new) else ""

    def _joins(self, start: int, end: int, new: str) -> bool:
        """Say whether a word would reach over an edge of the fix, where it does now or where it would then."""
        source = self._masked.source
        before, after = source[max(0, start - 1) : start], source[end : end + 1]
        cuts = (_is_word(before) and _is_word(source[start])) or (_is_word(source[end - 1]) and _is_word(after))
        inner = new or " "
        joins = (_is_word(before) and _is_word(inner[0])) or (_is_word(inner[-1]) and _is_word(after))
        return cuts or joins or (not new and _is_word(before) and _is_word(after))

    def _loses_name(self, finding: Finding, old: str, new: str) -> bool:
        """Say whether a capitalised word inside a sentence would be spelt otherwise, or a name put in."""
        before = self._masked.prose[max(0, finding.start - 40) : finding.start]
        opens = _SENTENCE_START.search(before) is not None
        names = [match.group() for match in _NAME.finditer(old)]
        if names and opens and old.startswith(names[0]) and not any(c.isupper() for c in names[0][1:]):
            names = names[1:]
        return any(name not in new and name.casefold() not in new.casefold() for name in names)


def _is_word(character: str) -> bool:
    return bool(character) and (character.isalnum() or unicodedata.combining(character) > 0)


def _spans(ranges: Iterable[tuple[int, int]]) -> tuple[Span, ...]:
    return tuple(Span(start, end) for start, end in merged(ranges))


def fixed(source: str, edits: Sequence[Edit]) -> str:
    """Return `source` with `edits`, which are in order and apart, done."""
    parts = []
    here = 0
    for edit in edits:
        parts += [source[here : edit.start], edit.new]
        here = edit.end
    return "".join([*parts, source[here:]])


def as_diff(name: str, before: str, after: str) -> str:
    """Return the change as a unified diff that `git apply` takes; empty if there is none."""
    if before == after:
        return ""
    diff = difflib.unified_diff(_lines(before), _lines(after), f"a/{name}", f"b/{name}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in diff)


def _lines(text: str) -> list[str]:
    """Return the lines as git counts them: they end in LF and in nothing else."""
    return [part for part in re.split(r"(?<=\n)", text) if part]
