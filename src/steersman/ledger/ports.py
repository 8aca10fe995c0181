"""The ledger's port. Every adapter passes tests/contracts/test_ledger.py."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from typing import Final, Protocol
from uuid import UUID

import msgspec

from steersman.ledger.event import Event, NewEvent

ANY: Final = -1
"""`expect=ANY`: append whatever the stream's version is."""


class Appended(msgspec.Struct, frozen=True, kw_only=True):
    """What `append` made durable: `positions[i]` is where the i-th event stands (its old place if it was a repeat)."""

    positions: tuple[int, ...]
    repeated: int = 0

    @property
    def last(self) -> int:
        return max(self.positions)


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The end of the chain: position 0 and 32 zero bytes when the ledger is empty."""

    pos: int
    hash: bytes


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What `verify` found.

    Attributes:
        ok: every hash, gap and (if any was given) anchor agreed.
        checked: events read.
        head: the last position and hash read.
        problem: the first disagreement, in words, with its position; empty when `ok`.
    """

    ok: bool
    checked: int
    head: Head
    problem: str = ""
    first_bad: int | None = None


class Subscription(Protocol):
    """A live reader: first what is stored after the given position, then what arrives."""

    def next(self, timeout_s: float) -> Sequence[Event]:
        """Return at least one new event, or an empty sequence after `timeout_s` seconds."""
        ...

    def close(self) -> None: ...


class Ledger(Protocol):
    """Where events are kept: totally ordered, durable before acknowledged, never edited."""

    def append(self, events: Sequence[NewEvent], *, expect: int = ANY) -> Appended:
        """Make `events` durable, all or none, in this order, and return where they stand.

        Args:
            events: 1 or more. An id that is already stored is a repeat: nothing is written for it.
            expect: the version the stream of the first event must have now (0: must not exist), or ANY.

        Raises:
            Conflict: the stream's version is not `expect`.
            Unavailable: not made durable (disk full, no core process); nothing was written, so it may be tried again
                with the same ids.
        """
        ...

    def append_soon(self, events: Sequence[NewEvent], *, expect: int = ANY) -> Future[Appended]:
        """As `append`, without waiting: the future is done once the events are durable."""
        ...

    def read(
        self,
        *,
        after: int = 0,
        limit: int | None = None,
        types: Iterable[str] | None = None,
        stream: str | None = None,
        correlation_id: UUID | None = None,
    ) -> Iterator[Event]:
        """Yield events with `pos > after` in order. A type ending in `.*` matches all types it begins."""
        ...

    def get(self, event_id: UUID) -> Event | None:
        """Return the event with this id, if it is stored."""
        ...

    def stream_version(self, stream: str) -> int:
        """Return the version of the last event of `stream`, 0 if there is none."""
        ...

    def subscribe(self, *, after: int) -> Subscription: ...

    def head(self) -> Head: ...

    def verify(self, *, after: int = 0, until: int | None = None) -> Verification:
        """Recompute every hash in `(after, until]` and say where the chain breaks, if it does."""
        ...

    def close(self) -> None: ...
