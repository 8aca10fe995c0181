"""systemd's calendar events as cron schedules, where cron can say them; otherwise why not.

Source: systemd.time(7), "Calendar Events".
"""

from __future__ import annotations

import re
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

_SHORT: Final = {
    "minutely": "*-*-* *:*:00",
    "hourly": "*-*-* *:00:00",
    "daily": "*-*-* 00:00:00",
    "monthly": "*-*-01 00:00:00",
    "weekly": "Mon *-*-* 00:00:00",
    "yearly": "*-01-01 00:00:00",
    "annually": "*-01-01 00:00:00",
    "quarterly": "*-01,04,07,10-01 00:00:00",
    "semiannually": "*-01,07-01 00:00:00",
}
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_LONG_DAYS: Final = {
    "sunday": "sun",
    "monday": "mon",
    "tuesday": "tue",
    "wednesday": "wed",
    "thursday": "thu",
    "friday": "fri",
    "saturday": "sat",
}
_WEEK: Final = (*_DAYS[1:], "sun")
_NTH: Final = {(1, 7): 1, (8, 14): 2, (15, 21): 3, (22, 28): 4}


class CannotSay(ValueError):
    """What the calendar event asks for and cron has no words for; or what is wrong with it."""


class CronTime(msgspec.Struct, frozen=True, kw_only=True):
    """Five cron fields; `tz` when the event names one; `note` when seconds were dropped."""

    schedule: str
    tz: str | None = None
    note: str = ""


def to_cron(event: str) -> CronTime:
    """Return `event` (one OnCalendar=) as a cron schedule.

    Raises:
        CannotSay: seconds apart, a year, a weekday within days of a month, ...; or it is not a calendar event.
    """
    words = event.split()
    tz = _take_zone(words)
    if len(words) == 1 and words[0].lower() in _SHORT:
        words = _SHORT[words[0].lower()].split()
    weekday, date, time = _parts(words, event)
    seconds_note = ""
    clock = time.split(":")
    if len(clock) == 3:
        seconds_note = _seconds(clock[2], event)
    if len(clock) not in (2, 3):
        raise CannotSay(f"{event!r}: a time is HH:MM or HH:MM:SS")
    hour, minute = _field(clock[0], 0, 23), _field(clock[1], 0, 59)
    month, day = _date(date, event)
    days = _weekdays(weekday) if weekday else "*"
    if days != "*" and day != "*":
        day, days = "*", _nth(day, days, event)
    return CronTime(schedule=f"{minute} {hour} {day} {month} {days}", tz=tz, note=seconds_note)


def merge(times: list[CronTime]) -> list[CronTime]:
    """Put together times that differ in one field only: 09:00 and 17:00 are `0 9,17 * * *`."""
    merged: list[CronTime] = []
    for time in times:
        for place, other in enumerate(merged):
            joined = _joined(other, time)
            if joined is not None:
                merged[place] = joined
                break
        else:
            merged.append(time)
    return merged


def _joined(a: CronTime, b: CronTime) -> CronTime | None:
    ours, theirs = a.schedule.split(), b.schedule.split()
    differ = [i for i in range(5) if ours[i] != theirs[i]]
    if a.tz != b.tz or len(differ) > 1:
        return None
    for i in differ:
        # A list that holds * is every value, and day of month and of week change their meaning beside each other.
        if "*" in ours[i] + theirs[i]:
            return None
        ours[i] = f"{ours[i]},{theirs[i]}"
    return CronTime(schedule=" ".join(ours), tz=a.tz, note=a.note or b.note)


def _take_zone(words: list[str]) -> str | None:
    return words.pop() if len(words) > 1 and is_zone(words[-1]) else None


def is_zone(text: str) -> bool:
    """Say whether `text` is an IANA time zone."""
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _parts(words: list[str], event: str) -> tuple[str, str, str]:
    """Part `Mon..Fri *-*-* 09:00:00`; each of the three may be left out."""
    weekday = words.pop(0) if words and words[0][:1].isalpha() else ""
    date = words.pop(0) if words and ("-" in words[0] or "~" in words[0]) else "*-*-*"
    time = words.pop(0) if words else "00:00:00"
    if words or ":" not in time:
        raise CannotSay(f"{event!r} is not read: expected [weekdays] [year-month-day] [hour:minute[:second]] [zone]")
    return weekday, date, time


def _seconds(text: str, event: str) -> str:
    if re.fullmatch(r"0+(\.0+)?", text):
        return ""
    if re.fullmatch(r"[0-5]?\d(\.\d+)?", text):
        return f"starts at second 0, not at second {text}"
    raise CannotSay(f"{event!r} starts within a minute; cron's smallest step is a minute")


def _date(date: str, event: str) -> tuple[str, str]:
    last = re.fullmatch(r"(?:([^-~]+)-)?([^-~]+)~0?(\d+)", date)
    if last:
        if (last[1] or "*") != "*" or int(last[3]) != 1:
            raise CannotSay(f"{event!r} counts days from the end of the month; only the last day can be said")
        return _field(last[2], 1, 12), "L"
    parts = date.split("-")
    if len(parts) == 3 and parts[0] != "*":
        raise CannotSay(f"{event!r} names a year; a schedule has none")
    if len(parts) not in (2, 3):
        raise CannotSay(f"{event!r}: a date is year-month-day or month-day")
    return _field(parts[-2], 1, 12), _field(parts[-1], 1, 31)


def _field(text: str, low: int, high: int) -> str:
    """Return one part in cron's words: lists with commas, `a..b`, `a/step`."""
    return ",".join(_one(part, low, high) for part in text.split(","))


def _one(part: str, low: int, high: int) -> str:
    span, slash, step = part.partition("/")
    first, dots, last = span.partition("..")
    if slash and not (step.isdigit() and int(step) > 0):
        raise CannotSay(f"{part!r}: a step is a whole number above 0")
    if span == "*":
        return f"*/{step}" if slash else "*"
    numbers = [first, last] if dots else [first]
    if not all(n.isdigit() and low <= int(n) <= high for n in numbers):
        raise CannotSay(f"{part!r} is not a number from {low} to {high}")
    start, end = int(first), int(last) if dots else high
    if dots and end < start:
        raise CannotSay(f"{part!r} ends before it begins")
    if not slash:
        return f"{start}-{end}" if dots else str(start)
    if start == low and end == high:
        return f"*/{int(step)}"
    return f"{start}-{end}/{int(step)}"


def _weekdays(text: str) -> str:
    parts = []
    for part in text.lower().rstrip(",").split(","):
        names = [_LONG_DAYS.get(name, name) for name in re.split(r"\.\.|-", part)]
        if not 1 <= len(names) <= 2 or not all(name in _DAYS for name in names):
            raise CannotSay(f"{part!r} is not a weekday (Mon, Monday) or two of them with .. between")
        first, last = _WEEK.index(names[0]), _WEEK.index(names[-1])
        if last < first:
            raise CannotSay(f"{part!r} ends before it begins")
        # Cron counts Sunday as 0: a range up to it is written out.
        if names[-1] == "sun" and len(names) == 2:
            parts += ["*"] if names[0] == "mon" else list(_WEEK[first:])
        else:
            parts.append("-".join(names))
    return "*" if "*" in parts else ",".join(parts)


def _nth(day: str, weekdays: str, event: str) -> str:
    """Say "the first Monday" (Mon *-*-1..7) in the scheduler's words, `mon#1`."""
    match = re.fullmatch(r"(\d+)-(\d+)", day)
    number = _NTH.get((int(match[1]), int(match[2]))) if match else None
    if number is None or "-" in weekdays:
        raise CannotSay(f"{event!r} means days that match both; cron's two day fields mean either")
    return ",".join(f"{name}#{number}" for name in weekdays.split(","))
