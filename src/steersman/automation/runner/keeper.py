"""Stands between the engine and the processes of a run, so that whatever a script forks, all of it ends with the run.

The engine starts this once, without site packages and without the rest of Steersman (`launcher.START`): this file and
`tree` may import the standard library only. It forks a keeper per run, which costs a fork of a small process instead of
the start of a Python. A keeper is the script's
parent and, by PR_SET_CHILD_SUBREAPER, becomes the parent of every descendant that loses its own: setsid, a double fork,
closed descriptors or an emptied environment lead nowhere else. So "everything below the keeper" is the run, exactly.

What the two say to each other: the engine sends a packet with three descriptors (a socket for this run, the script's
output, a memory file with `Start`); the keeper answers on that socket with its own pid, is told `GO`, answers with the
script's pid or an errno, then takes `TERMINATE` and `KILL`, and ends with the fields of `launcher.Ended`; answers are
marshalled.
"""

from __future__ import annotations

import ctypes
import errno
import gc
import marshal
import os
import resource
import select
import signal
import socket
import sys
import time
from contextlib import suppress

from steersman.automation.runner.tree import Ending, children, descendants, high_water_bytes

GO = b"G"
TERMINATE = b"T"
KILL = b"K"
PACKET_BYTES = 65_536
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36
_SAMPLE_S = 0.25
_LOOK_S = 0.1
_SUDDEN_PROCESSES = 64
_LEFT_NAMED = 8
_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_RESET = (*_IGNORED, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD, signal.SIGUSR1, signal.SIGUSR2)


# -- one run ---------------------------------------------------------------------------------------------------------


class Keeper:
    """The parent of one script: watches its tree, obeys the engine, reports the end."""

    def __init__(self, control: socket.socket, pid: int, start: dict[str, object]) -> None:
        self._control = control
        self._pid = pid
        self._most_allowed = int(str(start["max_processes"]))
        self._outlive_s = float(str(start["outlive_s"]))
        self._grace_s = float(str(start["grace_s"]))
        self._floor = high_water_bytes(os.getpid())
        self._peak = 0
        self._most = 0
        self._too_many = False
        self._abandoned_at: float | None = None
        self._terminated = False
        self._killed = False
        self._gone = False
        self._load = os.open("/proc/loadavg", os.O_RDONLY | os.O_CLOEXEC)
        self._tasks = self._all_tasks()

    def run(self) -> dict[str, object]:
        """Return once the script has ended and nothing of its tree is left; what to report."""
        pidfd = os.pidfd_open(self._pid)
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        poll.register(self._control, select.POLLIN)
        pause, next_sample = 0.005, time.monotonic()
        while True:
            wait_s = max(0.0, min(next_sample - time.monotonic(), _LOOK_S))
            ready = {fd for fd, _ in poll.poll(wait_s * 1000)}
            if pidfd in ready:
                if not self._still_ending():
                    break
                poll.unregister(pidfd)
            if self._control.fileno() in ready and not self._obey():
                poll.unregister(self._control)
            self._enforce_abandonment()
            now = time.monotonic()
            if self._gone and not self._still_ending():
                break
            if now >= next_sample or self._suddenly_more():
                self._sample()
                pause = max(min(pause * 1.5, _SAMPLE_S), 20 * (time.monotonic() - now))
                next_sample = now + pause
        return self._collect()

    def _still_ending(self) -> bool:
        """Say whether others of the run, asked to end like the script that now has, are still at it.

        They have the same grace: what the script started may have more to put in order than the script itself.
        """
        self._gone = True
        return self._terminated and not self._killed and any(c != self._pid for c in self._collected())

    def _collected(self) -> list[int]:
        """Return our children, after those that were handed to us and have ended were collected."""
        for child in children(os.getpid()):
            # Handed to us when its parent ended: nobody else will collect it.
            if child != self._pid:
                with suppress(ChildProcessError):
                    os.waitpid(child, os.WNOHANG)
        return children(os.getpid())

    def _obey(self) -> bool:
        """Do what the engine asks; False once it is gone."""
        try:
            order = self._control.recv(16)
        except OSError:
            order = b""
        if order == TERMINATE:
            self._terminate()
        elif order == KILL:
            self._kill()
        else:
            self._abandoned_at = time.monotonic()
        return bool(order)

    def _enforce_abandonment(self) -> None:
        """A run may outlive its engine for a moment, to end by itself; then it is asked to, then made to."""
        if self._abandoned_at is None:
            return
        alone_s = time.monotonic() - self._abandoned_at
        if alone_s >= self._outlive_s + self._grace_s:
            self._kill()
        elif alone_s >= self._outlive_s and not self._terminated:
            self._terminate()

    def _terminate(self) -> None:
        """SIGTERM to the script's process group, and to what has left it."""
        self._terminated = True
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, signal.SIGTERM)
        for pid in descendants(os.getpid()):
            with suppress(OSError):
                if os.getpgid(pid) != self._pid:
                    os.kill(pid, signal.SIGTERM)

    def _kill(self) -> None:
        self._killed = True
        Ending().run(keep_zombie=self._pid)

    def _all_tasks(self) -> int:
        try:
            return int(os.pread(self._load, 100, 0).split()[3].split(b"/")[1])
        except (IndexError, ValueError):
            return 0

    def _suddenly_more(self) -> bool:
        """Say whether the machine has many more processes than a moment ago: cheap, where counting ours is not."""
        before, self._tasks = self._tasks, self._all_tasks()
        return self._tasks - before > _SUDDEN_PROCESSES

    def _sample(self) -> None:
        count = 0
        for pid in descendants(os.getpid()):
            count += 1
            self._peak = max(self._peak, high_water_bytes(pid))
            if count > self._most_allowed:
                self._too_many = True
                self._kill()
                break
        self._most = max(self._most, count)
        self._collected()

    def _collect(self) -> dict[str, object]:
        os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOWAIT)
        left, remaining = ([], 0) if children(os.getpid()) == [self._pid] else Ending().run(keep_zombie=self._pid)
        # Last, so that until here the pid, and with it the process group, cannot be given to anybody else.
        _, status = os.waitpid(self._pid, 0)
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return {
            "exit_code": os.waitstatus_to_exitcode(status),
            "cpu_s": usage.ru_utime + usage.ru_stime,
            "max_rss_bytes": usage.ru_maxrss * 1024,
            "floor_rss_bytes": self._floor,
            "sampled_rss_bytes": self._peak,
            "most_processes": self._most,
            "too_many": self._too_many,
            "left": [] if self._too_many or self._terminated else left[:_LEFT_NAMED],
            "left_count": 0 if self._too_many or self._terminated else len(left),
            "not_ended": remaining,
        }


def keep(control_fd: int, out: int, start_fd: int) -> None:
    """Start what the memory file says, keep it, and report."""
    control = socket.socket(fileno=control_fd)
    start = marshal.loads(os.pread(start_fd, os.fstat(start_fd).st_size, 0))  # noqa: S302 - from our engine
    os.close(start_fd)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    _prctl(_PR_SET_NAME, b"steersman-run")
    if not _is_wanted(control):
        return
    try:
        os.chdir(start["cwd"])
        pid = _spawn(start["argv"], start["env"], out)
    except OSError as exc:
        with suppress(BrokenPipeError, ConnectionResetError):
            control.send(marshal.dumps({"errno": exc.errno or errno.EIO, "path": os.fsdecode(exc.filename or b"")}))
        return
    os.close(out)
    # A broken pipe here means that the engine died this very moment: the loop finds out and ends the run.
    with suppress(BrokenPipeError):
        control.send(marshal.dumps({"pid": pid}))
    report = Keeper(control, pid, start).run()
    with suppress(BrokenPipeError):
        control.send(marshal.dumps(report))


def _is_wanted(control: socket.socket) -> bool:
    """Say that we are ready and return whether to go on; an engine that waited too long has asked somebody else."""
    try:
        control.send(marshal.dumps({"keeper": os.getpid()}))
        return control.recv(16) == GO
    except (BrokenPipeError, ConnectionResetError):
        return False


def _spawn(argv: list[bytes], env: dict[bytes, bytes], out: int) -> int:
    """Start `argv` in a session of its own with no input; as `execvpe` looks for it along the PATH of `env`."""
    null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    actions = [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, out, 1), (os.POSIX_SPAWN_DUP2, out, 2)]
    program = argv[0]
    folders = [b""] if b"/" in program else env.get(b"PATH", os.fsencode(os.defpath)).split(b":")
    refusal: OSError = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), program)
    try:
        for folder in folders:
            path = folder + b"/" + program if folder else program
            try:
                return os.posix_spawn(
                    path, argv, env, file_actions=actions, setsid=True, setsigmask=[], setsigdef=_RESET
                )
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as exc:
                refusal = refusal if type(refusal) is not FileNotFoundError else _placed(exc, path)
        raise refusal
    finally:
        os.close(null)


def _placed(exc: OSError, path: bytes) -> OSError:
    return OSError(exc.errno, exc.strerror, path)


_libc = ctypes.CDLL(None, use_errno=True)  # once, before anything is forked: keepers share the pages


def _prctl(option: int, value: int | bytes) -> None:
    if _libc.prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl {option}")


# -- the process that forks keepers ----------------------------------------------------------------------------------


def serve(requests: socket.socket) -> None:
    """Fork a keeper per request until the engine is gone and the last keeper has ended."""
    for number in _IGNORED:
        # An interrupt at the terminal, or a service manager that signals all: the engine says what is to be done.
        signal.signal(number, signal.SIG_IGN)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    reading, writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    keepers: set[int] = set()
    # Forks neither collect nor touch what is shared: every page they leave alone is one that is not copied.
    gc.disable()
    gc.freeze()
    poll = select.poll()
    poll.register(requests, select.POLLIN)
    poll.register(reading, select.POLLIN)
    listening = True
    while listening or keepers:
        ready = {fd for fd, _ in poll.poll()}
        if reading in ready:
            with suppress(BlockingIOError):
                os.read(reading, 4096)
            _look_after(keepers)
        if listening and requests.fileno() in ready:
            packet, fds, _, _ = socket.recv_fds(requests, 16, 3)
            for fd in fds:
                # Not by a flag of the call: Python 3.11 ignores it.
                os.set_inheritable(fd, False)  # noqa: FBT003 - takes no keywords
            listening = bool(packet)
            if not listening:
                poll.unregister(requests)
            elif len(fds) == 3:
                keepers.update(_fork(fds, requests))


def _fork(fds: list[int], requests: socket.socket) -> set[int]:
    """Return the pid of a new keeper, nothing if the machine has no room for one (the engine is told)."""
    try:
        pid = os.fork()
    except OSError as exc:
        with socket.socket(fileno=fds.pop(0)) as control, suppress(BrokenPipeError):
            control.send(marshal.dumps({"errno": exc.errno or errno.EAGAIN, "path": ""}))
        pid = -1
    if pid == 0:
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            requests.close()
            keep(*fds)
            status = 0
        finally:
            os._exit(status) if status == 0 else _die()
    for fd in fds:
        os.close(fd)
    return {pid} if pid > 0 else set()


def _die() -> None:
    """Leave with a traceback, without running what the parent has to run at its end."""
    sys.excepthook(*sys.exc_info())
    os._exit(1)


def _look_after(keepers: set[int]) -> None:
    """Collect keepers that have ended; what a killed one leaves was handed to us, and is ended."""
    for pid in list(keepers):
        with suppress(ChildProcessError):
            if os.waitpid(pid, os.WNOHANG) != (0, 0):
                keepers.discard(pid)
    if set(children(os.getpid())) - keepers:
        Ending(frozenset(keepers)).run()


def main(descriptor: int) -> None:
    """Serve the socket inherited as `descriptor`."""
    os.set_inheritable(descriptor, False)  # noqa: FBT003 - takes no keywords
    _prctl(_PR_SET_NAME, b"steersman-runs")
    serve(socket.socket(fileno=descriptor))
