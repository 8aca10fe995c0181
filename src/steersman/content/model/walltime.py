"""Times on the wall and the instants they are: kept as wall times, resolved as late as can be."""

from __future__ import annotations

import datetime as dt
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from steersman.kernel.clock import to_ns


class Resolved(msgspec.Struct, frozen=True):
    """The instant a time on the wall is.

    Attributes:
        at: ns since 1970 UTC.
        how: `plain`; `twice`: the clocks are set back over it, and the first of both is meant; `skipped`: the clocks
            are set forward over it, and it counts with the offset from before (02:30 is 03:30 then).

    Source: RFC 5545 section 3.3.5, as calendar programs do it.
    """

    at: int
    how: Literal["plain", "twice", "skipped"]


def resolve(wall: dt.datetime, zone: ZoneInfo) -> Resolved:
    """Return the instant of a time without a zone on the wall of `zone`, by the rules of today."""
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(dt.UTC) for fold in (0, 1))
    return Resolved(to_ns(first), "plain" if first == second else "twice" if first < second else "skipped")


def instant_again(wall: str, tz: str, before: int) -> int:
    """Return the instant of `2026-11-30T09:00` in `tz` by the rules of today, in ns since 1970 UTC.

    Args:
        before: what it was resolved to once; stays where that can no longer be done.
    """
    try:
        return resolve(dt.datetime.fromisoformat(wall).replace(tzinfo=None), ZoneInfo(tz)).at
    except (ValueError, KeyError):
        return before
