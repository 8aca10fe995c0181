"""What reviewers outside of this program said. Stream `draft/<path>`."""

from __future__ import annotations

import msgspec

REVIEWER_SCORED = "content.reviewer.scored"
REVIEWER_FAILED = "content.reviewer.failed"


class ReviewerScored(msgspec.Struct, frozen=True, kw_only=True):
    """Scores of one version of a draft by one reviewer: trend data, without places in the text. Each 0..100."""

    draft: str
    content_sha256: str
    reviewer: str
    kind: str
    scores: dict[str, float]
    at: int


class ReviewerFailed(msgspec.Struct, frozen=True, kw_only=True):
    """A reviewer that was asked and gave nothing."""

    draft: str
    reviewer: str
    kind: str
    reason: str
    at: int
