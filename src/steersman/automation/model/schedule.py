"""When an automation starts: cron lines or an interval in a time zone, right on the days the clock is changed.

What `schedule` and `every` say is one text here: cron lines with `; ` between them, or `every 90m`.
"""

from __future__ import annotations

import hashlib
import heapq
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import count, islice, pairwise
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from steersman.automation.model.manifest import Automation
from steersman.kernel.clock import to_ns, utc
from steersman.kernel.durations import seconds, spoken

PUNCTUAL_NS: Final = 120_000_000_000
"""As late as a busy machine may make a start that nobody missed."""
BETWEEN: Final = "; "
EVERY: Final = "every "
_DAY_S: Final = 86_400
_ONE_LONG: Final = re.compile(r"\b(\w+)-\1/\d+")
_FIELDS: Final = {
    "bad minute": (0, "0 to 59"),
    "bad hour": (1, "0 to 23"),
    "bad day-of-month": (2, "1 to 31 or L, and a day that its months have"),
    "bad month": (3, "1 to 12 or jan to dec"),
    "bad day-of-week": (4, "0 to 7 or sun to sat"),
}


def check_cron(expression: str) -> str:
    """Return what is wrong with one cron `expression` in words, empty if nothing is."""
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


def check_every(span: str) -> str:
    """Return what is wrong with an interval in words, empty if nothing is."""
    try:
        span_s = seconds(span)
    except ValueError as exc:
        return str(exc)
    if span_s > _DAY_S and span_s % _DAY_S:
        return f"found {span}, allowed: up to 24h, or whole days (an interval begins anew at each midnight)"
    if not 10 <= span_s <= 366 * _DAY_S:
        return f"found {span}, allowed: 10s to 366d"
    return ""


def every(span: str) -> str:
    """Return the schedule of an interval, as `starts` reads it."""
    return f"{EVERY}{span}"


def interval_s(schedule: str) -> float | None:
    """Return the seconds of an interval, None for cron lines."""
    return seconds(schedule.removeprefix(EVERY)) if schedule.startswith(EVERY) else None


def cron_lines(schedule: str) -> tuple[str, ...]:
    """Return the cron lines of a schedule; none for an interval."""
    return () if schedule.startswith(EVERY) else tuple(schedule.split(BETWEEN))


def as_cron(schedule: str, most: int) -> tuple[str, ...] | None:
    """Return up to `most` cron lines that start at the same times but on days the clock is changed; None if it cannot.

    For orchestrators that know cron only: an interval of whole minutes within a day is a set of times of the day.
    """
    span_s = interval_s(schedule)
    if span_s is None:
        return cron_lines(schedule)
    if span_s % 60 or span_s > _DAY_S:
        return None
    step = int(span_s // 60)
    by_minute: dict[int, list[int]] = {}
    for minute in range(0, 24 * 60, step):
        by_minute.setdefault(minute % 60, []).append(minute // 60)
    by_hours: dict[tuple[int, ...], list[int]] = {}
    for minute, hours in by_minute.items():
        by_hours.setdefault(tuple(hours), []).append(minute)
    lines = tuple(
        f"{_listed(sorted(minutes), 60)} {_listed(hours, 24)} * * *" for hours, minutes in sorted(by_hours.items())
    )
    return lines if len(lines) <= most else None


def _listed(numbers: Iterable[int], of: int) -> str:
    found = list(numbers)
    return "*" if len(found) == of else ",".join(map(str, found))


def starts(schedule: str, tz: str, after_ns: int) -> Iterator[int]:
    """Yield the starts (ns) strictly after `after_ns`, as Debian's cron takes the days the clock changes.

    A job at a fixed time that the clock jumps over in spring runs right after the gap; one that the clock passes twice
    in autumn runs once; jobs with `*` or `*/n` in minute or hour follow real time. An interval counts real time from
    each midnight of `tz` on, so that no restart shifts it; days are counted from 1 January of the year 1.

    Source: cron(8), Debian; the library `cronsim` follows it.
    """
    zone = ZoneInfo(tz)
    span_s = interval_s(schedule)
    found = (
        _spans(span_s, zone, after_ns)
        if span_s is not None
        else heapq.merge(*(_cron(line, zone, after_ns) for line in cron_lines(schedule)))
    )
    last = after_ns
    for start in found:
        # Two fixed times in a spring gap are moved to one instant, two lines may agree, a country may leave out a day:
        # one start.
        if start > last:
            last = start
            yield start


def latest(schedule: str, tz: str, after_ns: int, until_ns: int, keep: int) -> list[int]:
    """Return the last `keep` starts (ns) after `after_ns` up to and at `until_ns`, in order.

    However far apart the two are, no more than these are looked at.
    """
    zone = ZoneInfo(tz)
    span_s = interval_s(schedule)
    backwards = (
        [_spans_back(span_s, zone, until_ns)]
        if span_s is not None
        else [_cron_back(line, zone, until_ns) for line in cron_lines(schedule)]
    )
    found: list[int] = []
    for start in heapq.merge(*backwards, reverse=True):
        if start <= after_ns or len(found) == keep:
            break
        if not found or start < found[-1]:
            found.append(start)
    return found[::-1]


def _cron(line: str, zone: ZoneInfo, after_ns: int) -> Iterator[int]:
    for at in CronSim(line, utc(after_ns).astimezone(zone)):
        yield to_ns(at.astimezone(UTC))


def _cron_back(line: str, zone: ZoneInfo, until_ns: int) -> Iterator[int]:
    begin = utc(until_ns) + timedelta(minutes=1)
    for at in CronSim(line, begin.astimezone(zone), reverse=True):
        start = to_ns(at.astimezone(UTC))
        if start <= until_ns:
            yield start


def _spans(span_s: float, zone: ZoneInfo, after_ns: int) -> Iterator[int]:
    """Yield the starts of an interval after `after_ns`."""
    today, step = _first_day(span_s, zone, after_ns)
    for ordinal in count(today, step):
        for at in _of_day(span_s, zone, ordinal):
            if at > after_ns:
                yield at


def _spans_back(span_s: float, zone: ZoneInfo, until_ns: int) -> Iterator[int]:
    """Yield the starts of an interval up to and at `until_ns`, the last one first."""
    today, step = _first_day(span_s, zone, until_ns)
    for ordinal in range(today, 0, -step):
        yield from (at for at in reversed(_of_day(span_s, zone, ordinal)) if at <= until_ns)


def _first_day(span_s: float, zone: ZoneInfo, at_ns: int) -> tuple[int, int]:
    """Return the last day at or before `at_ns` that an interval starts on, and how many days there are between two."""
    step = max(1, int(span_s // _DAY_S))
    today = utc(at_ns).astimezone(zone).date().toordinal()
    return today - today % step, step


def _of_day(span_s: float, zone: ZoneInfo, ordinal: int) -> range:
    """Return the starts (ns) of an interval on one local day, which may have 23 hours or 25."""
    begin, end = _midnight(zone, ordinal), _midnight(zone, ordinal + 1)
    return range(begin, end, int(span_s * 1e9)) if span_s < _DAY_S else range(begin, begin + 1)


def _midnight(zone: ZoneInfo, ordinal: int) -> int:
    """Return the first instant (ns) of a day; where the clock jumps over midnight, the instant of the jump."""
    return to_ns(datetime.combine(date.fromordinal(ordinal), time(), tzinfo=zone).astimezone(UTC))


def shortest_gap_s(schedule: str, tz: str, after_ns: int, looked_at: int = 50) -> float:
    """Return the seconds between the two closest of the next few starts; infinity if there are not two."""
    coming = list(islice(starts(schedule, tz, after_ns), looked_at))
    return min(((b - a) / 1e9 for a, b in pairwise(coming)), default=float("inf"))


def jitter_ns(automation: Automation) -> int:
    """Return how long (ns) after a start that is due it begins: less than its `jitter`, always the same for a name.

    So twenty scripts of one minute spread over it, the same way on every engine and after every restart.
    """
    digest = hashlib.sha256(automation.name.encode()).digest()
    return int(automation.jitter_s * 1e9 * (int.from_bytes(digest[:6], "big") / 2**48))


def why_not(automation: Automation) -> str:
    """Say why a schedule will not start `automation`, empty if one will."""
    if not automation.enabled:
        return "disabled (enabled = false)"
    if automation.schedule is not None:
        return ""
    if automation.on:
        burst = f", {spoken(automation.debounce_s)} after the last of a burst" if automation.debounce_s else ""
        return f"starts on {', or on '.join(map(str, automation.on))}{burst}"
    if automation.needs:
        return f"starts after {' and '.join(automation.needs)}"
    return f"starts by hand: steersman auto run {automation.name}"
