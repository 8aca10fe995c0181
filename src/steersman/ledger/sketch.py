"""A histogram whose buckets grow by a constant factor: any quantile within 1 % of the true value, in a few bytes.

Two sketches merge by adding counts, so hours add up to days in any grouping.

Source: Masson, Rim, Lee, "DDSketch", VLDB 2019: with g = (1 + a) / (1 - a), the value 2 g^i / (1 + g) is within the
relative error a of everything in (g^(i-1), g^i].
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final

Sketch = dict[int, int]
"""Slot -> how many values fell into it. Slots are ordered as their values are; 0 holds exactly 0."""

RELATIVE_ERROR: Final = 0.01
# A little finer than promised, so that rounding of the logarithm never breaks the promise.
_A: Final = 0.0099
_GAMMA: Final = (1 + _A) / (1 - _A)
_LOG_GAMMA: Final = math.log(_GAMMA)
_MIDDLE: Final = math.log(2 / (1 + _GAMMA))
# The logarithm of a float lies in -745..710, so |i| < 38,000: a positive value's slot is always above 0.
_SHIFT: Final = 50_000


def slot_of(x: float) -> int:
    """Return the slot of a finite `x`."""
    if x == 0:
        return 0
    slot = math.ceil(math.log(abs(x)) / _LOG_GAMMA) + _SHIFT
    return slot if x > 0 else -slot


def value_of(slot: int) -> float:
    """Return the value that stands for everything in `slot`."""
    if slot == 0:
        return 0.0
    exponent = (abs(slot) - _SHIFT) * _LOG_GAMMA + _MIDDLE
    size = math.exp(exponent) if exponent < 709 else math.inf  # callers cut at the highest value seen
    return size if slot > 0 else -size


def merge(sketches: Iterable[Mapping[int, int]]) -> Sketch:
    """Return the sketch of all values together."""
    total: Sketch = {}
    for sketch in sketches:
        for slot, count in sketch.items():
            total[slot] = total.get(slot, 0) + count
    return total


def quantile(sketch: Mapping[int, int], q: float) -> float:
    """Return the value at rank floor(q (n - 1)) of the `n` values in order, within 1 % of itself.

    Raises:
        ValueError: `q` is not in 0..1, or the sketch is empty.
    """
    n = sum(sketch.values())
    if not n or not 0 <= q <= 1:
        raise ValueError(f"quantile {q} of {n} values")
    rank = math.floor(q * (n - 1) + 1e-9)  # 0.29 * 100 is a little below 29
    for slot in sorted(sketch):
        rank -= sketch[slot]
        if rank < 0:
            return value_of(slot)
    raise AssertionError("a rank below n is always found")


def share_above(sketch: Mapping[int, int], x: float) -> float:
    """Return the part (0..1) of the values that is above `x`; exact for 0, else within 1 % of `x`.

    Raises:
        ValueError: the sketch is empty.
    """
    n = sum(sketch.values())
    if not n:
        raise ValueError("share of no values")
    return sum(count for slot, count in sketch.items() if slot > slot_of(x)) / n
