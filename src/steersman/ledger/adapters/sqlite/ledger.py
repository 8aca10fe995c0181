"""The one writer of a ledger file: plans a batch, inserts it in one transaction, then acknowledges."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Final
from uuid import UUID

from steersman.kernel.clock import Clock, SystemClock
from steersman.kernel.errors import SteersmanError, Unavailable
from steersman.ledger.adapters.sqlite.ballast import Ballast
from steersman.ledger.adapters.sqlite.lock import WriterLock
from steersman.ledger.adapters.sqlite.reader import ReadOnlyLedger, SqliteReader
from steersman.ledger.adapters.sqlite.schema import CHECKPOINT_PAGES
from steersman.ledger.adapters.sqlite.store import Store, StoreFailed
from steersman.ledger.commit import check
from steersman.ledger.event import Event, NewEvent, new_event
from steersman.ledger.group import GroupCommit, Pending
from steersman.ledger.ports import ANY, Appended, Head, Ledger, Subscription
from steersman.ledger.type_filter import TypeFilter
from steersman.ledger.watch import Tail

STORAGE_FAILED: Final = "ledger.storage.failed"
STORAGE_RECOVERED: Final = "ledger.storage.recovered"
_STREAM: Final = "ledger/storage"
_LEAST_ROOM: Final = 1 << 20
# What may still be written on the reserve: stopping, and saying so.
_URGENT: Final = TypeFilter(("policy.halt.*", "kernel.*", "ledger.*"))


class SqliteLedger(SqliteReader):
    """Appends by group commit; reads like everybody else, from the file."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock | None,
        vfs: str | None,
        synchronous: str,
        ballast_bytes: int,
        free_bytes: Callable[[], int],
        checkpoint_pages: int = CHECKPOINT_PAGES,
    ) -> None:
        super().__init__(path, vfs=vfs)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = WriterLock(path.with_suffix(".lock"))
        try:
            self._clock = clock or SystemClock()
            self._listeners: list[Callable[[Head], None]] = []
            self._trouble = ""
            self._free = free_bytes
            self._ballast = Ballast(path.with_suffix(".ballast"), ballast_bytes)
            self._store = Store(path, vfs=vfs, synchronous=synchronous, checkpoint_pages=checkpoint_pages)
        except BaseException:
            self._lock.release()
            raise
        # Positions that no event of a type is behind, since this life began: most looks for new events find none.
        self._began = self._store.head.pos
        self._latest: dict[str, int] = {}
        self._group = GroupCommit(self._commit)

    @property
    def trouble(self) -> str:
        """Why nothing but halts and alarms is accepted now; empty when all is well."""
        return self._trouble

    def append(self, events: Sequence[NewEvent], *, expect: int = ANY) -> Appended:
        check(events, expect)
        return self._group.run(events, expect)

    def append_soon(self, events: Sequence[NewEvent], *, expect: int = ANY) -> Future[Appended]:
        check(events, expect)
        return self._group.submit(events, expect)

    def read(
        self,
        *,
        after: int = 0,
        limit: int | None = None,
        types: Iterable[str] | None = None,
        stream: str | None = None,
        correlation_id: UUID | None = None,
    ) -> Iterator[Event]:
        """Read as everybody else does, but do not ask the file for what this process knows it did not write."""
        wanted = None if types is None else tuple(types)
        if wanted is not None and after >= self._began and not self._may_have(wanted, after):
            return iter(())
        return super().read(after=after, limit=limit, types=wanted, stream=stream, correlation_id=correlation_id)

    def _may_have(self, types: tuple[str, ...], after: int) -> bool:
        """Say whether an event of one of `types` may stand behind `after`."""
        plain = [type_ for type_ in types if not type_.endswith("*")]
        if any(self._latest.get(type_, 0) > after for type_ in plain):
            return True
        if len(plain) == len(types):
            return False
        matches = TypeFilter(types)
        return any(pos > after and matches(type_) for type_, pos in tuple(self._latest.items()))

    def _write(self, pendings: list[Pending]) -> list[Appended | SteersmanError]:
        """Write a batch; what it may add is noted first: who sees the new head must not be told there is nothing."""
        most = self._store.head.pos + sum(len(pending.events) for pending in pendings)
        for pending in pendings:
            self._latest.update((event.type, most) for event in pending.events)
        return self._store.write(pendings, self._clock.now_ns())

    def head(self) -> Head:
        """Return the durable head, from memory: nobody else writes."""
        return self._store.head

    def subscribe(self, *, after: int) -> Subscription:
        self._watch.advance(self._store.head.pos)
        return Tail(lambda pos: self.read(after=pos), self._watch, after=after, polls=False)

    def on_commit(self, listener: Callable[[Head], None]) -> Callable[[], None]:
        """Call `listener` with the head after each batch, once its futures are done; the returned function ends that.

        It runs in the committing thread: it must be quick and raise nothing.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def close(self) -> None:
        """Commit what is queued, then let the file and the writer's lock go."""
        self._group.close()
        super().close()
        self._store.close()
        self._lock.release()

    def _commit(self, pendings: list[Pending]) -> None:
        """Write a batch and settle its futures; the group commit's `commit`."""
        if self._trouble and not self._recover():
            pendings = self._only_urgent(pendings)
        try:
            outcomes = self._write(pendings)
        except StoreFailed as exc:
            self._fail(pendings, exc)
            return
        self._settle(pendings, outcomes)

    def _settle(self, pendings: list[Pending], outcomes: list[Appended | SteersmanError]) -> None:
        head = self._store.head
        self._watch.advance(head.pos)
        for pending, outcome in zip(pendings, outcomes, strict=True):
            if isinstance(outcome, Appended):
                pending.future.set_result(outcome)
            else:
                pending.future.set_exception(outcome)
        for listener in tuple(self._listeners):
            listener(head)

    def _fail(self, pendings: list[Pending], cause: StoreFailed) -> None:
        """Stop acknowledging, give up the ballast, and use the room for the alarm and for halts."""
        first = not self._trouble
        self._trouble = str(cause)
        self._ballast.release()
        urgent = self._only_urgent(pendings)
        alarm = [self._note(STORAGE_FAILED, {"problem": self._trouble, "free_bytes": self._free()})] if first else []
        try:
            outcomes = self._write([*alarm, *urgent])
        except StoreFailed:
            self._settle(urgent, [self._refusal() for _ in urgent])
        else:
            self._settle(urgent, outcomes[len(alarm) :])

    def _recover(self) -> bool:
        """Go back to work if there is room again: take the ballast back and say so in the ledger."""
        if self._free() < self._needed() or not self._ballast.reserve():
            return False
        trouble, self._trouble = self._trouble, ""
        try:
            self._write([self._note(STORAGE_RECOVERED, {"problem": trouble})])
        except StoreFailed as exc:
            self._trouble = str(exc)
            self._ballast.release()
            return False
        return True

    def _only_urgent(self, pendings: list[Pending]) -> list[Pending]:
        """Refuse what can wait; return the rest."""
        urgent = [p for p in pendings if all(_URGENT(event.type) for event in p.events)]
        refused = [p for p in pendings if p not in urgent]
        for pending in refused:
            pending.future.set_exception(self._refusal())
        return urgent

    def _note(self, type_: str, data: dict[str, object]) -> Pending:
        event = new_event(type_, stream=_STREAM, data=data, actor="ledger", now_ns=self._clock.now_ns())
        return Pending([event], ANY)

    def _needed(self) -> int:
        return max(2 * self._ballast.size, _LEAST_ROOM)

    def _refusal(self) -> Unavailable:
        return Unavailable(
            f"the ledger does not accept events: {self._trouble}; this one was not recorded",
            fix=f"free {self._needed() >> 20} MB or more on the disk of {self.path}; appending then goes on by itself",
        )


def create(
    path: Path,
    *,
    clock: Clock | None = None,
    read_only: bool = False,
    ballast_bytes: int = 0,
    vfs: str | None = None,
    synchronous: str = "FULL",
    free_bytes: Callable[[], int] | None = None,
    checkpoint_pages: int = CHECKPOINT_PAGES,
) -> Ledger:
    """Open the ledger file at `path`.

    Args:
        path: the file; `<stem>.lock` and `<stem>.ballast` stand beside it.
        clock: gives `recorded_at`.
        read_only: look only; the file must exist.
        ballast_bytes: disk space to hold in reserve for halts and alarms; a process that trades holds BALLAST_BYTES.
        vfs: name of the apsw VFS to reach the disk through; tests cut the power with it.
        synchronous: FULL is what makes an acknowledgement true. Anything else is for tests that prove it.
        free_bytes: how much room the disk has; the file system is asked by default.
        checkpoint_pages: how long the write-ahead log may grow; tests keep it short, so that it is folded in often.

    Raises:
        Conflict: another process is the writer; names its pid.
        Misconfigured: not a ledger of a format this program knows.
        Unavailable: `read_only` and there is no such file.
    """
    if read_only:
        return ReadOnlyLedger(path, vfs=vfs)
    return SqliteLedger(
        path,
        clock=clock,
        vfs=vfs,
        synchronous=synchronous,
        ballast_bytes=ballast_bytes,
        free_bytes=free_bytes or (lambda: _free_bytes(path.parent)),
        checkpoint_pages=checkpoint_pages,
    )


def _free_bytes(directory: Path) -> int:
    found = os.statvfs(directory)
    return found.f_bavail * found.f_frsize
