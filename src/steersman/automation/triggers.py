"""Follows the ledger for the events that start automations (`on = [...]`), from where the last desk was."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile
from typing import Final

from steersman.automation.bursts import Burst, burst_of
from steersman.automation.missed import Missed
from steersman.automation.model.manifest import Automation, Manifest
from steersman.automation.model.schedule import PUNCTUAL_NS
from steersman.automation.positions import Positions
from steersman.automation.scheduler import MAX_CAUGHT_UP
from steersman.kernel.clock import Clock
from steersman.kernel.errors import Unavailable
from steersman.ledger import Event, Ledger, Subscription
from steersman.ledger.type_filter import TypeFilter

_log = logging.getLogger(__name__)
_LOOK_S: Final = 0.5
_AGAIN_S: Final = 5.0
_SAVE_EVERY: Final = 1000
_NOT_MADE_UP_FOR: Final = frozenset({"kernel.desk.started"})
"""Each start of a desk writes its own: that of an earlier one is over."""
OnEvent = Callable[[list[str], Event, int], bool]
"""Takes who starts, the event, and how many events it stands for; False: it closes, and nothing was started."""


class _Trigger:
    """One automation and what came for it that was not started yet."""

    def __init__(self, automation: Automation) -> None:
        self.automation = automation
        self.name = automation.name
        self._types = TypeFilter(pattern.event for pattern in automation.on)
        self.quiet_ns = int(automation.debounce_s * 1e9)
        self.burst: Burst | None = None

    def wants(self, event: Event) -> bool:
        return self._types(event.type) and any(pattern.matches(event) for pattern in self.automation.on)

    def take(self, event: Event) -> Burst | None:
        """Take in an event and return the burst that it ended, if it did."""
        joined = self.burst.joined(event, self.quiet_ns) if self.burst is not None else None
        ended = self.burst if joined is None else None
        self.burst = joined or burst_of(event)
        return ended

    def taken(self, now_ns: int) -> Burst | None:
        """Return the burst that is over, and let go of it."""
        if self.burst is None or not self.burst.is_due(self.quiet_ns, now_ns):
            return None
        burst, self.burst = self.burst, None
        return burst


class Triggers:
    """Calls `on_event` with the automations that new events start; does nothing when none is declared.

    Events that came while nobody followed are made up for as `catchup` says; the rest go to `on_missed`. A trigger that
    is new, or was edited, begins with what comes from now on.
    """

    def __init__(
        self,
        manifest: Manifest,
        ledger: Ledger,
        clock: Clock,
        on_event: OnEvent,
        *,
        positions: Positions | None = None,
        on_missed: Callable[[Missed], None] = lambda _: None,
        ran: Callable[[str, Event, int], bool] = lambda name, event, count: False,
    ) -> None:
        """Prepare; `ran` says whether an automation's run for an event was started, by a desk that then died."""
        self._triggers = {a.name: _Trigger(a) for a in manifest if a.enabled and a.on}
        self._ledger = ledger
        self._clock = clock
        self._on_event = on_event
        self._on_missed = on_missed
        self._ran = ran
        self._positions = positions or Positions()
        self._read = 0
        self._saved = 0
        self._from: dict[str, int] = {}
        self._is_live = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def names_for(self, event: Event) -> list[str]:
        """Return who starts on `event`."""
        return [name for name, trigger in self._triggers.items() if trigger.wants(event)]

    def start(self, before: Triggers | None = None) -> None:
        """Make up for what was missed and follow the ledger, in a thread of its own, until `stop`.

        `before` followed until now, under another manifest: nothing was missed, and what it had not come to is next.
        """
        self._read = self._ledger.head().pos
        self._begin_at(self._read)
        if self._triggers:
            if before is not None and before._is_live:
                self._go_on()
            self._thread = threading.Thread(target=self._follow, name="automation-triggers", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Return once no further start can happen."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    # -- the thread --------------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        while not self._is_live:
            self._is_live = self._caught_up()
            if not self._is_live and self._stop.wait(_LOOK_S):
                return
        subscription = self._ledger.subscribe(after=self._read)
        try:
            while not self._stop.is_set():
                if not all(map(self._take, self._next(subscription))):
                    return  # it closes: what was not started is still before the next desk
                self._fire_due()
        finally:
            subscription.close()
            self._save()

    def _next(self, subscription: Subscription) -> Sequence[Event]:
        try:
            return subscription.next(_LOOK_S)
        except Unavailable:
            self._stop.wait(_LOOK_S)
            return ()

    def _take(self, event: Event) -> bool:
        """Take in one event; False if it closes before what the event starts was started."""
        at_once: list[str] = []
        for name in self.names_for(event):
            trigger = self._triggers[name]
            if event.pos <= self._from.get(name, 0):
                continue
            if not trigger.quiet_ns:
                at_once.append(name)
            elif (ended := trigger.take(event)) is not None and not self._tell([name], ended.last, ended.count):
                trigger.burst = ended
                return False
        if at_once and not self._tell(at_once, event, 1):
            return False
        self._read = event.pos
        if at_once or self._read - self._saved >= _SAVE_EVERY:
            self._save()
        return True

    def _fire_due(self) -> None:
        """Start for the bursts that are over."""
        now = self._clock.now_ns()
        waiting = [t for t in self._triggers.values() if t.burst is not None and t.burst.is_due(t.quiet_ns, now)]
        try:
            # What was recorded before the end of a burst belongs to it, and may not have come yet.
            if not waiting or self._ledger.head().pos > self._read:
                return
        except Unavailable:
            return
        for trigger in waiting:
            burst = trigger.taken(now)
            if burst is not None and not self._tell([trigger.name], burst.last, burst.count):
                trigger.burst = burst
                return
        self._save()

    def _tell(self, names: list[str], event: Event, count: int) -> bool:
        try:
            while True:
                try:
                    return self._on_event(names, event, count)
                except Unavailable as exc:
                    _log.warning("%s starts %s later: %s", event.type, ", ".join(names), exc.message)
                    if self._stop.wait(_AGAIN_S):
                        return False
        except Exception:  # noqa: BLE001 - one event that cannot be handled must not stop all others
            _log.exception("%s did not start %s", event.type, ", ".join(names))
            return True

    def _begin_at(self, head: int) -> None:
        """Write down where new triggers begin, before anything can come for them; the others are where they were."""
        before = {name: self._positions.of(trigger.automation) for name, trigger in self._triggers.items()}
        self._keep({name: head if pos is None else pos for name, pos in before.items()})

    def _go_on(self) -> None:
        """Begin with the first event that one of the triggers has not come to."""
        self._from = {
            n: pos for n, t in self._triggers.items() if (pos := self._positions.of(t.automation)) is not None
        }
        self._read = min(self._from.values())
        self._is_live = True

    def _save(self) -> None:
        self._keep(
            {
                name: t.burst.first - 1 if t.burst is not None else max(self._read, self._from.get(name, 0))
                for name, t in self._triggers.items()
            }
        )
        self._saved = self._read

    def _keep(self, positions: dict[str, int]) -> None:
        try:
            self._positions.save(positions, {name: t.automation for name, t in self._triggers.items()})
        except OSError as exc:
            # Without it events are started again after a restart, under the ids that they had: one run each.
            _log.warning("where the triggers are is kept in memory only: %s", exc.strerror)

    # -- what came while nobody followed -------------------------------------------------------------------------------

    def _caught_up(self) -> bool:
        """Make up for what came before; False if the ledger cannot be read now, or nothing more may be started."""
        try:
            found = self._missed_bursts()
            now = self._clock.now_ns()
            starts: dict[tuple[int, int], tuple[Event, list[str]]] = {}
            for name, bursts, count, first in found:
                taken = self._chosen(self._triggers[name], bursts, now)
                for burst in taken:
                    starts.setdefault((burst.last.pos, burst.count), (burst.last, []))[1].append(name)
                self._tell_missed(name, [b for b in bursts if b not in taken], count - len(taken), first)
        except Unavailable:
            return False
        for (_, count), (event, names) in sorted(starts.items()):
            if not self._tell(names, event, count):
                self._stop.wait()
                return False
        self._save()
        return True

    def _missed_bursts(self) -> list[tuple[str, list[Burst], int, Event | None]]:
        """Return by name the latest bursts that are over, how many there were in all, and the first event."""
        behind = {n: pos for n, t in self._triggers.items() if (pos := self._positions.of(t.automation)) is not None}
        kept: dict[str, deque[Burst]] = {name: deque(maxlen=MAX_CAUGHT_UP + 1) for name in behind}
        counts, firsts = dict.fromkeys(behind, 0), dict[str, Event]()

        def ended(name: str, burst: Burst | None) -> None:
            if burst is not None:
                kept[name].append(burst)
                counts[name] += 1

        for event in self._backlog(min(behind.values(), default=self._read), behind):
            for name, pos in behind.items():
                if event.pos > pos and self._triggers[name].wants(event):
                    firsts.setdefault(name, event)
                    ended(name, self._triggers[name].take(event))
        now = self._clock.now_ns()
        for name in behind:
            ended(name, self._triggers[name].taken(now))
        return [(name, list(kept[name]), counts[name], firsts.get(name)) for name in behind]

    def _backlog(self, after: int, names: Iterable[str]) -> Iterable[Event]:
        types = {pattern.event for name in names for pattern in self._triggers[name].automation.on}
        for name in names:
            self._triggers[name].burst = None
        if not types or after >= self._read:
            return ()
        events = takewhile(lambda event: event.pos <= self._read, self._ledger.read(after=after, types=sorted(types)))
        return (event for event in events if event.type not in _NOT_MADE_UP_FOR)

    @staticmethod
    def _chosen(trigger: _Trigger, bursts: list[Burst], now: int) -> list[Burst]:
        if trigger.automation.catchup == "all":
            return bursts[-MAX_CAUGHT_UP:]
        latest = bursts[-1:]
        if trigger.automation.catchup == "none":
            # A desk that restarts is away for seconds; that is not an event that was missed.
            return [burst for burst in latest if now - burst.last.recorded_at <= PUNCTUAL_NS + trigger.quiet_ns]
        return latest

    def _tell_missed(self, name: str, kept: list[Burst], count: int, first: Event | None) -> None:
        """Tell what is not made up for, but for what a desk that died had started."""
        count -= sum(self._ran(name, burst.last, burst.count) for burst in kept)
        if count <= 0 or first is None or not kept:
            return
        types = sorted({burst.last.type for burst in kept})
        self._on_missed(
            Missed(
                automation=name,
                count=count,
                first=first.recorded_at,
                last=kept[-1].last.recorded_at,
                events=" and ".join(types[:3]),
            )
        )
