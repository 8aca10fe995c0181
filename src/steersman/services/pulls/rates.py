"""How often the other side may be asked, by all scripts together: a log of the last calls on disk, under a lock.

A token bucket with the burst people write (`60/min`) lets through up to twice that in a minute; providers count calls
in any minute, so the log is exact: never more than `calls` in any stretch of the period.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from steersman.kernel.errors import Unavailable
from steersman.services.pulls.locks import Held, Locks
from steersman.services.pulls.model import MOST_CALLS, Rate

_LONGEST_NS: Final = 3600 * 1_000_000_000
_LOCK_WAIT_S: Final = 10.0


class Log(msgspec.Struct, frozen=True, kw_only=True):
    """The calls that count, ns since 1970 UTC, oldest first (some may lie ahead: promised); `silent_until` as told."""

    calls: tuple[int, ...] = ()
    silent_until: int = 0


def reserve(log: Log, rate: Rate | None, now_ns: int, *, patience_ns: int) -> tuple[Log, int]:
    """Return the log with one more call, and when that call may be made; the log as it was if that is too late.

    Args:
        rate: None: only what the other side told us counts.
        patience_ns: how long the caller would wait at most.
    """
    period_ns = rate.period_s * 1_000_000_000 if rate else 0
    # Times far ahead come from a clock that has been set back since: nobody made those calls.
    calls = [at for at in log.calls if now_ns - period_ns < at <= now_ns + period_ns + _LONGEST_NS]
    silent = log.silent_until if log.silent_until <= now_ns + _LONGEST_NS else 0
    at = max(now_ns, silent)
    if rate is not None and len(calls) >= rate.calls:
        at = max(at, calls[-rate.calls] + period_ns)
    if at - now_ns > patience_ns:
        return Log(calls=tuple(calls), silent_until=silent), at
    kept = sorted([*calls, at]) if rate is not None else []
    return Log(calls=tuple(kept[-MOST_CALLS:]), silent_until=silent), at


class Rates:
    """The logs of every name, shared by all processes of the workspace."""

    def __init__(self, folder: Path, locks: Locks) -> None:
        self._folder = folder
        self._locks = locks

    def reserve(self, limits: Sequence[tuple[str, Rate | None]], now_ns: int, *, patience_ns: int) -> int:
        """Return when the next call may be made; more than `patience_ns` ahead means: not reserved.

        Every limit must agree; what an earlier one has given stays given, so a refusal errs on the slow side.
        """
        latest = now_ns
        for name, rate in limits:
            with self._alone(name):
                log, at = reserve(self._load(name), rate, now_ns, patience_ns=patience_ns)
                self._store(name, log)
            latest = max(latest, at)
            if at - now_ns > patience_ns:
                break
        return latest

    def told(self, name: str, until_ns: int) -> None:
        """Remember that the other side wants to be left alone until then."""
        with self._alone(name):
            log = self._load(name)
            self._store(name, Log(calls=log.calls, silent_until=max(log.silent_until, until_ns)))

    def _alone(self, name: str) -> Held:
        """Take the lock of `name`; it is held for microseconds, so one that stays taken is a fault."""
        held = self._locks.take(f"rate-{self._path(name).stem}", wait_s=_LOCK_WAIT_S)
        if held is None:
            raise Unavailable(f"the rate of {name} stayed locked for {_LOCK_WAIT_S:g} s", fix="try again")
        return held

    def _path(self, name: str) -> Path:
        return self._folder / f"{sha256(name.encode()).hexdigest()[:16]}.json"

    def _load(self, name: str) -> Log:
        try:
            return msgspec.json.decode(self._path(name).read_bytes(), type=Log)
        except (FileNotFoundError, msgspec.DecodeError):
            return Log()

    def _store(self, name: str, log: Log) -> None:
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = path.with_suffix(".tmp")  # one name: the lock of this log is held
        temporary.write_bytes(msgspec.json.encode(log))
        temporary.replace(path)
