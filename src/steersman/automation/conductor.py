"""One run from request to outcome: wait for its needs, be admitted, attempt, retry; each step is in the ledger.

An engine may call `execute` again for a run that a crash cut short: attempts that ended are read back, an attempt that
was running is an orphan, and the rest happens now. So an engine has to remember nothing but that a run was asked for.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from steersman.automation.events import RunFinished, RunStarted
from steersman.automation.model.manifest import Automation, Manifest
from steersman.automation.model.outcome import Progress, RunOutcome, RunRequest, Status
from steersman.automation.model.result import parse_result
from steersman.automation.model.retry import delay_s
from steersman.automation.recorder import Recorder, outcome_of
from steersman.automation.runner.command import arguments, environment
from steersman.automation.runner.folders import Folders
from steersman.automation.runner.group import boot_id
from steersman.automation.runner.inflight import Inflight, Marker, end_orphan
from steersman.automation.runner.lock import FileLock
from steersman.automation.runner.process import ProcessResult, ProcessSpec, run_process
from steersman.kernel.clock import Clock
from steersman.kernel.errors import Misconfigured
from steersman.ledger import Ledger

_REMEMBERED = 1000
_POLL_S = 0.1
_LOST_NEED_S = 10.0
_LETTING_GO_S = 5.0
_LETTING_GO_POLL_S = 0.005
_VERBS: dict[Status, str] = {
    "failed": "failed",
    "timed_out": "timed out",
    "cancelled": "was cancelled",
    "orphaned": "was orphaned",
    "skipped": "was skipped",
}


class Interrupted(BaseException):
    """The engine closes while a run waits: nothing went wrong with the run, so nothing is recorded about it.

    Not an Exception, so that a durable engine leaves the run pending and resumes it at its next start.
    """


class Conductor:
    """Carries out runs, several at once, one thread each."""

    def __init__(
        self,
        *,
        root: Path,
        state: Path,
        ledger: Ledger,
        clock: Clock,
        actor: str,
        resumes: bool,
        max_processes: int,
        grace_s: float,
    ) -> None:
        """Prepare; nothing runs yet.

        Args:
            root, state: the workspace and its `.steersman`.
            resumes: whether the engine runs `execute` again for what a crash cut short.
            max_processes: processes at once; further runs wait their turn.
            grace_s: seconds between SIGTERM and SIGKILL.
        """
        self.manifest = Manifest()
        self.recorder = Recorder(ledger, clock, actor=actor)
        self.folders = Folders(root, state)
        self._root = root
        self._clock = clock
        self._inflight = Inflight(state / "runs" / ".inflight")
        self._resumes = resumes
        self._grace_s = grace_s
        self._slots = threading.BoundedSemaphore(max_processes)
        self._changed = threading.Condition()
        self._outcomes: OrderedDict[str, RunOutcome] = OrderedDict()
        self._known: set[str] = set()
        self._stop_read, self._stop_write = os.pipe()
        self.closing = threading.Event()

    # -- what engines call ---------------------------------------------------------------------------------------

    def reconcile(self) -> list[str]:
        """End what killed engines left running, record each as orphaned, and return the run ids."""
        found = []
        for marker in self._inflight.orphans():
            end_orphan(marker)
            if self.recorder.was_finished(marker.run_id, marker.attempt) is None:
                self.recorder.finished(self._orphaned(marker))
            self._inflight.done(marker)
            found.append(marker.run_id)
        return found

    def expect(self, run_id: str) -> None:
        """Say that `run_id` will be executed here, so that whoever needs it waits for it."""
        with self._changed:
            self._known.add(run_id)

    def outcome(self, run_id: str) -> RunOutcome | None:
        """Return how a run ended, None while it has not."""
        with self._changed:
            found = self._outcomes.get(run_id)
        return found or self.recorder.final(run_id)

    def execute(self, request: RunRequest, on_progress: Callable[[Progress], None]) -> RunOutcome:
        """Carry `request` out and return how it ended.

        Raises:
            Interrupted: `stop()` was called while it waited.
        """
        self.expect(request.run_id)
        outcome = self.recorder.final(request.run_id) or self._execute(request, on_progress)
        with self._changed:
            self._known.discard(request.run_id)
            self._outcomes[request.run_id] = outcome
            while len(self._outcomes) > _REMEMBERED:
                self._outcomes.popitem(last=False)
            self._changed.notify_all()
        on_progress(
            Progress(
                run_id=request.run_id,
                automation=request.automation,
                state="skipped" if outcome.status == "skipped" else "finished",
                attempt=outcome.attempts,
                note=outcome.reason,
                outcome=outcome,
            )
        )
        return outcome

    def stop(self) -> None:
        """End what runs and wake what waits; `execute` calls return or raise soon after."""
        if not self.closing.is_set():
            self.closing.set()
            os.write(self._stop_write, b"x")
            with self._changed:
                self._changed.notify_all()

    def release(self) -> None:
        """Give back what `stop` needed; call once no `execute` runs any more."""
        with suppress(OSError):
            os.close(self._stop_read)
            os.close(self._stop_write)

    # -- one run -------------------------------------------------------------------------------------------------

    def _execute(self, request: RunRequest, on_progress: Callable[[Progress], None]) -> RunOutcome:
        automation = self.manifest.get(request.automation)
        if automation is None:
            return self.recorder.skipped(request, "it is no longer declared")
        if not automation.enabled and request.cause != "manual":
            return self.recorder.skipped(request, "it is disabled")
        failed = self._await_needs(request)
        if failed:
            return self.recorder.skipped(request, failed)
        lock = FileLock(self.folders.runs / automation.name / "lock")
        refused = self._admit(automation, request, lock)
        if refused:
            return self.recorder.skipped(request, refused)
        try:
            return self._attempts(automation, request, on_progress)
        finally:
            lock.release()
            self.folders.prune(automation.name, automation.keep_runs)

    def _await_needs(self, request: RunRequest) -> str:
        """Wait for what the run needs; return why it cannot run, empty if it can."""
        for name, run_id in request.needs.items():
            outcome = self._await(run_id)
            if outcome is None:
                return f"needs {name}, which was never started in this cycle"
            if not outcome.ok:
                verb = _VERBS[outcome.status]
                return f"needs {name}, which {verb}" + (f": {outcome.reason}" if outcome.reason else "")
        return ""

    def _await(self, run_id: str) -> RunOutcome | None:
        give_up = self._clock.elapsed_ns() + int(_LOST_NEED_S * 1e9)
        with self._changed:
            while True:
                if self.closing.is_set():
                    raise Interrupted
                found = self._outcomes.get(run_id)
                if found is None and run_id not in self._known:
                    # After a crash: it may have ended before, or its own recovery may come a moment later.
                    found = self.recorder.final(run_id)
                    if found is None and self._clock.elapsed_ns() > give_up:
                        return None
                if found is not None:
                    return found
                self._changed.wait(None if run_id in self._known else _POLL_S)

    def _admit(self, automation: Automation, request: RunRequest, lock: FileLock) -> str:
        """Take the automation's lock as its `overlap` says; return why not, empty once it is held."""
        if lock.acquire(request.run_id):
            return ""
        running = lock.holder()
        if self.recorder.final(running) is not None and self._acquire_soon(request, lock):
            return ""
        if automation.overlap == "skip":
            return f"overlap: {running} is still running"
        waiting = FileLock(self.folders.runs / automation.name / "queue")
        if not waiting.acquire(request.run_id):
            return f"overlap: {running} is still running and {waiting.holder()} already waits"
        try:
            if automation.overlap == "cancel":
                self.folders.cancel_file(automation.name, running).touch()
            while not lock.acquire(request.run_id):
                if self.closing.wait(_POLL_S):
                    raise Interrupted
        finally:
            waiting.release()
        return ""

    def _acquire_soon(self, request: RunRequest, lock: FileLock) -> bool:
        """Take the lock of a run that has ended and is about to let go; return whether it came."""
        give_up = self._clock.elapsed_ns() + int(_LETTING_GO_S * 1e9)
        while not lock.acquire(request.run_id):
            if self._clock.elapsed_ns() > give_up or self.closing.wait(_LETTING_GO_POLL_S):
                return False
        return True

    def _attempts(
        self, automation: Automation, request: RunRequest, on_progress: Callable[[Progress], None]
    ) -> RunOutcome:
        attempt = 1
        while True:
            end = self.recorder.was_finished(request.run_id, attempt) or self._attempt(
                automation, request, attempt, on_progress
            )
            if not end.will_retry:
                return outcome_of(end)
            due = end.at + int(delay_s(automation, attempt, request.run_id) * 1e9)
            wait_s = max(0.0, (due - self._clock.now_ns()) / 1e9)
            note = f"{end.error or end.status}; attempt {attempt + 1} in {wait_s:.1f} s"
            on_progress(
                Progress(run_id=end.run_id, automation=automation.name, state="retrying", attempt=attempt, note=note)
            )
            attempt += 1
            if self.closing.wait(wait_s):
                return self._interrupted(request, attempt)

    def _interrupted(self, request: RunRequest, attempt: int) -> RunOutcome:
        """Leave the wait for `attempt`: to the next start if the engine resumes, as cancelled if not."""
        if self._resumes:
            raise Interrupted
        log = self.folders.relative(self.folders.log(request.automation, request.run_id, attempt))
        return outcome_of(self._end(request, attempt, log, "cancelled", error="closed while waiting to try again"))

    # -- one attempt ---------------------------------------------------------------------------------------------

    def _attempt(
        self, automation: Automation, request: RunRequest, attempt: int, on_progress: Callable[[Progress], None]
    ) -> RunFinished:
        artifacts = self.folders.open(automation.name, request.run_id)
        log = self.folders.log(automation.name, request.run_id, attempt)
        may_retry = attempt <= automation.retries
        before = self.recorder.was_started(request.run_id, attempt)
        if before is not None:
            # Started by an engine that is gone and left no marker (the machine lost power): what ran is gone too.
            error = "the machine or the engine stopped while it ran"
            return self._end(request, attempt, before.log, "orphaned", error=error, will_retry=may_retry)
        try:
            command = arguments(automation.run, self._root)
        except Misconfigured as exc:
            return self._end(request, attempt, "", "failed", error=exc.message)
        spec = ProcessSpec(
            run_id=request.run_id,
            arguments=command,
            cwd=self._root,
            env=environment(
                automation.env, root=self._root, run_id=request.run_id, attempt=attempt, artifacts=artifacts
            ),
            timeout_s=automation.timeout_s,
            log=log,
            log_limit_bytes=automation.log_limit_bytes,
            stop_fd=self._stop_read,
            cancel_file=self.folders.cancel_file(automation.name, request.run_id),
            grace_s=self._grace_s,
        )
        with self._slots:
            if self.closing.is_set():
                raise Interrupted
            return self._supervise(automation, request, attempt, spec, may_retry, on_progress)

    def _supervise(
        self,
        automation: Automation,
        request: RunRequest,
        attempt: int,
        spec: ProcessSpec,
        may_retry: bool,
        on_progress: Callable[[Progress], None],
    ) -> RunFinished:
        """Start the process, record its start, and its end when it comes."""
        log = self.folders.relative(spec.log)
        now = self._clock.now_ns()
        marker = self._inflight.intend(
            run_id=request.run_id,
            automation=automation.name,
            attempt=attempt,
            log=log,
            began_at=now,
            may_retry=may_retry and self._resumes,
        )

        def on_started(pid: int) -> None:
            self._inflight.started(marker, pid)
            self.recorder.started(request, self._started(automation, request, attempt, pid, log, now))
            on_progress(Progress(run_id=request.run_id, automation=automation.name, state="started", attempt=attempt))

        try:
            result = run_process(spec, self._clock, on_started)
        except OSError as exc:
            self._inflight.done(marker)
            error = f"could not be started: {exc.strerror or exc}"
            return self._end(request, attempt, log, "failed", error=error)
        end = self._judged(automation, request, attempt, log, result, may_retry)
        self._inflight.done(marker)
        return end

    def _started(
        self, automation: Automation, request: RunRequest, attempt: int, pid: int, log: str, now: int
    ) -> RunStarted:
        late = (now - request.scheduled_at) / 1e9 if request.scheduled_at is not None and attempt == 1 else None
        return RunStarted(
            run_id=request.run_id,
            automation=automation.name,
            cause="retry" if attempt > 1 else request.cause,
            attempt=attempt,
            pid=pid,
            boot_id=boot_id(),
            scheduled_at=request.scheduled_at,
            lateness_s=late,
            command=automation.run,
            log=log,
            at=now,
        )

    def _judged(
        self,
        automation: Automation,
        request: RunRequest,
        attempt: int,
        log: str,
        result: ProcessResult,
        may_retry: bool,
    ) -> RunFinished:
        """Say what an ended process means, and record it."""
        value, complaint = parse_result(result.tail)
        status, error = _verdict(automation, result)
        error = "; ".join(part for part in (error, complaint, result.problem) if part)
        return self._end(
            request,
            attempt,
            log,
            status,
            error=error,
            will_retry=may_retry and status in ("failed", "timed_out"),
            result=value,
            process=result,
        )

    def _end(
        self,
        request: RunRequest,
        attempt: int,
        log: str,
        status: Status,
        *,
        error: str,
        will_retry: bool = False,
        result: dict[str, object] | None = None,
        process: ProcessResult | None = None,
    ) -> RunFinished:
        """Record how an attempt ended and return the record."""
        end = RunFinished(
            run_id=request.run_id,
            automation=request.automation,
            status=status,
            attempt=attempt,
            exit_code=process.exit_code if process else None,
            wall_s=process.wall_s if process else 0.0,
            cpu_s=process.cpu_s if process else 0.0,
            peak_rss_bytes=process.peak_rss_bytes if process else 0,
            log=log,
            log_bytes=process.log_bytes if process else 0,
            log_truncated_bytes=process.log_truncated_bytes if process else 0,
            artifacts=self.folders.artifacts(request.automation, request.run_id) if process else (),
            result=result,
            error=error,
            will_retry=will_retry,
            at=self._clock.now_ns(),
        )
        self.recorder.finished(end, cycle=request.cycle)
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
            will_retry=marker.may_retry and self._resumes,
            at=now,
        )


def _verdict(automation: Automation, result: ProcessResult) -> tuple[Status, str]:
    """Return the status of an ended process and, unless it succeeded, why in words."""
    if result.ending == "timed_out":
        return "timed_out", f"ended after its timeout of {automation.timeout_s:g} s"
    if result.ending == "cancelled":
        return "cancelled", "cancelled"
    if result.exit_code == 0:
        return "succeeded", ""
    if result.exit_code < 0:
        return "failed", f"ended by signal {-result.exit_code}"
    return "failed", f"ended with exit code {result.exit_code}"
