"""One run from start to end: output captured, clock and disk watched, all its processes ended, figures taken."""

from __future__ import annotations

import errno
import os
import selectors
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from steersman.automation.runner.capture import Capture
from steersman.automation.runner.command import why_not_started
from steersman.automation.runner.disk import DiskWatch, too_much
from steersman.automation.runner.flow import Flow
from steersman.automation.runner.group import kill_run, signal_group
from steersman.automation.runner.launcher import LAUNCHER, Child, Ended, Start
from steersman.kernel.clock import Clock

Ending = Literal["exited", "timed_out", "cancelled", "disk", "processes"]
GRACE_S = 5.0
MAX_PROCESSES = 512
FREE_FLOOR_BYTES = 256 << 20
OUTLIVE_S = 2.0
_DISK_GRACE_S = 0.5
_DRAIN_S = 0.5
_KILL_AGAIN_S = 1.0
_LAST_REPORT_S = 15.0
_WAKES_BEFORE_THE_END = 3
_LOOK_S = 0.25
_LOOK_SHARE = 20
_COUNTER_SLACK_BYTES = 8 << 20
_CHUNK = 1 << 16
_HELD_UP_NS = 1_000_000_000


class ProcessSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What to start and within which bounds.

    Attributes:
        timeout_s: seconds until all of it gets SIGTERM; `grace_s` later SIGKILL.
        stop_fd: becomes readable when everything must end.
        cancel_file: ends the process once it exists; how other processes ask.
        artifacts: the folder whose files count against `artifact_limit_bytes`; 0 is no limit.
        free_floor_bytes: room that must stay on the disks of the workspace, the log and the artifacts; 0 asks for none.
        max_processes: more at once, and all of it is ended.
        outlive_s: seconds it may go on to end by itself when the process that runs it is killed.
    """

    run_id: str
    arguments: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    timeout_s: float
    log: Path
    log_limit_bytes: int
    stop_fd: int
    cancel_file: Path
    grace_s: float = GRACE_S
    artifacts: Path | None = None
    artifact_limit_bytes: int = 0
    free_floor_bytes: int = FREE_FLOOR_BYTES
    max_processes: int = MAX_PROCESSES
    outlive_s: float = OUTLIVE_S


class ProcessResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it.

    Attributes:
        reason: why it was ended for `disk` or `processes`, in words; empty for every other ending.
        cpu_s: of all its processes, those it left behind included.
        tail: the end of the output.
        problem: what went wrong beside it (the log, processes that cannot be ended); empty if nothing did.
        left_running: processes that still ran when the script had ended; they were ended.
        most_processes: largest count seen at once.
    """

    ending: Ending
    exit_code: int
    wall_s: float
    cpu_s: float
    peak_rss_bytes: int
    log_bytes: int
    log_truncated_bytes: int
    tail: bytes
    problem: str
    reason: str = ""
    left_running: int = 0
    most_processes: int = 0


def run_process(spec: ProcessSpec, clock: Clock, on_started: Callable[[int], None]) -> ProcessResult:
    """Run `spec` to its end; when it is over nothing that it started is left, wherever it went.

    Args:
        on_started: told the pid as soon as there is one; if it raises, the process is ended and the error passes.

    Raises:
        OSError: it could not be started; `strerror` says why in words.
    """
    began = clock.elapsed_ns()
    with Capture(spec.log, spec.log_limit_bytes) as capture:
        child, out = _start(spec)
        try:
            watch = _Watch(child, out, spec, clock, capture)
            try:
                on_started(child.pid)
                watch.until_exit()
            finally:
                ended = watch.finish()
        finally:
            os.close(out)
            child.close()
        wall_s = (clock.elapsed_ns() - began) / 1e9
        capture.close(note=_left(ended))
    return ProcessResult(
        ending=watch.ending,
        exit_code=ended.exit_code,
        wall_s=wall_s,
        cpu_s=ended.cpu_s,
        peak_rss_bytes=_peak(ended),
        log_bytes=capture.kept_bytes,
        log_truncated_bytes=capture.dropped_bytes,
        tail=capture.tail(),
        problem="; ".join(part for part in (capture.problem, watch.problem) if part),
        reason=watch.reason,
        left_running=ended.left_count,
        most_processes=ended.most_processes,
    )


def _start(spec: ProcessSpec) -> tuple[Child, int]:
    """Return the started script and the end of the pipe its output comes from."""
    reading, writing = os.pipe2(os.O_CLOEXEC)
    try:
        child = LAUNCHER.start(_told(spec), writing)
    except OSError as exc:
        os.close(reading)
        if exc.errno == errno.ETIMEDOUT:
            # Its keeper fell silent after it was told to start the script, which may have happened.
            kill_run(spec.run_id)
        raise OSError(exc.errno or errno.EIO, why_not_started(exc, spec.arguments, spec.env)) from exc
    except BaseException:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    return child, reading


def _told(spec: ProcessSpec) -> Start:
    argv = [os.fsencode(argument) for argument in spec.arguments]
    env = {os.fsencode(key): os.fsencode(value) for key, value in spec.env.items()}
    if any(b"\0" in text for text in (*argv, *env, *env.values())):
        # The kernel ends every text there; what comes after would silently be lost.
        raise OSError(errno.EINVAL, "NUL")
    return Start(
        argv=argv,
        env=env,
        cwd=os.fsencode(spec.cwd),
        max_processes=spec.max_processes,
        outlive_s=spec.outlive_s,
        grace_s=spec.grace_s,
    )


class _Watch:
    """The loop around one script: its output, its end, its deadline, and what it takes of the disk."""

    def __init__(self, child: Child, out: int, spec: ProcessSpec, clock: Clock, capture: Capture) -> None:
        self._child = child
        self._spec = spec
        self._clock = clock
        self._capture = capture
        self._out = out
        self._flow = Flow(clock.elapsed_ns())
        places = (spec.cwd, spec.log.parent, *([spec.artifacts] if spec.artifacts else []))
        self._disk = DiskWatch(child.keeper, spec.artifacts, places)
        self._deadline = clock.elapsed_ns() + int(spec.timeout_s * 1e9)
        self._kill_at: int | None = None
        self._count_artifacts_at = 0
        self._woken = 0
        self._report: Ended | None = None
        self.ending: Ending = "exited"
        self.reason = ""
        self.problem = ""
        os.set_blocking(out, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(out, selectors.EVENT_READ)
        self._selector.register(child, selectors.EVENT_READ)
        self._selector.register(spec.stop_fd, selectors.EVENT_READ)

    def until_exit(self) -> None:
        """Return once all of the run has ended, by itself or because of us."""
        now = next_look = self._clock.elapsed_ns()
        pause = 0.005
        while True:
            until = min(next_look, self._kill_at or self._deadline, self._flow.resumes_at or self._deadline)
            ready = self._ready(now, until)
            if self._out in ready:
                self._read()
            if self._child.fileno() in ready:
                self._report = self._child.report()
                return
            if self._spec.stop_fd in ready:
                self._selector.unregister(self._spec.stop_fd)
                self._end("cancelled")
            now = self._clock.elapsed_ns()
            if self._flow.resumes_at and now >= self._flow.resumes_at:
                self._flow.resume(now)
                self._selector.register(self._out, selectors.EVENT_READ)
            if now >= next_look:
                self._look(now)
                pause = min(pause * 1.5, _LOOK_S)
                next_look = now + int(pause * 1e9)
            self._enforce(now)

    def _ready(self, before: int, until: int) -> set[int]:
        """Wait until then at the latest and return the descriptors that have something; `before` was the last look."""
        wait_s = max(0.0, (until - self._clock.elapsed_ns()) / 1e9)
        ready = {key.fd for key, _ in self._selector.select(wait_s)}
        late = self._clock.elapsed_ns() - max(before, until)
        if late > _HELD_UP_NS:
            # This process was stopped, or the machine slept, and such a wait ends without a look at what is there. The
            # script may have ended meanwhile, or had to wait for us to take in its output: that is not its time.
            self._deadline += late
            ready |= {key.fd for key, _ in self._selector.select(0)}
        return ready

    def _enforce(self, now: int) -> None:
        if self._kill_at is None and now >= self._deadline:
            self._end("timed_out")
        elif self._kill_at is not None and now >= self._kill_at:
            self._child.kill()
            self._wake_keeper()
            # Uninterruptible sleep can outlast even this; look again in a while instead of spinning.
            self._kill_at = now + int(_KILL_AGAIN_S * 1e9)

    def _wake_keeper(self) -> None:
        """Let a keeper that was stopped obey; one that is stopped over and over is killed, and its run with it."""
        if self._child.wake():
            self._woken += 1
            if self._woken > _WAKES_BEFORE_THE_END:
                self._child.abandon()

    def _end(self, why: Ending, grace_s: float | None = None) -> None:
        if self._kill_at is None:
            self.ending = why
            grace_s = self._spec.grace_s if grace_s is None else grace_s
            self._kill_at = self._clock.elapsed_ns() + int(grace_s * 1e9)
            self._child.terminate()

    def _look(self, now: int) -> None:
        self._child.wake()
        if self._spec.cancel_file.exists():
            self._end("cancelled")
        count = bool(self._spec.artifact_limit_bytes) and now >= self._count_artifacts_at
        taken = self._disk.taken(of_artifacts=count)
        if count:
            # Many small files take long to add up: at most a twentieth of the time goes into that.
            self._count_artifacts_at = now + _LOOK_SHARE * (self._clock.elapsed_ns() - now)
        limit, floor = self._spec.artifact_limit_bytes, self._spec.free_floor_bytes
        reason = too_much(taken, artifact_limit=limit, free_floor=floor)
        if reason and self._kill_at is None:
            self.reason = reason
            # Every moment of grace is more of the disk.
            self._end("disk", min(_DISK_GRACE_S, self._spec.grace_s))

    def _read(self) -> bool:
        """Take in what is there; say whether more may come."""
        try:
            chunk = os.read(self._out, _CHUNK)
        except BlockingIOError:
            return True
        if not chunk:
            self._selector.unregister(self._out)
            return False
        self._capture.write(chunk)
        if self._flow.pauses(len(chunk), self._clock.elapsed_ns()):
            self._selector.unregister(self._out)
        return True

    def finish(self) -> Ended:
        """End what is left of the run, take in the last output, and return the report."""
        if self._report is None:
            self._child.kill()
            self._report = self._child.report(_LAST_REPORT_S)
        self._drain()
        self._selector.close()
        ended = self._report or self._unreported()
        if ended.too_many and self.ending == "exited":
            self.ending = "processes"
            self.reason = f"it had more than {self._spec.max_processes} processes at once"
        if ended.not_ended:
            self.problem = f"{ended.not_ended} of its processes could not be ended: they belong to another user"
        return ended

    def _unreported(self) -> Ended:
        """Do what the keeper would have done, as well as can be done from here; its own parent does the rest."""
        self._child.abandon()
        signal_group(self._child.pid, signal.SIGKILL)
        kill_run(self._spec.run_id)
        self.problem = "the process that kept it was killed, so its figures are not known"
        return Ended(
            exit_code=-signal.SIGKILL,
            cpu_s=0.0,
            max_rss_bytes=0,
            floor_rss_bytes=0,
            sampled_rss_bytes=0,
            most_processes=0,
            too_many=False,
            left=(),
            left_count=0,
            not_ended=0,
        )

    def _drain(self) -> None:
        # A process outside the run may have been handed the pipe: bounded, and nobody waits for it.
        with selectors.DefaultSelector() as last:
            last.register(self._out, selectors.EVENT_READ)
            until = self._clock.elapsed_ns() + int(_DRAIN_S * 1e9)
            while (now := self._clock.elapsed_ns()) < until and last.select((until - now) / 1e9):
                chunk = os.read(self._out, _CHUNK)
                if not chunk:
                    return
                self._capture.write(chunk)


def _left(ended: Ended) -> str:
    if not ended.left_count:
        return ""
    more = f" and {ended.left_count - len(ended.left)} more" if ended.left_count > len(ended.left) else ""
    what = "process" if ended.left_count == 1 else "processes"
    return f"ended {ended.left_count} {what} it left running: {', '.join(ended.left)}{more}"


def _peak(ended: Ended) -> int:
    """Return the peak resident size: what the kernel reports where it is the script's, else the largest sample.

    Linux carries the starter's own high-water mark over exec into ru_maxrss, so a script smaller than its keeper looks
    as big as that. A value well above the mark is the script's own; near it, the two may differ by what the kernel's
    per-processor counters have not summed up yet.
    """
    known = ended.max_rss_bytes > ended.floor_rss_bytes + _COUNTER_SLACK_BYTES
    return max(ended.max_rss_bytes if known else 0, ended.sampled_rss_bytes)
