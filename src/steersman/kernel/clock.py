"""Time is an argument: decisions take a `Clock`, tests move a `FakeClock`, only `SystemClock` asks the machine."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where the time comes from."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970-01-01 UTC."""
        ...

    def elapsed_ns(self) -> int:
        """Nanoseconds on a clock that never jumps; only differences mean anything."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ns(self) -> int:
        return time.time_ns()  # noqa: TID251 - the one place that may ask

    def elapsed_ns(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic_ns()


class FakeClock:
    """A clock that stands until it is moved."""

    def __init__(self, at_ns: int = 1_700_000_000_000_000_000) -> None:
        self._at = at_ns
        self._elapsed = 0

    def now_ns(self) -> int:
        return self._at

    def elapsed_ns(self) -> int:
        return self._elapsed

    def advance(self, seconds: float) -> None:
        """Move both clocks on by `seconds` >= 0."""
        step = round(seconds * 1e9)
        self._at += step
        self._elapsed += step

    def set(self, at_ns: int) -> None:
        """Jump the wall clock to `at_ns`, as an administrator would; elapsed time does not move."""
        self._at = at_ns


def utc(at_ns: int) -> datetime:
    """Return the aware UTC datetime of `at_ns` (microseconds kept, the rest cut)."""
    seconds, rest = divmod(at_ns, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)


def iso(at_ns: int) -> str:
    """Return RFC 3339 text in UTC, e.g. `2026-11-24T16:23:22.000001Z`."""
    return utc(at_ns).isoformat().replace("+00:00", "Z")


def on_the_wall(at_ns: int, tz: str, *, zone: bool = True) -> str:
    """Return an instant as people read it on the clocks of `tz`, e.g. `Tue 24 Nov 17:05 UTC`."""
    from zoneinfo import ZoneInfo  # only what people read needs it (start-up time)

    return f"{utc(at_ns).astimezone(ZoneInfo(tz)):%a %d %b %H:%M}" + (f" {tz}" if zone else "")


def to_ns(at: datetime) -> int:
    """Return ns since 1970 of an aware datetime, exactly to the microsecond."""
    if at.tzinfo is None:
        raise ValueError(f"naive datetime {at!r}: attach a time zone")
    delta = at - datetime(1970, 1, 1, tzinfo=UTC)
    return ((delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds) * 1000
