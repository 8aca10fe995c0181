"""When a post that failed is tried again without anybody asking."""

from __future__ import annotations

import hashlib
from typing import Final

from steersman.content.events.publishing import PostEnded
from steersman.kernel.clock import utc

FIRST_S: Final = 30.0
LONGEST_S: Final = 3600.0
MOST_ASKED_S: Final = 86_400.0
"""The longest that the other side may keep a post back: a platform that says "in ten years" is not believed."""
_JUMP_NS: Final = 60 * 1_000_000_000
_SPREAD: Final = 0.2
_FOREVER: Final = ("rejected", "misconfigured")


def pause_s(attempt: int, *, seed: str, retry_after_s: float | None = None) -> float:
    """Return how long to wait after the `attempt`-th (from 1) failure in a row, in seconds.

    Twice as long each time from 30 s to an hour, spread by a fifth so that posts do not come back together; the same
    arguments give the same pause. Never less than the other side asked for, up to a day.
    """
    drawn = int.from_bytes(hashlib.sha256(f"{seed}/{attempt}".encode()).digest()[:8], "big") / 2**64
    pause: float = min(FIRST_S * 2.0 ** min(attempt - 1, 20), LONGEST_S) * (1 + _SPREAD * (2 * drawn - 1))
    return max(pause, min(retry_after_s or 0.0, MOST_ASKED_S))


def why_not_yet(failed: PostEnded, *, draft_sha256: str, settings_sha256: str, now_ns: int) -> str:
    """Say why a post that failed is not tried again by itself now; empty: it is.

    Args:
        draft_sha256, settings_sha256: as they are now.
    """
    changed = failed.draft_sha256 != draft_sha256 or failed.settings_sha256 != settings_sha256
    if failed.cause in _FOREVER and not changed:
        return f"{failed.reason} (not tried again before the draft or [channel.{failed.channel}] changes)"
    return "" if changed else still_waits(failed, now_ns=now_ns)


def still_waits(failed: PostEnded | None, *, now_ns: int) -> str:
    """Say until when nobody asks again by himself about what failed; empty: it may be asked now.

    A failure of the future was written by a clock that has been put right since: its pause means nothing, and would
    last for years.
    """
    if failed is None or failed.retry_at is None or now_ns >= failed.retry_at or failed.at - now_ns > _JUMP_NS:
        return ""
    return f"{failed.reason} (tried again after {utc(failed.retry_at):%Y-%m-%d %H:%M:%S} UTC)"
