"""Group commit: while one batch is being made durable, the next one gathers."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Final

from steersman.kernel.errors import Unavailable
from steersman.ledger.event import NewEvent
from steersman.ledger.ports import Appended

MAX_EVENTS: Final = 1024
"""A batch takes no further append beyond this many events: it bounds how long the last one waits."""


class Pending:
    """An append that waits for its batch."""

    __slots__ = ("events", "expect", "future")

    def __init__(self, events: Sequence[NewEvent], expect: int) -> None:
        self.events = events
        self.expect = expect
        self.future: Future[Appended] = Future()
        self.future.set_running_or_notify_cancel()  # an append cannot be taken back


class GroupCommit:
    """Hands whatever arrived to `commit`, one batch at a time.

    `commit` settles every future it is given. Whoever finds nobody committing does it in its own
    thread (an append alone pays no thread switch); what arrives meanwhile is the next batch, done by the thread here.
    """

    def __init__(self, commit: Callable[[list[Pending]], None]) -> None:
        self._commit = commit
        self._queue: deque[Pending] = deque()
        self._committing = threading.Lock()
        self._arrived = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="ledger-commit", daemon=True)
        self._thread.start()

    def submit(self, events: Sequence[NewEvent], expect: int) -> Future[Appended]:
        """Queue an append; the future is done once it is durable or refused."""
        pending = self._enqueue(events, expect)
        self._arrived.set()
        return pending.future

    def run(self, events: Sequence[NewEvent], expect: int) -> Appended:
        """Append and wait."""
        pending = self._enqueue(events, expect)
        if self._committing.acquire(blocking=False):
            try:
                self._commit_some()
            finally:
                self._committing.release()
        # Whoever holds the lock looks at the queue after letting go, so nothing is left behind.
        if self._queue:
            self._arrived.set()
        return pending.future.result()

    def close(self) -> None:
        """Commit what is queued, then refuse everything."""
        self._closing = True
        self._arrived.set()
        self._thread.join()

    def _enqueue(self, events: Sequence[NewEvent], expect: int) -> Pending:
        if self._closing:
            raise closed()
        pending = Pending(events, expect)
        self._queue.append(pending)
        return pending

    def _run(self) -> None:
        while not self._closing or self._queue:
            self._arrived.wait()
            self._arrived.clear()
            while self._queue:
                with self._committing:
                    self._commit_some()
            if self._closing:
                break
        while self._queue:  # queued between the last look and the closing
            self._queue.popleft().future.set_exception(closed())

    def _commit_some(self) -> None:
        batch: list[Pending] = []
        size = 0
        while self._queue and size < MAX_EVENTS:
            pending = self._queue.popleft()
            size += len(pending.events)
            batch.append(pending)
        if not batch:
            return
        try:
            self._commit(batch)
        except Exception as exc:  # noqa: BLE001 - the edge of the process: a bug must not leave callers waiting for ever
            for pending in batch:
                if not pending.future.done():
                    pending.future.set_exception(exc)


def closed() -> Unavailable:
    """Return the refusal of a ledger that was closed."""
    return Unavailable("the ledger is closed", fix="open it again, or start the desk with `steersman up`")
