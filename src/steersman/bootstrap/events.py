"""What the processes say about themselves. Stream: `process/<name>`."""

from __future__ import annotations

from typing import Final

import msgspec

CORE_STARTED: Final = "kernel.core.started"
DESK_STARTED: Final = "kernel.desk.started"
CLOCK_JUMPED: Final = "kernel.clock.jumped"
FEED_WAITING: Final = "trading.feed.waiting"


class ProcessStarted(msgspec.Struct, frozen=True, kw_only=True):
    """A process of the desk is ready to work."""

    name: str
    pid: int
    version: str
    at: int


class ClockJumped(msgspec.Struct, frozen=True, kw_only=True):
    """The wall clock moved by `by_s` seconds more (or, negative, less) than time went by."""

    by_s: float
    at: int


class FeedWaiting(msgspec.Struct, frozen=True, kw_only=True):
    """A feed cannot be read yet; the core looks again by itself."""

    feed: str
    reason: str
    at: int
