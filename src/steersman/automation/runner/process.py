"""One process from start to end: output captured, clock watched, the whole group ended, figures taken."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from resource import struct_rusage
from typing import Literal

import msgspec

from steersman.automation.runner.capture import Capture
from steersman.automation.runner.group import high_water_bytes, kill_run, peak_rss_bytes, signal_group
from steersman.kernel.clock import Clock

Ending = Literal["exited", "timed_out", "cancelled"]
GRACE_S = 5.0
_DRAIN_S = 0.5
_SAMPLE_S = 0.25
_MARK_ERROR_BYTES = 2 << 20
_COUNTER_SLACK_BYTES = 8 << 20
_CHUNK = 1 << 16


class ProcessSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What to start and within which bounds.

    Attributes:
        timeout_s: seconds until the group gets SIGTERM; `grace_s` later SIGKILL.
        stop_fd: becomes readable when everything must end.
        cancel_file: ends the process once it exists; how other processes ask.
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


class ProcessResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it. `cpu_s` counts the descendants it waited for; `tail` is the end of the output."""

    ending: Ending
    exit_code: int
    wall_s: float
    cpu_s: float
    peak_rss_bytes: int
    log_bytes: int
    log_truncated_bytes: int
    tail: bytes
    problem: str


def run_process(spec: ProcessSpec, clock: Clock, on_started: Callable[[int], None]) -> ProcessResult:
    """Run `spec` to its end; when it is over nothing of its process group is left.

    Args:
        on_started: told the pid as soon as there is one; if it raises, the process is ended and the error passes.

    Raises:
        OSError: it could not be started.
    """
    began = clock.elapsed_ns()
    with Capture(spec.log, spec.log_limit_bytes) as capture:
        process = subprocess.Popen(
            spec.arguments,
            cwd=spec.cwd,
            env=dict(spec.env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        watch = _Watch(process, spec, clock, capture)
        try:
            on_started(process.pid)
            watch.until_exit()
        finally:
            usage = watch.finish()
        wall_s = (clock.elapsed_ns() - began) / 1e9
    return ProcessResult(
        ending=watch.ending,
        exit_code=process.returncode,
        wall_s=wall_s,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_rss_bytes=watch.peak(usage.ru_maxrss * 1024),
        log_bytes=capture.kept_bytes,
        log_truncated_bytes=capture.dropped_bytes,
        tail=capture.tail(),
        problem=capture.problem,
    )


class _Watch:
    """The loop around one process: its output, its end, its deadline, and samples of its memory."""

    def __init__(self, process: subprocess.Popen[bytes], spec: ProcessSpec, clock: Clock, capture: Capture) -> None:
        assert process.stdout is not None  # noqa: S101 - asked for with PIPE
        self._process = process
        self._spec = spec
        self._clock = clock
        self._capture = capture
        self._out = process.stdout.fileno()
        self._pidfd = os.pidfd_open(process.pid)
        self._deadline = clock.elapsed_ns() + int(spec.timeout_s * 1e9)
        self._kill_at: int | None = None
        self._sampled = 0
        self._own_peak = high_water_bytes(os.getpid())
        self.ending: Ending = "exited"
        os.set_blocking(self._out, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._out, selectors.EVENT_READ)
        self._selector.register(self._pidfd, selectors.EVENT_READ)
        self._selector.register(spec.stop_fd, selectors.EVENT_READ)

    def until_exit(self) -> None:
        """Return once the process itself has ended, by itself or because of us."""
        pause = 0.005
        next_sample = self._clock.elapsed_ns()
        while True:
            now = self._clock.elapsed_ns()
            until = min(next_sample, self._kill_at or self._deadline)
            ready = {key.fd for key, _ in self._selector.select(max(0.0, (until - now) / 1e9))}
            if self._out in ready:
                self._read(_CHUNK)
            if self._pidfd in ready:
                return
            if self._spec.stop_fd in ready:
                self._selector.unregister(self._spec.stop_fd)
                self._end("cancelled")
            now = self._clock.elapsed_ns()
            if now >= next_sample:
                self._sample()
                pause = min(pause * 1.5, _SAMPLE_S)
                next_sample = now + int(pause * 1e9)
            self._enforce(now)

    def _enforce(self, now: int) -> None:
        if self._kill_at is None and now >= self._deadline:
            self._end("timed_out")
        elif self._kill_at is not None and now >= self._kill_at:
            signal_group(self._process.pid, signal.SIGKILL)
            # Uninterruptible sleep can outlast even this; look again in a while instead of spinning.
            self._kill_at = now + 1_000_000_000

    def _end(self, why: Ending) -> None:
        if self._kill_at is None:
            self.ending = why
            self._kill_at = self._clock.elapsed_ns() + int(self._spec.grace_s * 1e9)
            signal_group(self._process.pid, signal.SIGTERM)

    def _sample(self) -> None:
        self._sampled = max(self._sampled, peak_rss_bytes(self._process.pid))
        if self._spec.cancel_file.exists():
            self._end("cancelled")

    def _read(self, size: int) -> bool:
        """Take in what is there; say whether more may come."""
        try:
            chunk = os.read(self._out, size)
        except BlockingIOError:
            return True
        if chunk:
            self._capture.write(chunk)
            return True
        self._selector.unregister(self._out)
        return False

    def finish(self) -> struct_rusage:
        """End what is left of the group, take in the last output, reap, and return the usage."""
        pid = self._process.pid
        # Not reaped yet, so the group id still belongs to this run and cannot hit a stranger.
        signal_group(pid, signal.SIGKILL)
        if self.ending != "exited":
            kill_run(self._spec.run_id)
        self._drain()
        _, status, usage = os.wait4(pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        self._selector.close()
        os.close(self._pidfd)
        if self._process.stdout is not None:
            self._process.stdout.close()
        return usage

    def _drain(self) -> None:
        # A descendant that left the group may hold the pipe open for ever: bounded, and nobody waits for it.
        for fd in (self._pidfd, self._spec.stop_fd):
            if fd in self._selector.get_map():
                self._selector.unregister(fd)
        until = self._clock.elapsed_ns() + int(_DRAIN_S * 1e9)
        while self._out in self._selector.get_map() and (now := self._clock.elapsed_ns()) < until:
            ready = {key.fd for key, _ in self._selector.select((until - now) / 1e9)}
            if self._out in ready and not self._read(_CHUNK):
                return

    def peak(self, reported: int) -> int:
        """Return the peak resident size: what the kernel reports where it is the child's, else the largest sample.

        Linux carries the starter's own high-water mark over exec into ru_maxrss, so a small script started by a big
        engine looks as big as the engine. A value well above the engine's mark is the child's own; near it, the two may
        differ by what the kernel's per-processor counters have not summed up yet.
        """
        return reported if reported > self._own_peak + _COUNTER_SLACK_BYTES else self._sampled
