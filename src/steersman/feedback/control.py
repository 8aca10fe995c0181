"""XmR control charts: telling a shift from noise with the data's own point-to-point variation."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import msgspec

ENOUGH_POINTS: Final = 8
"""Points below which limits would mostly describe their own uncertainty."""
_E2: Final = 2.66
_RUN: Final = 8


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """A run rule that fired over `points[first..last]` (inclusive); `rule` is outside, run or near_limit."""

    rule: str
    first: int
    last: int
    text: str


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What to expect of the next point if nothing changes: `low <= x <= high`, around `mean`, same unit as the data."""

    mean: float
    low: float
    high: float
    moving_range: float
    shifts: tuple[Shift, ...]


def limits(points: Sequence[float], *, floor: float | None = None, ceiling: float | None = None) -> Limits | None:
    """Return natural process limits and what breaks them; None below `ENOUGH_POINTS` points.

    Limits are mean +/- 2.66 times the mean moving range, cut at `floor` and `ceiling` (a share cannot leave 0..1).

    Source: Shewhart's chart for individual values, d2 = 1.128 for ranges of two, 3 / 1.128 = 2.66; the three rules
    are those of Wheeler, "Understanding Variation" (detection rules one to three, with eight in a row).
    """
    if len(points) < ENOUGH_POINTS:
        return None
    mean = sum(points) / len(points)
    moving_range = sum(abs(b - a) for a, b in pairwise(points)) / (len(points) - 1)
    low, high = mean - _E2 * moving_range, mean + _E2 * moving_range
    # The mean of equal numbers may differ from them in the last bit, and that is no shift.
    slack = 1e-12 * max(abs(x) for x in points)
    shifts = (
        *_outside(points, low - slack, high + slack),
        *_runs(points, mean, slack),
        *_near_limits(points, mean, low - slack, high + slack),
    )
    return Limits(
        mean=mean,
        low=low if floor is None else max(low, floor),
        high=high if ceiling is None else min(high, ceiling),
        moving_range=moving_range,
        shifts=tuple(sorted(shifts, key=lambda s: (s.last, s.first))),
    )


def _outside(points: Sequence[float], low: float, high: float) -> list[Shift]:
    return [
        Shift(rule="outside", first=i, last=i, text=f"{'above' if x > high else 'below'} the limits")
        for i, x in enumerate(points)
        if x > high or x < low
    ]


def _runs(points: Sequence[float], mean: float, slack: float) -> list[Shift]:
    """Return each stretch of eight or more points on one side of the mean; a point on it ends the stretch."""
    sides = [(x > mean + slack) - (x < mean - slack) for x in points]
    found, first = [], 0
    for i in range(1, len(points) + 1):
        if i < len(points) and sides[i] == sides[first]:
            continue
        if i - first >= _RUN and sides[first]:
            word = "above" if sides[first] > 0 else "below"
            found.append(Shift(rule="run", first=first, last=i - 1, text=f"{i - first} in a row {word} the mean"))
        first = i
    return found


def _near_limits(points: Sequence[float], mean: float, low: float, high: float) -> list[Shift]:
    """Return windows in which three of four points are nearer to one limit than to the mean, merged where they meet."""
    middle_low, middle_high = (mean + low) / 2, (mean + high) / 2
    found: list[Shift] = []
    for word, near in (
        ("upper", [x > middle_high for x in points]),
        ("lower", [x < middle_low for x in points]),
    ):
        spans: list[tuple[int, int]] = []
        for i in range(len(points) - 3):
            if sum(near[i : i + 4]) >= 3:
                joins = bool(spans) and i <= spans[-1][1]
                spans[-1:] = [(spans[-1][0], i + 3)] if joins else [*spans[-1:], (i, i + 3)]
        found += [
            Shift(rule="near_limit", first=a, last=b, text=f"three of four near the {word} limit") for a, b in spans
        ]
    return found
