"""The slots there are: times on the wall within the rules, on a grid."""

from __future__ import annotations

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo

from steersman.content.model.walltime import resolve
from steersman.content.slots.constraints import Constraints
from steersman.content.slots.model import Slot
from steersman.kernel.clock import utc

_MINUTE: Final = dt.timedelta(minutes=1)
_DAY: Final = dt.timedelta(days=1)


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
            found = resolve(wall, zone)
            if found.how != "skipped" and now < found.at <= ends:
                offered.append(Slot(at=found.at, wall=wall.isoformat(timespec="minutes"), tz=rules.tz))
        day += _DAY
    return sorted(offered, key=lambda slot: slot.at)


def slot_at(at: int, tz: str) -> Slot:
    """Return the slot of an instant, cut to the minute: for posts whose time a person set."""
    local = utc(at).astimezone(ZoneInfo(tz)).replace(tzinfo=None, second=0, microsecond=0)
    return Slot(at=at, wall=local.isoformat(timespec="minutes"), tz=tz)
