"""The port of what machines share. Every adapter passes tests/contracts/test_commons.py.

One machine needs none of this: there, files and the kernel's locks do it (ADR 0010). With several, the same questions
(who may ask upstream now, what came, how often was it asked, which refresh token is the latest) go through one server
that all of them reach. What is shared and what a lost lock means: ADR 0015.
"""

from __future__ import annotations

from types import TracebackType
from typing import Final, Protocol

import msgspec

MOST_BYTES: Final = 256_000_000
"""The largest record any adapter takes; Redis itself ends at 512 MB, and both ends hold it in memory once more."""


class Lock(Protocol):
    """A lock that is held; leaving the `with` lets go. May be let go by another thread than took it."""

    @property
    def is_held(self) -> bool:
        """Whether it is still ours as far as the server says: a pause or a cut connection may have lost it.

        Ask before anything that must not happen twice; False also when the server does not answer.
        """
        ...

    def release(self) -> None:
        """Let go; a second call does nothing. Never raises: what the server does not hear, it frees by itself."""
        ...

    def __enter__(self) -> Lock: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Concern(msgspec.Struct, frozen=True, kw_only=True):
    """Something an operator should know of the server, and what to do about it there or in `[shared]`."""

    problem: str
    fix: str


class CommonsStanding(msgspec.Struct, frozen=True, kw_only=True):
    """What lies there, for people: nothing of it is secret.

    Attributes:
        server: what answers, e.g. `Redis 7.0.15`.
        records, size_bytes, locks: below our namespace; `is_partial` when there were too many to count all.
        concerns: what an operator should change there.
    """

    server: str
    records: int
    size_bytes: int
    locks: int
    is_partial: bool = False
    concerns: tuple[Concern, ...] = ()


class Commons(Protocol):
    """Locks and records by name, on a server that all machines reach. Safe for many threads, and after a fork.

    Names are of `a-z A-Z 0-9 . _ - /`, 200 characters at most, and live below the namespace of the settings, so that
    several operations can use one server. A lock and a record may have the same name. No call lasts longer than some
    seconds plus the `wait_s` it was given, whatever the server does.
    """

    @property
    def kind(self) -> str:
        """Of the adapter, for messages: `redis`, `postgres`, `memory`."""
        ...

    @property
    def place(self) -> str:
        """Where it is, for messages: host, port and database, no user, no secret."""
        ...

    @property
    def is_durable(self) -> bool:
        """Whether a record that was written survives a crash of the server: logins are kept only where it does.

        Raises:
            Unavailable: the server does not answer, so nobody knows.
        """
        ...

    @property
    def not_durable(self) -> str:
        """Why `is_durable` is False, and the fix; empty if it is True. Raises as that."""
        ...

    def now_ns(self) -> int:
        """Return the server's clock, ns since 1970 UTC: the one clock that all machines agree on.

        Raises:
            Unavailable: the server does not answer.
        """
        ...

    def lock(self, name: str, *, wait_s: float = 0.0) -> Lock | None:
        """Return the lock, None when somebody else still holds it after `wait_s`.

        A holder that dies, is stopped or cut off lets go within some seconds (`lease` of the settings). Not reentrant.

        Raises:
            Unavailable: the server does not answer.
            Rejected: no such name can be.
        """
        ...

    def read(self, name: str) -> bytes | None:
        """Return what was last written under `name`, None if nothing was or its time is over.

        Raises:
            Unavailable: the server does not answer.
            Rejected: no such name can be.
        """
        ...

    def write(self, name: str, data: bytes, *, under: Lock, ttl_s: float | None = None) -> None:
        """Write `data` whole, as one step, provided that `under` is still held at that moment on the server.

        Args:
            under: the lock that guards the record: who lost it unknowingly must not overwrite what its next holder
                wrote.
            ttl_s: after how long it may go; None: never.

        Raises:
            Conflict: the lock was lost meanwhile, or was let go; nothing was written.
            Unavailable: the server does not answer, or takes no more data; as OutcomeUnknown where it may have been
                written all the same.
            Rejected: no such name can be, or more than `MOST_BYTES`.
        """
        ...

    def delete(self, name: str) -> None:
        """Delete a record; one that is not there is no error.

        Raises:
            Unavailable: the server does not answer.
            Rejected: no such name can be.
        """
        ...

    def standing(self) -> CommonsStanding:
        """Look at what lies there.

        Raises:
            Unavailable: the server does not answer.
        """
        ...

    def close(self) -> None:
        """Let go of connections; locks still held are lost. A second call does nothing."""
        ...
