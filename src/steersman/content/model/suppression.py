"""`<!-- steersman: ignore RULE -->`: a finding stays listed, and stops nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from steersman.content.model.finding import Finding
from steersman.content.model.mask import Masked

_COMMENT: Final = re.compile(
    r"<!--\s*steersman:\s*(?P<what>ignore-file|ignore)\s+(?P<rules>[\w*,/ -]+?)\s*(?:\(\s*(?P<reason>[^)]*)\))?\s*-->"
)
_BLANK_LINE: Final = re.compile(r"(?:\r\n|\r(?!\n)|\n)[ \t]*(?:\r\n|\r|\n)")


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
    for match in _COMMENT.finditer(masked.source):
        if any(span.start <= match.start() < span.end for span in masked.code):
            continue
        start, end = (0, len(masked.source)) if match["what"] == "ignore-file" else _scope(masked.source, match)
        rules = frozenset(rule.lower() for rule in re.split(r"[,\s]+", match["rules"]) if rule)
        line = masked.lines.position(match.start())[0]
        found.append(Suppression(rules=rules, start=start, end=end, line=line, reason=match["reason"] or ""))
    return found


def _scope(source: str, match: re.Match[str]) -> tuple[int, int]:
    start = 0
    for gap in _BLANK_LINE.finditer(source, 0, match.start()):
        start = gap.end()
    gap_after = _BLANK_LINE.search(source, match.end())
    if gap_after is None:
        return start, len(source)
    is_alone = not source[start : match.start()].strip() and not source[match.end() : gap_after.start()].strip()
    if not is_alone:
        return start, gap_after.start()
    following = re.compile(r"\s*").match(source, gap_after.end())
    begin = following.end() if following else gap_after.end()
    gap_next = _BLANK_LINE.search(source, begin)
    return start, gap_next.start() if gap_next else len(source)


def apply(findings: Sequence[Finding], comments: Sequence[Suppression]) -> list[Finding]:
    """Return `findings` with those that a comment covers marked as suppressed."""
    return [_apply(finding, comments) for finding in findings]


def _apply(finding: Finding, comments: Sequence[Suppression]) -> Finding:
    names = {finding.rule.lower(), finding.category.lower(), f"{finding.source}/{finding.rule}".lower(), "*"}
    for comment in comments:
        if comment.start <= finding.start < comment.end and names & comment.rules:
            reason = comment.reason or f"comment on line {comment.line}"
            return msgspec.structs.replace(finding, status="suppressed", reason=reason, suppressed_by="comment")
    return finding
