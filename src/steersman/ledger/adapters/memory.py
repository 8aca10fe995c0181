"""A ledger in memory, for tests and dry runs: all of the promises but the durability."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from itertools import islice
from uuid import UUID

from steersman.kernel.clock import Clock, SystemClock
from steersman.kernel.errors import SteersmanError
from steersman.ledger.chain import GENESIS, verify_rows
from steersman.ledger.commit import Batch, check
from steersman.ledger.event import Event, NewEvent
from steersman.ledger.ports import ANY, Appended, Head, Subscription, Verification
from steersman.ledger.row import Row, event_of
from steersman.ledger.type_filter import TypeFilter
from steersman.ledger.watch import HeadWatch, Tail


class MemoryLedger:
    """Keeps rows in lists; safe to use from several threads."""

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._rows: list[Row] = []
        self._events: list[Event] = []
        self._by_id: dict[bytes, Row] = {}
        self._versions: dict[str, int] = {}
        self._watch = HeadWatch()
        self._listeners: list[Callable[[Head], None]] = []

    def find(self, event_id: bytes) -> Row | None:
        """Return the row with this id (commit.Stored)."""
        return self._by_id.get(event_id)

    def version(self, stream: str) -> int:
        """Return the version of `stream` (commit.Stored)."""
        return self._versions.get(stream, 0)

    recent_version = version

    def append(self, events: Sequence[NewEvent], *, expect: int = ANY) -> Appended:
        check(events, expect)
        with self._lock:
            batch = Batch(self, self.head())
            appended = batch.admit(events, expect, self._clock.now_ns())
            self._by_id.update((row[1], row) for row in batch.rows)
            self._versions.update(batch.versions)
            self._events.extend(map(event_of, batch.rows))
            self._rows.extend(batch.rows)
        self._watch.advance(batch.head.pos)
        for listener in tuple(self._listeners):
            listener(batch.head)
        return appended

    def append_soon(self, events: Sequence[NewEvent], *, expect: int = ANY) -> Future[Appended]:
        future: Future[Appended] = Future()
        try:
            future.set_result(self.append(events, expect=expect))
        except SteersmanError as exc:
            future.set_exception(exc)
        return future

    def read(
        self,
        *,
        after: int = 0,
        limit: int | None = None,
        types: Iterable[str] | None = None,
        stream: str | None = None,
        correlation_id: UUID | None = None,
    ) -> Iterator[Event]:
        wanted = None if types is None else TypeFilter(types)
        found = (
            event
            for event in islice(self._events, max(after, 0), len(self._events))
            if (wanted is None or wanted(event.type))
            and (stream is None or event.stream == stream)
            and (correlation_id is None or event.correlation_id == correlation_id)
        )
        return islice(found, limit)

    def get(self, event_id: UUID) -> Event | None:
        row = self._by_id.get(event_id.bytes)
        return None if row is None else self._events[row[0] - 1]

    def stream_version(self, stream: str) -> int:
        return self._versions.get(stream, 0)

    def subscribe(self, *, after: int) -> Subscription:
        return Tail(lambda pos: self.read(after=pos), self._watch, after=after, polls=False)

    def head(self) -> Head:
        rows = self._rows
        return Head(pos=rows[-1][0], hash=rows[-1][11]) if rows else Head(pos=0, hash=GENESIS)

    def verify(self, *, after: int = 0, until: int | None = None) -> Verification:
        start = Head(pos=0, hash=GENESIS) if after <= 0 else Head(pos=after, hash=self._rows[after - 1][11])
        chosen = self._rows[start.pos : until]
        raw = ((*r[:3], r[3].encode(), r[4], r[5].encode(), r[6], r[7].encode(), *r[8:]) for r in chosen)
        return verify_rows(raw, start=start)

    def on_commit(self, listener: Callable[[Head], None]) -> Callable[[], None]:
        """Call `listener` with the head after each append; the returned function ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def close(self) -> None:
        """Nothing is held open; waiting subscribers look once more."""
        self._watch.advance(0)


def create(*, clock: Clock | None = None) -> MemoryLedger:
    """Return an empty ledger."""
    return MemoryLedger(clock=clock)
