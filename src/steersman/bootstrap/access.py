"""A ledger for everybody but the core: reads the file, appends through the core, or becomes the writer if none runs."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from uuid import UUID

from steersman.bootstrap.plugins import factory
from steersman.kernel.clock import Clock
from steersman.ledger import ANY, Appended, Event, Head, Ledger, NewEvent, Subscription, Verification


def open_writer(path: Path, *, clock: Clock | None = None) -> Ledger:
    """Open the SQLite ledger at `path` as its only writer.

    Raises:
        Conflict: another process is the writer; names its pid.
    """
    # The state folder holds tokens and keys: for this user only, whoever makes it.
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    ledger: Ledger = factory("ledgers", "sqlite")(path, clock=clock)
    return ledger


def core_answers(socket: Path) -> bool:
    """Say whether a core process listens at `socket`."""
    from steersman.ledger.adapters.socket import answers  # the client is only needed once a core may be there

    return socket.exists() and answers(socket)


class SharedLedger:
    """Reads directly; the way to append is found when it is first needed.

    A running core is asked over its socket. Without one, this process takes the writer's lock for as long as it lives,
    so that `steersman halt` works on a desk that is down, and two writers never meet.
    """

    def __init__(self, path: Path, socket: Path, *, clock: Clock | None = None) -> None:
        self._path = path
        self._socket = socket
        self._clock = clock
        self._writing: Ledger | None = None
        self._choosing = threading.Lock()
        if not path.exists():
            open_writer(path, clock=clock).close()
        self._reading: Ledger = factory("ledgers", "sqlite")(path, clock=clock, read_only=True)

    def _writer(self) -> Ledger:
        # Two threads that append first at once would refuse each other the writer's lock.
        with self._choosing:
            if self._writing is None:
                if core_answers(self._socket):
                    self._writing = factory("ledgers", "socket")(self._socket, self._path)
                else:
                    self._writing = open_writer(self._path, clock=self._clock)
            return self._writing

    @property
    def core_runs(self) -> bool:
        """Whether a core process answers on its socket now."""
        return core_answers(self._socket)

    def append(self, events: Sequence[NewEvent], *, expect: int = ANY) -> Appended:
        return self._writer().append(events, expect=expect)

    def append_soon(self, events: Sequence[NewEvent], *, expect: int = ANY) -> Future[Appended]:
        return self._writer().append_soon(events, expect=expect)

    def read(
        self,
        *,
        after: int = 0,
        limit: int | None = None,
        types: Iterable[str] | None = None,
        stream: str | None = None,
        correlation_id: UUID | None = None,
    ) -> Iterator[Event]:
        return self._reading.read(after=after, limit=limit, types=types, stream=stream, correlation_id=correlation_id)

    def get(self, event_id: UUID) -> Event | None:
        return self._reading.get(event_id)

    def stream_version(self, stream: str) -> int:
        return self._reading.stream_version(stream)

    def subscribe(self, *, after: int) -> Subscription:
        source = self._writer() if self.core_runs else self._reading
        return source.subscribe(after=after)

    def head(self) -> Head:
        return self._reading.head()

    def verify(self, *, after: int = 0, until: int | None = None) -> Verification:
        return self._reading.verify(after=after, until=until)

    def close(self) -> None:
        if self._writing is not None:
            self._writing.close()
        self._reading.close()
