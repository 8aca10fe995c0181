"""Keep a few child processes running: start in order, restart what dies, stop all when asked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from steersman.bootstrap.leash import VARIABLE
from steersman.kernel.clock import Clock, SystemClock
from steersman.kernel.errors import Misconfigured, Unavailable

STOP_GRACE_S = 10.0
_QUICK_DEATH_S = 5.0
_MAX_BACKOFF_S = 30.0
EXIT_MISCONFIGURED = 2
"""A child that ends with this code said that the operator must change something: restarting at once cannot help."""


class Child(msgspec.Struct, frozen=True, kw_only=True):
    """A process to keep. `ready(timeout_s)` returns once it serves, or raises Unavailable."""

    name: str
    command: tuple[str, ...]
    ready: Callable[[Callable[[], bool]], None]


class Supervisor:
    """Runs children until `stop()`.

    A child that dies is restarted at once; one that keeps dying within five seconds waits twice as long each time, up
    to half a minute, so that a broken desk does not eat the machine that the core trades on. One that says that the
    operator must change something stops everything, unless it had run before: a file that is just being edited when a
    child dies must not take the others with it.
    """

    def __init__(self, children: Sequence[Child], *, say: Callable[[str], None], clock: Clock | None = None) -> None:
        self._children = children
        self._say = say
        self._clock = clock or SystemClock()
        self._stopping = threading.Event()
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._failed: str | None = None

    def run(self, on_ready: Callable[[], None]) -> int:
        """Start every child in order, call `on_ready`, then watch until stopped; return the exit code."""
        try:
            for child in self._children:
                self._start(child)
                self._await(child)
            on_ready()
            watchers = [threading.Thread(target=self._watch, args=(c,), daemon=True) for c in self._children]
            for watcher in watchers:
                watcher.start()
            self._stopping.wait()
        finally:
            self._stop_all()
        if self._failed:
            self._say(self._failed)
            return EXIT_MISCONFIGURED
        return 0

    def stop(self) -> None:
        """Ask `run` to end; safe from a signal handler."""
        self._stopping.set()

    def pids(self) -> dict[str, int]:
        """Return the process ids of the children that run now."""
        return {name: process.pid for name, process in self._running.items() if process.poll() is None}

    def _alive(self, child: Child) -> bool:
        process = self._running[child.name]
        return process.poll() is None and not self._stopping.is_set()

    def _await(self, child: Child) -> None:
        """Return once `child` is ready; one that says what must be changed keeps its exit code."""
        try:
            child.ready(partial(self._alive, child))
        except Unavailable as exc:
            if self._running[child.name].poll() == EXIT_MISCONFIGURED:
                raise Misconfigured(exc.message, fix=exc.fix) from exc
            raise

    def _start(self, child: Child) -> None:
        # A session of its own: Ctrl-C in the terminal reaches the supervisor only, which then stops them in order.
        # And a pipe that nobody writes to: a child whose supervisor was killed sees its end, and ends too.
        self._running[child.name] = subprocess.Popen(
            child.command, start_new_session=True, stdin=subprocess.PIPE, env={**os.environ, VARIABLE: "1"}
        )

    def _watch(self, child: Child) -> None:
        backoff, has_run = 0.5, False
        while not self._stopping.is_set():
            began = self._clock.elapsed_ns()
            code = _ended(self._running[child.name])
            if self._stopping.is_set():
                return
            if code == EXIT_MISCONFIGURED and not has_run:
                self._failed = f"{child.name} stopped because something must be changed (see its message above)"
                self._stopping.set()
                return
            has_run = True
            lived_s = (self._clock.elapsed_ns() - began) / 1e9
            backoff = min(backoff * 2, _MAX_BACKOFF_S) if lived_s < _QUICK_DEATH_S else 0.5
            self._say(f"{child.name} ended with {_describe(code)}; restarting in {backoff:g} s")
            if self._stopping.wait(backoff):
                return
            self._start(child)

    def _stop_all(self) -> None:
        self._stopping.set()
        # Last started, first stopped: the desk lets go of the core before the core closes its socket.
        for child in reversed(self._children):
            process = self._running.get(child.name)
            if process is None:
                continue
            if process.poll() is None:
                self._end(child, process)
            _ended(process)

    def _end(self, child: Child, process: subprocess.Popen[bytes]) -> None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_GRACE_S)
        except subprocess.TimeoutExpired:
            self._say(f"{child.name} did not stop within {STOP_GRACE_S:g} s; killing it")
            os.killpg(process.pid, signal.SIGKILL)


def _ended(process: subprocess.Popen[bytes]) -> int:
    """Wait for the end of a child, let go of its pipe, and return its exit code."""
    code = process.wait()
    if process.stdin is not None:
        process.stdin.close()
    return code


def _describe(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def wait_until(
    probe: Callable[[], bool], alive: Callable[[], bool], *, what: str, timeout_s: float = 60.0, fix: str
) -> None:
    """Return once `probe()` is true.

    Raises:
        Unavailable: the process ended first, or `timeout_s` passed.
    """
    pause = threading.Event()
    clock = SystemClock()
    deadline = clock.elapsed_ns() + int(timeout_s * 1e9)
    while not probe():
        if not alive():
            raise Unavailable(f"{what} ended before it was ready", fix=fix)
        if clock.elapsed_ns() > deadline:
            raise Unavailable(f"{what} was not ready within {timeout_s:g} s", fix=fix)
        pause.wait(0.02)


def python_module(module: str, *arguments: str) -> tuple[str, ...]:
    """Return the command that runs `module` with this interpreter."""
    return (sys.executable, "-m", module, *arguments)
