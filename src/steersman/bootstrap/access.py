"""A ledger for everybody but the core: reads the file, appends through the core, or for a moment itself."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec

from steersman.bootstrap.plugins import factory
from steersman.kernel.clock import Clock, SystemClock
from steersman.kernel.errors import Conflict, Misconfigured, SteersmanError, Unavailable
from steersman.ledger import ANY, Appended, Event, Head, Ledger, NewEvent, Subscription, Verification

PATIENCE_S: Final = 5.0
TAKE_OVER_S: Final = 1.0
_PAUSE_S: Final = 0.01
_LONGEST_PAUSE_S: Final = 0.2


def open_writer(path: Path, *, clock: Clock | None = None) -> Ledger:
    """Open the SQLite ledger at `path` as its only writer.

    Raises:
        Conflict: another process is the writer; names its pid.
    """
    # The state folder holds tokens and keys: for this user only, whoever makes it.
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    ledger: Ledger = factory("ledgers", "sqlite")(path, clock=clock)
    return ledger


def patiently(opening: Callable[[], Any], *, patience_s: float = TAKE_OVER_S) -> Any:
    """Return what `opening` opens for writing, waiting a little for one who writes just a single event.

    Raises:
        Conflict: somebody stays the writer; names his pid.
    """
    clock = SystemClock()
    until = clock.elapsed_ns() + int(patience_s * 1e9)
    while True:
        try:
            return opening()
        except Conflict:
            if clock.elapsed_ns() > until:
                raise
        threading.Event().wait(_PAUSE_S)


class CoreTrouble(msgspec.Struct, frozen=True):
    """Why no core takes events, and what to type."""

    found: str
    fix: str


def core_trouble(socket: Path) -> CoreTrouble | None:
    """Say why the core at `socket` takes no events, None if it does: it is asked, and has a second to answer."""
    from steersman.ledger.adapters.socket import probe  # as below

    found = probe(socket) if socket.exists() else None
    if found is None:
        return CoreTrouble("does not run", "steersman up")
    if not found.responds:
        said = f"does not answer: process {found.pid} is stopped or stands"
        return CoreTrouble(f"{said}; once it is ended, `steersman up` starts another", f"kill -9 {found.pid}")
    return None


def core_answers(socket: Path) -> bool:
    """Say whether a core process listens at `socket`."""
    from steersman.ledger.adapters.socket import answers  # the client is only needed once a core may be there

    return socket.exists() and answers(socket)


def caused_by_our_run(
    events: Sequence[NewEvent], root: Path, environ: Mapping[str, str] = os.environ
) -> list[NewEvent]:
    """Return `events`, each with the run whose script this process belongs to as its cause, if it has none.

    So what a script does to the desk by a command of ours (`steersman halt`) is known to come from its run, as what it
    emits is: automations that start each other that way are found out (automation/chains.py).
    """
    run_id = environ.get("STEERSMAN_RUN_ID", "")
    if not run_id or environ.get("STEERSMAN_WORKSPACE") != str(root):
        return list(events)
    from steersman.automation.chains import run_event_id  # start-up time: only a script's commands need it
    from steersman.automation.events import RUN_STARTED

    cause = run_event_id(run_id, 1, RUN_STARTED)
    return [msgspec.structs.replace(e, causation_id=cause) if e.causation_id is None else e for e in events]


class SharedLedger:
    """Reads directly; appends through a running core, else as the writer for just as long as the append takes.

    So `steersman halt` works on a desk that is down, two writers never meet, and nobody is in the way: eight scripts
    may ask for a login at once without a core, a run by hand does not lock out its own scripts, and a core can start
    at any time in between.
    """

    def __init__(self, path: Path, socket: Path, *, clock: Clock | None = None, patience_s: float = PATIENCE_S) -> None:
        """Open for reading; `patience_s` is how long an append waits for other writers."""
        self._path = path
        self._socket = socket
        self._clock = clock or SystemClock()
        self._patience_ns = int(patience_s * 1e9)
        self._lock = threading.Lock()
        self._core: Ledger | None = None
        if not path.exists():
            self._make()
        self._reading = self._opened()

    def append(self, events: Sequence[NewEvent], *, expect: int = ANY) -> Appended:
        """As the port says.

        Raises:
            Unavailable: another process stayed the writer for all of `patience_s`; names its pid.
        """
        events = caused_by_our_run(events, self._path.parent.parent)
        until = self._clock.elapsed_ns() + self._patience_ns
        pause_s = _PAUSE_S
        while True:
            # One at a time: two threads would refuse each other the file's lock.
            with self._lock:
                writer, busy = self._writer()
                if writer is not None:
                    try:
                        return writer.append(events, expect=expect)
                    except Unavailable as exc:
                        if writer is not self._core or self.core_runs:
                            raise
                        busy = exc  # the core ended: the same ids make it safe to append once more
                    finally:
                        self._let_go(writer, broken=busy is not None)
            if self._clock.elapsed_ns() > until:
                raise Unavailable(f"the ledger takes no event: {busy.message if busy else ''}", fix="steersman status")
            threading.Event().wait(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def append_soon(self, events: Sequence[NewEvent], *, expect: int = ANY) -> Future[Appended]:
        """As the port says, though it waits: nobody commits for us later."""
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
        return self._reading.read(after=after, limit=limit, types=types, stream=stream, correlation_id=correlation_id)

    def get(self, event_id: UUID) -> Event | None:
        return self._reading.get(event_id)

    def stream_version(self, stream: str) -> int:
        return self._reading.stream_version(stream)

    @property
    def core_runs(self) -> bool:
        """Whether a core process answers on its socket now."""
        return core_answers(self._socket)

    def subscribe(self, *, after: int) -> Subscription:
        with self._lock:
            source = self._core or self._connected()
        return (source or self._reading).subscribe(after=after)

    def head(self) -> Head:
        return self._reading.head()

    def verify(self, *, after: int = 0, until: int | None = None) -> Verification:
        return self._reading.verify(after=after, until=until)

    def close(self) -> None:
        with self._lock:
            if self._core is not None:
                self._core.close()
                self._core = None
        self._reading.close()

    def _writer(self) -> tuple[Ledger | None, SteersmanError | None]:
        """Return who appends now, or why nobody can."""
        core = self._core or self._connected()
        if core is not None:
            return core, None
        try:
            return open_writer(self._path, clock=self._clock), None
        except Conflict as exc:
            return None, exc

    def _connected(self) -> Ledger | None:
        """Return a connection to the core, None if none runs. Call with the lock held."""
        if core_answers(self._socket):
            self._core = factory("ledgers", "socket")(self._socket, self._path)
        return self._core

    def _let_go(self, writer: Ledger, *, broken: bool) -> None:
        """Stop being the writer; a connection to a core is kept until it breaks."""
        if writer is not self._core:
            writer.close()
        elif broken:
            writer.close()
            self._core = None

    def _opened(self) -> Ledger:
        try:
            ledger: Ledger = factory("ledgers", "sqlite")(self._path, clock=self._clock, read_only=True)
        except Misconfigured:
            # Half made: who makes it holds the writer's lock. If it is no ledger at all, that is said now.
            self._make()
            ledger = factory("ledgers", "sqlite")(self._path, clock=self._clock, read_only=True)
        return ledger

    def _make(self) -> None:
        """Make the file, or wait until whoever makes it at this moment has let go of it whole."""
        until = self._clock.elapsed_ns() + self._patience_ns
        while not core_answers(self._socket):
            try:
                open_writer(self._path, clock=self._clock).close()
            except Conflict as exc:
                if self._clock.elapsed_ns() > until:
                    raise Unavailable(f"there is no ledger yet: {exc.message}", fix="steersman doctor") from exc
                threading.Event().wait(_PAUSE_S)
            else:
                return
