"""How often the other side may be asked: a log of the last calls. Pure.

A token bucket with the burst people write (`60/min`) lets through up to twice that in a minute; providers count calls
in any minute, so the log is exact: never more than `calls` in any stretch of the period.
"""

from __future__ import annotations

import math
from hashlib import sha256
from typing import Final

import msgspec

from steersman.services.pulls.model import MOST_CALLS, Rate

_LONGEST_NS: Final = 3600 * 1_000_000_000


class Log(msgspec.Struct, frozen=True, kw_only=True):
    """The calls that count, ns since 1970 UTC, oldest first (some may lie ahead: promised).

    Attributes:
        silent_until: as the other side told us.
        unshared: those of the calls that the other machines have not been told of, for want of commons.
    """

    calls: tuple[int, ...] = ()
    silent_until: int = 0
    unshared: tuple[int, ...] = ()


def reserve(log: Log, rate: Rate | None, now_ns: int, *, patience_ns: int, slack_ns: int = 0) -> tuple[Log, int]:
    """Return the log with one more call, and when that call may be made; the log as it was if that is too late.

    Args:
        rate: None: only what the other side told us counts.
        patience_ns: how long the caller would wait at most.
        slack_ns: how much longer than the period calls are kept apart, for what may delay them on their way.
    """
    period_ns = rate.period_s * 1_000_000_000 + slack_ns if rate else 0
    # Times far ahead come from a clock that has been set back since: nobody made those calls.
    calls = [at for at in log.calls if now_ns - period_ns < at <= now_ns + period_ns + _LONGEST_NS]
    silent = silence(log.silent_until, now_ns)
    at = max(now_ns, silent)
    if rate is not None and len(calls) >= rate.calls:
        at = max(at, calls[-rate.calls] + period_ns)
    if at - now_ns > patience_ns:
        return Log(calls=tuple(calls), silent_until=silent, unshared=log.unshared), at
    kept = sorted([*calls, at]) if rate is not None else []
    return Log(calls=tuple(kept[-MOST_CALLS:]), silent_until=silent, unshared=log.unshared), at


def silence(until_ns: int, now_ns: int) -> int:
    """Return until when the other side wants to be left alone; 0 for what only a clock that was set back can mean."""
    return until_ns if until_ns <= now_ns + _LONGEST_NS else 0


def moved(log: Log, by_ns: int) -> Log:
    """Return the log as a clock reads it that is `by_ns` ahead; without what is `unshared`."""
    silent = log.silent_until + by_ns if log.silent_until else 0
    return Log(calls=tuple(at + by_ns for at in log.calls), silent_until=silent)


def share_of(rate: Rate, machines: int) -> Rate:
    """Return what one of so many machines may do by itself, so that all together keep to `rate`."""
    if rate.calls >= machines:
        return Rate(calls=rate.calls // machines, period_s=rate.period_s)
    return Rate(calls=1, period_s=math.ceil(rate.period_s * machines / rate.calls))


def digest(name: str) -> str:
    """Return what a log is called on disk and in the commons."""
    return sha256(name.encode()).hexdigest()[:16]
