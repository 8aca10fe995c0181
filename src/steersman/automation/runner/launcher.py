"""The engine's side of `keeper.py`: started once per process when the first run wants it, then asked for each run."""

from __future__ import annotations

import atexit
import errno
import marshal
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from steersman.automation.runner.keeper import GO, KILL, PACKET_BYTES, TERMINATE
from steersman.automation.runner.tree import state_and_parent

PATIENCE_S = 10.0
_LEAVE_S = 0.5
_WAKE_RATIO = 0.2
_ATTEMPTS = 2
START = """
import sys, types
root, descriptor = sys.argv[1:]
for name in ("", ".automation", ".automation.runner"):
    package = sys.modules["steersman" + name] = types.ModuleType("steersman" + name)
    package.__path__ = [root + name.replace(".", "/")]
from steersman.automation.runner.keeper import main
main(int(descriptor))
"""
"""Packages that are only their folders: importing the keeper runs no `__init__`, so nothing else is loaded with it."""
_PACKAGE = Path(__file__).parents[2]


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """What a keeper is told.

    Attributes:
        max_processes: more at once, and all of the run is ended.
        outlive_s: seconds the run may go on when its engine has gone; then SIGTERM, and `grace_s` later SIGKILL.
    """

    argv: list[bytes]
    env: dict[bytes, bytes]
    cwd: bytes
    max_processes: int
    outlive_s: float
    grace_s: float


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """What a keeper reports when all of a run is over.

    Attributes:
        exit_code: of the script; negative is the signal that ended it.
        cpu_s: of all processes of the run, those that were left behind included.
        max_rss_bytes: as the kernel has it; `floor_rss_bytes` is the least it can say, the keeper's own mark.
        sampled_rss_bytes: largest resident size seen of one process.
        most_processes: largest count seen at once; `too_many` says that the run was ended for it.
        left: "name (pid)" of the first of `left_count` processes that still ran when the script had ended.
        not_ended: processes that could not be ended: they belong to another user.
    """

    exit_code: int
    cpu_s: float
    max_rss_bytes: int
    floor_rss_bytes: int
    sampled_rss_bytes: int
    most_processes: int
    too_many: bool
    left: tuple[str, ...]
    left_count: int
    not_ended: int


class Child:
    """A script that was started, and its keeper; `fileno()` becomes readable when there is a report."""

    def __init__(self, control: socket.socket, pid: int, keeper: Kept) -> None:
        self._control = control
        self._kept = keeper
        self.pid = pid
        self.keeper = keeper.pid

    def fileno(self) -> int:
        return self._control.fileno()

    def terminate(self) -> None:
        """Ask every process of the run to end."""
        self._order(TERMINATE)

    def kill(self) -> None:
        """End every process of the run."""
        self._order(KILL)

    def wake(self) -> bool:
        """Let the keeper go on if somebody stopped it (a script knows its parent); say whether that was so."""
        return self._kept.wake()

    def abandon(self) -> None:
        """Kill the keeper; the process that forked it ends what is left of the run."""
        self._kept.kill()

    def _order(self, order: bytes) -> None:
        # Ended by itself in this moment: the report is on its way.
        with suppress(BrokenPipeError, ConnectionResetError):
            self._control.send(order)

    def report(self, wait_s: float | None = None) -> Ended | None:
        """Wait for the end of the run and return what the keeper says; None if it was killed, or `wait_s` are over."""
        packet = _received(self._control, wait_s)
        return msgspec.convert(marshal.loads(packet), Ended) if packet else None  # noqa: S302 - from a fork of our own

    def close(self) -> None:
        self._control.close()
        self._kept.close()


class Kept:
    """A keeper as a process; held by a descriptor, so that a signal meets nobody who was given its pid later."""

    def __init__(self, pid: int) -> None:
        """Hold `pid`.

        Raises:
            ProcessLookupError: it has ended already.
        """
        self.pid = pid
        self._fd = os.pidfd_open(pid)

    def wake(self) -> bool:
        """Let it go on if it was stopped; say whether it was."""
        stopped = _is_stopped(self.pid)
        if stopped:
            self._signal(signal.SIGCONT)
        return stopped

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def close(self) -> None:
        os.close(self._fd)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._fd, number)


class Launcher:
    """The small process that forks keepers; started again if somebody killed it, and replaced if it does not answer.

    A script starts only when its keeper has said that it is ready and was told to go on, so what a silent process was
    asked for can be asked of another one: it will not start twice. Runs that the replaced one started end as ever.
    """

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        """Prepare.

        Args:
            patience_s: how long an answer may take, however busy the machine is; one that was stopped is woken before.
        """
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._requests: socket.socket | None = None
        self._owner = 0

    def start(self, start: Start, out: int) -> Child:
        """Start a script whose output goes to the descriptor `out`.

        Raises:
            OSError: it could not be started; `filename` is the program, or the folder, that was the reason.
        """
        told = os.memfd_create("steersman-run", os.MFD_CLOEXEC)
        try:
            os.write(told, marshal.dumps(msgspec.structs.asdict(start)))
            control, keeper = self._ready(out, told)
        finally:
            os.close(told)
        try:
            return Child(control, self._begun(control, keeper), keeper)
        except BaseException:
            control.close()
            keeper.close()
            raise

    def _ready(self, out: int, told: int) -> tuple[socket.socket, Kept]:
        """Return a keeper that waits for the word to start its script."""
        for _ in range(_ATTEMPTS):
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            try:
                with theirs:
                    asked = self._ask([theirs.fileno(), out, told])
                answer = self._answer(ours, partial(_wake, asked))
                if "errno" in answer:
                    raise _refusal(answer)
                if answer:
                    return ours, Kept(answer["keeper"])
            except TimeoutError:
                self._replace(asked)
            except ProcessLookupError:
                pass  # its keeper was killed before it did anything
            except BaseException:
                ours.close()
                raise
            ours.close()
        raise OSError(errno.ETIMEDOUT, "the process that starts scripts was replaced, and the new one is silent too")

    def _begun(self, control: socket.socket, keeper: Kept) -> int:
        """Tell the keeper to start its script and return the script's pid."""
        try:
            with suppress(BrokenPipeError, ConnectionResetError):
                control.send(GO)
            answer = self._answer(control, keeper.wake)
        except TimeoutError:
            keeper.kill()
            raise
        if "pid" in answer:
            return int(answer["pid"])
        raise _refusal(answer)

    def _answer(self, control: socket.socket, wake: Callable[[], object]) -> dict[str, Any]:
        """Return what a keeper says, nothing if it was killed.

        Raises:
            TimeoutError: it says nothing, also after `wake`.
        """
        packet = _received(control, self._patience_s * _WAKE_RATIO)
        if packet is None:
            wake()
            packet = _received(control, self._patience_s * (1 - _WAKE_RATIO))
        if packet is None:
            raise TimeoutError(errno.ETIMEDOUT, f"no answer in {self._patience_s:g} s from the process that starts it")
        return marshal.loads(packet) if packet else {}  # noqa: S302 - from a fork of our own

    def close(self) -> None:
        """Let the process end; it does once the runs it keeps have ended. A second call does nothing."""
        with self._lock:
            self._forget()

    def _ask(self, fds: list[int]) -> subprocess.Popen[bytes]:
        """Send a request and return the process that it was sent to."""
        with self._lock:
            if self._requests is None or self._process is None or self._owner != os.getpid():
                self._open()
            try:
                self._send(fds)
            except (BrokenPipeError, ConnectionResetError, TimeoutError):
                self._forget(kill=True)
                self._open()
                self._send(fds)
            assert self._process is not None  # noqa: S101 - opened above
            return self._process

    def _replace(self, silent: subprocess.Popen[bytes]) -> None:
        """Kill the process that did not answer, with whatever it has not read yet, unless another thread has."""
        with self._lock:
            if self._process is silent and self._owner == os.getpid():
                self._forget(kill=True)

    def _send(self, fds: list[int]) -> None:
        assert self._requests is not None  # noqa: S101 - opened by the caller
        socket.send_fds(self._requests, [b"run"], fds)

    def _open(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            # -I -S: no site packages, no user's start-up files; what a run costs is a fork of this.
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", START, str(_PACKAGE), str(theirs.fileno())],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=[theirs.fileno()],
            )
        ours.settimeout(self._patience_s)
        self._requests, self._owner = ours, os.getpid()

    def _forget(self, *, kill: bool = False) -> None:
        if self._requests is not None:
            self._requests.close()
            self._requests = None
        if self._process is not None and self._owner == os.getpid():
            if kill:
                self._process.kill()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_LEAVE_S)
            # One that was stopped would stay for good, and has nothing to do that its keepers cannot do without it.
            if _is_stopped(self._process.pid):
                self._process.kill()
                self._process.wait()
        self._process = None


def _refusal(answer: Mapping[str, Any]) -> OSError:
    if not answer:
        return OSError("the process that keeps runs was killed")
    return OSError(answer["errno"], os.strerror(answer["errno"]), answer["path"] or None)


def _received(control: socket.socket, wait_s: float | None) -> bytes | None:
    """Return the next packet, empty if the other side is gone, None if there is none within `wait_s`."""
    # Not select(): it takes no descriptor beyond 1,023, and an engine may have more.
    waiting = select.poll()
    waiting.register(control, select.POLLIN)
    # Once more, for a wait that ends because this process was stopped meanwhile ends without a look.
    if not waiting.poll(None if wait_s is None else wait_s * 1000) and not waiting.poll(0):
        return None
    try:
        return control.recv(PACKET_BYTES)
    except ConnectionResetError:
        return b""


def _is_stopped(pid: int) -> bool:
    return state_and_parent(pid)[0] in (b"T", b"t")


def _wake(process: subprocess.Popen[bytes]) -> None:
    if _is_stopped(process.pid):
        process.send_signal(signal.SIGCONT)


LAUNCHER = Launcher()
"""One for all engines of this process."""
atexit.register(LAUNCHER.close)
