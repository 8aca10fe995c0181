"""Whose runs are whose: those of a dead worker are ended, recorded and queued anew, by one living worker at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from steersman.automation.adapters.dbos.queues import Queues
from steersman.automation.adapters.embedded.worker import Register, Worker
from steersman.automation.runner.lock import FileLock
from steersman.kernel.clock import Clock

STUCK_S = 5.0


class TakeOver:
    """The looks of one worker at what all of them have in hand. Used by one thread at a time."""

    def __init__(
        self,
        queues: Queues,
        *,
        register: Register,
        me: Worker,
        alone: FileLock,
        reconcile: Callable[[], object],
        executing: Callable[[], Collection[str]],
        clock: Clock,
    ) -> None:
        """Prepare.

        Args:
            alone: held while orphans are ended: two that end the same ones could end their next attempt too.
            reconcile: ends and records what dead workers left running.
            executing: what this process carries out now, by the names it has in the queues.
        """
        self._queues = queues
        self._register = register
        self._me = me
        self._alone = alone
        self._reconcile = reconcile
        self._executing = executing
        self._clock = clock
        self._missing_since: dict[str, int] = {}

    def look(self) -> None:
        """Take over from the dead, unless another worker does it right now; queue anew what got lost on its way here.

        Raises:
            Unavailable: the database or the ledger does not answer; look again later.
        """
        pending = self._queues.pending()
        if self._dead(pending) and self._alone.acquire(self._me.name):
            try:
                # Asked again: whoever had the lock before may have done it.
                if self._dead(self._queues.pending()):
                    self._reconcile()
                    self.requeue()
            finally:
                self._alone.release()
        self._find_lost(pending)

    def requeue(self) -> None:
        """Queue anew what dead workers had in hand. Their orphans must have been ended."""
        self._queues.take_over(self._dead(self._queues.pending()))

    def _dead(self, pending: Mapping[str, str]) -> set[str]:
        """Return the executor ids that have runs in hand and live no more."""
        return set(pending.values()) - {worker.name for worker in self._register.living()}

    def _find_lost(self, pending: Mapping[str, str]) -> None:
        """Queue anew what the database says we have in hand and we do not know of.

        DBOS claims a run and then reads it: a server that goes away in between leaves it claimed for ever. Only after
        `STUCK_S`, for the thread of a claimed run may just be starting.
        """
        mine = {name for name, worker in pending.items() if worker == self._me.name}
        executing = set(self._executing())
        now = self._clock.elapsed_ns()
        self._missing_since = {name: self._missing_since.get(name, now) for name in mine - executing}
        for name in [n for n, since in self._missing_since.items() if now - since >= STUCK_S * 1e9]:
            self._queues.again(name)
            del self._missing_since[name]
