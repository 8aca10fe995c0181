"""`<!-- steersman: ignore RULE -->`: a finding stays listed, and stops nothing."""

from __future__ import annotations

import bisect
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from steersman.content.model.finding import Finding
from steersman.content.model.mask import Masked, Span

_OPEN: Final = re.compile(r"<!--\s*+steersman:\s*+(?P<what>ignore-file|ignore)\s++")
_CLOSE: Final = "-->"
_LONGEST: Final = 2000
_SAID: Final = re.compile(r"(?P<rules>[\w*,/ -]++)\s*+(?:\((?P<reason>[^)]*+)\)\s*+)?")
_BLANK_LINE: Final = re.compile(r"(?:\r\n|\r(?!\n)|\n)[ \t]*(?:\r\n|\r|\n)")
_WHITE: Final = re.compile(r"\s*+")


class Suppression(msgspec.Struct, frozen=True, kw_only=True):
    """One comment: which rules or categories (`*`: all) it silences between two offsets, and the reason given."""

    rules: frozenset[str]
    start: int
    end: int
    line: int
    reason: str


def suppressions(masked: Masked) -> list[Suppression]:
    """Return the comments of a draft.

    `ignore` holds for the paragraph it stands in; alone in its paragraph, also for the one that follows.
    `ignore-file` holds for the whole file. One inside code is text about suppression, not a suppression.
    """
    found = []
    code, gaps = _Spans(masked.code), _Gaps(masked.source)
    for start, end, what, said in _comments(masked.source):
        if code.covers(start):
            continue
        place = (0, len(masked.source)) if what == "ignore-file" else gaps.scope(start, end)
        rules = frozenset(rule.lower() for rule in re.split(r"[,\s]+", said["rules"]) if rule)
        line = masked.lines.position(start)[0]
        reason = (said["reason"] or "").strip()
        found.append(Suppression(rules=rules, start=place[0], end=place[1], line=line, reason=reason))
    return found


def _comments(source: str) -> Iterator[tuple[int, int, str, re.Match[str]]]:
    """Yield start, end, word and what is said of each comment; one that is longer than 2,000 characters is none."""
    at = 0
    while opening := _OPEN.search(source, at):
        at = opening.end()
        close = source.find(_CLOSE, at, at + _LONGEST)
        said = _SAID.fullmatch(source, at, close) if close >= 0 else None
        if said is not None:
            at = close + len(_CLOSE)
            yield opening.start(), at, opening["what"], said


class _Spans:
    """Ranges, to be asked for one place after the other."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._spans = sorted(spans, key=lambda span: span.start)
        self._ends = list(itertools.accumulate((span.end for span in self._spans), max))

    def covers(self, at: int) -> bool:
        before = bisect.bisect_right(self._spans, at, key=lambda span: span.start)
        return before > 0 and at < self._ends[before - 1]


class _Gaps:
    """The blank lines between the paragraphs of a text."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._gaps = [match.span() for match in _BLANK_LINE.finditer(source)]

    def scope(self, start: int, end: int) -> tuple[int, int]:
        """Return the paragraph around a comment, and the next one too if the comment is alone in its own."""
        before = bisect.bisect_right(self._gaps, start, key=lambda gap: gap[1])
        begin = self._gaps[before - 1][1] if before else 0
        after = self._from(end)
        if after is None:
            return begin, len(self._source)
        is_alone = not self._source[begin:start].strip() and not self._source[end : after[0]].strip()
        if not is_alone:
            return begin, after[0]
        following = _WHITE.match(self._source, after[1])
        following_gap = self._from(following.end() if following else after[1])
        return begin, following_gap[0] if following_gap else len(self._source)

    def _from(self, at: int) -> tuple[int, int] | None:
        index = bisect.bisect_left(self._gaps, at, key=lambda gap: gap[0])
        return self._gaps[index] if index < len(self._gaps) else None


def apply(findings: Sequence[Finding], comments: Sequence[Suppression]) -> list[Finding]:
    """Return `findings` with those that a comment covers marked as suppressed."""
    by_rule: dict[str, dict[tuple[int, int], Suppression]] = {}
    for comment in comments:
        for rule in comment.rules:
            # A paragraph full of the same comment says it once.
            by_rule.setdefault(rule, {}).setdefault((comment.start, comment.end), comment)
    index = {rule: sorted(scopes.values(), key=lambda one: one.start) for rule, scopes in by_rule.items()}
    ends = {rule: list(itertools.accumulate((one.end for one in scopes), max)) for rule, scopes in index.items()}
    return [_apply(finding, index, ends) for finding in findings]


def _apply(finding: Finding, index: Mapping[str, list[Suppression]], ends: Mapping[str, list[int]]) -> Finding:
    names = {finding.rule.lower(), finding.category.lower(), f"{finding.source}/{finding.rule}".lower(), "*"}
    found = [one for name in names & index.keys() if (one := _covering(finding.start, index[name], ends[name]))]
    if not found:
        return finding
    first = min(found, key=lambda one: (one.line, one.start))
    reason = first.reason or f"comment on line {first.line}"
    return msgspec.structs.replace(finding, status="suppressed", reason=reason, suppressed_by="comment")


def _covering(at: int, scopes: list[Suppression], ends: list[int]) -> Suppression | None:
    """Return the first of `scopes` (by start; `ends` is the furthest end so far) that covers `at`."""
    last = bisect.bisect_right(scopes, at, key=lambda one: one.start)
    first = bisect.bisect_right(ends, at, hi=last)
    return scopes[first] if first < last else None
