"""The port of what machines share. Every adapter passes tests/contracts/test_commons.py.

One machine needs none of this: there, files and the kernel's locks do it (ADR 0010). With several, the same questions
(who may ask upstream now, what came, how often was it asked, which refresh token is the latest) go through one server
that all of them reach.
"""

from __future__ import annotations

from types import TracebackType
from typing import Protocol


class Lock(Protocol):
    """A lock that is held; leaving the `with` lets go. May be let go by another thread than took it."""

    @property
    def is_held(self) -> bool:
        """Whether it is still ours as far as the server says: a pause or a cut connection may have lost it.

        Ask before anything that must not happen twice; False also when the server does not answer.
        """
        ...

    def release(self) -> None:
        """Let go; a second call does nothing."""
        ...

    def __enter__(self) -> Lock: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Commons(Protocol):
    """Locks and records by name, on a server that all machines reach. Safe for many threads.

    Names are of `a-z A-Z 0-9 . _ - /`, 200 characters at most, and live below the namespace of the settings, so that
    several operations can use one server.
    """

    kind: str
    """Of the adapter, for messages: `redis`, `postgres`, `memory`."""

    is_durable: bool
    """Whether a record that was written survives a crash of the server: logins are kept only where it does."""

    def lock(self, name: str, *, wait_s: float = 0.0) -> Lock | None:
        """Return the lock, None when somebody else still holds it after `wait_s`.

        A holder that dies, or is cut off, lets go within some seconds.

        Raises:
            Unavailable: the server does not answer.
        """
        ...

    def read(self, name: str) -> bytes | None:
        """Return what was last written under `name`, None if nothing was or its time is over.

        Raises:
            Unavailable: the server does not answer.
        """
        ...

    def write(self, name: str, data: bytes, *, under: Lock, ttl_s: float | None = None) -> None:
        """Write `data` whole, as one step, provided that `under` is still held at that moment on the server.

        Args:
            under: the lock that guards the record: who lost it unknowingly must not overwrite what its next holder
                wrote.
            ttl_s: after how long it may go; None: never.

        Raises:
            Conflict: the lock was lost meanwhile; nothing was written.
            Unavailable: the server does not answer, or takes no more data; it may or may not have been written.
        """
        ...

    def delete(self, name: str) -> None:
        """Delete a record; one that is not there is no error.

        Raises:
            Unavailable: the server does not answer.
        """
        ...

    def close(self) -> None:
        """Let go of connections; locks still held are lost. A second call does nothing."""
        ...
