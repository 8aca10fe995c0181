"""What holds an automation back: a pause of its own, of all, or of something it needs. Values."""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from steersman.kernel.clock import on_the_wall, utc

EVERYTHING: Final = "*"


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """One automation, or with `*` all of them, held back since `since` (ns); `id` names the event that did it.

    `tz` is the zone on whose clocks its words tell times; records have them in UTC.
    """

    automation: str
    since: int
    until: int | None
    reason: str
    by: str
    id: str
    tz: str = "UTC"

    def covers(self, at: int) -> bool:
        """Say whether it is still in force at `at` (ns), unless somebody ends it before."""
        return self.until is None or at < self.until

    @property
    def brief(self) -> str:
        """What a table has room for: until when (without an end: since when), and why."""
        word, at = ("since", self.since) if self.until is None else ("until", self.until)
        return f"{self._what} {word} {on_the_wall(at, self.tz)}{self._why}"

    def __str__(self) -> str:
        end = "" if self.until is None else f" until {self._minute(self.until)}"
        return f"{self._what} by {self.by} since {self._minute(self.since)}{end} {self.tz}{self._why}"

    @property
    def _what(self) -> str:
        return "paused with all others" if self.automation == EVERYTHING else "paused"

    @property
    def _why(self) -> str:
        return f": {self.reason}" if self.reason else ""

    def _minute(self, at: int) -> str:
        return f"{utc(at).astimezone(ZoneInfo(self.tz)):%Y-%m-%d %H:%M}"


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What holds an automation back: its own pause, or that of something it `needs` (empty: its own)."""

    pause: Pause
    needs: str = ""

    @property
    def brief(self) -> str:
        """What a table has room for; of what another is paused for, that one's line says why."""
        return f"needs {self.needs}, which is paused" if self.needs else self.pause.brief

    def __str__(self) -> str:
        return f"needs {self.needs}, which is {self.pause}" if self.needs else str(self.pause)
