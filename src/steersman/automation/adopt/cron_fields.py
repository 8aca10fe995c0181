"""The five time fields of a crontab line: what Debian's cron accepts, and what the scheduler is given for it."""

from __future__ import annotations

import re
from typing import Final

import msgspec

_ONE_WITH_STEP: Final = re.compile(r"(?<![^,])(\w+)-\1/\d+(?![^,])")
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
NICKNAMES: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
REBOOT: Final = "@reboot"


class _Field(msgspec.Struct, frozen=True):
    """What one field may hold: numbers `low` to `high`, or `names` counted from `low`."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


_FIELDS: Final = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 7, _DAYS),
)


class BadField(ValueError):
    """A time field that cron refuses, or that crons read differently; the message says what is allowed."""


class CronFields(msgspec.Struct, frozen=True, kw_only=True):
    """Five fields, read. Numbers are sorted; Sunday is 0.

    Attributes:
        text: what to write as `schedule`: the fields as they stood, in small letters, one blank between.
        day_and: day of month and day of week must both match, because one of the two begins with `*`; else either.
        wild_time: minute or hour begins with `*`, so that the job follows real time when the clock changes.
    """

    text: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    day_and: bool
    wild_time: bool

    def on_day(self, day: int, month: int, weekday: int) -> bool:
        """Say whether a date matches; `weekday` counts from Sunday = 0.

        Source: crontab(5), Debian: "if both fields are restricted (i.e., don't start with *), the command will be run
        when either field matches".
        """
        of_month, of_week = day in self.days, weekday in self.weekdays
        return month in self.months and (of_month and of_week if self.day_and else of_month or of_week)


def read_fields(text: str) -> CronFields:
    """Return the five fields in `text`, which are parted by blanks.

    Raises:
        BadField: names the field, what was found, and what is allowed.
    """
    words = text.lower().split()
    if len(words) != len(_FIELDS):
        raise BadField(f"a line begins with five time fields, found {len(words)}")
    minutes, hours, days, months, weekdays = (_numbers(word, field) for word, field in zip(words, _FIELDS, strict=True))
    return CronFields(
        # The scheduler counts on from `3-3/5` as it does from `3/5`; cron means 3.
        text=" ".join(_ONE_WITH_STEP.sub(r"\1", word) for word in words),
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=tuple(sorted({day % 7 for day in weekdays})),
        day_and=words[2].startswith("*") or words[4].startswith("*"),
        wild_time=words[0].startswith("*") or words[1].startswith("*"),
    )


def _numbers(word: str, field: _Field) -> tuple[int, ...]:
    found: set[int] = set()
    for part in word.split(","):
        found |= set(_part(part, field))
    return tuple(sorted(found))


def _part(part: str, field: _Field) -> range:
    """Return the numbers of one part of a list: `*`, `7`, `mon`, `1-5`, each range with an optional `/step`."""
    span, slash, step = part.partition("/")
    stride = 1
    if slash:
        if not step.isascii() or not step.isdigit() or int(step) == 0:
            raise BadField(f"{field.name}: found {part!r}, allowed after /: a whole number above 0")
        if span != "*" and "-" not in span:
            high = field.high if field.name != "day of week" else 6
            raise BadField(
                f"{field.name}: crons differ over {part!r}: some take {span} only, others count on from it; "
                f"write {span} or {span}-{high}/{step}"
            )
        stride = int(step)
    if span == "*":
        return range(field.low, field.high + 1, stride) if field.name != "day of week" else range(0, 7, stride)
    first, dash, last = span.partition("-")
    low = _number(first, part, field)
    high = _number(last, part, field) if dash else low
    if high < low:
        raise BadField(f"{field.name}: found {part!r}, which ends before it begins; write two parts with a comma")
    return range(low, high + 1, stride)


def _number(text: str, part: str, field: _Field) -> int:
    if text in field.names:
        return field.names.index(text) + (field.low if field.name == "month" else 0)
    if text.isascii() and text.isdigit() and field.low <= int(text) <= field.high:
        return int(text)
    names = f", or {field.names[0]} to {field.names[-1]}" if field.names else ""
    hint = " (a random time: choose one)" if "~" in part else ""
    raise BadField(f"{field.name}: found {part!r}{hint}, allowed: {field.low} to {field.high}{names}")
