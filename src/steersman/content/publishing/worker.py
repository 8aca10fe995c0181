"""The worker that owns the clock: publishes what is due, tries again what failed, raises alarms, and shows it lives."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from steersman.content.publishing import heartbeat
from steersman.content.publishing.alarms import end_overdue, raise_overdue
from steersman.content.publishing.heartbeat import Heartbeat, Waiting
from steersman.content.publishing.intents import STOPPED, TROUBLES, Outcome
from steersman.content.publishing.outbox import Outbox
from steersman.content.publishing.publisher import Publisher
from steersman.content.publishing.retry import pause_s
from steersman.kernel.clock import Clock
from steersman.kernel.errors import SteersmanError
from steersman.ledger import Ledger

LOOK_S: Final = 5.0
_SCAN_S: Final = 60.0
"""Even if nothing seems to have changed."""
_JUMP_S: Final = 2.0
_STEADY_S: Final = 60.0
"""How long after a jump of the clock nothing goes out: a wrong time is often put right at once."""
_WAITS: Final = ("waits", *TROUBLES, *STOPPED)


class Worker:
    """One thread's work; `tick` does what there is to do now."""

    def __init__(
        self,
        *,
        publisher: Callable[[], Publisher],
        root: Path,
        folder: str,
        ledger: Ledger,
        clock: Clock,
        actor: str = "desk",
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Set up; no draft is read yet.

        Args:
            publisher: makes one, with the settings and secrets of now.
            folder: the content folder, in the workspace `root`.
        """
        self._publisher = publisher
        self._content = root / folder
        self._path = root / heartbeat.FILE
        self._ledger = ledger
        self._clock = clock
        self._say = say
        self._outbox = Outbox(ledger, clock, actor=actor)
        self._count = 0
        before = heartbeat.read(self._path)
        # What waited when the last worker ended waits until the first look says otherwise.
        self._waiting: tuple[Waiting, ...] = before.waiting if before is not None else ()
        self._wakes: list[int] = []
        self._lookups: dict[str, tuple[int, int]] = {}
        self._told: dict[str, str] = {}
        self._name = os.urandom(8).hex()
        self._seen: object = None
        self._scanned = -(10**18)
        self._pos = 0
        self._wall, self._elapsed = clock.now_ns(), clock.elapsed_ns()
        self._steady_from = self._elapsed

    def run(self, stop: threading.Event) -> None:
        """Tick until `stop`. An error of ours ends a tick, never the worker; while it lasts, there is no heartbeat."""
        told = ""
        self._beat()
        while not stop.is_set():
            pause = LOOK_S
            try:
                pause = self.tick()
                told = ""
            except SteersmanError as exc:
                if exc.message != told:
                    told = exc.message
                    self._say(f"publishing: {exc.message}; {exc.fix}")
            except Exception:  # noqa: BLE001 - the edge of a thread: shown with its traceback, and tried again
                traceback.print_exc(file=sys.stderr)
            stop.wait(pause)

    def tick(self) -> float:
        """Do what there is to do now; return after how many seconds to look again."""
        now = self._clock.now_ns()
        if self._is_steady() and self._should_scan(now):
            self._scan(now)
        raise_overdue(self._outbox, self._waiting, now_ns=self._clock.now_ns())
        self._beat()
        later = [at for at in self._wakes if at > now]
        return min([LOOK_S, *((at - now) / 1e9 + 0.001 for at in later)])

    def _is_steady(self) -> bool:
        """Say whether the wall clock went along with the one that never jumps for long enough to be believed."""
        wall, elapsed = self._clock.now_ns(), self._clock.elapsed_ns()
        by_s = ((wall - self._wall) - (elapsed - self._elapsed)) / 1e9
        self._wall, self._elapsed = wall, elapsed
        if abs(by_s) > _JUMP_S:
            self._say(f"publishing: the clock jumped by {by_s:+.0f} s; nothing goes out for {_STEADY_S:.0f} s")
            self._steady_from = elapsed + int(_STEADY_S * 1e9)
        return elapsed >= self._steady_from

    def _should_scan(self, now: int) -> bool:
        seen = (self._files(), self._events())
        is_due = any(at <= now for at in self._wakes)
        if seen == self._seen and not is_due and self._clock.elapsed_ns() - self._scanned < _SCAN_S * 1e9:
            return False
        self._seen = seen
        return True

    def _scan(self, now: int) -> None:
        before = {one.key for one in self._waiting}
        outcomes = self._publisher().publish_all(due=True, before_each=self._beat)
        self._scanned = self._clock.elapsed_ns()
        for outcome in outcomes:
            self._tell(outcome)
        self._waiting = tuple(_waiting(one) for one in outcomes if _is_waiting(one))
        self._wakes = self._wake_at(outcomes, now)
        end_overdue(self._outbox, sorted(before - {one.key for one in self._waiting}), now_ns=now)
        # What this scan wrote itself is no reason for another.
        self._seen = (self._files(), self._events())

    def _tell(self, one: Outcome) -> None:
        """Say what happened to a post, and what keeps it back; once, not with every try."""
        before, self._told[one.key] = self._told.get(one.key), one.outcome
        # A post that was taken away before comes back with every scan, and then with the reason why it stays away.
        is_news = one.outcome in ("published", "updated") or (one.outcome == "deleted" and not one.reason)
        if is_news or (one.is_trouble and one.outcome != before):
            self._say(f"{one.outcome} {one.draft} on {one.channel}: {one.url or one.reason}")

    def _wake_at(self, outcomes: Sequence[Outcome], now: int) -> list[int]:
        """Return when something is due or may be tried again; what cannot be looked up is asked ever less often."""
        wakes = [one.due_at for one in outcomes if one.due_at is not None and one.due_at > now]
        lookups: dict[str, tuple[int, int]] = {}
        for one in outcomes:
            if one.retry_at is not None:
                wakes.append(one.retry_at)
            elif one.is_trouble and one.key:
                tries = self._lookups.get(one.key, (0, 0))[0] + 1
                lookups[one.key] = (tries, now + int(pause_s(tries, seed=one.key) * 1e9))
                wakes.append(lookups[one.key][1])
        self._lookups = lookups
        return wakes

    def _files(self) -> object:
        """Return what changes whenever a draft or a picture does."""
        return tuple(
            (entry.as_posix(), status.st_mtime_ns, status.st_size)
            for entry in sorted(self._content.rglob("*"))
            if (status := _stat(entry)) is not None
        )

    def _events(self) -> int:
        """Return the position of the last event about content."""
        for event in self._ledger.read(after=self._pos, types=("content.*",)):
            self._pos = event.pos
        return self._pos

    def _beat(self) -> None:
        self._count += 1
        beat = Heartbeat(
            worker=self._name, pid=os.getpid(), count=self._count, at=self._clock.now_ns(), waiting=self._waiting
        )
        heartbeat.write(self._path, beat)


def _is_waiting(outcome: Outcome) -> bool:
    return outcome.outcome in _WAITS and outcome.is_ready and outcome.due_at is not None


def _waiting(outcome: Outcome) -> Waiting:
    return Waiting(
        key=outcome.key,
        channel=outcome.channel,
        draft=outcome.draft,
        due_at=outcome.due_at or 0,
        reason=f"{outcome.outcome}: {outcome.reason}",
    )


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None
