"""The engine's side of `keeper.py`: started once per process when the first run wants it, then asked for each run."""

from __future__ import annotations

import atexit
import marshal
import os
import select
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import msgspec

from steersman.automation.runner.keeper import KILL, PACKET_BYTES, TERMINATE

_LEAVE_S = 0.5
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

    def __init__(self, control: socket.socket, pid: int, keeper: int) -> None:
        self._control = control
        self.pid = pid
        self.keeper = keeper

    def fileno(self) -> int:
        return self._control.fileno()

    def terminate(self) -> None:
        """Ask every process of the run to end."""
        self._order(TERMINATE)

    def kill(self) -> None:
        """End every process of the run."""
        self._order(KILL)

    def _order(self, order: bytes) -> None:
        # Ended by itself in this moment: the report is on its way.
        with suppress(BrokenPipeError, ConnectionResetError):
            self._control.send(order)

    def report(self, wait_s: float | None = None) -> Ended | None:
        """Wait for the end of the run and return what the keeper says; None if it was killed, or `wait_s` are over."""
        if not select.select([self._control], [], [], wait_s)[0]:
            return None
        with suppress(ConnectionResetError):
            packet = self._control.recv(PACKET_BYTES)
            if packet:
                return msgspec.convert(marshal.loads(packet), Ended)  # noqa: S302 - from a fork of our own
        return None

    def close(self) -> None:
        self._control.close()


class Launcher:
    """The small process that forks keepers; started again if somebody killed it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._requests: socket.socket | None = None
        self._owner = 0

    def start(self, start: Start, out: int) -> Child:
        """Start a script whose output goes to the descriptor `out`.

        Raises:
            OSError: it could not be started; `filename` is the program, or the folder, that was the reason.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        told = os.memfd_create("steersman-run", os.MFD_CLOEXEC)
        try:
            os.write(told, marshal.dumps(msgspec.structs.asdict(start)))
            self._ask([theirs.fileno(), out, told])
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
            os.close(told)
        return _answered(ours)

    def close(self) -> None:
        """Let the process end; it does once the runs it keeps have ended. A second call does nothing."""
        with self._lock:
            self._forget()

    def _ask(self, fds: list[int]) -> None:
        with self._lock:
            if self._requests is None or self._owner != os.getpid():
                self._open()
            try:
                self._send(fds)
            except (BrokenPipeError, ConnectionResetError):
                self._forget()
                self._open()
                self._send(fds)

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
        self._requests, self._owner = ours, os.getpid()

    def _forget(self) -> None:
        if self._requests is not None:
            self._requests.close()
            self._requests = None
        if self._process is not None and self._owner == os.getpid():
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_LEAVE_S)
        self._process = None


def _answered(control: socket.socket) -> Child:
    """Return the child, once its keeper says that it was started."""
    try:
        packet = control.recv(PACKET_BYTES)
        answer = marshal.loads(packet) if packet else {"errno": 0}  # noqa: S302 - from a fork of our own
    except ConnectionResetError:
        answer = {"errno": 0}
    if "pid" in answer:
        return Child(control, answer["pid"], answer["keeper"])
    control.close()
    if not answer["errno"]:
        raise OSError("the process that keeps runs was killed")
    raise OSError(answer["errno"], os.strerror(answer["errno"]), answer["path"] or None)


LAUNCHER = Launcher()
"""One for all engines of this process."""
atexit.register(LAUNCHER.close)
