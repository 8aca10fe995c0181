"""The core's side of the socket: appends from other processes, and the head pushed to those who follow."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Final, Protocol

import msgspec

from steersman.kernel.errors import Conflict, SteersmanError
from steersman.ledger.adapters.socket.frames import (
    Append,
    Failed,
    Moved,
    Splitter,
    decode_request,
    done,
    failed,
    frame,
)
from steersman.ledger.adapters.socket.path import answers, listen, peer_uid
from steersman.ledger.ports import Appended, Head, Ledger

_RECEIVE: Final = 1 << 18
_SEND_BUFFER: Final = 1 << 20
_IN_FLIGHT: Final = 4096
"""A client with this many unanswered appends is not read from until some are answered."""


class Committing(Ledger, Protocol):
    """A ledger that says when it committed: the adapters that write do."""

    def on_commit(self, listener: Callable[[Head], None]) -> Callable[[], None]: ...


class _Client:
    """One connection: reads in a thread of its own; replies gather and leave once per commit."""

    def __init__(self, link: socket.socket, ledger: Committing) -> None:
        self._link = link
        self._ledger = ledger
        self._out = bytearray()
        self._sending = threading.Lock()
        self._answered = threading.Condition()
        self._in_flight = 0
        self.follows = False
        self.closed = False
        link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)

    def serve(self) -> None:
        """Answer until the other side is gone or talks nonsense."""
        splitter = Splitter()
        try:
            while chunk := self._link.recv(_RECEIVE):
                for body in splitter.feed(chunk):
                    self._handle(body)
                self.flush()
        except (OSError, ValueError, msgspec.DecodeError) as exc:
            self._put(frame(Failed(0, "Unavailable", f"the core closed the connection: {exc}", "connect again")))
            self.flush()
        finally:
            self.close()

    def push(self, head: Head) -> None:
        """Send what is due after a commit."""
        if self.follows:
            self._put(frame(Moved(head.pos)))
        self.flush()

    def flush(self) -> None:
        """Send without waiting: a client that does not read its replies is cut off, it must not hold up commits."""
        if not self._out or self.closed:
            return
        with self._sending:
            out, self._out = self._out, bytearray()
            try:
                sent = self._link.send(out, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL) if out else 0
            except OSError:
                sent = -1
        if sent != len(out):
            self.close()

    def close(self) -> None:
        self.closed = True
        with contextlib.suppress(OSError):
            self._link.shutdown(socket.SHUT_RDWR)
        with self._answered:
            self._answered.notify_all()

    def _handle(self, body: bytes) -> None:
        request = decode_request(body)
        if not isinstance(request, Append):
            self.follows = True
            self._put(frame(Moved(self._ledger.head().pos)))
            return
        number = request.number
        with self._answered:
            while self._in_flight >= _IN_FLIGHT and not self.closed:
                self._answered.wait()
            self._in_flight += 1
        try:
            future = self._ledger.append_soon(request.events, expect=request.expect)
        except SteersmanError as exc:
            self._reply(frame(failed(number, exc)))
            return
        future.add_done_callback(lambda f: self._settled(number, f))

    def _settled(self, number: int, future: Future[Appended]) -> None:
        error = future.exception()
        self._reply(frame(done(number, future.result()) if error is None else failed(number, error)))

    def _reply(self, raw: bytes) -> None:
        self._put(raw)
        with self._answered:
            self._in_flight -= 1
            if self._in_flight == _IN_FLIGHT - 1:
                self._answered.notify()

    def _put(self, raw: bytes) -> None:
        with self._sending:
            self._out += raw


class Server:
    """Listens until closed; each client has a thread that mostly sleeps."""

    def __init__(self, ledger: Committing, path: Path) -> None:
        self._ledger = ledger
        self._path = path
        self._clients: set[_Client] = set()
        self._lock = threading.Lock()
        self._listener = listen(path)
        self._stop_pushing = ledger.on_commit(self._committed)
        self._thread = threading.Thread(target=self._accept, name="ledger-accept", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening and cut every connection; what was queued is still committed by the ledger."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept; close alone would not
        self._thread.join()
        self._listener.close()
        self._path.unlink(missing_ok=True)
        self._stop_pushing()
        with self._lock:
            clients = tuple(self._clients)
        for client in clients:
            client.close()

    def _committed(self, head: Head) -> None:
        for client in tuple(self._clients):
            client.push(head)

    def _accept(self) -> None:
        while True:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            if (uid := peer_uid(link)) != os.getuid():
                refusal = Failed(0, "Rejected", f"user {uid} may not write this ledger", "run as the desk's own user")
                with contextlib.suppress(OSError):
                    link.sendall(frame(refusal))
                link.close()
                continue
            threading.Thread(target=self._serve, args=(link,), name="ledger-client", daemon=True).start()

    def _serve(self, link: socket.socket) -> None:
        with link:
            client = _Client(link, self._ledger)
            with self._lock:
                self._clients.add(client)
            try:
                client.serve()
            finally:
                with self._lock:
                    self._clients.discard(client)


def serve(ledger: Committing, socket_path: Path) -> Server:
    """Serve `ledger` at `socket_path` (mode 0600, this user only).

    Raises:
        Conflict: another process serves there.
    """
    if answers(socket_path):
        raise Conflict(f"somebody serves at {socket_path} already", fix="stop that core first: steersman status")
    socket_path.unlink(missing_ok=True)  # left by a core that was killed
    return Server(ledger, socket_path)
