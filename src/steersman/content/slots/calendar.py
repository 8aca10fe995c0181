"""Times on the wall and the instants they are: slots are offered, kept and resolved as wall times."""

from __future__ import annotations

import datetime as dt
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from steersman.content.slots.constraints import Constraints
from steersman.content.slots.model import Slot
from steersman.kernel.clock import to_ns, utc

_MINUTE: Final = dt.timedelta(minutes=1)
_DAY: Final = dt.timedelta(days=1)


class Resolved(msgspec.Struct, frozen=True):
    """The instant a time on the wall is.

    Attributes:
        at: ns since 1970 UTC.
        how: `plain`; `twice`: the clocks are set back over it, and the first of both is meant; `skipped`: the clocks
            are set forward over it, and `at` is the first instant after.
    """

    at: int
    how: Literal["plain", "twice", "skipped"]


def resolve(wall: str, tz: str) -> Resolved:
    """Return the instant of `2026-11-30T09:00` in `tz` by the rules of today; call it as late as can be."""
    zone = ZoneInfo(tz)
    naive = dt.datetime.fromisoformat(wall)
    first, second = (naive.replace(tzinfo=zone, fold=fold).astimezone(dt.UTC) for fold in (0, 1))
    if first == second:
        return Resolved(to_ns(first), "plain")
    if first < second:
        return Resolved(to_ns(first), "twice")
    # Read with the offset from before the gap, the instant lies as long after it as the wall time lies inside.
    return Resolved(_gap_end(second, first, zone), "skipped")


def candidates(rules: Constraints, now: int, horizon_s: float | None = None) -> list[Slot]:
    """Return the slots after `now` within the horizon in time order, whatever else is planned.

    Times on the wall lie on the grid of `rules.step_min` from midnight. A time the clocks skip is not offered; one
    that comes twice is offered once, the first.
    """
    ends = now + round((rules.horizon_s if horizon_s is None else horizon_s) * 1e9)
    zone = ZoneInfo(rules.tz)
    day, last = utc(now).astimezone(zone).date(), utc(ends).astimezone(zone).date()
    offered: list[Slot] = []
    while day <= last:
        for minute in range(0, 24 * 60, rules.step_min):
            wall = dt.datetime.combine(day, dt.time()) + minute * _MINUTE
            if not rules.allows(wall):
                continue
            text = wall.isoformat(timespec="minutes")
            found = resolve(text, rules.tz)
            if found.how != "skipped" and now < found.at <= ends:
                offered.append(Slot(at=found.at, wall=text, tz=rules.tz))
        day += _DAY
    return sorted(offered, key=lambda slot: slot.at)


def slot_at(at: int, tz: str) -> Slot:
    """Return the slot of an instant, cut to the minute: for posts whose time a person set."""
    local = utc(at).astimezone(ZoneInfo(tz)).replace(tzinfo=None, second=0, microsecond=0)
    return Slot(at=at, wall=local.isoformat(timespec="minutes"), tz=tz)


def _gap_end(before: dt.datetime, after: dt.datetime, zone: ZoneInfo) -> int:
    """Return the first instant in (`before`, `after`] at which the new offset holds, to the second."""
    old = before.astimezone(zone).utcoffset()
    low, high = int(before.timestamp()), int(after.timestamp())
    while high - low > 1:
        middle = (low + high) // 2
        if dt.datetime.fromtimestamp(middle, zone).utcoffset() == old:
            low = middle
        else:
            high = middle
    return high * 1_000_000_000
