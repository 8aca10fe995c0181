"""Windows in which no new risk is taken: around an event, or every week."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from steersman.kernel.clock import utc


class Once(msgspec.Struct, frozen=True, kw_only=True):
    """From `start` up to and without `end`, ns since 1970 UTC."""

    start: int
    end: int

    def covers(self, at: int) -> bool:
        return self.start <= at < self.end


class Weekly(msgspec.Struct, frozen=True, kw_only=True):
    """On each of `days` (0 is Monday) from `begin` up to and without `until`, as clocks in `tz` show it.

    `until` at or before `begin` is on the day after. A window is a stretch of wall-clock time: what a clock change
    skips has no window, what it shows twice is covered twice.
    """

    days: frozenset[int]
    begin: time
    until: time
    tz: str

    def covers(self, at: int) -> bool:
        local: datetime = utc(at).astimezone(ZoneInfo(self.tz))
        shown, day = local.time(), local.weekday()
        if self.begin < self.until:
            return day in self.days and self.begin <= shown < self.until
        before = (local.date() - timedelta(days=1)).weekday()
        return (day in self.days and shown >= self.begin) or (before in self.days and shown < self.until)


class Blackout(msgspec.Struct, frozen=True, kw_only=True):
    """A declared window; `instruments` empty: all of them."""

    name: str
    reason: str
    window: Once | Weekly
    instruments: frozenset[str] = frozenset()

    def covers(self, instrument: str, at: int) -> bool:
        """Say whether `instrument` may not be traded at `at` (exits excepted)."""
        return (not self.instruments or instrument in self.instruments) and self.window.covers(at)
