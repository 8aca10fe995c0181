"""Starts that nobody was there for and that will not be made up for, in words."""

from __future__ import annotations

import msgspec

from steersman.kernel.clock import iso


class Missed(msgspec.Struct, frozen=True, kw_only=True):
    """`count` starts of an automation, from `first` to `last` (ns), that will not be made up for.

    Attributes:
        at_least: there were more; they were not all counted.
        events: of which type the events were that should have started it; empty for starts by the clock.
    """

    automation: str
    count: int
    first: int
    last: int
    at_least: bool = False
    events: str = ""

    def said(self, why: str = "") -> str:
        """Return what was missed and `why`: if that is not given, because nobody was there."""
        begin, end = iso(self.first)[:16], iso(self.last)[:16]
        span = f"at {begin}Z" if self.count == 1 else f"from {begin}Z to {end}Z"
        number = f"{'at least ' if self.at_least else ''}{self.count:,}"
        starts = "1 start" if self.count == 1 else f"{number} starts"
        if self.events:
            return f"missed {starts} by {self.events} {span}: {why or 'no desk followed the events then'}"
        return f"missed {starts} {span}: {why or 'nothing watched the clock then'}"
