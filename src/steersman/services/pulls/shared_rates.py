"""Rates over all machines: one log per name in the commons, timed by the commons' clock."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

import msgspec

from steersman.kernel.errors import Conflict, Unavailable
from steersman.services.commons import Commons, Lock
from steersman.services.pulls.machines import CommonsAway, Machines
from steersman.services.pulls.model import MOST_CALLS, Rate
from steersman.services.pulls.rate_log import Log, digest, moved, reserve, silence

# Between its turn and its arrival a call may be held up, and the one that follows a period later may not.
_SLACK_NS: Final = 100_000_000
# The longest period there is, and the longest silence on top.
_KEPT_S: Final = 86_400.0 + 3600.0
_LOCK_WAIT_S: Final = 5.0
_TRIES: Final = 3
T = TypeVar("T")


class SharedRates:
    """The logs that all machines keep together. Call with the machine's own lock of the name held."""

    def __init__(self, machines: Machines) -> None:
        self._machines = machines

    def reserve(self, name: str, rate: Rate | None, mine: Log, patience_ns: int) -> tuple[Log, int] | None:
        """Return the log of all machines and when the next call may be made, both by our clock; None: on our own now.

        Args:
            mine: what this machine remembers: calls it made alone count from now on.

        Raises:
            CommonsAway: see `Machines.without`.
        """

        def ask(commons: Commons) -> tuple[Log, int]:
            theirs = commons.now_ns()
            # Asked in this order, what is not known of the way errs on the slow side.
            ahead_ns = self._machines.clock.now_ns() - theirs
            if rate is None:
                # Only what the other side told us counts: nothing to write or to lock, unless it told us alone.
                log = _log(commons.read(_key(name))) or Log()
                if silence(mine.silent_until - ahead_ns, theirs) <= max(log.silent_until, theirs):
                    _, at = reserve(log, None, theirs, patience_ns=patience_ns)
                    return moved(log, ahead_ns), at + ahead_ns
            return self._reserved(commons, name, rate, mine, ahead_ns, patience_ns)

        return self._asked(name, ask)

    def told(self, name: str, until_ns: int) -> None:
        """Let the others know that the other side wants to be left alone until then; if the commons answer."""

        def ask(commons: Commons) -> None:
            with self._lock(commons, name) as lock:
                log = _log(commons.read(_key(name))) or Log()
                ahead_ns = self._machines.clock.now_ns() - commons.now_ns()
                until = max(log.silent_until, until_ns - ahead_ns)
                self._write(commons, name, msgspec.structs.replace(log, silent_until=until), lock)

        with suppress(CommonsAway):  # this machine knows, and asks them before it asks upstream again
            self._asked(name, ask)

    def _reserved(
        self, commons: Commons, name: str, rate: Rate | None, mine: Log, ahead_ns: int, patience_ns: int
    ) -> tuple[Log, int]:
        with self._lock(commons, name) as lock:
            log = _log(commons.read(_key(name)))
            # Commons that forgot are told what this machine knows of everybody's calls, not of its own alone.
            alone = [at - ahead_ns for at in (mine.calls if log is None else mine.unshared)]
            log = log or Log()
            calls = tuple(sorted([*log.calls, *alone])[-MOST_CALLS:])
            theirs = commons.now_ns()
            silent = max(log.silent_until, silence(mine.silent_until - ahead_ns, theirs) if mine.silent_until else 0)
            before = Log(calls=calls, silent_until=silent)
            after, at = reserve(before, rate, theirs, patience_ns=patience_ns, slack_ns=_SLACK_NS)
            self._write(commons, name, after, lock)
        return moved(after, ahead_ns), at + ahead_ns

    def _asked(self, name: str, ask: Callable[[Commons], T]) -> T | None:
        """Return what `ask` gives; None if this machine goes on alone."""
        doing = f"rate of {name}"
        if self._machines.is_away:
            self._machines.without(doing, None)
            return None
        for _ in range(_TRIES):
            try:
                found = ask(self._machines.commons)
            except Conflict:
                continue  # the lock was lost before anything was reserved
            except Unavailable as exc:
                self._machines.without(doing, exc)
                return None
            self._machines.back()
            return found
        self._machines.without(doing, Unavailable("the lock was lost again and again"))
        return None

    def _lock(self, commons: Commons, name: str) -> Lock:
        wait_s = _LOCK_WAIT_S + self._machines.settings.lease_s
        lock = commons.lock(_key(name), wait_s=wait_s)
        if lock is None:
            raise Unavailable(f"the rate of {name} stayed locked on another machine for {wait_s:g} s", fix="try again")
        return lock

    @staticmethod
    def _write(commons: Commons, name: str, log: Log, lock: Lock) -> None:
        commons.write(_key(name), msgspec.json.encode(log), under=lock, ttl_s=_KEPT_S)


def _key(name: str) -> str:
    return f"rate/{digest(name)}"


def _log(data: bytes | None) -> Log | None:
    """Return what lies there; None if nothing does, or nothing that this version understands."""
    with suppress(msgspec.DecodeError, UnicodeDecodeError):
        if data is not None:
            return msgspec.json.decode(data, type=Log)
    return None
