"""Starts that are due, kept until they are queued: while somebody else leads, and while the database is away."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from steersman.automation.model.outcome import Cause

_KEPT = 1000


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """What `Engine.begin` was called with."""

    cause: Cause
    roots: tuple[str, ...]
    at: int
    key: str


class Starts:
    """Starts in the order they came. Of a schedule that fires again only the latest stays, as after a sleep.

    A desk that does not lead keeps them too: when it comes to lead, the last start of each schedule is queued once
    more. Where the leader before has queued it that changes nothing; where it died before it could, nothing is lost.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Cause, tuple[str, ...], str], Start] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, start: Start) -> None:
        """Keep a start; of more than 1000 the oldest goes."""
        with self._lock:
            name = (start.cause, start.roots, start.key)
            self._kept[name] = start
            self._kept.move_to_end(name)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)

    def hand_to(self, begin: Callable[[Start], None]) -> None:
        """Call `begin` with each, oldest first; one for which it raises stays, as do those after it."""
        while True:
            with self._lock:
                name, start = next(iter(self._kept.items()), (None, None))
            if name is None or start is None:
                return
            begin(start)
            with self._lock:
                if self._kept.get(name) is start:
                    del self._kept[name]
