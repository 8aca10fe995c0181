"""Calendars by name: public holidays, exchange holidays, and `[calendar.NAME]` of steersman.toml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from steersman.automation.model.blackout import Calendar, Days
from steersman.kernel.errors import Misconfigured
from steersman.kernel.toml_file import TomlFile

SECTION: Final = "calendar"
_COUNTRY: Final = re.compile(r"([a-z]{2})(?:-([a-z0-9]{1,4}))?-holidays")
_MAX_ICS_BYTES: Final = 4 << 20
_MAX_EVENT_DAYS: Final = 366


class CalendarSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[calendar.NAME]`: `dates` written out, and the days of events in an iCalendar `file` of the workspace."""

    dates: tuple[str, ...] = ()
    file: str = ""


class Holidays:
    """Public or exchange holidays, years worked out as they are asked for. Source: the package `holidays`."""

    def __init__(self, days: Mapping[date, str]) -> None:
        self._days = days

    def name_of(self, day: date) -> str:
        return self._days.get(day) or ""


def read(file: TomlFile, root: Path, declared: Mapping[str, CalendarSettings]) -> dict[str, Calendar]:
    """Return the declared calendars by name.

    Raises:
        Misconfigured: a day or a file cannot be read; names the line.
    """
    found: dict[str, Calendar] = {}
    for name, settings in declared.items():
        days: dict[str, str] = {}
        for text in settings.dates:
            try:
                days[date.fromisoformat(text).isoformat()] = name
            except ValueError as exc:
                raise file.error(
                    (SECTION, name, "dates"), f"{text!r} is no date", fix='write e.g. dates = ["2026-12-24"]'
                ) from exc
        if settings.file:
            days |= _from_ics(file, name, root / settings.file)
        found[name] = Days(days)
    return found


def builtin(name: str) -> Calendar | None:
    """Return `us-holidays`, `de-by-holidays`, `nyse-holidays`, `XNYS` and the like; None if none is called so."""
    import holidays  # 0.2 s: only desks with such a calendar pay for it

    market = name.removesuffix("-holidays").upper()
    if market in holidays.list_supported_financial():
        return Holidays(holidays.financial_holidays(market))
    country = _COUNTRY.fullmatch(name)
    if country is None:
        return None
    code, subdivision = country.group(1).upper(), country.group(2)
    try:
        return Holidays(holidays.country_holidays(code, subdiv=subdivision.upper() if subdivision else None))
    except NotImplementedError:
        return None


def _from_ics(file: TomlFile, name: str, path: Path) -> dict[str, str]:
    import icalendar  # as above

    here = (SECTION, name, "file")
    try:
        with path.open("rb") as opened:
            raw = opened.read(_MAX_ICS_BYTES + 1)
        if len(raw) > _MAX_ICS_BYTES:
            raise file.error(here, f"{path.name} is larger than 4 MB", fix="export fewer years")
        calendar = icalendar.Calendar.from_ical(raw)
    except OSError as exc:
        raise file.error(here, f"{path.name} cannot be read: {exc.strerror}", fix="correct the path") from exc
    except ValueError as exc:
        raise file.error(here, f"{path.name} is not an iCalendar file", fix="export it again as .ics") from exc
    days: dict[str, str] = {}
    for event in calendar.walk("VEVENT"):
        if "RRULE" in event:
            raise file.error(
                here,
                f"{path.name} has an event that repeats by a rule ({event.get('SUMMARY', '')})",
                fix="export it with the single dates written out",
            )
        days |= _days_of(event, name)
    return days


def _days_of(event: Mapping[str, object], name: str) -> dict[str, str]:
    """Return the days an event touches; an end at midnight is before that day, as the format means it."""
    begin, end = (getattr(event.get(key), "dt", None) for key in ("DTSTART", "DTEND"))
    if not isinstance(begin, date):
        return {}
    first = begin.date() if isinstance(begin, datetime) else begin
    last = first
    if isinstance(end, datetime):
        last = (end - timedelta(microseconds=1)).date()
    elif isinstance(end, date):
        last = end - timedelta(days=1)
    what = str(event.get("SUMMARY", "") or name)
    length = min((max(last, first) - first).days, _MAX_EVENT_DAYS)
    return {(first + timedelta(days=n)).isoformat(): what for n in range(length + 1)}


def find(name: str, declared: Mapping[str, Calendar]) -> Calendar:
    """Return the calendar called `name`, declared ones first.

    Raises:
        Misconfigured: there is none.
    """
    found = declared.get(name) or builtin(name)
    if found is None:
        raise Misconfigured(
            f"there is no calendar {name!r}; declared: {', '.join(declared) or 'none'}; built in: us-holidays (any"
            " country code, also de-by-holidays), nyse-holidays, ecb-holidays, XNYS",
            fix=f'correct the name, or add [calendar.{name}] with dates = ["2026-12-24"]',
        )
    return found
