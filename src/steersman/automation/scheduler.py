"""Watches the clock and says which automations are due, and what was missed while nobody watched."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Container
from itertools import islice, takewhile
from typing import Final

from steersman.automation.handled import Handled
from steersman.automation.missed import Missed
from steersman.automation.model.manifest import Automation, Manifest
from steersman.automation.model.schedule import PUNCTUAL_NS, latest, starts
from steersman.kernel.clock import Clock
from steersman.kernel.errors import Unavailable

_log = logging.getLogger(__name__)
OnDue = Callable[[list[str], int], None]
"""Takes the names due together and the instant (ns) they were due at."""


MAX_CAUGHT_UP: Final = 100
"""Starts that `catchup = "all"` makes up for at most; older ones are recorded as missed."""
_LOOK_AGAIN_S = 5.0
_COUNTED: Final = 5000
_FAR_NS = 600_000_000_000


class Scheduler:
    """Calls `on_due` at each start of the manifest's schedules, names of the same instant together.

    Starts that came while nothing watched (the desk was down, the machine slept, the clock was set forward) are made up
    for as `catchup` says; the rest go to `on_missed`. A clock set back asks again for nothing that was started, unless
    it goes back by more than ten minutes (a machine that began in the wrong time zone): then that future does not
    count, and what was missed in it starts when its time comes. One start is one run all the same.
    """

    def __init__(
        self,
        manifest: Manifest,
        clock: Clock,
        on_due: OnDue,
        *,
        handled: Handled | None = None,
        on_missed: Callable[[Missed], None] = lambda _: None,
        on_behind: Callable[[int], None] = lambda _: None,
        held: Callable[[], Container[str]] = tuple,
    ) -> None:
        """Prepare.

        Args:
            on_behind: told up to which instant nothing watched, before several starts of an automation are asked for.
            held: names whom a pause holds back now: to their schedules that is a time when nothing watched.
        """
        self._automations = {a.name: a for a in manifest if a.schedule is not None and a.enabled}
        self._clock = clock
        self._on_due = on_due
        self._on_missed = on_missed
        self._on_behind = on_behind
        self._held = held
        self._handled = handled or Handled()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._next: dict[str, int] = {}
        now = clock.now_ns()
        self._handled.keep_only(self._automations)
        for automation in self._automations.values():
            through = self._handled.through(automation)
            self._plan(automation, now if through is None else through)
        self._handled.save()

    def tick(self) -> float:
        """Start what is due and return the seconds until it is worth looking again.

        If a start fails, nothing of this look counts as done: the next one asks for all of it again, and one start is
        one run.
        """
        marks, following = self._handled.marks(), dict(self._next)
        try:
            return self._tick(self._clock.now_ns())
        except Exception:
            self._handled.restore(marks)
            self._next = following
            raise

    def _tick(self, now: int) -> float:
        due: dict[int, list[str]] = {}
        held = self._held()
        for name, at in list(self._next.items()):
            if name in held:
                continue
            automation = self._automations[name]
            through = self._handled.through(automation) or now
            if through > now + _FAR_NS:
                self._plan(automation, now)
            elif at <= now:
                taken = self._taken(automation, through, now)
                if len(taken) > 1:
                    self._on_behind(taken[-1])
                for start in taken:
                    due.setdefault(start, []).append(name)
        for start in sorted(due):
            self._on_due(due[start], start)
        if due:
            self._handled.save()
        soonest = min((at for name, at in self._next.items() if name not in held), default=None)
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
        span_s = 0.0
        while not self._stop.wait(span_s):
            try:
                span_s = self.tick()
            except Unavailable as exc:
                _log.warning("what is due could not be started; it is tried again: %s", exc.message)
                span_s = _LOOK_AGAIN_S
            except Exception:  # noqa: BLE001 - schedules must outlive a full disk and a bug
                _log.exception("what is due could not be started; it is tried again")
                span_s = _LOOK_AGAIN_S

    def _taken(self, automation: Automation, through: int, now: int) -> list[int]:
        """Return the starts after `through` that happen now, as `catchup` says; the others are told as missed."""
        schedule, tz = automation.schedule or "", automation.tz
        due = list(islice(takewhile(lambda at: at <= now, starts(schedule, tz, through)), _COUNTED))
        first, counted = (due[0] if due else 0), len(due)
        if counted == _COUNTED:
            # After a year of minutes: none but the last ones are wanted, and to count all would take half a minute.
            due = latest(schedule, tz, through, now, MAX_CAUGHT_UP + 1)
        self._plan(automation, due[-1] if due else now)
        taken = _chosen(automation, due[-MAX_CAUGHT_UP:], now)
        if counted > len(taken):
            last = next(at for at in reversed(due) if at not in taken)
            self._on_missed(
                Missed(
                    automation=automation.name,
                    count=counted - len(taken),
                    first=first,
                    last=last,
                    at_least=counted == _COUNTED,
                )
            )
        return taken

    def _plan(self, automation: Automation, through: int) -> None:
        self._handled.mark(automation, through)
        at = next(starts(automation.schedule or "", automation.tz, through), None)
        if at is None:
            self._next.pop(automation.name, None)
        else:
            self._next[automation.name] = at


def _chosen(automation: Automation, due: list[int], now: int) -> list[int]:
    if automation.catchup == "all":
        return due
    last = due[-1:]
    if automation.catchup == "none":
        # A busy machine is late by seconds; that is not a start that was missed.
        return [at for at in last if now - at <= PUNCTUAL_NS]
    return last
