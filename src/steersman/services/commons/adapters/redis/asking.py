"""One question to a Redis server: bounded in time, in words of ours when it fails, safe to repeat."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from steersman.kernel.errors import Unavailable

CONNECT_S: Final = 3.0
ANSWER_S: Final = 5.0
T = TypeVar("T")
_START: Final = "start it, or correct url in [shared]; `steersman doctor` looks again"
_WORDS: Final[tuple[tuple[type[redis.RedisError], str, str], ...]] = (
    (redis.exceptions.AuthenticationError, "refuses our login", "correct user and password in what url refers to"),
    (redis.exceptions.NoPermissionError, "does not allow our login a command", "grant ~steersman:* +@all to the user"),
    (redis.exceptions.ReadOnlyError, "is a replica and takes no writes", "name the primary in url"),
    (redis.exceptions.OutOfMemoryError, "takes no more data: its memory is full", "raise its maxmemory"),
    (redis.exceptions.BusyLoadingError, "is still loading its data", "wait a moment"),
    (redis.exceptions.MaxConnectionsError, "has no connection left for us", "raise max_connections in url"),
    (redis.exceptions.TimeoutError, f"did not answer within {ANSWER_S:g} s", _START),
    (redis.exceptions.ConnectionError, "does not answer", _START),
)


class Asking:
    """The connections to one server. Thread safe; after a fork each process has its own."""

    def __init__(self, url: str, *, place: str, namespace: str) -> None:
        self._place, self.is_closed = place, False
        # No retries of its own: it would ask again for as long as it likes, also what must not be asked twice.
        self._client = redis.Redis.from_url(
            url,
            socket_connect_timeout=CONNECT_S,
            socket_timeout=ANSWER_S,
            retry=Retry(NoBackoff(), 0),
            client_name=f"steersman-{namespace}",
        )

    def ask(self, question: Callable[[redis.Redis], T]) -> T:
        """Return the answer. `question` must be safe to repeat: it is, once, when a kept connection was dead.

        Raises:
            Unavailable: there is none.
        """
        if self.is_closed:
            raise Unavailable(f"Redis at {self._place} was closed here", fix="open the commons again")
        try:
            try:
                return question(self._client)
            except redis.ConnectionError as exc:
                if type(exc) is not redis.ConnectionError:
                    raise
                # Of before a restart of the server, perhaps, as all the others that were kept.
                self._client.connection_pool.disconnect(inuse_connections=False)
                return question(self._client)
        except redis.RedisError as exc:
            raise self._said(exc) from exc
        except OSError as exc:
            raise Unavailable(f"Redis at {self._place} does not answer ({exc.strerror})", fix=_START) from exc

    def close(self) -> None:
        """Cut the connections; nothing is asked any more."""
        self.is_closed = True
        self._client.close()
        self._client.connection_pool.disconnect()

    def _said(self, exc: redis.RedisError) -> Unavailable:
        for kind, words, fix in _WORDS:
            if isinstance(exc, kind):
                return Unavailable(f"Redis at {self._place} {words}", fix=fix)
        # The kind says enough: the words of the library may quote what was sent.
        return Unavailable(f"Redis at {self._place} refused ({type(exc).__name__})", fix=_START)
