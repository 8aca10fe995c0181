"""One number from rollup buckets: how each aggregate is made, and when there is too little to make it from."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from steersman.feedback.kpi import Kpi
from steersman.ledger.rollups import Bucket, merged


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A value over some span; None with fewer observations `n` than the KPI needs."""

    value: float | None
    n: int


def figure(kpi: Kpi, source: Sequence[Bucket], over: Sequence[Bucket] | None, *, enough: int | None = None) -> Figure:
    """Return the KPI's figure over all the given buckets together.

    Args:
        source, over: buckets of the KPI's two sources over the same span; `over` is None for a KPI without.
        enough: observations that suffice here; None: what the KPI itself needs.
    """
    needed = kpi.enough if enough is None else enough
    n = sum(bucket.count for bucket in (source if over is None else over))
    value = None if n < needed else _raw(kpi, source, over)
    if value is not None:
        value = (1 - value if kpi.complement else value) * kpi.factor
    return Figure(value=value, n=n)


def _raw(kpi: Kpi, source: Sequence[Bucket], over: Sequence[Bucket] | None) -> float | None:
    if kpi.aggregate == "count":
        return float(sum(bucket.count for bucket in source))
    total = sum(bucket.total for bucket in source)
    if kpi.aggregate == "sum":
        return total
    if kpi.aggregate == "ratio":
        divisor = sum(bucket.total for bucket in over or ())
        return total / divisor if divisor else None
    return _of_values(kpi, source, total)


def _of_values(kpi: Kpi, source: Sequence[Bucket], total: float) -> float | None:
    """Return an aggregate that has no meaning without a value to work on."""
    count = sum(bucket.count for bucket in source)
    if not count:
        return None
    match kpi.aggregate:
        case "mean":
            return total / count
        case "max":
            return max(bucket.high for bucket in source if bucket.count)
        case "min":
            return min(bucket.low for bucket in source if bucket.count)
        case "share_positive":
            return merged(source).share_above(0.0)
        case _:
            return merged(source).quantile({"p50": 0.50, "p95": 0.95}[kpi.aggregate])
