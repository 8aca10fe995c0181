"""What readers did. Stream `post/<key>` for our own posts, `engagement/<channel>` for imported ones."""

from __future__ import annotations

import msgspec

ENGAGEMENT_OBSERVED = "content.engagement.observed"
ENGAGEMENT_IMPORTED = "content.engagement.imported"
AGES_S = (3_600, 86_400, 604_800)
"""The ages at which posts are compared: 1 hour, 24 hours, 7 days. Only equal ages are."""


class EngagementObserved(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of one post at one age.

    Attributes:
        age_s: one of `AGES_S`: what it is compared as; `observed_age_s` is when it was really looked at, which may be
            later; a look that came too late for an age is not recorded as that age.
        counts: by the channel's own names, e.g. likes, reposts, replies, reactions, comments, shares, views.
        engagement: the sum that is compared: of everything a reader did, views left out.
    """

    key: str
    channel: str
    type: str
    published_at: int
    age_s: int
    observed_age_s: int
    counts: dict[str, int]
    engagement: int
    at: int


class EngagementImported(msgspec.Struct, frozen=True, kw_only=True):
    """One file of figures was read in: `rows` posts, `skipped` lines with reasons in `problems` (10 at most)."""

    channel: str
    file_sha256: str
    rows: int
    skipped: int
    problems: tuple[str, ...]
    at: int
