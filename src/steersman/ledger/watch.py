"""Waiting for the head to move: how a subscriber sleeps until there is something to read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from time import monotonic
from typing import Final

from steersman.ledger.event import Event

POLL_S: Final = 0.25
"""How often a subscriber looks for itself, in case the push does not come."""

_AT_ONCE: Final = 1000


class HeadWatch:
    """The last position somebody announced, and those who wait for the next one."""

    def __init__(self) -> None:
        self._moved = threading.Condition()
        self._pos = 0

    def advance(self, pos: int) -> None:
        """Wake whoever waits for a position up to `pos`."""
        with self._moved:
            if pos > self._pos:
                self._pos = pos
            self._moved.notify_all()

    def wait_beyond(self, pos: int, timeout_s: float) -> bool:
        """Return whether a position beyond `pos` was announced within `timeout_s`."""
        if self._pos > pos:
            return True
        with self._moved:
            if self._pos <= pos:
                self._moved.wait(timeout_s)
            return self._pos > pos


class Tail:
    """A Subscription over anything that can be read: push wakes it, and it polls where a push may be lost.

    The read is the truth; a push only says when to read. So nothing is lost or doubled whatever happens to pushes.
    """

    def __init__(self, read: Callable[[int], Iterator[Event]], watch: HeadWatch, *, after: int, polls: bool) -> None:
        """Follow `read(after)`; with `polls`, look every POLL_S even if nobody announced anything."""
        self._read = read
        self._watch = watch
        self._after = after
        self._polls = polls
        self._closed = False

    def next(self, timeout_s: float) -> Sequence[Event]:
        """Return at least one new event, or an empty sequence after `timeout_s` seconds."""
        until = monotonic() + timeout_s
        while not self._closed:
            events = list(islice(self._read(self._after), _AT_ONCE))
            if events:
                self._after = events[-1].pos
                return events
            left = until - monotonic()
            if left <= 0:
                break
            self._watch.wait_beyond(self._after, min(left, POLL_S) if self._polls else left)
        return ()

    def close(self) -> None:
        """Stop; a `next` that waits in another thread returns empty."""
        self._closed = True
        self._watch.advance(0)
