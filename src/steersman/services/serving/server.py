"""The services' socket: one thread takes in every request as it comes, bounded threads answer.

A client that says nothing, says it slowly or never reads costs a descriptor until its time is over, and nobody waits
for it. One request per connection: the kernel's word on who connected is then never older than the request.
"""

from __future__ import annotations

import os
import selectors
import socket
import sys
import threading
import traceback
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

import msgspec

from steersman.kernel.clock import Clock
from steersman.kernel.errors import SteersmanError, Unavailable
from steersman.ledger import Ledger, new_event
from steersman.services.serving import protocol
from steersman.services.serving.claim import Claim
from steersman.services.serving.events import CLIENT_REFUSED, REQUEST_FAILED, STREAM, ClientRefused, RequestFailed
from steersman.services.serving.handler import Handler
from steersman.services.serving.lanes import Lane
from steersman.services.serving.peer import Caller, RunLookup, credentials, identify, no_runs

CONNECTIONS: Final = 256
WAITING: Final = 256
REQUEST_S: Final = 5.0
ANSWER_S: Final = 5.0
GRACE_S: Final = 3.0
_REFUSALS_EVERY_S: Final = 60.0
_LANES: Final = {"token": 32, "pull": 32, "emit": 8, "status": 4}
_CHUNK: Final = 1 << 16
_BREATH_S: Final = 0.05


class _Asking:
    """A connection whose request is not complete yet."""

    __slots__ = ("buffer", "link", "pid", "until")

    def __init__(self, link: socket.socket, pid: int, until: int) -> None:
        self.link = link
        self.pid = pid
        self.until = until
        self.buffer = bytearray()


class Server:
    """Answers on `claim` until closed."""

    def __init__(
        self,
        claim: Claim,
        handler: Handler,
        ledger: Ledger,
        clock: Clock,
        *,
        runs: RunLookup = no_runs,
        peer_of: Callable[[socket.socket], tuple[int, int]] = credentials,
        connections: int = CONNECTIONS,
        waiting: int = WAITING,
        request_s: float = REQUEST_S,
    ) -> None:
        """Start answering.

        Args:
            runs: finds runs in flight, so that events can name the automation.
            connections: incomplete requests at once; the oldest is dropped for one more.
            waiting: complete requests at once, answered or waiting for it; one more is told to come back. Without an
                end they would take every descriptor of the desk's process.
            request_s: seconds a client has to say its request.
        """
        self._claim = claim
        self._handler = handler
        self._ledger = ledger
        self._clock = clock
        self._runs = runs
        self._peer_of = peer_of
        self._connections = connections
        self._waiting = waiting
        self._request_ns = int(request_s * 1e9)
        self._asking: OrderedDict[int, _Asking] = OrderedDict()
        self._answering: set[socket.socket] = set()
        self._lanes = {name: Lane(name, width) for name, width in _LANES.items()}
        self._strangers: dict[int, tuple[int, int]] = {}
        self._lock = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe()
        self._breath = threading.Event()
        self._stopping = False
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._selector.register(claim.listener, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._listen, name="services", daemon=True)
        self._thread.start()

    def close(self, *, grace_s: float = GRACE_S) -> None:
        """Stop listening, give running answers `grace_s` seconds, then cut every connection.

        Who is cut off was answered nothing, so that his client may ask elsewhere.
        """
        if self._stopping:
            return
        self._stopping = True
        os.write(self._wake_write, b"x")
        self._thread.join()
        self._claim.release()
        until = self._clock.elapsed_ns() + int(grace_s * 1e9)
        for lane in self._lanes.values():
            lane.close(max(0.0, (until - self._clock.elapsed_ns()) / 1e9))
        with self._lock:
            left = tuple(self._answering)
        for link in left:
            with suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
            link.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    # -- taking requests in: one thread, which never waits for anybody -------------------------------------------

    def _listen(self) -> None:
        while not self._stopping:
            for key, _ in self._selector.select(self._patience_s()):
                if key.fileobj is self._claim.listener:
                    self._accept()
                elif key.fd in self._asking and self._asking[key.fd].link is key.fileobj:
                    # Not if it was dropped for another one a moment ago, in this very round.
                    self._receive(self._asking[key.fd])
            self._drop_overdue()
        for asking in tuple(self._asking.values()):
            self._forget(asking)
            asking.link.close()
        self._selector.close()

    def _patience_s(self) -> float | None:
        """Return how long nothing may happen before somebody is overdue."""
        first = next(iter(self._asking.values()), None)
        return None if first is None else max(0.0, (first.until - self._clock.elapsed_ns()) / 1e9)

    def _accept(self) -> None:
        try:
            link, _ = self._claim.listener.accept()
        except OSError:
            # Gone again, or no descriptor left for one more: those who are here are answered, then it is tried again.
            self._drop_oldest()
            self._breath.wait(_BREATH_S)
            return
        pid, uid = self._peer_of(link)
        if uid != os.getuid():
            self._refuse(link, pid, uid)
            return
        if len(self._asking) >= self._connections:
            self._drop_oldest()
        link.settimeout(0)
        self._asking[link.fileno()] = _Asking(link, pid, self._clock.elapsed_ns() + self._request_ns)
        self._selector.register(link, selectors.EVENT_READ)

    def _receive(self, asking: _Asking) -> None:
        try:
            part = asking.link.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            part = b""
        asking.buffer += part
        end = asking.buffer.find(b"\n")
        if end < 0 and part and len(asking.buffer) <= protocol.LARGEST_REQUEST:
            return
        self._forget(asking)
        if end < 0 and not part:
            asking.link.close()
            return
        self._take(asking, bytes(asking.buffer if end < 0 else asking.buffer[:end]))

    def _take(self, asking: _Asking, line: bytes) -> None:
        """Have a complete request answered."""
        with self._lock:
            full = len(self._answering) >= self._waiting
            if not full:
                self._answering.add(asking.link)
        if full:
            _dismiss(
                asking.link,
                Unavailable(f"{self._waiting} questions are being answered already", fix="ask again in a moment"),
            )
            return
        try:
            question = protocol.question(line)
        except SteersmanError as exc:
            self._lanes["status"].put(partial(self._send, asking.link, protocol.refused(exc)))
            return
        op = str(type(question).__struct_config__.tag)
        lane = self._lanes.get(op, self._lanes["status"])
        if not lane.put(partial(self._answer, asking, question, op)):
            self._let_go(asking.link)

    def _drop_overdue(self) -> None:
        now = self._clock.elapsed_ns()
        while self._asking and next(iter(self._asking.values())).until <= now:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        oldest = next(iter(self._asking.values()), None)
        if oldest is not None:
            self._forget(oldest)
            _dismiss(oldest.link, Unavailable("the request did not come in time", fix="send it in one line, at once"))

    def _forget(self, asking: _Asking) -> None:
        self._selector.unregister(asking.link)
        del self._asking[asking.link.fileno()]

    def _refuse(self, link: socket.socket, pid: int, uid: int) -> None:
        """Turn a process of another user away, and record it: once at first, then once a minute with how often."""
        link.close()
        now = self._clock.elapsed_ns()
        said, times = self._strangers.get(uid, (0, 0))
        times += 1
        if said and now - said < _REFUSALS_EVERY_S * 1e9:
            self._strangers[uid] = (said, times)
            return
        self._strangers[uid] = (max(now, 1), 0)
        at = self._clock.now_ns()
        self._lanes["status"].put(
            partial(self._record, CLIENT_REFUSED, ClientRefused(uid=uid, pid=pid, times=times, at=at))
        )

    # -- answering: threads of the lanes -------------------------------------------------------------------------

    def _answer(self, asking: _Asking, question: protocol.Question, op: str) -> None:
        caller = Caller(who=f"uid:{os.getuid()}", pid=asking.pid)
        try:
            caller = identify(asking.pid, os.getuid(), self._runs)
            line = protocol.answered(self._handler.answer(question, caller))
        except SteersmanError as exc:
            line = protocol.refused(exc)
        except Exception as exc:  # noqa: BLE001 - the edge of the process: one bad request must not end the others
            line = self._failed(exc, op, caller)
        self._send(asking.link, line)

    def _failed(self, exc: Exception, op: str, caller: Caller) -> bytes:
        """Keep the traceback in the log, the fact in the ledger, and tell the caller where to look."""
        traceback.print_exception(exc, file=sys.stderr)
        error = type(exc).__name__
        fact = RequestFailed(op=op, error=error, who=caller.who, pid=os.getpid(), at=self._clock.now_ns())
        self._record(REQUEST_FAILED, fact)
        told = SteersmanError(
            f"the services met a fault of their own ({error})", fix=f"read what process {os.getpid()} wrote, report it"
        )
        return protocol.refused(told)

    def _send(self, link: socket.socket, line: bytes) -> None:
        with suppress(OSError):
            link.settimeout(ANSWER_S)
            link.sendall(line)
        self._let_go(link)

    def _let_go(self, link: socket.socket) -> None:
        with self._lock:
            self._answering.discard(link)
        link.close()

    def _record(self, kind: str, fact: msgspec.Struct) -> None:
        event = new_event(kind, stream=STREAM, data=fact, actor="services", now_ns=self._clock.now_ns())
        try:
            self._ledger.append([event])
        except SteersmanError as exc:
            print(f"services: {kind} could not be recorded: {exc}", file=sys.stderr, flush=True)


def _dismiss(link: socket.socket, why: SteersmanError) -> None:
    """Say why nothing is done and hang up, without waiting for anybody."""
    with suppress(OSError):
        link.send(protocol.refused(why))
    link.close()
