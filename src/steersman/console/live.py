"""Live pages: one thread follows the ledger, renders once, and wakes every open stream."""

from __future__ import annotations

import asyncio
import sys
import threading
import traceback
from collections.abc import AsyncGenerator, Callable, Collection
from typing import Final

import msgspec

from steersman.console.pages import Fragment
from steersman.ledger import Ledger

_AT_MOST_EVERY_S: Final = 0.33
_POLL_S: Final = 0.5
_HEARTBEAT_S: Final = 15.0
_encode = msgspec.json.Encoder().encode
Render = Callable[[], dict[str, Fragment]]


class Live:
    """Fragments of the page, kept current while somebody looks."""

    def __init__(self, ledger: Ledger, render: Render, *, is_behind: Callable[[], bool]) -> None:
        """Follow `ledger` once somebody looks.

        Args:
            render: refreshes the read models and returns every fragment; called from one thread at a time.
            is_behind: whether what was rendered last left something out that a later call would show.
        """
        self._ledger = ledger
        self._render = render
        self._is_behind = is_behind
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._streams: set[_Stream] = set()
        self._now: dict[str, Fragment] | None = None

    async def stream(self, only: Collection[str] | None = None) -> AsyncGenerator[bytes, None]:
        """Yield server-sent events: first everything, then what changes, until the client or the desk goes away.

        With `only`, nothing but the fragments of these names.
        """
        own = _Stream(asyncio.get_running_loop())
        self._join(own)
        sent: dict[str, str] = {}
        try:
            yield b"retry: 2000\n\n"
            while not self._stop.is_set():
                now = self._now
                for fragment in (now or {}).values():
                    wanted = only is None or fragment.name in only
                    if wanted and sent.get(fragment.name) != fragment.digest:
                        sent[fragment.name] = fragment.digest
                        yield b"event: fragment\ndata: " + _encode(fragment) + b"\n\n"
                if not await own.wait(_HEARTBEAT_S):
                    yield b": still here\n\n"
        finally:
            with self._lock:
                self._streams.discard(own)
                if not self._streams:
                    # Nothing is rendered until somebody looks again, and their page is newer than this.
                    self._now = None

    def close(self) -> None:
        """End every stream and the thread."""
        self._stop.set()
        self._wake()
        if self._thread is not None:
            self._thread.join(5.0)

    def _join(self, own: _Stream) -> None:
        with self._lock:
            self._streams.add(own)
            if self._thread is None and not self._stop.is_set():
                self._thread = threading.Thread(target=self._follow, name="console-live", daemon=True)
                self._thread.start()

    def _follow(self) -> None:
        """Render at the start and after each burst of events, at most three times a second."""
        subscription = self._ledger.subscribe(after=self._ledger.head().pos)
        stale = True
        try:
            while not self._stop.is_set():
                stale = bool(subscription.next(0.0 if stale else _POLL_S)) or stale
                with self._lock:
                    watched = bool(self._streams)
                if not watched:
                    self._stop.wait(_POLL_S)  # nobody looks: remember that something happened, render nothing
                elif stale or self._now is None:
                    stale = not self._update()
                    self._stop.wait(_AT_MOST_EVERY_S)
        finally:
            subscription.close()

    def _update(self) -> bool:
        """Render and wake; say whether the page is now up to date."""
        try:
            self._now = self._render()
        except Exception:  # noqa: BLE001 - the edge of a thread: report it, keep the other pages, try again
            traceback.print_exc(file=sys.stderr)
            return False
        self._wake()
        return not self._is_behind()

    def _wake(self) -> None:
        with self._lock:
            streams = list(self._streams)
        for stream in streams:
            stream.wake()


class _Stream:
    """One open connection: an event of its own loop that other threads may set."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._event = asyncio.Event()

    def wake(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self, timeout_s: float) -> bool:
        try:
            await asyncio.wait_for(self._event.wait(), timeout_s)
        except TimeoutError:
            return False
        self._event.clear()
        return True
