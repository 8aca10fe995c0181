"""Calendar periods in UTC: which length suits the data, and where each one starts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from steersman.kernel.clock import to_ns, utc

Period = Literal["hour", "day", "week", "month"]
_DAY_NS: Final = 86_400_000_000_000
# A chart needs a dozen points to show a shape and has room for about sixty.
_LONGEST: Final[tuple[tuple[Period, int], ...]] = (("hour", 2), ("day", 62), ("week", 430))


def period_for(first_ns: int, last_ns: int) -> Period:
    """Return the period that gives a readable number of points between two instants."""
    days = (last_ns - first_ns) / _DAY_NS
    return next((period for period, longest in _LONGEST if days <= longest), "month")


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
