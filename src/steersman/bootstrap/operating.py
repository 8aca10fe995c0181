"""What a person or a program does about automations, from any process: hold back, end, run, repeat."""

from __future__ import annotations

import difflib
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final
from uuid import UUID

import msgspec

from steersman.automation.asking import check_names
from steersman.automation.control import backfill, cancelling, cycles, pauses, rerun
from steersman.automation.control.backfill import Backfill
from steersman.automation.control.cancelling import Wish
from steersman.automation.control.pauses import EVERYTHING, Held, Pause, Pauses
from steersman.automation.control.underway import Register
from steersman.automation.engine import BaseEngine
from steersman.automation.model.manifest import Manifest
from steersman.automation.model.outcome import RunOutcome
from steersman.automation.queries import summary
from steersman.automation.recorder import Recorder, correlation_of
from steersman.automation.runner.folders import Folders
from steersman.automation.runner.lock import FileLock
from steersman.bootstrap.engines import manifest_of, open_engine
from steersman.kernel.errors import Conflict, Misconfigured, Rejected, Unavailable

if TYPE_CHECKING:
    from steersman.bootstrap.desk import Desk

_LOOK_S: Final = 0.1
WAIT_S: Final = 15.0
"""How long `cancel` waits for a run to end: what ignores SIGTERM takes five seconds, and its end must be recorded."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A run that can be ended; `held`: a living process has it in hand. `cycle`: the correlation id of its cycle."""

    run_id: str
    automation: str
    held: bool
    cycle: str


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a run that was asked to end.

    Attributes:
        status: how it ended; None: not yet.
        reason: why, in words.
        recorded: whether the asking stands in the ledger; its end says who asked in any case.
    """

    run_id: str
    automation: str
    status: str | None
    reason: str
    recorded: bool


class Operator:
    """Acts on the automations of one desk as `by` (`person:cli`, `person:console`, `api`).

    Raises, all of them:
        Rejected: there is nothing to do, or a rule says no.
        Misconfigured: there is no automation or run of that name.
        Unavailable: the ledger does not take it.
    """

    def __init__(self, desk: Desk, *, by: str, refresh: Callable[[], None] | None = None) -> None:
        """Prepare; `refresh` brings the read models of `desk` up to date, where several threads share them."""
        self._desk = desk
        self._by = by
        self._refresh = refresh or desk.refresh
        self._folders = Folders(desk.workspace.root, desk.workspace.state)
        self.underway = register(desk)

    @property
    def manifest(self) -> Manifest:
        return manifest_of(self._desk.workspace)

    def held(self) -> dict[str, Held]:
        """Return whom a pause holds back now."""
        return held(self._desk, self.manifest)

    # -- pauses ------------------------------------------------------------------------------------------------------

    def pause(self, names: Sequence[str], *, until: int | None, reason: str) -> dict[str, Pause]:
        """Hold automations back (`EVERYTHING`: all); return what holds each."""
        if list(names) != [EVERYTHING]:
            check_names(self.manifest, names)
        now = self._desk.clock.now_ns()
        return pauses.pause(self._desk.ledger, names, until=until, reason=reason, by=self._by, now_ns=now)

    def resume(self, names: Sequence[str], *, reason: str = "") -> dict[str, Pause]:
        """Let automations start again (`EVERYTHING`: all); return the pauses that ended."""
        known = Pauses(self._desk.ledger).now()
        if list(names) != [EVERYTHING]:
            # What is paused and no longer declared can be resumed, too.
            check_names(self.manifest, [name for name in names if name not in known.named])
        now = self._desk.clock.now_ns()
        ended = pauses.resume(self._desk.ledger, names, reason=reason, by=self._by, now_ns=now)
        # Resumed all the same: the next engine or run of each records what was counted.
        with suppress(Unavailable), self._by_hand() as engine:
            engine.conductor.settle()
        return ended

    def refuse_if_held(self, name: str, members: Sequence[str] = (), *, anyway: bool = False) -> None:
        """Refuse a start by hand of what is held back, or, unless it runs alone, of what needs one of `members`."""
        found = self.held()
        own = found.get(name)
        if own is not None and not own.needs and not anyway:
            raise pauses.by_hand_refusal(own, name)
        for need in members:
            if need != name and need in found:
                raise pauses.by_hand_refusal(Held(pause=found[need].pause, needs=found[need].needs or need), name)

    # -- ends --------------------------------------------------------------------------------------------------------

    def targets(self, what: str) -> list[Target]:
        """Return the runs under way or waiting that `what` names: one by its id, or all of an automation."""
        self._refresh()
        found = self._targets(what)
        if found:
            return found
        run = cycles.find(self._desk.db, what)
        if run is not None:
            said = f": {run.reason}" if run.reason else ""
            raise Rejected(
                f"{what} is over: {run.status.replace('_', ' ')}{said}", fix=f"steersman auto show {what} tells all"
            )
        if what in self._desk.workspace.automations:
            raise Rejected(f"nothing of {what} is under way or waits", fix=f"steersman auto show {what} shows its runs")
        raise no_such(self.manifest.order, what)

    def _targets(self, what: str) -> list[Target]:
        found = {
            u.run_id: Target(run_id=u.run_id, automation=u.automation, held=True, cycle=correlation_of(u.cycle).hex)
            for u in self.underway.living()
            if what in (u.run_id, u.automation)
        }
        rows = self._desk.db.execute(
            """SELECT run_id, automation, cycle FROM automation_run
               WHERE status IN ('running', 'retrying') AND (run_id = ? OR automation = ?)""",
            (what, what),
        )
        for run_id, automation, cycle in rows:
            found.setdefault(run_id, Target(run_id=run_id, automation=automation, held=False, cycle=cycle))
        return [found[run_id] for run_id in sorted(found)]

    def cancel(self, targets: Sequence[Target], *, reason: str, wait_s: float = WAIT_S) -> list[Ended]:
        """Ask runs to end and wait for that, `wait_s` at most.

        Raises:
            OSError: the asking cannot be written; nothing was asked of that run and those after it.
        """
        wish = Wish(by=self._by, reason=pauses.one_line(reason), at=self._desk.clock.now_ns())
        recorded: dict[str, bool] = {}
        for target in targets:
            cancelling.ask(self._folders, target.automation, target.run_id, wish)
            recorded[target.run_id] = self._record(target, wish)
        if not all(target.held for target in targets):
            # Of an engine that was killed: what it left running ends here.
            with suppress(Unavailable), self._by_hand() as engine:
                engine.conductor.reconcile()
        outcomes = self._await(targets, wait_s)
        return [
            Ended(
                run_id=t.run_id,
                automation=t.automation,
                status=outcome.status if (outcome := outcomes.get(t.run_id)) is not None else None,
                reason=outcome.reason if outcome is not None else "",
                recorded=recorded[t.run_id],
            )
            for t in targets
        ]

    def _record(self, target: Target, wish: Wish) -> bool:
        try:
            correlation = UUID(hex=target.cycle) if target.cycle else None
            cancelling.record(self._desk.ledger, target.automation, target.run_id, wish, correlation=correlation)
        except Unavailable:
            return False
        return True

    def _await(self, targets: Sequence[Target], wait_s: float) -> dict[str, RunOutcome]:
        recorder = Recorder(self._desk.ledger, self._desk.clock, actor=self._by)
        found: dict[str, RunOutcome] = {}
        pause, until = threading.Event(), self._desk.clock.elapsed_ns() + int(wait_s * 1e9)
        while True:
            for target in targets:
                outcome = recorder.final(target.run_id)
                if outcome is not None:
                    found[target.run_id] = outcome
            if len(found) == len(targets) or self._desk.clock.elapsed_ns() >= until:
                return found
            pause.wait(_LOOK_S)

    # -- again -------------------------------------------------------------------------------------------------------

    def plan_rerun(self, run_id: str, *, from_start: bool, anyway: bool = False) -> rerun.Rerun:
        """Return what repeats the cycle of a run from where it failed."""
        self._refresh()
        recorder = Recorder(self._desk.ledger, self._desk.clock, actor=self._by)
        planned = rerun.plan(
            self._desk.db,
            self.manifest,
            run_id,
            now=self._desk.clock.now_ns(),
            from_start=from_start,
            anyway=anyway,
            cycle=recorder.cycle_of(run_id),
            in_hand={correlation_of(u.cycle).hex for u in self.underway.living()},
        )
        for request in planned.requests:
            self.refuse_if_held(request.automation, anyway=anyway)
        return planned

    def plan_backfill(
        self,
        name: str,
        begin: str,
        end: str,
        *,
        with_needs: bool = False,
        again: bool = False,
        missing: bool = False,
        anyway: bool = False,
    ) -> Backfill:
        """Return what makes up for the starts of `name` between two instants as people write them."""
        self._refresh()
        manifest = self.manifest
        check_names(manifest, [name])
        first, last = backfill.span(begin, end, manifest[name].tz)
        planned = backfill.plan(
            self._desk.db,
            manifest,
            manifest[name],
            first=first,
            last=last,
            now=self._desk.clock.now_ns(),
            with_needs=with_needs,
            again=again,
            missing=missing,
        )
        self.refuse_if_held(name, planned.members, anyway=anyway)
        return planned

    def typical_s(self, name: str) -> float | None:
        """Return the median wall seconds of the runs of `name` that succeeded lately, None before the first."""
        return summary(self._desk.db, self.manifest, name, now_ns=self._desk.clock.now_ns()).p50_wall_s

    @contextmanager
    def _by_hand(self) -> Iterator[BaseEngine]:
        """Yield an engine of this process that is not started: its conductor tells and ends what others left."""
        engine = by_hand(self._desk, by=self._by)
        engine.conductor.manifest = self.manifest
        try:
            yield engine
        finally:
            engine.close()


def no_such(names: Iterable[str], what: str) -> Misconfigured:
    """Return the refusal of what is neither an automation nor a run, with the name that is meant perhaps."""
    near = difflib.get_close_matches(what, list(names), n=1)
    fix = f"did you mean {near[0]}?" if near else "`steersman auto list` names the automations"
    return Misconfigured(f"there is no automation or run {what!r}", fix=f"{fix}; `steersman auto show NAME` its runs")


def by_hand(desk: Desk, *, by: str) -> BaseEngine:
    """Return the engine for runs that a person asks for, whatever engine the desk uses; not started.

    It works in this process: a run by hand belongs to the hand.
    """
    engine = open_engine(desk, kind="memory", actor=by)
    assert isinstance(engine, BaseEngine)  # noqa: S101 - the engine of this process is one
    return engine


def register(desk: Desk) -> Register:
    """Return who is under way on this workspace."""
    return Register(Folders(desk.workspace.root, desk.workspace.state).runs / ".underway")


def held(desk: Desk, manifest: Manifest) -> dict[str, Held]:
    """Return whom a pause holds back now, by name."""
    return Pauses(desk.ledger, tz=desk.workspace.desk.tz).now().held(manifest, desk.clock.now_ns())


@contextmanager
def alone(desk: Desk, automation: str) -> Iterator[None]:
    """Be the only backfill of an automation meanwhile: two would do the same starts.

    Raises:
        Conflict: another one is under way.
    """
    folder = Folders(desk.workspace.root, desk.workspace.state).runs / automation
    lock = FileLock(folder / "backfill")
    if not lock.acquire(str(os.getpid())):
        raise Conflict(
            f"another process (pid {lock.holder() or 'unknown'}) makes up for {automation} already",
            fix="wait for it; Ctrl-C there stops it",
        )
    try:
        yield
    finally:
        lock.release()
