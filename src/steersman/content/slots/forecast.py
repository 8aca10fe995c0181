"""The fitted model as a planner uses it: expectations of slots, their differences, and the reasons in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from steersman.content.slots.estimator import ENOUGH, Posterior, Sample, learn, sample, slot_columns
from steersman.content.slots.features import GROUPS, Columns, Floats
from steersman.content.slots.model import COMPARED_AGE_S, Expected, Observation, Slot

_TAIL: Final = 0.05
_SPOKEN: Final = {
    "type": "type {type}",
    "level": "the level of the last 30 days",
    "hour": "hour of the day",
    "weekday": "weekday",
    "weekend hour": "hour on a weekend",
    "cell": "this very hour",
    "type hour": "this hour for {type}",
}


class Forecasts(msgspec.Struct, frozen=True):
    """Expectations of many slots for one type, arrays of shape (slots,): `mean`, `low`, `high` as in `Expected`."""

    mean: Floats
    low: Floats
    high: Floats


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """How much more one slot earns than another: 0.04 is 4% more. 90% credible interval of the expectation."""

    ratio: float
    low: float
    high: float

    @property
    def told_apart(self) -> bool:
        """Whether the interval leaves out "the same"."""
        return self.low > 0 or self.high < 0


class Forecast:
    """What is expected of slots. Immutable: make it once for a set of observations and keep it."""

    def __init__(self, posts: Sample, *, channel: str, tz: str, now: int, age_s: int, slots: bool = True) -> None:
        self.channel = channel
        self.tz = tz
        self.age_s = age_s
        self.posts = posts
        self.made_at = now
        self._fit: tuple[Columns, Posterior, float] | None = None
        if posts.n >= ENOUGH:
            columns = Columns.of(tz, posts.types, posts.at[0], now)
            posterior, centre = learn(columns, posts, now, slots=slots)
            self._fit = columns, posterior, centre
            # The slot says nothing about the middle of the day or week by itself: effects are told from the average.
            self._average = columns.rows(posts.at, posts.types).mean(axis=0)

    @property
    def enough(self) -> bool:
        """Whether anything is expected of slots at all."""
        return self._fit is not None

    @property
    def standing(self) -> str:
        """What the model rests on, in words: `learned from 212 posts`, `not enough data (12 of 30 posts)`."""
        left = f"; {self.posts.old:,} older ones are not used" if self.posts.old else ""
        if not self.enough:
            return f"not enough data ({self.posts.n} of {ENOUGH} posts{left})"
        return f"learned from {self.posts.n:,} posts{left}"

    def forecast(self, slot: Slot, type: str) -> Expected | None:
        """Return what a post of `type` is expected to earn in `slot`; None: not enough data."""
        if self._fit is None:
            return None
        found = self.forecasts([slot], type)
        return Expected(
            mean=float(found.mean[0]),
            low=float(found.low[0]),
            high=float(found.high[0]),
            n=self.posts.n,
            reasons=self._reasons(slot, type),
        )

    def forecasts(self, slots: Sequence[Slot], type: str) -> Forecasts:
        """Return the expectations of many slots at once; call it only when there is `enough`.

        The mean is of the forecast's own errors carried back from the log scale (Duan's smearing, 1983), so that
        rare posts that go far count as often as they came. How unsure a slot is widens its interval, not its mean:
        else the slot nobody tried would look best.
        """
        _, posterior, centre = self._fitted()
        rows = self._rows([slot.at for slot in slots], type)
        middle = centre + rows @ posterior.weights
        spread = posterior.noise * np.sqrt(((rows @ posterior.covariance) * rows).sum(axis=1) + 1)
        low, high = _tails(posterior.errors)
        smeared = float(np.exp(posterior.noise * posterior.errors).mean())
        return Forecasts(
            mean=np.maximum(np.exp(middle) * smeared - 1, 0.0),
            low=np.maximum(np.expm1(middle + spread * low), 0.0),
            high=np.maximum(np.expm1(middle + spread * high), 0.0),
        )

    def typical(self, slot: Slot, type: str) -> float:
        """Return log1p of what a post of average luck earns in `slot`."""
        _, posterior, centre = self._fitted()
        return centre + float(self._rows([slot.at], type)[0] @ posterior.weights)

    def difference(self, one: Slot, other: Slot, type: str) -> Difference:
        """Return how much more a post of `type` earns in `one` than in `other`."""
        _, posterior, _ = self._fitted()
        pair = self._rows([one.at, other.at], type)
        gap = pair[0] - pair[1]
        middle = float(gap @ posterior.weights)
        reach = 1.645 * posterior.noise * math.sqrt(max(float(gap @ posterior.covariance @ gap), 0.0))
        return Difference(ratio=math.expm1(middle), low=math.expm1(middle - reach), high=math.expm1(middle + reach))

    def without_slot(self, at: Sequence[int], types: Sequence[str]) -> NDArray[np.float64]:
        """Return log1p of what posts of these dates and types earn whatever their slot, shape (posts,)."""
        columns, posterior, centre = self._fitted()
        rows = columns.rows(at, types) * (1 - slot_columns(columns))
        return centre + rows @ posterior.weights

    @property
    def slot_ratio(self) -> float:
        """Standard deviation of what slots explain over that of one post's noise: how much there is to choose."""
        columns, posterior, _ = self._fitted()
        rows = columns.rows(self.posts.at, self.posts.types) * slot_columns(columns)
        return float((rows @ posterior.weights).std() / posterior.noise)

    def _rows(self, at: Sequence[int], type: str) -> Floats:
        """Return rows of slots to come, all at today's level: where that wanders is no reason for any of them."""
        columns, _, _ = self._fitted()
        return columns.rows(at, [type] * len(at), level_at=self.made_at)

    def _fitted(self) -> tuple[Columns, Posterior, float]:
        if self._fit is None:
            raise ValueError(f"nothing can be expected: {self.standing}")
        return self._fit

    def _reasons(self, slot: Slot, type: str) -> tuple[str, ...]:
        columns, posterior, _ = self._fitted()
        share = (self._rows([slot.at], type)[0] - self._average) * posterior.weights
        effect = {
            name: math.expm1(float(share[columns.groups == index].sum()))
            for index, name in enumerate(GROUPS)
            if name in _SPOKEN
        }
        told = sorted((name for name in effect if abs(effect[name]) >= 0.005), key=lambda name: -abs(effect[name]))
        return tuple(f"{_SPOKEN[name].format(type=type)} {effect[name]:+.0%}" for name in told)


def fit(
    observations: Sequence[Observation],
    *,
    channel: str,
    tz: str,
    now: int,
    age_s: int = COMPARED_AGE_S,
    slots: bool = True,
) -> Forecast:
    """Learn from what posts of `channel` had earned by `age_s`; other ages are counted and left out.

    Args:
        observations: in any order, doubles included.
        tz: the desk's zone: hours and weekdays are those of its wall.
        now: ns.
        slots: False: type and level alone, every slot alike; what a bench compares with.

    Source: `steersman.content.slots.estimator`.
    """
    posts = sample(observations, channel=channel, now=now, age_s=age_s)
    return Forecast(posts, channel=channel, tz=tz, now=now, age_s=age_s, slots=slots)


def _tails(errors: Floats) -> tuple[float, float]:
    """Return the 5% and 95% point of the errors, each one rank further out: right for any n, not only for many.

    Source: split conformal prediction (Vovk, Gammerman and Shafer, 2005), one tail at a time.
    """
    ordered = np.sort(errors)
    rank = min(math.ceil((1 - _TAIL) * (len(ordered) + 1)), len(ordered))
    return float(ordered[len(ordered) - rank]), float(ordered[rank - 1])
