"""One line of a measurement: a figure, what it should be, and what it was measured against."""

from __future__ import annotations

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
