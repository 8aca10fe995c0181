"""What people say about drafts. Stream `draft/<path>`. Their words stay in the workspace; events name them by hash."""

from __future__ import annotations

import msgspec

REVIEW_REQUESTED = "content.review.requested"
REVIEW_ENDED = "content.review.ended"
REMARK_RAISED = "content.remark.raised"
REMARK_SETTLED = "content.remark.settled"


class ReviewRequested(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a draft waits for a person. `round` counts from 1; a changed draft that comes back is the next."""

    draft: str
    content_sha256: str
    type: str
    round: int
    gates: int
    warnings: int
    infos: int
    at: int


class ReviewEnded(msgspec.Struct, frozen=True, kw_only=True):
    """A person decided on that version.

    Attributes:
        outcome: approved, returned (with remarks) or withdrawn.
        remarks: raised in this round.
        rounds: of an approval, the rounds it took: those decided since the approval before, this one included; else 0.
    """

    draft: str
    content_sha256: str
    type: str
    round: int
    outcome: str
    remarks: int
    at: int
    rounds: int = 0


class RemarkRaised(msgspec.Struct, frozen=True, kw_only=True):
    """Something a person objects to: what the first pass is measured against.

    Attributes:
        id: 16 hex digits; the remark's words stand in the workspace under this name, never in an event.
        category: spelling, grammar, punctuation, wording, fact, structure, style or other.
        caught: fingerprint of the first-pass finding that overlaps it; empty if the first pass had missed it.
        about: `place` (the text from `start` to `end`) or `piece` (the whole: no first pass could have found that).
    """

    draft: str
    content_sha256: str
    type: str
    round: int
    id: str
    start: int
    end: int
    line: int
    category: str
    caught: str
    at: int
    about: str = "place"


class RemarkSettled(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a remark: fixed (its place changed) or dismissed."""

    draft: str
    id: str
    how: str
    at: int
