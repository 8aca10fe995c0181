"""Starts that should have succeeded by now and have not: judged from the ledger, whichever engine was to run them.

An engine that is down starts nothing and cannot say so; whoever looks at the ledger can. What became due while nobody
looked is told at the next look, once, with how late it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from steersman.automation.events import (
    RUN_OVERDUE,
    RUN_RECOVERED,
    RunOverdue,
    RunRecovered,
)
from steersman.automation.model.cycle import scheduled_cycle
from steersman.automation.model.expected import Expected, expected
from steersman.automation.model.manifest import Automation, Manifest, made_up_for
from steersman.automation.model.outcome import run_id
from steersman.automation.recorder import Recorder
from steersman.automation.successes import Successes
from steersman.kernel.clock import Clock, iso, on_the_wall
from steersman.kernel.errors import Conflict, Unavailable
from steersman.kernel.ids import stable_uuid
from steersman.kernel.plurals import counted
from steersman.kernel.whole_file import write_whole
from steersman.ledger import Ledger, NewEvent, new_event

_AWAY_NS: Final = 120_000_000_000
_SAVE_EVERY_NS: Final = 60_000_000_000
_FAR_NS: Final = 600_000_000_000


class _Mark(msgspec.Struct, frozen=True):
    declared: str
    through: int


class _Marks(msgspec.Struct, frozen=True):
    """Up to which start each automation was judged, and when somebody last looked."""

    seen: int = 0
    marks: dict[str, _Mark] = {}


class Overdue:
    """Looks from time to time; each start is judged once, and a crash in between judges it again under the same id."""

    def __init__(
        self,
        *,
        manifest: Callable[[], Manifest],
        ledger: Ledger,
        clock: Clock,
        path: Path,
        actor: str,
        held_back: Callable[[str, int], bool] = lambda _name, _at: False,
    ) -> None:
        """Prepare; nothing is read yet.

        Args:
            manifest: what is declared now.
            path: the small file that remembers how far was judged; without it nothing in the past is.
            held_back: says whether a person holds the starts of an automation back at an instant: then none is due.
        """
        self._manifest = manifest
        self._ledger = ledger
        self._clock = clock
        self._path = path
        self._actor = actor
        self._held_back = held_back
        self._recorder = Recorder(ledger, clock, actor=actor)
        self._before = _read(path)
        self._marks = dict(self._before.marks)
        self._saved_at = 0
        self._successes = Successes(ledger, lambda run: self._recorder.was_started(run, 1))
        self._open: dict[str, RunOverdue] = {}
        self._known: set[str] = set()

    def look(self) -> list[RunOverdue | RunRecovered]:
        """Record what became overdue and what recovered since the last look, and return it.

        Raises:
            Unavailable: the ledger takes nothing now; the next look says it.
        """
        manifest, now = self._manifest(), self._clock.now_ns()
        watched = [a for a in manifest if a.enabled and a.deadline_s is not None]
        for automation in watched:
            self._begin(automation, now)
        self._successes.follow(self._needed(watched))
        said: list[RunOverdue | RunRecovered] = []
        for automation in watched:
            said += self._judge(manifest, automation, now)
        said += self._end_unwatched({a.name for a in watched}, now)
        self._save(now, at_once=bool(said))
        return said

    # -- one automation ------------------------------------------------------------------------------------------

    def _begin(self, automation: Automation, now: int) -> None:
        """Take it up: what was declared otherwise, or not at all, is judged from now on."""
        mark = self._marks.get(automation.name)
        if mark is None or mark.declared != _declared(automation) or mark.through > now + _FAR_NS:
            self._marks[automation.name] = _Mark(_declared(automation), now)
        if automation.name not in self._known:
            # At the start, and after an answer that got lost: what the ledger holds is what was said.
            told, is_open = _told(self._ledger, automation.name)
            self._known.add(automation.name)
            self._open.pop(automation.name, None)
            if told is not None and is_open:
                self._open[automation.name] = told
            mark = self._marks[automation.name]
            if told is not None and told.scheduled_at > mark.through:
                self._marks[automation.name] = _Mark(mark.declared, told.scheduled_at)

    def _judge(self, manifest: Manifest, automation: Automation, now: int) -> list[RunOverdue | RunRecovered]:
        name, said = automation.name, []
        missed, through = [], self._marks[automation.name].through
        for due in expected(manifest, automation, through):
            if due.by > now:
                break
            through = due.start
            ended = self._succeeded_at(manifest, name, due)
            if (ended is None or ended > due.by) and not self._held_back(name, due.start):
                missed.append(due)
        if missed:
            overdue = self._overdue(automation, missed, now)
            self._open[name] = overdue
            if self._append(RUN_OVERDUE, overdue, overdue.scheduled_at):
                said.append(overdue)
        self._marks[name] = _Mark(_declared(automation), through)
        return said + self._recovered(manifest, name, now)

    def _recovered(self, manifest: Manifest, name: str, now: int) -> list[RunOverdue | RunRecovered]:
        late = self._open.get(name)
        if late is None:
            return []
        ended = self._succeeded_at(manifest, name, Expected(late.scheduled_at, late.deadline_at))
        if ended is None:
            return []
        return self._end(late, now, late_s=max(0.0, (ended - late.deadline_at) / 1e9), reason="it succeeded")

    def _end_unwatched(self, watched: set[str], now: int) -> list[RunOverdue | RunRecovered]:
        """End what is late of those that nobody expects anything of any more."""
        gone = [late for name, late in self._open.items() if name not in watched]
        for name in [*self._marks]:
            if name not in watched:
                del self._marks[name]
                self._known.discard(name)
        reason = "nothing is expected of it any more: it is disabled, or its deadline was taken out"
        return [
            ended
            for late in gone
            for ended in self._end(late, now, late_s=(now - late.deadline_at) / 1e9, reason=reason)
        ]

    def _end(self, late: RunOverdue, now: int, *, late_s: float, reason: str) -> list[RunOverdue | RunRecovered]:
        recovered = RunRecovered(
            automation=late.automation, scheduled_at=late.scheduled_at, late_s=late_s, reason=reason, at=now
        )
        is_new = self._append(RUN_RECOVERED, recovered, late.scheduled_at)
        del self._open[late.automation]
        return [recovered] if is_new else []

    def _overdue(self, automation: Automation, missed: Sequence[Expected], now: int) -> RunOverdue:
        first, last = missed[0], missed[-1]
        run = run_of(automation.name, last.start)
        return RunOverdue(
            automation=automation.name,
            scheduled_at=last.start,
            first_at=first.start,
            starts=len(missed),
            deadline_s=automation.deadline_s or 0.0,
            deadline_at=last.by,
            late_s=(now - first.by) / 1e9,
            reason=self._why(run, last.by),
            run_id=run,
            at=now,
        )

    def _why(self, run: str, by: int) -> str:
        """Say what is known of the run that should have succeeded at `by`."""
        ended = self._recorder.final(run)
        if ended is not None:
            said = "it succeeded too late" if ended.ok else ended.status.replace("_", " ")
            return said + (f": {ended.reason}" if ended.reason else "")
        started = self._recorder.was_started(run, 1)
        if started is not None:
            return f"it still runs, since {iso(started.at)[:16]}Z"
        seen, began = self._before.seen, self._clock.now_ns()
        if seen and began - seen > _AWAY_NS and by > seen:
            return f"nothing started it; no desk was there from {iso(seen)[:16]}Z on"
        return "nothing started it"

    # -- what succeeded ------------------------------------------------------------------------------------------

    def _succeeded_at(self, manifest: Manifest, name: str, due: Expected) -> int | None:
        """Return when (ns) what was due succeeded, None if it has not.

        Any run that began after the start was due has done its work, a person's too; unless every missed start counts
        (`catchup = "all"`): then only its own run, or a repetition of it.
        """
        own = self._successes.of(name, run_of(name, due.start), due.start)
        if made_up_for(manifest, name):
            return own
        ends = (own, self._successes.since(name, due.start))
        return min((end for end in ends if end is not None), default=None)

    def _needed(self, watched: Sequence[Automation]) -> dict[str, int]:
        """Return from which instant on the successes of each automation matter."""
        needed = {a.name: self._marks[a.name].through for a in watched}
        for name, late in self._open.items():
            needed[name] = min(needed.get(name, late.scheduled_at), late.scheduled_at)
        return needed

    # -- what is remembered --------------------------------------------------------------------------------------

    def _append(self, kind: str, data: RunOverdue | RunRecovered, start: int) -> bool:
        """Record it; return whether it is new: a look whose answer got lost has said it in its own words."""
        now = self._clock.now_ns()
        event: NewEvent = new_event(
            kind,
            stream=_stream(data.automation),
            data=data,
            actor=self._actor,
            now_ns=now,
            id=stable_uuid(kind, data.automation, str(start)),
        )
        try:
            return not self._ledger.append([event]).repeated
        except Conflict:
            if self._ledger.get(event.id) is None:
                raise
            return False
        except Unavailable:
            self._known.discard(data.automation)
            raise

    def _save(self, now: int, *, at_once: bool) -> None:
        """Write what was judged, once a minute or when something was said."""
        if not at_once and 0 <= now - self._saved_at < _SAVE_EVERY_NS:
            return
        self._before = _Marks(seen=now, marks=dict(self._marks))
        self._saved_at = now
        write_whole(self._path, msgspec.json.encode(self._before))


def overdue(manifest: Manifest, ledger: Ledger) -> dict[str, RunOverdue]:
    """Return, by automation, what is overdue now as far as somebody has said so."""
    found = {a.name: _last(ledger, a.name) for a in manifest if a.enabled and a.deadline_s is not None}
    return {name: late for name, late in found.items() if late is not None}


def words(late: RunOverdue, tz: str = "UTC") -> str:
    """Return what is overdue in one line: `should have succeeded by Mon 30 Nov 06:45 UTC: it still runs`."""
    more = f" (and {counted(late.starts - 1, 'start')} before it)" if late.starts > 1 else ""
    return f"should have succeeded by {on_the_wall(late.deadline_at, tz)}{more}: {late.reason}"


def _last(ledger: Ledger, name: str) -> RunOverdue | None:
    told, is_open = _told(ledger, name)
    return told if is_open else None


def _told(ledger: Ledger, name: str) -> tuple[RunOverdue | None, bool]:
    """Return what was said last to be overdue, and whether it still is."""
    late, is_open = None, False
    for event in ledger.read(stream=_stream(name)):
        is_open = event.type == RUN_OVERDUE
        if is_open:
            late = msgspec.json.decode(event.data, type=RunOverdue)
    return late, is_open


def _stream(name: str) -> str:
    return f"overdue/{name}"


def run_of(name: str, start: int) -> str:
    """Return the id of the run that a schedule starts at `start`, on every engine."""
    return run_id(name, start, scheduled_cycle(start))


def _declared(automation: Automation) -> str:
    return f"{automation.schedule} {automation.tz} {automation.deadline_s:g} {' '.join(automation.needs)}"


def _read(path: Path) -> _Marks:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Marks)
    except (FileNotFoundError, msgspec.DecodeError):
        # Without it nothing in the past is judged, which is what a new desk does.
        return _Marks()
