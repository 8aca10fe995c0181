"""Follows the ledger for the runs this process waits for: whichever worker carries them out, their events come here."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from steersman.automation.events import RUN_FINISHED, RUN_SKIPPED, RUN_STARTED, RunFinished, RunSkipped, RunStarted
from steersman.automation.model.outcome import Progress, RunOutcome
from steersman.automation.recorder import outcome_of
from steersman.kernel.errors import Unavailable
from steersman.ledger import Event, Ledger

_LOOK_S = 0.5
_REMEMBERED = 10_000


class Follower:
    """Tells each step of each run to `tell`, and wakes whoever waits for an end. One thread of its own."""

    def __init__(self, ledger: Ledger, tell: Callable[[Progress], None]) -> None:
        self._ledger = ledger
        self._tell = tell
        self._ended = threading.Condition()
        self._ends = 0
        self._told: OrderedDict[str, None] = OrderedDict()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Follow from the head on."""
        after = self._ledger.head().pos
        self._thread = threading.Thread(target=self._follow, args=(after,), name="automation-follower", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop, and wake everybody. A second call does nothing."""
        self._stop.set()
        with self._ended:
            self._ended.notify_all()
        if self._thread is not None:
            self._thread.join()

    def has_ended(self, run_id: str) -> bool:
        """Say whether the end of a run was told; of the last 10,000."""
        with self._ended:
            return run_id in self._told

    def wait(self, met: Callable[[], bool], *, for_s: float) -> bool:
        """Return True once `met()` holds, False after `for_s` seconds or when this stops; asked again at every end."""
        while not self._stop.is_set():
            with self._ended:
                seen = self._ends
            if met():
                return True
            if not self._next_end(seen, for_s):
                return met()
        return False

    def _next_end(self, seen: int, for_s: float) -> bool:
        """Wait for an end after the `seen`-th; return whether there was one, or this stopped, within `for_s`."""
        with self._ended:
            return self._ended.wait_for(lambda: self._ends != seen or self._stop.is_set(), for_s)

    def _follow(self, after: int) -> None:
        subscription = self._ledger.subscribe(after=after)
        try:
            while not self._stop.is_set():
                try:
                    events = subscription.next(_LOOK_S)
                except Unavailable:
                    self._stop.wait(_LOOK_S)
                    continue
                for step in map(progress, events):
                    if step is not None:
                        self._take(step)
        finally:
            subscription.close()

    def _take(self, step: Progress) -> None:
        self._tell(step)
        if step.outcome is not None:
            with self._ended:
                self._ends += 1
                self._told[step.run_id] = None
                if len(self._told) > _REMEMBERED:
                    self._told.popitem(last=False)
                self._ended.notify_all()


def progress(event: Event) -> Progress | None:
    """Return what an event says of a run's way, None for an event that says nothing of it."""
    if event.type == RUN_STARTED:
        start = msgspec.json.decode(event.data, type=RunStarted)
        return Progress(run_id=start.run_id, automation=start.automation, state="started", attempt=start.attempt)
    if event.type == RUN_SKIPPED:
        skip = msgspec.json.decode(event.data, type=RunSkipped)
        outcome = RunOutcome(
            run_id=skip.run_id, automation=skip.automation, status="skipped", reason=skip.reason, attempts=0
        )
        return Progress(
            run_id=skip.run_id, automation=skip.automation, state="skipped", note=skip.reason, outcome=outcome
        )
    if event.type != RUN_FINISHED:
        return None
    end = msgspec.json.decode(event.data, type=RunFinished)
    if end.will_retry:
        note = f"{end.error or end.status}; attempt {end.attempt + 1} follows"
        return Progress(run_id=end.run_id, automation=end.automation, state="retrying", attempt=end.attempt, note=note)
    return Progress(
        run_id=end.run_id,
        automation=end.automation,
        state="finished",
        attempt=end.attempt,
        note=end.error,
        outcome=outcome_of(end),
    )
