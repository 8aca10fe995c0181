"""The attempts of one run: each is a process with a marker on disk, a start and an end in the ledger."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from steersman.automation.admission.tokens import Tokens
from steersman.automation.closing import Closing, Interrupted
from steersman.automation.events import RunFinished, RunStarted
from steersman.automation.model.manifest import Automation, Manifest
from steersman.automation.model.outcome import Progress, RunOutcome, RunRequest, State, Status
from steersman.automation.model.params import filled, variables
from steersman.automation.model.result import parse_result
from steersman.automation.model.retry import delay_s
from steersman.automation.model.times import closed_reason
from steersman.automation.recorder import Recorder, outcome_of
from steersman.automation.runner.command import arguments, environment
from steersman.automation.runner.folders import Folders
from steersman.automation.runner.group import boot_id
from steersman.automation.runner.inflight import Inflight, Marker, end_orphan
from steersman.automation.runner.process import ProcessResult, ProcessSpec, run_process
from steersman.kernel.clock import Clock
from steersman.kernel.errors import Misconfigured

OnProgress = Callable[[Progress], None]
_POLL_S = 0.1


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One attempt that is about to happen, or happens. `params` are the values of all declared parameters."""

    automation: Automation
    request: RunRequest
    number: int
    params: dict[str, str]
    tell: OnProgress

    @property
    def may_retry(self) -> bool:
        return self.number <= self.automation.retries

    def say(self, state: State, note: str = "") -> None:
        """Tell whoever watches the run."""
        name, run_id = self.automation.name, self.request.run_id
        self.tell(Progress(run_id=run_id, automation=name, state=state, attempt=self.number, note=note))


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
        self._slots = threading.BoundedSemaphore(limits.processes)
        self._inflight = Inflight(state / "runs" / ".inflight")
        self.tokens = Tokens(state / "runs")

    def reconcile(self) -> list[str]:
        """End what killed engines left running, record each as orphaned, and return the run ids.

        One process at a time: one that is late must not end the next attempt of a run, which another began meanwhile.
        """
        found = []
        with self._inflight.alone():
            for marker in self._inflight.orphans():
                end_orphan(marker)
                if self._recorder.was_finished(marker.run_id, marker.attempt) is None:
                    self._recorder.finished(self._orphaned(marker))
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
    ) -> RunOutcome:
        """Attempt the run until it succeeds or may not be tried again, and return how it ended.

        Raises:
            Interrupted: the engine closes while it waits for tokens or to try again, and resumes such runs.
        """
        number = 1
        while True:
            turn = Turn(automation=automation, request=request, number=number, params=params, tell=tell)
            end = self._recorder.was_finished(request.run_id, number) or self._attempt(manifest, turn)
            if not end.will_retry:
                return outcome_of(end)
            due = end.at + int(delay_s(automation, number, request.run_id) * 1e9)
            wait_s = max(0.0, (due - self._clock.now_ns()) / 1e9)
            turn.say("retrying", f"{end.error or end.status}; attempt {number + 1} in {wait_s:.1f} s")
            number += 1
            if self._closing.wait(wait_s):
                later = Turn(automation=automation, request=request, number=number, params=params, tell=tell)
                return outcome_of(self._interrupted(later))

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
        except Misconfigured as exc:
            return self._end(turn, "failed", error=exc.message, log="")
        except OSError as exc:
            return self._end(turn, "failed", error=f"could not be started: {exc.strerror or exc}", log="")
        with self._held(manifest, turn), self._slots:
            if self._closing.is_set:
                raise Interrupted
            return self._supervise(turn, spec)

    def _spec(self, turn: Turn) -> ProcessSpec:
        """Return what to start; makes the folders it writes into."""
        automation, request = turn.automation, turn.request
        artifacts = self._folders.open(automation.name, request.run_id)
        return ProcessSpec(
            run_id=request.run_id,
            arguments=arguments(filled(automation.run, turn.params), self._root),
            cwd=self._root,
            env=environment(
                {**automation.env, **variables(turn.params)},
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

    @contextmanager
    def _held(self, manifest: Manifest, turn: Turn) -> Iterator[None]:
        """Hold the tokens of an attempt; between attempts others may have them."""
        automation, run_id = turn.automation, turn.request.run_id
        if not automation.resources:
            yield
            return
        told = ""
        try:
            while blocked := self.tokens.take(
                run_id, automation.name, automation.resources, manifest.resources, self._clock.now_ns()
            ):
                if blocked != told:
                    turn.say("waiting", told := blocked)
                self._closing.pause(_POLL_S)
            yield
        finally:
            self.tokens.drop(run_id)

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

        def on_started(pid: int) -> None:
            self._inflight.started(marker, pid)
            self._recorder.started(request, self._started(turn, pid, now))
            turn.say("started")

        try:
            result = run_process(spec, self._clock, on_started)
        except OSError as exc:
            self._inflight.done(marker)
            return self._end(turn, "failed", error=f"could not be started: {exc.strerror or exc}")
        end = self._judged(turn, result)
        self._inflight.done(marker)
        return end

    # -- what is recorded ----------------------------------------------------------------------------------------

    def _log(self, turn: Turn) -> str:
        return self._folders.relative(self._folders.log(turn.automation.name, turn.request.run_id, turn.number))

    def _started(self, turn: Turn, pid: int, now: int) -> RunStarted:
        request = turn.request
        first = turn.number == 1
        return RunStarted(
            run_id=request.run_id,
            automation=turn.automation.name,
            cause=request.cause if first else "retry",
            attempt=turn.number,
            pid=pid,
            boot_id=boot_id(),
            scheduled_at=request.scheduled_at,
            lateness_s=(now - request.scheduled_at) / 1e9 if request.scheduled_at is not None and first else None,
            command=turn.automation.run,
            params=request.params,
            log=self._log(turn),
            at=now,
        )

    def _judged(self, turn: Turn, result: ProcessResult) -> RunFinished:
        """Say what an ended process means, and record it."""
        value, complaint = parse_result(result.tail)
        status, error = _verdict(turn.automation, result)
        return self._end(
            turn,
            status,
            error="; ".join(part for part in (error, complaint, result.problem) if part),
            # What filled the disk or forked without end would do so again.
            will_retry=turn.may_retry and status in ("failed", "timed_out") and not result.reason,
            result=value,
            process=result,
        )

    def _end(
        self,
        turn: Turn,
        status: Status,
        *,
        error: str,
        will_retry: bool = False,
        result: dict[str, object] | None = None,
        process: ProcessResult | None = None,
        log: str | None = None,
    ) -> RunFinished:
        """Record how an attempt ended and return the record."""
        request = turn.request
        end = RunFinished(
            run_id=request.run_id,
            automation=request.automation,
            status=status,
            attempt=turn.number,
            exit_code=process.exit_code if process else None,
            wall_s=process.wall_s if process else 0.0,
            cpu_s=process.cpu_s if process else 0.0,
            peak_rss_bytes=process.peak_rss_bytes if process else 0,
            log=self._log(turn) if log is None else log,
            log_bytes=process.log_bytes if process else 0,
            log_truncated_bytes=process.log_truncated_bytes if process else 0,
            artifacts=self._folders.artifacts(request.automation, request.run_id) if process else (),
            result=result,
            error=error,
            will_retry=will_retry,
            at=self._clock.now_ns(),
        )
        self._recorder.finished(end, cycle=request.cycle)
        return end

    def _orphaned(self, marker: Marker) -> RunFinished:
        now = self._clock.now_ns()
        return RunFinished(
            run_id=marker.run_id,
            automation=marker.automation,
            status="orphaned",
            attempt=marker.attempt,
            exit_code=None,
            wall_s=max(0.0, (now - marker.began_at) / 1e9),
            cpu_s=0.0,
            peak_rss_bytes=0,
            log=marker.log,
            log_bytes=0,
            log_truncated_bytes=0,
            artifacts=(),
            result=None,
            error="the engine was killed while it ran",
            will_retry=marker.may_retry,
            at=now,
        )


def _verdict(automation: Automation, result: ProcessResult) -> tuple[Status, str]:
    """Return the status of an ended process and, unless it succeeded, why in words."""
    if result.ending == "timed_out":
        return "timed_out", f"ended after its timeout of {automation.timeout_s:g} s"
    if result.ending == "cancelled":
        return "cancelled", "cancelled"
    if result.reason:
        return "failed", result.reason
    if result.exit_code == 0:
        return "succeeded", ""
    if result.exit_code < 0:
        return "failed", f"ended by signal {-result.exit_code}"
    return "failed", f"ended with exit code {result.exit_code}"
