"""Runs in the ledger: written once however often they are reported, and read back after a crash."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from itertools import chain, repeat
from uuid import UUID

import msgspec

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
from steersman.automation.model.manifest import Manifest
from steersman.automation.model.outcome import RunOutcome, RunRequest, Status
from steersman.automation.scheduler import Missed
from steersman.kernel.clock import Clock, iso
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

    def started(self, request: RunRequest, event: RunStarted, *, late: bool = False) -> None:
        """Record a start; `late` is one that could not be recorded when it happened.

        Raises:
            Unavailable: the ledger does not take it; unless `late` that is said within about two seconds.
        """
        correlation = _correlation(request.cycle)
        pauses = None if late else _PAUSES_S[:_SHORT]
        self._append(RUN_STARTED, event, request.run_id, event.attempt, correlation=correlation, pauses=pauses)

    def ended(self, event: RunFinished, *, cycle: str, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Record an end, however long the ledger takes to come back: a run that has ended must not be forgotten.

        Args:
            meanwhile: called once if it has to wait.

        Raises:
            Unavailable: `wait` said to give up.
        """
        try:
            self._append(RUN_FINISHED, event, event.run_id, event.attempt, correlation=_correlation(cycle), pauses=())
        except Unavailable:
            meanwhile()
            self._append(RUN_FINISHED, event, event.run_id, event.attempt, correlation=_correlation(cycle), pauses=None)

    def finished(self, event: RunFinished, *, cycle: str | None = None) -> None:
        """Record an end. Without `cycle` (an orphan found on disk) the start's correlation is looked up.

        Raises:
            Unavailable: the ledger does not take it for a quarter of a minute.
        """
        start = self._ledger.get(_id(event.run_id, event.attempt, RUN_STARTED))
        inherited = start.correlation_id if start is not None else None
        correlation = _correlation(cycle) if cycle is not None else inherited
        self._append(RUN_FINISHED, event, event.run_id, event.attempt, correlation=correlation)

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
        )
        stream = f"automation/{request.automation}"
        self._append(
            RUN_SKIPPED,
            event,
            request.run_id,
            0,
            correlation=_correlation(request.cycle),
            stream=stream,
            pauses=None if patient else _PAUSES_S,
        )
        return _skip_outcome(event)

    def missed(self, missed: Missed) -> None:
        """Record starts that nobody was there for and that will not be made up for."""
        begin, end = iso(missed.first)[:16], iso(missed.last)[:16]
        span = f"at {begin}Z" if missed.count == 1 else f"from {begin}Z to {end}Z"
        starts = "1 start" if missed.count == 1 else f"{missed.count} starts"
        event = RunSkipped(
            automation=missed.automation,
            reason=f"missed {starts} {span}: nothing watched the clock then",
            scheduled_at=missed.last,
            at=self._clock.now_ns(),
            starts=missed.count,
        )
        name = missed.automation
        self._append(RUN_SKIPPED, event, f"{name}/{missed.last}", 0, correlation=None, stream=f"automation/{name}")

    def manifest_loaded(self, manifest: Manifest) -> None:
        """Record the manifest in force, once per change."""
        last = None
        for event in self._ledger.read(stream=_MANIFEST_STREAM):
            last = event
        digest = manifest.digest()
        if last is not None and msgspec.json.decode(last.data, type=ManifestLoaded).digest == digest:
            return
        now = self._clock.now_ns()
        loaded = ManifestLoaded(automations=manifest.order, digest=digest, at=now)
        self._ledger.append(
            [new_event(MANIFEST_LOADED, stream=_MANIFEST_STREAM, data=loaded, actor=self._actor, now_ns=now)]
        )

    def was_started(self, run_id: str, attempt: int) -> RunStarted | None:
        """Return the recorded start of an attempt, if there is one."""
        event = self._ledger.get(_id(run_id, attempt, RUN_STARTED))
        return None if event is None else msgspec.json.decode(event.data, type=RunStarted)

    def was_finished(self, run_id: str, attempt: int) -> RunFinished | None:
        """Return the recorded end of an attempt, if there is one."""
        event = self._ledger.get(_id(run_id, attempt, RUN_FINISHED))
        return None if event is None else msgspec.json.decode(event.data, type=RunFinished)

    def final(self, run_id: str) -> RunOutcome | None:
        """Return how a run ended, None while it has not."""
        skip = self._ledger.get(_id(run_id, 0, RUN_SKIPPED))
        if skip is not None:
            return _skip_outcome(msgspec.json.decode(skip.data, type=RunSkipped))
        attempt = 1
        while (end := self.was_finished(run_id, attempt)) is not None:
            if not end.will_retry:
                return outcome_of(end)
            attempt += 1
        return None

    def _append(
        self,
        kind: str,
        event: msgspec.Struct,
        run_id: str,
        attempt: int,
        *,
        correlation: UUID | None,
        stream: str = "",
        pauses: Sequence[float] | None = _PAUSES_S,
    ) -> None:
        new = new_event(
            kind,
            stream=stream or f"run/{run_id}",
            data=event,
            actor=self._actor,
            now_ns=self._clock.now_ns(),
            id=_id(run_id, attempt, kind),
            correlation_id=correlation,
        )
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


def _skip_outcome(event: RunSkipped) -> RunOutcome:
    return RunOutcome(run_id=event.run_id, automation=event.automation, status="skipped", reason=event.reason)


def _correlation(cycle: str) -> UUID:
    return stable_uuid("automation.cycle", cycle)


def _id(run_id: str, attempt: int, kind: str) -> UUID:
    return stable_uuid("automation", run_id, str(attempt), kind)
