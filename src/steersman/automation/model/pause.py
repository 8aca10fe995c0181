"""What holds an automation back: a pause of its own, of all, or of something it needs. Values."""

from __future__ import annotations

from typing import Final

import msgspec

from steersman.kernel.clock import utc

EVERYTHING: Final = "*"


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """One automation, or with `*` all of them, held back since `since` (ns); `id` names the event that did it."""

    automation: str
    since: int
    until: int | None
    reason: str
    by: str
    id: str

    def covers(self, at: int) -> bool:
        """Say whether it is still in force at `at` (ns), unless somebody ends it before."""
        return self.until is None or at < self.until

    def __str__(self) -> str:
        what = "paused with all others" if self.automation == EVERYTHING else "paused"
        end = f" until {_minute(self.until)}" if self.until is not None else ""
        return f"{what} by {self.by} since {_minute(self.since)}{end}" + (f": {self.reason}" if self.reason else "")


def _minute(at: int) -> str:
    return f"{utc(at):%Y-%m-%d %H:%M} UTC"


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What holds an automation back: its own pause, or that of something it `needs` (empty: its own)."""

    pause: Pause
    needs: str = ""

    def __str__(self) -> str:
        return f"needs {self.needs}, which is {self.pause}" if self.needs else str(self.pause)
