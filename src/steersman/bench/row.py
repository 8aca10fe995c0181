"""One line of a measurement: a figure, what it should be, and what it was measured against."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import msgspec


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A figure of one bench.

    Attributes:
        bench: name of the bench, as typed after `steersman bench`.
        metric: what was measured, in words.
        value: median of `runs`, in `unit`; None when it could not be measured here, and `note` says why.
        unit: `x` for a ratio to `compared_with`.
        target: what `value` should reach or stay under; None is reported only.
        met: whether it does; None without a target or a value.
        compared_with: the limit or the peer, measured interleaved in the same run.
        low: smallest of the runs; `high` the largest.
    """

    bench: str
    metric: str
    value: float | None
    unit: str
    target: float | None
    met: bool | None
    compared_with: str = ""
    runs: int = 1
    low: float | None = None
    high: float | None = None
    note: str = ""


def not_measured(bench: str, metric: str, unit: str, target: float | None, reason: str) -> Row:
    """Return the row of a figure that cannot be had here."""
    return Row(bench=bench, metric=metric, value=None, unit=unit, target=target, met=None, runs=0, note=reason)


def measured(
    bench: str,
    metric: str,
    values: Sequence[float],
    unit: str,
    target: float | None,
    *,
    note: str = "",
    digits: int = 3,
) -> Row:
    """Return the row of a figure that should stay at or under `target`: the median of `values`, and their range."""
    value = statistics.median(values)
    return Row(
        bench=bench,
        metric=metric,
        value=round(value, digits),
        unit=unit,
        target=target,
        met=None if target is None else value <= target,
        runs=len(values),
        low=round(min(values), digits),
        high=round(max(values), digits),
        note=note,
    )
