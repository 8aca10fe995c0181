"""A finding, the name it keeps while text around it moves, and how two of the same thing become one."""

from __future__ import annotations

import bisect
import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, Literal

import msgspec

from steersman.content.model.lines import Lines

Severity = Literal["gate", "warn", "info"]
Status = Literal["open", "suppressed"]
_RANK: Final = {"gate": 0, "warn": 1, "info": 2}
_SENTENCE_END: Final = re.compile(r"[.!?]+[\"')\]]*(?=\s)|(?:\r\n|\r(?!\n)|\n)[ \t]*(?:\r\n|\r|\n)")
_LONGEST_SENTENCE: Final = 2000
ADVICE: Final = "llm-"
"""How categories begin whose findings never stop a post."""
MINOR: Final = frozenset(
    {
        "style",
        "readability",
        "enhancement",
        "formatting",
        "regionalism",
        "redundancy",
        "wordchoice",
        "capitalization",
        "seo",
        "voice",
        "llm-clarity",
        "llm-claim",
        "llm-other",
    }
)
"""Categories that are advice: a note, unless `gates` names them."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine says: a place and a reason. Offsets are code points of the file on disk.

    `is_private` marks a message that is no rule's sentence but somebody's own words on this text: never recorded.
    `also` names other engines that object to the same.
    """

    start: int
    end: int
    source: str
    rule: str
    category: str
    message: str
    suggestions: tuple[str, ...] = ()
    confidence: float = 1.0
    is_private: bool = False
    also: tuple[str, ...] = ()


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something in a draft that a rule objects to.

    Attributes:
        fingerprint: 16 hex digits of rule, matched text and sentence: stays when the text around it moves.
        doc: the draft, relative to the workspace.
        start: first code point of the file on disk; `end` is one past the last.
        line: from 1; `column`, from 1, in code points.
        source: the engine.
        severity: `gate` stops the post, `warn` and `info` do not.
        excerpt: the matched text, on one line; never recorded in the ledger.
        fixable: the first suggestion replaces the matched text.
        confidence: 0..1, how likely it is right: the engine's own, raised by each engine in `also`.
        also: other engines that object to the same.
        reason: why it is suppressed; empty while it is open.
        suppressed_by: `comment`, `baseline`, `unchanged`; empty: what verdicts taught, or open.
    """

    fingerprint: str
    doc: str
    start: int
    end: int
    line: int
    column: int
    source: str
    rule: str
    category: str
    severity: Severity
    message: str
    excerpt: str
    suggestions: tuple[str, ...]
    fixable: bool
    confidence: float
    status: Status = "open"
    reason: str = ""
    suppressed_by: str = ""
    is_private: bool = False
    also: tuple[str, ...] = ()


def severity_of(rule: str, category: str, gates: Sequence[str]) -> Severity:
    """Return the tier of a finding under the policy `gates` (rules and categories that stop a post)."""
    # What a language model says is advice, whatever it is called.
    if not category.startswith(ADVICE) and (rule in gates or category in gates):
        return "gate"
    return "info" if category in MINOR else "warn"


def judge(doc: str, text: str, lines: Lines, found: Iterable[Found], gates: Sequence[str]) -> list[Finding]:
    """Return what engines found as findings in text order, the same thing said twice only once."""
    placed = [_place(doc, text, lines, one, severity_of(one.rule, one.category, gates)) for one in merge(found, gates)]
    seen: Counter[str] = Counter()
    result = []
    for finding in placed:
        # The same mistake twice in one sentence, or in two equal sentences, is two findings.
        nth = seen[finding.fingerprint]
        seen[finding.fingerprint] += 1
        if nth:
            finding = msgspec.structs.replace(finding, fingerprint=_hash(finding.fingerprint, str(nth)))
        result.append(finding)
    return result


def merge(found: Iterable[Found], gates: Sequence[str]) -> list[Found]:
    """Return `found` in text order; of those that overlap in one category, or cover the same text, the best stays.

    It names the other engines that said the same, and is the surer for each. The best has the stronger tier, then a
    suggestion, then the shorter span; ties go to the name of the rule, so that the order in which engines run changes
    nothing.
    """

    def goodness(one: Found) -> tuple[object, ...]:
        return (
            _RANK[severity_of(one.rule, one.category, gates)],
            not one.suggestions,
            one.end - one.start,
            one.source,
            one.rule,
            one.start,
        )

    kept: dict[str, list[_Kept]] = {}
    covered: dict[tuple[int, int], _Kept] = {}
    for one in sorted(found, key=goodness):
        same = kept.setdefault(one.category, [])
        # What is kept of a category never overlaps, so only the two neighbours can.
        at = bisect.bisect(same, one.start, key=lambda other: other.best.start)
        beside = [other for other in same[max(0, at - 1) : at + 1] if _overlap(one, other.best)]
        if beside or (one.start, one.end) in covered:
            (beside or [covered[one.start, one.end]])[0].others.append(one)
            continue
        held = _Kept(one)
        same.insert(at, held)
        covered[one.start, one.end] = held
    every = (held.merged() for same in kept.values() for held in same)
    return sorted(every, key=lambda one: (one.start, one.end, one.rule))


class _Kept:
    """A finding that stays, and those it stands for."""

    def __init__(self, best: Found) -> None:
        self.best = best
        self.others: list[Found] = []

    def merged(self) -> Found:
        """Return the best with the other engines named; engines are taken to be wrong independently of each other."""
        surest: dict[str, float] = {}
        for other in self.others:
            if other.source != self.best.source:
                surest[other.source] = max(other.confidence, surest.get(other.source, 0.0))
        if not surest:
            return self.best
        doubt = (1.0 - self.best.confidence) * math.prod(1.0 - confidence for confidence in surest.values())
        return msgspec.structs.replace(
            self.best,
            confidence=1.0 - doubt,
            also=tuple(sorted({*self.best.also, *surest})),
            suggestions=self.best.suggestions or next((o.suggestions for o in self.others if self._fits(o)), ()),
        )

    def _fits(self, other: Found) -> bool:
        """Say whether what `other` suggests would stand in exactly the place of the best."""
        return bool(other.suggestions) and (other.start, other.end) == (self.best.start, self.best.end)


def _overlap(one: Found, other: Found) -> bool:
    return one.start < other.end and other.start < one.end


def _place(doc: str, text: str, lines: Lines, one: Found, severity: Severity) -> Finding:
    line, column = lines.position(one.start)
    matched = text[one.start : one.end]
    return Finding(
        fingerprint=_hash(one.rule, matched, sentence_at(text, one.start, one.end)),
        doc=doc,
        start=one.start,
        end=one.end,
        line=line,
        column=column,
        source=one.source,
        rule=one.rule,
        category=one.category,
        severity=severity,
        message=one.message,
        excerpt=" ".join(matched.split())[:120],
        suggestions=one.suggestions,
        fixable=bool(one.suggestions),
        confidence=one.confidence,
        is_private=one.is_private,
        also=one.also,
    )


def sentence_at(text: str, start: int, end: int) -> str:
    """Return the sentence around `text[start:end]` with its white space evened out, so that a re-wrap changes nothing.

    Looks at most 2,000 code points to either side: a text without full stops must not cost its square.
    """
    low, high = max(0, start - _LONGEST_SENTENCE), min(len(text), end + _LONGEST_SENTENCE)
    begin = low
    for boundary in _SENTENCE_END.finditer(text, low, start):
        begin = boundary.end()
    after = _SENTENCE_END.search(text, end, high)
    return " ".join(text[begin : after.start() if after else high].split())


def _hash(*parts: str) -> str:
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(4))
        digest.update(raw)
    return digest.hexdigest()[:16]
