"""The attempts of one run: each is a process with a marker on disk, a start and an end in the ledger."""

from __future__ import annotations

import dataclasses
import errno
import signal
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from steersman.automation.admission.tokens import Tokens
from steersman.automation.closing import Closing, Interrupted, Wait
from steersman.automation.control.cancelling import CancelAsked, asked
from steersman.automation.event_file import told
from steersman.automation.events import RunFinished, RunStarted
from steersman.automation.model.cycle import due_at
from steersman.automation.model.manifest import Automation, Manifest
from steersman.automation.model.outcome import RunOutcome, RunRequest, Status
from steersman.automation.model.params import SCHEDULED_AT, filled, start_words, variables
from steersman.automation.model.retry import delay_s
from steersman.automation.model.schedule import jitter_ns
from steersman.automation.model.times import closed_reason
from steersman.automation.places import OnProgress, Places, Turn
from steersman.automation.recorder import Recorder, outcome_of
from steersman.automation.records import end_of, end_without_process, orphaned, start_of
from steersman.automation.runner.command import arguments, environment, folder
from steersman.automation.runner.folders import Folders
from steersman.automation.runner.inflight import Inflight, Marker, end_orphan
from steersman.automation.runner.process import ProcessResult, ProcessSpec, run_process
from steersman.kernel.clock import Clock
from steersman.kernel.errors import Misconfigured, SteersmanError, Unavailable

_SAME_SIGNAL_S = 0.5
_PASSING = frozenset(
    {
        errno.EAGAIN,
        errno.ENOMEM,
        errno.EIO,
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EMFILE,
        errno.ENFILE,
        errno.EROFS,
        errno.ETIMEDOUT,
    }
)
"""Why the machine may refuse a start now and not in a while; all else is the manifest's fault, or the script's."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How an engine runs processes.

    Attributes:
        resumes: whether the engine carries out again what a crash cut short.
        processes: at once; further runs wait their turn.
        grace_s: seconds between SIGTERM and SIGKILL.
    """

    resumes: bool
    processes: int
    grace_s: float


class Attempts:
    """Carries out the attempts of admitted runs, several runs at once."""

    def __init__(
        self,
        *,
        root: Path,
        state: Path,
        folders: Folders,
        recorder: Recorder,
        clock: Clock,
        closing: Closing,
        limits: Limits,
    ) -> None:
        self._root = root
        self._folders = folders
        self._recorder = recorder
        self._clock = clock
        self._closing = closing
        self._limits = limits
        self._inflight = Inflight(state / "runs" / ".inflight")
        self.tokens = Tokens(state / "runs")
        self._places = Places(self.tokens, limits.processes, closing, clock)

    def reconcile(self, automation: str | None = None) -> list[str]:
        """End what killed engines left running (of `automation`, if given), record it, and return the run ids.

        One process at a time: one that is late must not end the next attempt of a run, which another began meanwhile.
        """
        found: list[str] = []
        if next(self._inflight.orphans(automation), None) is None:
            return found
        with self._inflight.alone():
            for marker in self._inflight.orphans(automation):
                end_orphan(marker)
                if self._recorder.was_finished(marker.run_id, marker.attempt) is None:
                    self._recorder.finished(marker.end or orphaned(marker, at=self._clock.now_ns()))
                self._inflight.done(marker)
                found.append(marker.run_id)
        return found

    def running(self) -> int:
        """Return how many attempts run on this workspace now, whichever process began them."""
        return self._inflight.count()

    def carry_out(
        self,
        manifest: Manifest,
        automation: Automation,
        request: RunRequest,
        params: dict[str, str],
        tell: OnProgress,
        *,
        wait: Wait,
        may_start: Callable[[], None],
    ) -> RunOutcome:
        """Attempt the run until it succeeds or may not be tried again, and return how it ended.

        Args:
            may_start: called right before the first process starts; what it raises passes, and nothing starts.

        Raises:
            Interrupted: the engine closes while it waits for tokens or to try again, and resumes such runs.
        """
        turn = Turn(
            automation=automation,
            request=request,
            number=1,
            params=params,
            tell=tell,
            wait=wait,
            may_start=may_start,
        )
        while True:
            number = turn.number
            try:
                end = self._recorder.was_finished(request.run_id, number) or self._attempt(manifest, turn)
            except Interrupted:
                if number == 1:
                    raise
                end = self._interrupted(turn)
            except CancelAsked as asked_to:
                end = self._end(turn, "cancelled", error=str(asked_to))
            if not end.will_retry:
                return outcome_of(end)
            delay = delay_s(automation, number, request.run_id)
            # What has passed counts, also over a restart; a clock set back since then must not make it longer.
            wait_s = min(delay, max(0.0, delay - (self._clock.now_ns() - end.at) / 1e9))
            turn.say("retrying", f"{end.error or end.status}; attempt {number + 1} in {wait_s:.1f} s")
            turn = dataclasses.replace(turn, number=number + 1)
            try:
                wait.pause(wait_s)
            except Interrupted:
                return outcome_of(self._interrupted(turn))
            except CancelAsked as asked_to:
                return outcome_of(self._end(turn, "cancelled", error=str(asked_to)))

    def _interrupted(self, turn: Turn) -> RunFinished:
        """Leave the wait for an attempt: to the next start if the engine resumes, as cancelled if not."""
        if self._limits.resumes:
            raise Interrupted
        return self._end(turn, "cancelled", error="closed while waiting to try again")

    # -- one attempt ---------------------------------------------------------------------------------------------

    def _attempt(self, manifest: Manifest, turn: Turn) -> RunFinished:
        automation, request = turn.automation, turn.request
        before = self._recorder.was_started(request.run_id, turn.number)
        if before is not None:
            # Started by an engine that is gone and left no marker (the machine lost power): what ran is gone too.
            error = "the machine or the engine stopped while it ran"
            return self._end(turn, "orphaned", error=error, will_retry=turn.may_retry)
        if turn.number > 1 and not request.anyway:
            closed = closed_reason(manifest, automation, self._clock.now_ns())
            if closed:
                return self._end(turn, "cancelled", error=f"not tried again: {closed}")
        try:
            spec = self._spec(turn)
            with self._places.held(manifest, turn):
                turn.wait.look()
                if turn.number == 1:
                    turn.may_start()
                return self._supervise(turn, spec)
        except Misconfigured as exc:
            return self._end(turn, "failed", error=exc.message, log="")
        except OSError as exc:
            # After its end was recorded too: a full disk may refuse what comes then.
            return self._recorder.was_finished(request.run_id, turn.number) or self._unstarted(turn, exc)

    def _unstarted(self, turn: Turn, exc: OSError) -> RunFinished:
        named = f" ({exc.filename})" if exc.filename else ""
        return self._end(
            turn,
            "failed",
            error=f"could not be started: {exc.strerror or exc}{named}",
            will_retry=turn.may_retry and exc.errno in _PASSING,
            log="",
        )

    def broken(self, request: RunRequest, exc: Exception) -> RunOutcome:
        """Record that a run ended because carrying it out failed, for a reason that is not the script's.

        If it had ended before that, it ended as it did.
        """
        before = self._recorder.final(request.run_id)
        if before is not None:
            return before
        said = exc.message if isinstance(exc, SteersmanError) else f"{type(exc).__name__}: {exc}"
        if isinstance(exc, OSError) and exc.strerror:
            said = f"{exc.strerror} ({exc.filename})" if exc.filename else exc.strerror
        return self._without_process(request, "failed", f"could not be carried out: {said}")

    def cancelled(self, request: RunRequest, asked_to: CancelAsked) -> RunOutcome:
        """Record that a run was ended before its (next) process started."""
        return self._without_process(request, "cancelled", str(asked_to))

    def not_tried_again(self, request: RunRequest, reason: str) -> RunOutcome:
        """Record that a run whose engine ended between two attempts has no further one."""
        return self._without_process(request, "cancelled", f"not tried again: {reason}")

    def _without_process(self, request: RunRequest, status: Status, error: str) -> RunOutcome:
        number = 1
        while self._recorder.was_finished(request.run_id, number) is not None:
            number += 1
        end = end_without_process(
            request, status, number=number, error=error, will_retry=False, log="", at=self._clock.now_ns()
        )
        self._recorder.ended(end, cycle=request.cycle)
        return outcome_of(end)

    def _spec(self, turn: Turn) -> ProcessSpec:
        """Return what to start; makes the folders it writes into."""
        automation, request = turn.automation, turn.request
        artifacts = self._folders.open(automation.name, request.run_id)
        due = due_at(request) if request.stands_for is None else request.stands_for
        times = start_words(self._clock.now_ns() if due is None else due, automation.tz)
        return ProcessSpec(
            run_id=request.run_id,
            arguments=arguments(filled(automation.run, {**turn.params, **times}), self._root),
            cwd=folder(automation.cwd, self._root),
            env=environment(
                {
                    **automation.env,
                    **variables(turn.params),
                    SCHEDULED_AT: times["scheduled_at"],
                    **told(self._recorder.ledger, request.cycle, self._folders.of(automation.name, request.run_id)),
                },
                root=self._root,
                run_id=request.run_id,
                attempt=turn.number,
                artifacts=artifacts,
            ),
            timeout_s=automation.timeout_s,
            log=self._folders.log(automation.name, request.run_id, turn.number),
            log_limit_bytes=automation.log_limit_bytes,
            stop_fd=self._closing.fd,
            cancel_file=self._folders.cancel_file(automation.name, request.run_id),
            grace_s=self._limits.grace_s,
            artifacts=artifacts,
            artifact_limit_bytes=automation.artifact_limit_bytes,
        )

    def _supervise(self, turn: Turn, spec: ProcessSpec) -> RunFinished:
        """Start the process, record its start, and its end when it comes."""
        request, now = turn.request, self._clock.now_ns()
        marker = self._inflight.intend(
            run_id=request.run_id,
            automation=turn.automation.name,
            attempt=turn.number,
            log=self._log(turn),
            began_at=now,
            may_retry=turn.may_retry and self._limits.resumes,
        )

        unsaid: list[RunStarted] = []

        def on_started(pid: int) -> None:
            self._inflight.started(marker, pid)
            command, log = turn.automation.run, self._log(turn)
            wait_ns = jitter_ns(turn.automation)
            start = start_of(request, number=turn.number, pid=pid, command=command, log=log, at=now, jitter_ns=wait_ns)
            try:
                self._recorder.started(request, start)
            except Unavailable:
                unsaid.append(start)
            turn.say("started")

        try:
            end = self._judged(turn, self._explained(run_process(spec, self._clock, on_started)))
            self._record(turn, end, marker=marker, unsaid=unsaid)
        except OSError:
            self._inflight.done(marker)
            raise
        self._inflight.done(marker)
        return end

    def _record(
        self, turn: Turn, end: RunFinished, *, marker: Marker | None = None, unsaid: Iterable[RunStarted] = ()
    ) -> None:
        """Record an end, after a start that could not be recorded in its time; waits for the ledger if it is away."""

        def keep() -> None:
            if marker is not None:
                with suppress(OSError):  # the disk is full as well: then only this process knows
                    self._inflight.ended(marker, end)

        for start in unsaid:
            keep()
            self._recorder.started(turn.request, start, late=True)
        self._recorder.ended(end, cycle=turn.request.cycle, meanwhile=keep)

    def _end(
        self, turn: Turn, status: Status, *, error: str, will_retry: bool = False, log: str | None = None
    ) -> RunFinished:
        """Record how an attempt without a process ended and return the record."""
        end = end_without_process(
            turn.request,
            status,
            number=turn.number,
            error=error,
            will_retry=will_retry,
            log=self._log(turn) if log is None else log,
            at=self._clock.now_ns(),
        )
        self._record(turn, end)
        return end

    def _explained(self, result: ProcessResult) -> ProcessResult:
        """Return the result, as cancelled if its SIGTERM was the end of us too.

        An orchestrator that ends a task sends SIGTERM to all of it, in any order: the script may be gone before us.
        """
        if result.exit_code == -signal.SIGTERM and result.ending == "exited" and self._closing.wait(_SAME_SIGNAL_S):
            return msgspec.structs.replace(result, ending="cancelled")
        return result

    def _judged(self, turn: Turn, process: ProcessResult) -> RunFinished:
        request = turn.request
        end = end_of(
            turn.automation,
            request,
            process,
            number=turn.number,
            may_retry=turn.may_retry,
            log=self._log(turn),
            artifacts=self._folders.artifacts(request.automation, request.run_id),
            at=self._clock.now_ns(),
        )
        who = asked(self._folders.cancel_file(request.automation, request.run_id))
        if end.status != "cancelled" or who is None:
            return end
        return msgspec.structs.replace(end, error=str(who) + end.error.removeprefix("cancelled"))

    def _log(self, turn: Turn) -> str:
        return self._folders.relative(self._folders.log(turn.automation.name, turn.request.run_id, turn.number))
