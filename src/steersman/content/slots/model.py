"""Values of slots: what was observed, when a post may go out, what is expected of it, where it was placed and why."""

from __future__ import annotations

import datetime as dt
from typing import Final, Literal

import msgspec

from steersman.content.events.engagement import AGES_S

COMPARED_AGE_S: Final = AGES_S[1]
"""Posts are compared at this age unless told otherwise: 24 hours."""

How = Literal["best", "random", "spread"]


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """What one post had earned at one age.

    Attributes:
        published_at: ns since 1970 UTC.
        engagement: what readers did by `age_s` after that, >= 0.
        key: of the post; two observations with one key and one age are one post seen twice. Empty: not known, and
            only observations equal in everything are taken for one.
    """

    type: str
    channel: str
    published_at: int
    engagement: float
    age_s: int = COMPARED_AGE_S
    key: str = ""


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """A time at which a post may go out.

    Attributes:
        at: the instant, ns since 1970 UTC, as the zone's rules resolve `wall` today.
        wall: the time on the wall, `2026-11-30T09:00`: this is what is kept; resolve it again before acting.
        tz: IANA name of the wall's zone.
    """

    at: int
    wall: str
    tz: str

    @property
    def local(self) -> dt.datetime:
        """The naive time on the wall."""
        return dt.datetime.fromisoformat(self.wall)

    @property
    def spoken(self) -> str:
        """As people say it: `Mon 30 Nov 09:00`."""
        return f"{self.local:%a %d %b %H:%M}"


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What a post of some type is expected to earn in a slot, at the model's age.

    Attributes:
        mean: expected engagement, as the channel counts it.
        low, high: between them lie 90% of posts like it, virality included; the interval of the post, not of the mean.
        n: posts this was learned from.
        reasons: what moves it off an average post, in words, largest first.
    """

    mean: float
    low: float
    high: float
    n: int
    reasons: tuple[str, ...] = ()


class WaitingPost(msgspec.Struct, frozen=True, kw_only=True):
    """A post that needs a slot.

    Attributes:
        key: `<channel>/<slug>`; also what its draw is derived from.
        not_before: embargo, ns; None: none.
        not_after: the latest instant, ns; None: none.
        campaign: posts of one campaign go out in the order of `order` (equal ones in any order). Empty: none.
    """

    key: str
    type: str = "post"
    not_before: int | None = None
    not_after: int | None = None
    campaign: str = ""
    order: int = 0


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """An instant of the same channel that is not free: a post already out or scheduled.

    Attributes:
        campaign, order: its place in a campaign, so that later parts stay behind it.
    """

    key: str
    at: int
    campaign: str = ""
    order: int = 0


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """A post and its slot.

    Attributes:
        how: `best` (expected highest among what was free), `random` (drawn to learn from), `spread` (too few posts to
            expect anything, so they are spread over hours and days).
        propensity: probability with which this slot was given to this post, 0..1, all other posts where they are.
            None: it is not known, and the post counts in no lift.
        at_best: the slot is the one expected highest, however it was found.
        candidates: slots that were free for this post, itself included.
        expected: None where there is not enough data.
        runner_up: the next best slot that was free; None if there was no other.
        reason: why this slot, in one or two sentences.
        why_not: why not the others: one sentence for each slot that was expected higher or nearly as high.
    """

    key: str
    slot: Slot
    how: How
    propensity: float | None
    at_best: bool
    candidates: int
    expected: Expected | None = None
    runner_up: Slot | None = None
    reason: str = ""
    why_not: tuple[str, ...] = ()
