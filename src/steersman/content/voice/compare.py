"""A draft beside a profile: how usual it sounds, and the few features that say why not."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from statistics import fmean
from typing import Final

import msgspec

from steersman.content.voice import features
from steersman.content.voice.profile import Profile, distance

UNLIKE: Final = 0.95
"""A window is unlike the author when 95% of the author's own windows are nearer to the rest of them."""
_REASONS: Final = 3
_WORTH_SAYING: Final = 1.5


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """One feature that is unlike the author's: its value, and the author's mean and middle 90%.

    Attributes:
        z: spreads away from the mean; the sign says which way.
    """

    feature: str
    label: str
    value: float
    usual: float
    low: float
    high: float
    z: float

    @property
    def words(self) -> str:
        """The reason as one says it: `31 words a sentence, yours 17`."""
        return f"{_number(self.value)} {self.label}, yours {_number(self.usual)}"


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What a draft, or one window of it, sounds like.

    Attributes:
        distance: mean clipped z-score; 0.8 is what a typical author's own windows have.
        nearer_ratio: share (0..1) of the author's own windows that are nearer.
        is_unlike: that share is 95% or more.
    """

    distance: float
    nearer_ratio: float
    is_unlike: bool
    reasons: tuple[Reason, ...]


def compare(vectors: Sequence[tuple[float, ...]], profile: Profile) -> Comparison:
    """Compare the mean of some windows (one or more) with a profile.

    The mean of several windows strays less than one window does, so a long draft is judged on the median of its
    windows' distances and explained by their mean.
    """
    distances = sorted(distance(vector, profile.mean, profile.spread) for vector in vectors)
    middle = distances[len(distances) // 2]
    nearer = bisect.bisect_left(profile.own, middle) / len(profile.own)
    means = [fmean(column) for column in zip(*vectors, strict=True)]
    return Comparison(
        distance=middle,
        nearer_ratio=nearer,
        is_unlike=nearer >= UNLIKE,
        reasons=tuple(_reasons(means, profile)),
    )


def _reasons(values: Sequence[float], profile: Profile) -> list[Reason]:
    every = [
        Reason(
            feature=name,
            label=features.label(name),
            value=value,
            usual=mean,
            low=max(0.0, mean - 1.645 * spread),
            high=mean + 1.645 * spread,
            z=(value - mean) / spread,
        )
        for name, value, mean, spread in zip(features.names(), values, profile.mean, profile.spread, strict=True)
    ]
    far = [reason for reason in every if abs(reason.z) >= _WORTH_SAYING]
    # What a person can change comes first: sentence lengths before the rate of "upon".
    far.sort(key=lambda reason: (reason.feature.startswith("word:"), -abs(reason.z)))
    return far[:_REASONS]


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"
