"""Watches the clock and says which automations are due."""

from __future__ import annotations

import threading
from collections.abc import Callable

from steersman.automation.model.manifest import Manifest
from steersman.automation.model.schedule import next_start
from steersman.kernel.clock import Clock

OnDue = Callable[[list[str], int], None]
"""Takes the names due together and the instant (ns) they were due at."""

_LOOK_AGAIN_S = 5.0
_JUMP_NS = 2_000_000_000


class Scheduler:
    """Calls `on_due` at each start of the manifest's schedules, names of the same instant together.

    A machine that slept (or a clock set forward) over several starts of an automation makes up for one of them, late.
    A clock set back does not repeat what was started.
    """

    def __init__(self, manifest: Manifest, clock: Clock, on_due: OnDue) -> None:
        self._manifest = manifest
        self._clock = clock
        self._on_due = on_due
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._next: dict[str, int] = {}
        self._last: dict[str, int] = {}
        self._seen = clock.now_ns()
        self._plan(self._seen)

    def tick(self) -> float:
        """Start what is due and return the seconds until it is worth looking again."""
        now = self._clock.now_ns()
        if now < self._seen - _JUMP_NS:
            self._plan(now)
        self._seen = now
        due: dict[int, list[str]] = {}
        for name, at in self._next.items():
            if at <= now:
                due.setdefault(at, []).append(name)
        for at in sorted(due):
            for name in due[at]:
                self._advance(name, now)
            self._on_due(due[at], at)
        soonest = min(self._next.values(), default=None)
        if soonest is None:
            return _LOOK_AGAIN_S
        return max(0.0, min((soonest - self._clock.now_ns()) / 1e9, _LOOK_AGAIN_S))

    def start(self) -> None:
        """Follow the clock in a thread of its own until `stop`."""
        self._thread = threading.Thread(target=self._follow, name="automation-scheduler", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Return once no further start can happen."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _follow(self) -> None:
        while not self._stop.wait(self.tick()):
            pass

    def _plan(self, now: int) -> None:
        for automation in self._manifest:
            self._next.pop(automation.name, None)
            at = next_start(automation, max(now, self._last.get(automation.name, 0)))
            if at is not None:
                self._next[automation.name] = at

    def _advance(self, name: str, now: int) -> None:
        self._last[name] = self._next.pop(name)
        at = next_start(self._manifest[name], now)
        if at is not None:
            self._next[name] = at
