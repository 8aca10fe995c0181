"""A week at a glance: how much more or less each hour is expected to bring, and how much that is known."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from steersman.content.model.walltime import resolve
from steersman.content.slots.constraints import Constraints, local
from steersman.content.slots.forecast import Forecast
from steersman.content.slots.model import Slot

_HALF: Final = 30


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One hour of one weekday on the desk's wall.

    Attributes:
        weekday: 0 is Monday.
        allowed: posts may go out in it.
        n: posts of the channel that went out in it, of every type.
        ratio: expected above (0.1 is 10%) or below the typical allowed hour; None: not enough data.
        low, high: 90% interval of that, of the expectation and not of one post.
        told_apart: that difference is more than what is not known; where false, show it as "alike".
    """

    weekday: int
    hour: int
    allowed: bool
    n: int
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    told_apart: bool = False


def heatmap(model: Forecast, type: str, rules: Constraints, now: int) -> list[Cell]:
    """Return the 168 hours of the week that begins on the Monday after `now`, Monday 00:00 first.

    They are compared with the allowed hour in the middle of all, so that about half are above it.
    """
    walls = [local(at, rules.tz) for at in model.posts.at]
    seen = Counter((wall.weekday(), wall.hour) for wall in walls)
    today = local(now, rules.tz).date()
    monday = dt.datetime.combine(today + dt.timedelta(days=7 - today.weekday()), dt.time(minute=_HALF))
    hours = [monday + dt.timedelta(hours=number) for number in range(168)]
    allowed = [
        any(rules.allows(hour.replace(minute=m)) for m in range(0, 60, min(rules.step_min, 60))) for hour in hours
    ]
    cells = [
        Cell(weekday=hour.weekday(), hour=hour.hour, allowed=may, n=seen[hour.weekday(), hour.hour])
        for hour, may in zip(hours, allowed, strict=True)
    ]
    if not model.enough or not any(allowed):
        return cells
    slots = [_slot(hour, rules.tz) for hour in hours]
    mean = model.forecasts(slots, type).mean
    inside = np.flatnonzero(allowed)
    middle = slots[int(inside[np.argsort(mean[inside], kind="stable")[len(inside) // 2]])]
    found = [model.difference(slot, middle, type) for slot in slots]
    return [
        msgspec.structs.replace(cell, ratio=one.ratio, low=one.low, high=one.high, told_apart=one.told_apart)
        for cell, one in zip(cells, found, strict=True)
    ]


def _slot(wall: dt.datetime, tz: str) -> Slot:
    return Slot(at=resolve(wall, ZoneInfo(tz)).at, wall=wall.isoformat(timespec="minutes"), tz=tz)
