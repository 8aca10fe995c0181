"""How often the other side may be asked, by all scripts together: logs on disk, under a lock (rate_log.py)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from steersman.kernel.errors import Unavailable
from steersman.services.pulls.locks import Held, Locks
from steersman.services.pulls.machines import Machines
from steersman.services.pulls.model import MOST_CALLS, Rate
from steersman.services.pulls.rate_log import Log, digest, reserve, share_of
from steersman.services.pulls.shared_rates import SharedRates

_LOCK_WAIT_S: Final = 10.0


class Rates:
    """The logs of every name, shared by all processes of the workspace, and by all machines where there are several.

    What machines share is also remembered here: while the commons are away, each goes on with what was known last, and
    at its own share of the rate.
    """

    def __init__(self, folder: Path, locks: Locks, machines: Machines | None = None) -> None:
        self._folder = folder
        self._locks = locks
        self._machines = machines
        self._shared = SharedRates(machines) if machines else None
        # The commons may be slow to say no, and a machine that died holds a rate for a lease.
        self._wait_s = _LOCK_WAIT_S + (2 * _LOCK_WAIT_S + machines.settings.lease_s if machines else 0.0)

    def reserve(self, limits: Sequence[tuple[str, Rate | None]], now_ns: int, *, patience_ns: int) -> int:
        """Return when the next call may be made; more than `patience_ns` ahead means: not reserved.

        Every limit must agree; what an earlier one has given stays given, so a refusal errs on the slow side.

        Raises:
            CommonsAway: see `Machines.without`.
        """
        latest = now_ns
        for name, rate in limits:
            with self._alone(name):
                at = self._reserve(name, rate, now_ns, patience_ns)
            latest = max(latest, at)
            if at - now_ns > patience_ns:
                break
        return latest

    def told(self, name: str, until_ns: int) -> None:
        """Remember that the other side wants to be left alone until then."""
        with self._alone(name):
            log = self._load(name)
            self._store(name, msgspec.structs.replace(log, silent_until=max(log.silent_until, until_ns)))
            if self._shared is not None:
                self._shared.told(name, until_ns)

    def _reserve(self, name: str, rate: Rate | None, now_ns: int, patience_ns: int) -> int:
        if self._shared is not None and self._machines is not None:
            given = self._shared.reserve(name, rate, self._load(name), patience_ns)
            if given is not None:
                log, at = given
                self._store(name, log)
                return at
            return self._alone_at(name, rate, now_ns, patience_ns, self._machines.settings.machines)
        log, at = reserve(self._load(name), rate, now_ns, patience_ns=patience_ns)
        self._store(name, log)
        return at

    def _alone_at(self, name: str, rate: Rate | None, now_ns: int, patience_ns: int, machines: int) -> int:
        """Reserve without the others, at our share, and remember what they must be told."""
        before = self._load(name)
        log, at = reserve(before, rate and share_of(rate, machines), now_ns, patience_ns=patience_ns)
        if rate is not None and at - now_ns <= patience_ns:
            log = msgspec.structs.replace(log, unshared=(*log.unshared, at)[-MOST_CALLS:])
        self._store(name, log)
        return at

    def _alone(self, name: str) -> Held:
        """Take the lock of `name`; it is held for a moment, so one that stays taken is a fault."""
        held = self._locks.take(f"rate-{digest(name)}", wait_s=self._wait_s)
        if held is None:
            raise Unavailable(f"the rate of {name} stayed locked for {self._wait_s:g} s", fix="try again")
        return held

    def _path(self, name: str) -> Path:
        return self._folder / f"{digest(name)}.json"

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
