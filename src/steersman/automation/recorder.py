"""Runs in the ledger: written once however often they are reported, and read back after a crash."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from itertools import chain, repeat
from uuid import UUID

import msgspec

from steersman.automation.chains import run_event_id
from steersman.automation.events import (
    MANIFEST_LOADED,
    RUN_FINISHED,
    RUN_SKIPPED,
    RUN_STARTED,
    ManifestLoaded,
    RunFinished,
    RunSkipped,
    RunStarted,
)
from steersman.automation.missed import Missed
from steersman.automation.model.cycle import event_of
from steersman.automation.model.manifest import Manifest
from steersman.automation.model.outcome import RunOutcome, RunRequest, Status
from steersman.automation.records import loaded_of
from steersman.kernel.clock import Clock
from steersman.kernel.errors import Conflict, Unavailable
from steersman.kernel.ids import stable_uuid
from steersman.ledger import Ledger, NewEvent, new_event

_MANIFEST_STREAM = "automation/manifest"
_PAUSES_S = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
_SHORT = 5
"""Pauses after which a start is left to be recorded with its end: nobody watches the process meanwhile."""


class Recorder:
    """Appends the events of runs. Ids are functions of run, attempt and kind: a repeat writes nothing."""

    def __init__(
        self, ledger: Ledger, clock: Clock, *, actor: str, wait: Callable[[float], bool] | None = None
    ) -> None:
        """Record as `actor`.

        Args:
            wait: sleeps that many seconds while the ledger cannot take an event, and says whether to give up.
        """
        self._ledger = ledger
        self._clock = clock
        self._actor = actor
        self._wait = wait or threading.Event().wait

    @property
    def ledger(self) -> Ledger:
        """Where it records."""
        return self._ledger

    def started(self, request: RunRequest, event: RunStarted, *, late: bool = False) -> None:
        """Record a start; `late` is one that could not be recorded when it happened.

        Raises:
            Unavailable: the ledger does not take it; unless `late` that is said within about two seconds.
        """
        pauses = None if late else _PAUSES_S[:_SHORT]
        self._append(
            RUN_STARTED,
            event,
            request.run_id,
            event.attempt,
            correlation=correlation_of(request.cycle),
            causation=self._caused_by(request),
            pauses=pauses,
        )

    def ended(self, event: RunFinished, *, cycle: str, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Record an end, however long the ledger takes to come back: a run that has ended must not be forgotten.

        Args:
            meanwhile: called once if it has to wait.

        Raises:
            Unavailable: `wait` said to give up.
        """
        try:
            self._append(
                RUN_FINISHED,
                event,
                event.run_id,
                event.attempt,
                correlation=correlation_of(cycle),
                causation=event_of(cycle),
                pauses=(),
            )
        except Unavailable:
            meanwhile()
            self._append(
                RUN_FINISHED,
                event,
                event.run_id,
                event.attempt,
                correlation=correlation_of(cycle),
                causation=event_of(cycle),
                pauses=None,
            )

    def finished(self, event: RunFinished, *, cycle: str | None = None) -> None:
        """Record an end. Without `cycle` (an orphan found on disk) the start's correlation is looked up.

        Raises:
            Unavailable: the ledger does not take it for a quarter of a minute.
        """
        start = self._ledger.get(run_event_id(event.run_id, event.attempt, RUN_STARTED))
        inherited = start.correlation_id if start is not None else None
        correlation = correlation_of(cycle) if cycle is not None else inherited
        causation = start.causation_id if start is not None else None
        self._append(RUN_FINISHED, event, event.run_id, event.attempt, correlation=correlation, causation=causation)

    def skipped(self, request: RunRequest, reason: str, *, patient: bool = False) -> RunOutcome:
        """Record a start that does not happen and return it as an outcome; `patient`: however long the ledger takes.

        Raises:
            Unavailable: the ledger does not take it for a quarter of a minute, or `wait` said to give up.
        """
        event = RunSkipped(
            automation=request.automation,
            reason=reason,
            scheduled_at=request.scheduled_at,
            at=self._clock.now_ns(),
            run_id=request.run_id,
            cause=request.cause,
            params=request.params,
            cycle=request.cycle,
            stands_for=request.stands_for,
            repeats=request.repeats,
        )
        stream = f"automation/{request.automation}"
        self._append(
            RUN_SKIPPED,
            event,
            request.run_id,
            0,
            correlation=correlation_of(request.cycle),
            causation=self._caused_by(request),
            stream=stream,
            pauses=None if patient else _PAUSES_S,
        )
        return _skip_outcome(event)

    def held_back(self, event: RunSkipped, key: str) -> None:
        """Record starts that did not happen, several in one event; the same `key` again writes nothing.

        Raises:
            Unavailable: the ledger does not take it for a quarter of a minute, or `wait` said to give up.
        """
        stream = f"automation/{event.automation}"
        self._append(RUN_SKIPPED, event, f"{event.automation}/{key}", 0, correlation=None, stream=stream)

    def missed(self, missed: Missed, why: str = "") -> None:
        """Record starts that did not happen and will not be made up for."""
        event = RunSkipped(
            automation=missed.automation,
            reason=missed.said(why),
            scheduled_at=missed.last,
            at=self._clock.now_ns(),
            starts=missed.count,
        )
        name = missed.automation
        self._append(RUN_SKIPPED, event, f"{name}/{missed.last}", 0, correlation=None, stream=f"automation/{name}")

    def manifest_loaded(self, manifest: Manifest) -> ManifestLoaded | None:
        """Record the manifest in force, once per change, and return what was recorded.

        Raises:
            Unavailable: the ledger does not take it.
        """
        last = None
        for event in self._ledger.read(stream=_MANIFEST_STREAM):
            last = event
        before = msgspec.json.decode(last.data, type=ManifestLoaded) if last is not None else None
        digest = manifest.digest()
        if before is not None and before.digest == digest:
            return None
        now = self._clock.now_ns()
        loaded = loaded_of(manifest, before, now)
        self._ledger.append(
            [new_event(MANIFEST_LOADED, stream=_MANIFEST_STREAM, data=loaded, actor=self._actor, now_ns=now)]
        )
        return loaded

    def was_started(self, run_id: str, attempt: int) -> RunStarted | None:
        """Return the recorded start of an attempt, if there is one."""
        event = self._ledger.get(run_event_id(run_id, attempt, RUN_STARTED))
        return None if event is None else msgspec.json.decode(event.data, type=RunStarted)

    def has_begun(self, run_id: str) -> bool:
        """Say whether the run's first attempt was started, or failed to."""
        return self.was_started(run_id, 1) is not None or self.was_finished(run_id, 1) is not None

    def cycle_of(self, run_id: str) -> str:
        """Return what the cycle of a run is called; empty if that was not recorded."""
        start = self.was_started(run_id, 1)
        if start is not None:
            return start.cycle
        skip = self._ledger.get(run_event_id(run_id, 0, RUN_SKIPPED))
        return "" if skip is None else msgspec.json.decode(skip.data, type=RunSkipped).cycle

    def was_finished(self, run_id: str, attempt: int) -> RunFinished | None:
        """Return the recorded end of an attempt, if there is one."""
        event = self._ledger.get(run_event_id(run_id, attempt, RUN_FINISHED))
        return None if event is None else msgspec.json.decode(event.data, type=RunFinished)

    def final(self, run_id: str) -> RunOutcome | None:
        """Return how a run ended, None while it has not."""
        skip = self._ledger.get(run_event_id(run_id, 0, RUN_SKIPPED))
        if skip is not None:
            return _skip_outcome(msgspec.json.decode(skip.data, type=RunSkipped))
        attempt = 1
        while (end := self.was_finished(run_id, attempt)) is not None:
            if not end.will_retry:
                return outcome_of(end)
            attempt += 1
        return None

    def _caused_by(self, request: RunRequest) -> UUID | None:
        """Return the event by which the run that `request` repeats ended, or that started its cycle; None if none."""
        if not request.repeats:
            return event_of(request.cycle)
        attempt = 1
        while self.was_finished(request.repeats, attempt + 1) is not None:
            attempt += 1
        ends = (run_event_id(request.repeats, attempt, RUN_FINISHED), run_event_id(request.repeats, 0, RUN_SKIPPED))
        return next((end for end in ends if self._ledger.get(end) is not None), None)

    def _append(
        self,
        kind: str,
        event: msgspec.Struct,
        run_id: str,
        attempt: int,
        *,
        correlation: UUID | None,
        causation: UUID | None = None,
        stream: str = "",
        pauses: Sequence[float] | None = _PAUSES_S,
    ) -> None:
        new = new_event(
            kind,
            stream=stream or f"run/{run_id}",
            data=event,
            actor=self._actor,
            now_ns=self._clock.now_ns(),
            id=run_event_id(run_id, attempt, kind),
            correlation_id=correlation,
        )
        if causation is not None:
            new = msgspec.structs.replace(new, causation_id=causation)
        try:
            self._append_patiently(new, pauses)
        except Conflict:
            # Two engines that start together may both record the same orphan: the first telling stands.
            if self._ledger.get(new.id) is None:
                raise

    def _append_patiently(self, new: NewEvent, pauses: Sequence[float] | None) -> None:
        """Append, waiting for a core that restarts; the same id makes trying again safe. Without `pauses` for ever."""
        for pause_s in pauses if pauses is not None else chain(_PAUSES_S, repeat(_PAUSES_S[-1])):
            try:
                self._ledger.append([new])
            except Unavailable:
                if self._wait(pause_s):
                    raise
            else:
                return
        self._ledger.append([new])


def outcome_of(end: RunFinished) -> RunOutcome:
    """Return what a last attempt says about its run."""
    return RunOutcome(
        run_id=end.run_id,
        automation=end.automation,
        status=msgspec.convert(end.status, Status),
        reason=end.error,
        attempts=end.attempt,
        exit_code=end.exit_code,
        wall_s=end.wall_s,
        cpu_s=end.cpu_s,
        peak_rss_bytes=end.peak_rss_bytes,
        log=end.log,
        artifacts=end.artifacts,
        result=end.result,
    )


def skip_outcome(request: RunRequest, reason: str) -> RunOutcome:
    """Return the outcome of a run that does not happen."""
    return RunOutcome(run_id=request.run_id, automation=request.automation, status="skipped", reason=reason)


def _skip_outcome(event: RunSkipped) -> RunOutcome:
    return RunOutcome(run_id=event.run_id, automation=event.automation, status="skipped", reason=event.reason)


def correlation_of(cycle: str) -> UUID:
    """Return the correlation id that the events of a cycle share."""
    return stable_uuid("automation.cycle", cycle)
