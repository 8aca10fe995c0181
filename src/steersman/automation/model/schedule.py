"""When an automation starts: cron in a time zone, right on the days the clock is changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from steersman.automation.model.manifest import Automation
from steersman.kernel.clock import to_ns, utc

_ONE_LONG: Final = re.compile(r"\b(\w+)-\1/\d+")


_FIELDS: Final = {
    "bad minute": (0, "0 to 59"),
    "bad hour": (1, "0 to 23"),
    "bad day-of-month": (2, "1 to 31 or L, and a day that its months have"),
    "bad month": (3, "1 to 12 or jan to dec"),
    "bad day-of-week": (4, "0 to 7 or sun to sat"),
}


def check_cron(expression: str) -> str:
    """Return what is wrong with a cron `expression` in words, empty if nothing is."""
    fields = expression.split()
    if len(fields) != 5:
        return f"a schedule has five fields (minute hour day month weekday), this one has {len(fields)}"
    narrow = _ONE_LONG.search(expression)
    if narrow:
        # cronsim reads it as 3/5 (every fifth from 3), cron(8) as 3: it must not depend on who reads.
        return f"{narrow.group(0)!r} is a range of one with a step: write {narrow.group(1)}"
    try:
        next(CronSim(expression, utc(0)))
    except CronSimError as exc:
        said = str(exc).lower()
        number, allowed = _FIELDS.get(said, (None, ""))
        return f"{said} field" + ("" if number is None else f" ({fields[number]!r}; allowed: {allowed})")
    except StopIteration:
        return "no such date in the next 50 years"
    return ""


def starts(expression: str, tz: str, after_ns: int) -> Iterator[int]:
    """Yield the starts (ns) strictly after `after_ns`, as Debian's cron takes the days the clock changes.

    A job at a fixed time that the clock jumps over in spring runs right after the gap; one that the clock passes twice
    in autumn runs once; jobs with `*` or `*/n` in minute or hour follow real time.

    Source: cron(8), Debian; the library `cronsim` follows it.
    """
    zone = ZoneInfo(tz)
    last = after_ns
    for at in CronSim(expression, utc(after_ns).astimezone(zone)):
        start = to_ns(at.astimezone(UTC))
        # Two fixed times inside a spring gap are moved to the same instant: one start.
        if start > last:
            last = start
            yield start


def why_not(automation: Automation) -> str:
    """Say why a schedule will not start `automation`, empty if one will."""
    if not automation.enabled:
        return "disabled (enabled = false)"
    if automation.schedule is not None:
        return ""
    if automation.on:
        return f"starts on {', '.join(automation.on)}"
    if automation.needs:
        return f"starts after {' and '.join(automation.needs)}"
    return f"starts by hand: steersman auto run {automation.name}"
