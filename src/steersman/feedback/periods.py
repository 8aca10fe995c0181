"""Which length of period suits a span of data."""

from __future__ import annotations

from typing import Final

from steersman.ledger.periods import Period

_DAY_NS: Final = 86_400_000_000_000
# A chart needs a dozen points to show a shape and has room for about sixty.
_LONGEST: Final[tuple[tuple[Period, int], ...]] = (("hour", 2), ("day", 62), ("week", 430))


def period_for(first_ns: int, last_ns: int) -> Period:
    """Return the period that gives a readable number of points between two instants."""
    days = (last_ns - first_ns) / _DAY_NS
    return next((period for period, longest in _LONGEST if days <= longest), "month")
