"""Calendar periods in UTC: where each one starts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

from steersman.kernel.clock import to_ns, utc

Period = Literal["hour", "day", "week", "month"]


def start_of(at_ns: int, period: Period) -> int:
    """Return the first instant of the period that `at_ns` lies in; a week starts on Monday."""
    at = utc(at_ns).replace(minute=0, second=0, microsecond=0)
    if period != "hour":
        at = at.replace(hour=0)
    if period == "week":
        at -= timedelta(days=at.weekday())
    if period == "month":
        at = at.replace(day=1)
    return to_ns(at)


def next_start(start_ns: int, period: Period) -> int:
    """Return the first instant of the period after the one that starts at `start_ns`."""
    at = utc(start_ns)
    if period == "month":
        return to_ns(datetime(at.year + at.month // 12, at.month % 12 + 1, 1, tzinfo=UTC))
    span = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}[period]
    return to_ns(at + span)
