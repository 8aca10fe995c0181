"""Execution windows: the hours of the week in which an automation may start, on the clock of its time zone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from steersman.kernel.clock import to_ns, utc

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN: Final = re.compile(r"(?:([a-z,-]+)\s+)?(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")
_ALL_DAY: Final = 24 * 60


class Span(msgspec.Struct, frozen=True):
    """From minute `opens` of the day to before `closes` on `days` (0: Monday); past midnight if `closes <= opens`."""

    days: tuple[int, ...]
    opens: int
    closes: int

    def contains(self, local: datetime) -> bool:
        minute = local.hour * 60 + local.minute
        if self.closes > self.opens:
            return local.weekday() in self.days and self.opens <= minute < self.closes
        # The part after midnight belongs to the day it opened on.
        yesterday = (local.weekday() - 1) % 7
        return (local.weekday() in self.days and minute >= self.opens) or (
            yesterday in self.days and minute < self.closes
        )


class Window(msgspec.Struct, frozen=True):
    """Spans of a week; open while any of them is. `text` is how it was written."""

    text: str
    spans: tuple[Span, ...]

    def is_open(self, at_ns: int, tz: str) -> bool:
        """Say whether it is open at `at_ns` on the clocks of `tz`."""
        local = utc(at_ns).astimezone(ZoneInfo(tz))
        return any(span.contains(local) for span in self.spans)

    def next_opening(self, after_ns: int, tz: str) -> int | None:
        """Return the first instant after `after_ns` at which it is open; None if it never is within nine days.

        A window that opens inside the hour that the clock jumps over opens when the clock has jumped.
        """
        return min((at for at in self._openings(after_ns, tz) if at > after_ns), default=None)

    def _openings(self, after_ns: int, tz: str) -> Iterator[int]:
        zone = ZoneInfo(tz)
        today = utc(after_ns).astimezone(zone).date()
        for day in (today + timedelta(days=n) for n in range(-1, 9)):
            for span in self.spans:
                if day.weekday() in span.days:
                    opens = datetime.combine(day, time(span.opens // 60, span.opens % 60), tzinfo=zone)
                    yield to_ns(opens.astimezone(UTC))


def parse_window(text: str) -> Window:
    """Return the window of e.g. `09:00-17:30`, `mon-fri 09:00-17:30, sat 10:00-12:00` or `22:00-06:00`.

    Raises:
        ValueError: says what cannot be read and what is allowed.
    """
    spans = [_span(part.strip().lower()) for part in re.split(r"(?<=\d)\s*,", text) if part.strip()]
    if not spans:
        raise ValueError("is empty")
    return Window(text, tuple(spans))


def _span(text: str) -> Span:
    found = _SPAN.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is no window; allowed: [days] HH:MM-HH:MM, e.g. mon-fri 09:00-17:30")
    days, *numbers = found.groups()
    h1, m1, h2, m2 = map(int, numbers)
    opens, closes = h1 * 60 + m1, h2 * 60 + m2
    if max(m1, m2) > 59 or opens >= _ALL_DAY or closes > _ALL_DAY:
        raise ValueError(f"{text!r} has a time of day that does not exist; allowed: 00:00 to 24:00")
    if opens == closes:
        raise ValueError(f"{text!r} opens and closes at the same minute; for the whole day write 00:00-24:00")
    return Span(_days(days) if days else tuple(range(7)), opens, closes)


def _days(text: str) -> tuple[int, ...]:
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first not in _DAYS or (last and last not in _DAYS):
            raise ValueError(f"{part!r} is no day; allowed: {', '.join(_DAYS)}, ranges such as mon-fri")
        at, end = _DAYS.index(first), _DAYS.index(last or first)
        found.add(at)
        while at != end:
            at = (at + 1) % 7
            found.add(at)
    return tuple(sorted(found))
