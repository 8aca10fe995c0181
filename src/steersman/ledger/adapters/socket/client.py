"""Everybody else's side of the socket: appends through the core, reads the file."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Final

import msgspec

from steersman.kernel.errors import OutcomeUnknown, SteersmanError, Unavailable
from steersman.ledger.adapters.socket.frames import (
    Append,
    Done,
    Failed,
    Follow,
    Reply,
    Splitter,
    decode_reply,
    error_of,
    frame,
)
from steersman.ledger.adapters.socket.path import connect
from steersman.ledger.adapters.sqlite import SqliteReader
from steersman.ledger.commit import check
from steersman.ledger.event import NewEvent
from steersman.ledger.ports import ANY, Appended, Subscription

_RECEIVE: Final = 1 << 18
_CONNECT_S: Final = 1.0
_RECONNECT_S: Final = 0.05
_PATIENT_RECONNECT_S: Final = 1.0


class _Sent:
    """An append on its way: the frame to send again after a reconnect, and who waits."""

    __slots__ = ("future", "raw", "retried")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.retried = False
        self.future: Future[Appended] = Future()
        self.future.set_running_or_notify_cancel()


class SocketLedger(SqliteReader):
    """Appends through the core; one connection, made when it is first needed, shared by all threads."""

    def __init__(self, socket_path: Path, ledger_path: Path, *, timeout_s: float, reconnect_s: float) -> None:
        super().__init__(ledger_path)
        self._socket_path = socket_path
        self._timeout_s = timeout_s
        self._reconnect_s = reconnect_s
        self._numbers = itertools.count(1)
        self._sent: dict[int, _Sent] = {}
        self._link: socket.socket | None = None
        self._lock = threading.RLock()
        self._follows = False
        self._closed = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def append(self, events: Sequence[NewEvent], *, expect: int = ANY) -> Appended:
        """As the port says.

        Raises:
            OutcomeUnknown: (an Unavailable) it was sent but never answered. Appending again with the same ids is safe.
        """
        future = self.append_soon(events, expect=expect)
        try:
            return future.result(self._timeout_s)
        except TimeoutError as exc:
            raise OutcomeUnknown(
                f"the core did not answer within {self._timeout_s:g} s",
                fix="append again with the same ids (nothing is written twice); see `steersman status`",
            ) from exc

    def append_soon(self, events: Sequence[NewEvent], *, expect: int = ANY) -> Future[Appended]:
        check(events, expect)
        number = next(self._numbers)
        sent = _Sent(frame(Append(number, expect, list(events))))
        with self._lock:
            link = self._connected()
            self._sent[number] = sent
            self._send(link, sent.raw)
        return sent.future

    def subscribe(self, *, after: int) -> Subscription:
        """Follow by push; without a core, or between two, by looking every 100 ms."""
        with self._lock:
            if not self._follows:
                self._follows = True
                with contextlib.suppress(Unavailable):
                    if self._link is None:
                        self._connected()  # says Follow by itself
                    else:
                        self._send(self._link, frame(Follow()))
        return super().subscribe(after=after)

    def close(self) -> None:
        """Close the connection; appends that were not answered fail as OutcomeUnknown."""
        with self._lock:
            self._closed = True
            self._stop.set()
            link, thread = self._link, self._thread
        if link is not None:
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        super().close()

    def _connected(self) -> socket.socket:
        """Return the connection, making it if there is none. Call with the lock held.

        Raises:
            Unavailable: nobody listens.
        """
        if self._closed:
            raise Unavailable("the ledger is closed", fix="open it again")
        if self._link is not None:
            return self._link
        try:
            link = connect(self._socket_path, timeout_s=_CONNECT_S)
        except OSError as exc:
            raise Unavailable(
                f"the core does not answer at {self._socket_path} ({exc})", fix="start it: steersman up"
            ) from exc
        self._link = link
        if self._follows:
            self._send(link, frame(Follow()))
        if self._thread is None:
            self._thread = threading.Thread(target=self._receive, args=(link,), name="ledger-replies", daemon=True)
            self._thread.start()
        return link

    def _send(self, link: socket.socket, raw: bytes) -> None:
        """Send; a broken connection is noticed, and what was sent repeated, by the receiving thread."""
        with contextlib.suppress(OSError):
            link.sendall(raw)

    def _receive(self, link: socket.socket | None) -> None:
        """Settle futures as replies come; when the connection breaks, make a new one and send again what is open."""
        while link is not None:
            # A torn or nonsensical stream is a broken connection.
            with contextlib.suppress(OSError, ValueError, msgspec.DecodeError):
                self._replies(link)
            link.close()
            link = self._renew()

    def _replies(self, link: socket.socket) -> None:
        splitter = Splitter()
        while chunk := link.recv(_RECEIVE):
            for body in splitter.feed(chunk):
                self._settle(decode_reply(body))

    def _settle(self, reply: Reply) -> None:
        if isinstance(reply, Done):
            sent = self._sent.pop(reply.number, None)
            if sent is not None:
                sent.future.set_result(Appended(positions=reply.positions, repeated=reply.repeated))
        elif isinstance(reply, Failed):
            refused = self._sent.pop(reply.number, None)
            if refused is not None:
                refused.future.set_exception(error_of(reply))
            elif reply.number == 0:
                self._give_up(list(self._sent), error_of(reply))
        else:
            self._watch.advance(reply.pos)

    def _renew(self) -> socket.socket | None:
        """Reconnect as long as somebody needs it; None ends the receiving thread.

        Open appends are sent again once, and fail when `reconnect_s` is over; followers are reconnected for ever.
        """
        with self._lock:
            self._link = None
            spent = [number for number, sent in self._sent.items() if sent.retried]
        self._give_up(spent, _unanswered())
        until = time.monotonic() + self._reconnect_s
        pause = _RECONNECT_S
        while True:
            with self._lock:
                link = self._reconnected()
                if link is not None:
                    return link
                if self._closed or not (self._sent or self._follows):
                    self._thread = None
                    lost = list(self._sent)
                    break
            if time.monotonic() >= until:
                self._give_up(list(self._sent), _unanswered())
                pause = _PATIENT_RECONNECT_S
            self._stop.wait(pause)
        self._give_up(lost, _unanswered())
        return None

    def _reconnected(self) -> socket.socket | None:
        """Return a connection on which everything open was sent again, if one can be had. Call with the lock held."""
        if not (self._sent or self._follows or self._link is not None):
            return None
        try:
            link = self._connected()
        except Unavailable:
            return None
        for sent in self._sent.values():
            sent.retried = True
            self._send(link, sent.raw)
        return link

    def _give_up(self, numbers: list[int], error: SteersmanError) -> None:
        for number in numbers:
            sent = self._sent.pop(number, None)
            if sent is not None:
                sent.future.set_exception(error)


def _unanswered() -> OutcomeUnknown:
    return OutcomeUnknown(
        "the core went away before it answered",
        fix="start it (steersman up) and append again with the same ids; nothing is written twice",
    )


def create(socket_path: Path, ledger_path: Path, *, timeout_s: float = 30.0, reconnect_s: float = 3.0) -> SocketLedger:
    """Return a ledger that appends through `socket_path` and reads `ledger_path`; it connects when first needed.

    Args:
        timeout_s: how long `append` waits for an answer.
        reconnect_s: how long a broken connection is tried again before open appends fail as OutcomeUnknown.
    """
    return SocketLedger(socket_path, ledger_path, timeout_s=timeout_s, reconnect_s=reconnect_s)
