"""The connection: a thread that keeps it up, and the one place where numbers become durable and bytes leave."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

import apsw

from steersman.kernel import references
from steersman.kernel.clock import Clock
from steersman.kernel.errors import Misconfigured, OutcomeUnknown, SteersmanError, Unavailable
from steersman.trading.adapters.fix.connection import connect, is_readable, read, write
from steersman.trading.adapters.fix.session import (
    Action,
    Deliver,
    Drop,
    Lost,
    Send,
    Session,
    Skipped,
    State,
    Terms,
    Up,
)
from steersman.trading.adapters.fix.settings import FixSettings
from steersman.trading.adapters.fix.store import Store
from steersman.trading.adapters.fix.wire import Fields, Framer, Message, encode, stamp

_log = logging.getLogger(__name__)
_TICK_MS: Final = 100
_GOODBYE_S: Final = 2.0
Keep = Callable[[int, bytes], None]


class Listener(Protocol):
    """Who wants to know. Called by the connection's thread, under its lock."""

    def heard(self, message: Message) -> None:
        """Take in a message. What is written to the store meanwhile becomes durable with its number."""
        ...

    def came_up(self) -> None:
        """Logged on, or messages were lost in a reset: ask for what is open."""
        ...

    def skipped(self, first: int, following: int) -> None:
        """What we sent under these numbers is not read; what was asked must be asked again."""
        ...

    def went_down(self) -> None:
        """Nobody will answer what was asked."""
        ...


class _Ended(Exception):
    """The conversation is over; `for_long`: trying again at once would not help."""

    def __init__(self, reason: str, fix: str = "", *, for_long: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.fix, self.for_long = reason, fix, for_long


class Pauses:
    """How long to wait before the next attempt to connect: longer each time, up to `longest_ns`."""

    def __init__(self, first_ns: int, longest_ns: int) -> None:
        self._first = self._next = first_ns
        self._longest = longest_ns

    def after(self, *, was_up: bool, for_long: bool) -> int:
        """Return the pause (ns) after a connection; one that was up begins anew, `for_long` waits longest at once."""
        pause = self._longest if for_long else self._first if was_up else self._next
        self._next = min(pause * 2, self._longest)
        return pause


class Link:
    """A session that is kept up from `start` to `close`.

    Attributes:
        changed: notified whenever something was heard or the state changed; holds `lock`.
    """

    def __init__(self, settings: FixSettings, root: Path, file: Path, clock: Clock, listener: Listener) -> None:
        self._settings = settings
        self._root = root
        self._clock = clock
        self._listener = listener
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.store = Store(file)
        self._terms = Terms(
            version=settings.version,
            sender=settings.sender,
            target=settings.target,
            heartbeat_s=settings.heartbeat_s,
            reset_on_logon=settings.reset_on_logon,
        )
        self._kept = self.store.numbers()
        self._session = Session(self._terms, *self._kept)
        self._socket: socket.socket | None = None
        self._tried = self._came_up = False
        self._why = ("not connected yet", "")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"fix-{settings.target}", daemon=True)

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    @property
    def is_up(self) -> bool:
        return self._session.state is State.UP

    def require_up(self) -> None:
        """Return if logged on; waits for the first attempt, not for later ones.

        Raises:
            Unavailable: says why not.
        """
        with self.changed:
            self.changed.wait_for(lambda: self.is_up or self._tried, self._settings.timeout_s)
            if not self.is_up:
                raise self.unavailable()

    def unavailable(self) -> Unavailable:
        """Return the error that says why there is no session."""
        reason, fix = self._why
        there = f"{self._settings.target} at {self._settings.host}:{self._settings.port}"
        return Unavailable(f"not logged on to {there}: {reason}", fix=fix or "we try again by ourselves")

    def send(self, type_: str, body: Fields, keep: Keep | None = None) -> int:
        """Send one message, and return its number. `keep` is written to the store with it, before it leaves.

        Raises:
            Unavailable: certainly not sent.
            OutcomeUnknown: the connection broke while it was written.
        """
        with self.lock:
            if not self.is_up:
                raise self.unavailable()
            action = self._session.send(type_, body, self._clock.elapsed_ns())
            try:
                (raw,) = self._record([action], keep)
            except (apsw.Error, OSError) as exc:
                self._session.next_out = action.seq
                raise Unavailable(f"not sent: {self.store.path} cannot be written: {exc}", fix="free the disk") from exc
            try:
                self._write(raw)
            except OSError as exc:
                self._hang_up()
                raise OutcomeUnknown(
                    f"the connection broke while message {action.seq} was written: {exc}", fix="steersman reconcile"
                ) from exc
            return action.seq

    def close(self) -> None:
        """Log out and end the thread. Can be called twice."""
        with self.changed:
            if self._socket is not None:
                try:
                    self._do(self._session.logout(self._clock.elapsed_ns()))
                except (_Ended, OSError, apsw.Error):
                    self._hang_up()
                self.changed.wait_for(lambda: self._session.state is State.DOWN, _GOODBYE_S)
            self._stop.set()
            self._why = ("closed", "")
        if self._thread.is_alive():
            self._thread.join(self._settings.timeout_s + _GOODBYE_S)
        with self.lock:
            if not self.store.closed and not self._thread.is_alive():
                self.store.close()

    # -- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        pauses = Pauses(self._settings.reconnect_ns, self._settings.reconnect_max_ns)
        while not self._stop.is_set():
            was_up, ended = self._once()
            with self.changed:
                self._session.disconnected()
                self._hang_up()
                self._tried, self._why = True, (ended.reason, ended.fix)
                self._listener.went_down()
                self.changed.notify_all()
            self._wait(pauses.after(was_up=was_up, for_long=ended.for_long))

    def _once(self) -> tuple[bool, _Ended]:
        """Connect and talk until it ends; return whether we were logged on, and why it ended."""
        self._came_up = False
        try:
            connection = connect(self._settings, self._root)
            try:
                self._converse(connection)
            finally:
                connection.close()
        except _Ended as exc:
            return self._came_up, exc
        except OSError as exc:
            return self._came_up, _Ended(str(exc) or type(exc).__name__)
        except SteersmanError as exc:
            return self._came_up, _Ended(exc.message, exc.fix, for_long=isinstance(exc, Misconfigured))
        except Exception as exc:  # noqa: BLE001 - the edge of the thread: the desk must hear of it, whatever it is
            _log.exception("the FIX session with %s broke", self._settings.target)
            return self._came_up, _Ended(f"{type(exc).__name__}: {exc}", "see the log", for_long=True)
        return self._came_up, _Ended("closed")

    def _credentials(self) -> list[tuple[int, str]]:
        named = ((553, self._settings.username), (554, self._settings.password))
        return [(tag, references.resolve(text, self._root)) for tag, text in named if text is not None]

    def _converse(self, connection: socket.socket) -> None:
        credentials = self._credentials()
        framer = Framer()
        with self.lock:
            self._socket = connection
            # What could not be kept did not happen: the numbers of the file are the true ones.
            self._why = ("the Logon is not answered yet", "")
            self._kept = self.store.numbers()
            self._session = Session(self._terms, *self._kept)
            self._do(self._session.connected(self._clock.elapsed_ns(), credentials))
        while not self._stop.is_set():
            ready = is_readable(connection, _TICK_MS)
            with self.changed:
                if self._socket is None:
                    raise _Ended("the connection broke while we wrote")
                for message in framer.feed(self._read(connection) if ready else b""):
                    self._do(self._session.received(message, self._clock.elapsed_ns()))
                self._do(self._session.tick(self._clock.elapsed_ns()))

    def _read(self, connection: socket.socket) -> bytes:
        data = read(connection)
        if data is None:
            raise _Ended("it closed the connection")
        return data

    def _wait(self, pause_ns: int) -> None:
        until = self._clock.elapsed_ns() + pause_ns
        while self._clock.elapsed_ns() < until and not self._stop.wait(_TICK_MS / 2000):
            pass

    # -- doing -----------------------------------------------------------------------------------------------------

    def _do(self, actions: Sequence[Action]) -> None:
        """Make numbers and what was heard durable, then send, then tell. Under the lock."""
        if not actions and self._kept == (self._session.next_in, self._session.next_out):
            return
        for raw in self._record(actions, None):
            self._write(raw)
        for action in actions:
            if isinstance(action, Up):
                self._came_up = True
            if isinstance(action, Up | Lost):
                self._listener.came_up()
            elif isinstance(action, Skipped):
                self._listener.skipped(action.first, action.following)
            elif isinstance(action, Drop):
                raise _Ended(action.reason, action.fix, for_long=action.for_long)
        self.changed.notify_all()

    def _record(self, actions: Sequence[Action], keep: Keep | None) -> list[bytes]:
        """Write what must not be forgotten, and return the bytes that may leave now."""
        sends = [action for action in actions if isinstance(action, Send)]
        made = [self._bytes(send) for send in sends]
        with self.store.durable() if sends else self.store.together():
            self.store.keep_numbers(self._session.next_in, self._session.next_out)
            for action in actions:
                if isinstance(action, Deliver):
                    self._listener.heard(action.message)
            if keep is not None:
                keep(sends[0].seq, made[0])
        self._kept = (self._session.next_in, self._session.next_out)
        return made

    def _bytes(self, send: Send) -> bytes:
        now = stamp(self._clock.now_ns())
        header = [(49, self._terms.sender), (56, self._terms.target), (34, str(send.seq)), (52, now)]
        if send.again:
            header += [(43, "Y"), (122, now)]
        return encode(self._terms.version, send.type, header, send.body)

    def _write(self, raw: bytes) -> None:
        if self._socket is None:
            raise ConnectionError("there is no connection")
        write(self._socket, raw, self._settings.timeout_s)

    def _hang_up(self) -> None:
        """Let the connection go, so that its thread notices."""
        self._session.disconnected()
        connection, self._socket = self._socket, None
        if connection is not None:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it is gone already
