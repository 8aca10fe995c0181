"""One question to a Redis server: bounded in time, in words of ours when it fails, safe to repeat."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.connection import AbstractConnection, Connection, parse_url
from redis.retry import Retry

from steersman.kernel.errors import Unavailable
from steersman.services.commons.cutting import Cutter

CONNECT_S: Final = 3.0
ANSWER_S: Final = 5.0
# The above are for one wait: a server behind a line that drips would get a new one with every byte.
WHOLE_S: Final = 8.0
WRITE_S: Final = 60.0
_MUCH: Final = 1_000_000
RIGHTS: Final = "~steersman:* +@read +@write +@scripting +@connection +time +info +config|get"
"""What our login must be allowed: our keys, and to ask how the server is set."""
T = TypeVar("T")
_START: Final = "start it, or correct url in [shared]; `steersman doctor` looks again"
_WORDS: Final[tuple[tuple[type[redis.RedisError], str, str], ...]] = (
    (redis.exceptions.AuthenticationError, "refuses our login", "correct user and password in what url refers to"),
    (redis.exceptions.NoPermissionError, "does not allow our login a command", f"give the user {RIGHTS}"),
    (redis.exceptions.InvalidResponse, "answers, but not as Redis does", "correct url in [shared]"),
    (redis.exceptions.ReadOnlyError, "is a replica and takes no writes", "name the primary in url"),
    (redis.exceptions.OutOfMemoryError, "takes no more data: its memory is full", "raise its maxmemory"),
    (redis.exceptions.BusyLoadingError, "is still loading its data", "wait a moment"),
    (redis.exceptions.MaxConnectionsError, "has no connection left for us", "raise max_connections in url"),
    (redis.exceptions.TimeoutError, "did not answer in time", _START),
    (redis.exceptions.ConnectionError, "does not answer", _START),
)


class Asking:
    """The connections to one server. Thread safe; after a fork each process has its own."""

    def __init__(self, url: str, *, place: str, namespace: str) -> None:
        self._place, self.is_closed = place, False
        self._name = f"steersman-{namespace}"
        self._client = self._made(url, ANSWER_S)
        # A server that syncs every write may take its time for a large one.
        self._patient = self._made(url, WRITE_S)

    def _made(self, url: str, answer_s: float) -> redis.Redis:
        return redis.Redis.from_url(
            url,
            connection_class=_noted(url),
            socket_connect_timeout=CONNECT_S,
            socket_timeout=answer_s,
            # No retries of its own: it would ask again for as long as it likes, also what must not be asked twice.
            retry=Retry(NoBackoff(), 0),
            client_name=self._name,
            # Of 32 KB, a frame of 64 MB would be pieced together from two thousand.
            socket_read_size=1 << 20,
        )

    def ask(self, question: Callable[[redis.Redis], T], *, size_bytes: int = 0, whole_s: float = WHOLE_S) -> T:
        """Return the answer. `question` must be safe to repeat: it is, once, when a kept connection was dead.

        Args:
            size_bytes: of what is sent along: much of it is waited for longer.
            whole_s: after how long the connection is cut, whatever came by then; for little that is sent.

        Raises:
            Unavailable: there is none.
        """
        client, whole_s = (self._patient, WRITE_S) if size_bytes > _MUCH else (self._client, whole_s)
        if self.is_closed:
            raise Unavailable(f"Redis at {self._place} was closed here", fix="open the commons again")
        try:
            with _bounded(whole_s) as bound:
                try:
                    return question(client)
                except redis.ConnectionError as exc:
                    if bound.is_cut:
                        raise redis.TimeoutError from exc
                    if type(exc) is not redis.ConnectionError:
                        raise
                    # Of before a restart of the server, perhaps, as all the others that were kept.
                    client.connection_pool.disconnect(inuse_connections=False)
                    return question(client)
        except redis.RedisError as exc:
            raise self._said(exc) from exc
        except OSError as exc:
            raise Unavailable(f"Redis at {self._place} does not answer ({exc.strerror})", fix=_START) from exc

    def close(self) -> None:
        """Cut the connections; nothing is asked any more."""
        self.is_closed = True
        for client in (self._client, self._patient):
            client.close()
            client.connection_pool.disconnect()

    def _said(self, exc: redis.RedisError) -> Unavailable:
        for kind, words, fix in _WORDS:
            if isinstance(exc, kind):
                return Unavailable(f"Redis at {self._place} {words}", fix=fix)
        # The kind says enough: the words of the library may quote what was sent.
        return Unavailable(
            f"Redis at {self._place} refused ({type(exc).__name__})",
            fix="look whether url in [shared] names the right server and database",
        )


class _Bound:
    """The end of one question. `connection` is the one that it goes through."""

    def __init__(self, until_ns: int) -> None:
        self.until_ns = until_ns
        self._guard, self._is_over = threading.Lock(), False
        self.connection: Any = None
        self.is_cut = False

    def cut(self) -> None:
        """Cut the connection, unless the question is over: it is somebody else's then."""
        with self._guard, suppress(OSError):
            made = None if self._is_over or self.connection is None else self.connection._sock
            self.is_cut = not self._is_over
            if made is not None:
                # A descriptor of our own: the other thread reads from that one, perhaps through TLS.
                with socket.socket(fileno=os.dup(made.fileno())) as line:
                    line.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        with self._guard:
            self._is_over = True


class _Here(threading.local):
    bound: _Bound | None = None


_here: Final = _Here()
_cutter: Final = Cutter()


@contextmanager
def _bounded(whole_s: float) -> Iterator[_Bound]:
    bound = _here.bound = _Bound(_cutter.after(whole_s))
    _cutter.add(bound)
    try:
        yield bound
    finally:
        _cutter.discard(bound)
        bound.end()
        _here.bound = None


def _noted(url: str) -> type[AbstractConnection]:
    """Return the kind of connection that `url` needs, which says when it is used."""
    told: dict[str, Any] = parse_url(url)  # type: ignore[no-untyped-call]
    base: type[AbstractConnection] = told.get("connection_class", Connection)

    class Noted(base):  # type: ignore[misc,valid-type]  # of three kinds, known only now
        def send_packed_command(self, *command: Any, **how: Any) -> None:
            if _here.bound is not None:
                _here.bound.connection = self
            super().send_packed_command(*command, **how)

    return Noted
