"""When an automation starts: cron in a time zone, right on the days the clock is changed."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from datetime import UTC
from zoneinfo import ZoneInfo

import msgspec
from cronsim import CronSim, CronSimError

from steersman.automation.model.manifest import Automation
from steersman.kernel.clock import to_ns, utc


class Start(msgspec.Struct, frozen=True, order=True):
    """One start to come: instant (ns since 1970 UTC) and name."""

    at: int
    automation: str


def check_cron(expression: str) -> str:
    """Return what is wrong with a cron `expression` in words, empty if nothing is."""
    fields = expression.split()
    if len(fields) != 5:
        return f"a schedule has five fields (minute hour day month weekday), this one has {len(fields)}"
    try:
        next(CronSim(expression, utc(0)))
    except CronSimError as exc:
        return f"{str(exc).lower()} field"
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


def next_start(automation: Automation, after_ns: int) -> int | None:
    """Return the first start strictly after `after_ns`, None if nothing but a hand, an event or a need starts it."""
    if automation.schedule is None or not automation.enabled:
        return None
    return next(starts(automation.schedule, automation.tz, after_ns), None)


def upcoming(automations: Iterable[Automation], after_ns: int, limit: int) -> list[Start]:
    """Return the next `limit` starts of all `automations` together, soonest first."""

    def each(automation: Automation, expression: str) -> Iterator[Start]:
        return (Start(at, automation.name) for at in starts(expression, automation.tz, after_ns))

    merged = heapq.merge(*(each(a, a.schedule) for a in automations if a.schedule and a.enabled))
    return [start for start, _ in zip(merged, range(limit), strict=False)]


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
