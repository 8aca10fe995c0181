"""Instants to come, as people write them."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from steersman.kernel.clock import to_ns, utc
from steersman.kernel.durations import seconds
from steersman.kernel.errors import Misconfigured

_FIX = "write --until 06:00, --until 2026-12-24, --until 2026-12-24T06:00, or --for 2h"
_LONGEST_S = 10 * 366 * 86_400
_OF_DAY = re.compile(r"\d\d?:\d\d(:\d\d)?", re.ASCII)
_END_NS = 1 << 63
"""More is in no event and in no database."""


def until(text: str, tz: str, now_ns: int) -> int:
    """Return the instant (ns) of a time of day (the next one), a day (its beginning) or a time, on the clocks of `tz`.

    Raises:
        Misconfigured: it cannot be read.
    """
    try:
        at = _read(text.strip(), ZoneInfo(tz), now_ns)
    except (ValueError, OverflowError) as exc:
        raise Misconfigured(f"{text!r} is no time", fix=_FIX) from exc
    if not 0 <= at < _END_NS:
        raise Misconfigured(f"{text!r} is no time that can be kept", fix=_FIX)
    return at


def _read(said: str, zone: ZoneInfo, now_ns: int) -> int:
    now = utc(now_ns).astimezone(zone)
    if _OF_DAY.fullmatch(said):
        at = datetime.combine(now.date(), time.fromisoformat(said), zone)
        return to_ns(at if at > now else datetime.combine(now.date() + timedelta(days=1), at.timetz()))
    found = datetime.fromisoformat(said)
    return to_ns(found if found.tzinfo is not None else found.replace(tzinfo=zone))


def after(text: str, now_ns: int) -> int:
    """Return the instant (ns) that a span from now ends at.

    Raises:
        Misconfigured: it is no span, or none that ends.
    """
    try:
        span_s = seconds(text)
    except ValueError as exc:
        raise Misconfigured(str(exc), fix=_FIX) from exc
    if not 0 < span_s <= _LONGEST_S:
        raise Misconfigured(f"{text}: allowed is more than 0, up to ten years", fix=_FIX)
    return now_ns + int(span_s * 1e9)
