"""Times in which an automation must not start: days, spans, and the days of a named calendar."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import msgspec

from steersman.kernel.clock import to_ns, utc

_CALENDAR: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_RANGE: Final = ".."


class Blackout(msgspec.Struct, frozen=True):
    """From `begins` to before `ends`, local times without a zone; or the days of the calendar called `calendar`."""

    text: str
    begins: datetime | None = None
    ends: datetime | None = None
    calendar: str = ""


class Calendar(Protocol):
    """Named days."""

    def name_of(self, day: date) -> str:
        """Return what `day` is in it, e.g. `Christmas Day`; empty if it is an ordinary day."""
        ...


class Days(msgspec.Struct, frozen=True):
    """A calendar that was written out: day as ISO text -> what it is."""

    days: dict[str, str]

    def name_of(self, day: date) -> str:
        return self.days.get(day.isoformat(), "")


def parse_blackout(text: str) -> Blackout:
    """Return the blackout of a day, of days with `..` between (both included), of local times, or of a calendar.

    E.g. `2026-12-24`, `2026-12-24..2026-12-27`, `2026-12-24T13:00..2026-12-26T09:00`, `us-holidays`.

    Raises:
        ValueError: says what cannot be read and what is allowed.
    """
    if _CALENDAR.fullmatch(text):
        return Blackout(text, calendar=text)
    first, separator, last = text.partition(_RANGE)
    try:
        begins, ends = _begin(first.strip()), _end((last if separator else first).strip())
    except ValueError as exc:
        raise ValueError(
            f"{text!r} is no blackout; allowed: 2026-12-24, 2026-12-24..2026-12-27, 2026-12-24T13:00..2026-12-26T09:00,"
            " or the name of a calendar"
        ) from exc
    if ends <= begins:
        raise ValueError(f"{text!r} ends before it begins")
    return Blackout(text, begins=begins, ends=ends)


def blackout_reason(blackouts: tuple[Blackout, ...], calendars: Mapping[str, Calendar], at_ns: int, tz: str) -> str:
    """Return which blackout covers `at_ns` on the clocks of `tz`, empty if none does."""
    local = utc(at_ns).astimezone(ZoneInfo(tz)).replace(tzinfo=None)
    for blackout in blackouts:
        if blackout.begins is not None and blackout.ends is not None:
            if blackout.begins <= local < blackout.ends:
                return f"blackout {blackout.text}"
        elif (calendar := calendars.get(blackout.calendar)) and (name := calendar.name_of(local.date())):
            return f"blackout {blackout.text} ({name})"
    return ""


def blackout_end(blackouts: tuple[Blackout, ...], calendars: Mapping[str, Calendar], at_ns: int, tz: str) -> int | None:
    """Return when (ns) what is in force at `at_ns` is over: the end of a span, or of the day of a calendar.

    None if nothing is in force. Another blackout may begin where this one ends.
    """
    zone = ZoneInfo(tz)
    local = utc(at_ns).astimezone(zone).replace(tzinfo=None)
    for blackout in blackouts:
        if blackout.begins is not None and blackout.ends is not None:
            if blackout.begins <= local < blackout.ends:
                return _first_after(at_ns, blackout.ends, zone)
        elif (calendar := calendars.get(blackout.calendar)) and calendar.name_of(local.date()):
            return _first_after(at_ns, datetime.combine(local.date() + timedelta(days=1), time()), zone)
    return None


def _first_after(at_ns: int, local: datetime, zone: ZoneInfo) -> int | None:
    """Return when the clocks show `local`, after `at_ns`: where they pass it twice it may be the second time."""
    instants = (to_ns(local.replace(tzinfo=zone, fold=fold).astimezone(UTC)) for fold in (0, 1))
    return min((at for at in instants if at > at_ns), default=None)


def _begin(text: str) -> datetime:
    return datetime.fromisoformat(text) if "T" in text else datetime.combine(date.fromisoformat(text), time())


def _end(text: str) -> datetime:
    if "T" in text:
        return datetime.fromisoformat(text)
    return datetime.combine(date.fromisoformat(text), time()) + timedelta(days=1)
