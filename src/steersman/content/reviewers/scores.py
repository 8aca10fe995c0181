"""Scores are of a version: trend data, and a gate where settings name a minimum."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from steersman.content.events.external import REVIEWER_FAILED, REVIEWER_SCORED, ReviewerFailed, ReviewerScored
from steersman.content.model.draft import Draft
from steersman.content.model.finding import Found
from steersman.ledger import Ledger

CATEGORY: Final = "score"
RULE: Final = "ScoreBelowMinimum"
_TITLE: Final = re.compile(r"^title[ \t]*[:=].*$", re.MULTILINE)


def latest_scores(ledger: Ledger, draft: str, reviewer: str) -> ReviewerScored | None:
    """Return the newest scores that `reviewer` gave any version of `draft`."""
    found = None
    for event in ledger.read(stream=f"draft/{draft}", types=(REVIEWER_SCORED,)):
        scored = msgspec.json.decode(event.data, type=ReviewerScored)
        if scored.reviewer == reviewer:
            found = scored
    return found


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What a reviewer last said of a draft: scores of the version `content_sha256`, or the `problem` it had.

    Attributes:
        at: ns since 1970 UTC.
    """

    draft: str
    reviewer: str
    at: int
    scores: dict[str, float] = {}
    content_sha256: str = ""
    problem: str = ""


def last_said(ledger: Ledger) -> list[Said]:
    """Return the latest scores or failure of each reviewer on each draft."""
    latest: dict[tuple[str, str], Said] = {}
    for event in ledger.read(types=(REVIEWER_SCORED, REVIEWER_FAILED)):
        if event.type == REVIEWER_SCORED:
            scored = msgspec.json.decode(event.data, type=ReviewerScored)
            said = Said(
                draft=scored.draft,
                reviewer=scored.reviewer,
                at=scored.at,
                scores=dict(scored.scores),
                content_sha256=scored.content_sha256,
            )
        else:
            failed = msgspec.json.decode(event.data, type=ReviewerFailed)
            said = Said(draft=failed.draft, reviewer=failed.reviewer, at=failed.at, problem=failed.reason)
        latest[said.draft, said.reviewer] = said
    return list(latest.values())


class ScoreGate:
    """Stops a draft whose very version was scored below a minimum. Asks nobody: what was not scored is not stopped."""

    name = "scores"

    def __init__(self, minimum: Mapping[str, Mapping[str, float]], ledger: Ledger) -> None:
        """Take the minimum of each score, by reviewer."""
        self._minimum = minimum
        self._ledger = ledger

    def check(self, draft: Draft) -> list[Found]:
        found = []
        for reviewer, minimum in self._minimum.items():
            scored = latest_scores(self._ledger, draft.name, reviewer)
            if scored is None or scored.content_sha256 != draft.sha256:
                continue
            found += [
                self._below(draft, reviewer, name, scored.scores[name], least)
                for name, least in minimum.items()
                if name in scored.scores and scored.scores[name] < least
            ]
        return found

    def _below(self, draft: Draft, reviewer: str, score: str, value: float, least: float) -> Found:
        # A score has no place in the text; the title stands for the whole.
        title = _TITLE.search(draft.masked.source, 0, draft.body_start)
        start, end = title.span() if title else (0, min(1, len(draft.masked.source)))
        return Found(
            start=start,
            end=end,
            source=reviewer,
            rule=f"{RULE}.{score}",
            category=CATEGORY,
            message=f"its {score} score is {value:g}, below the minimum of {least:g}",
        )
