"""A tree of processes: who is below whom, what they take, and how all of it is ended.

Standard library only: the keeper runs without anything else.

A pid may be given to a stranger as soon as its owner is collected, so nothing here signals a pid that was only read
somewhere, without looking again at whose child it is.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import suppress

_GIVE_UP_S = 5.0


def children(pid: int) -> list[int]:
    """Return the children of `pid`, ended ones that nobody has waited for included; none if it is gone."""
    found: list[int] = []
    with suppress(OSError), os.scandir(f"/proc/{pid}/task") as tasks:
        for task in tasks:
            found += map(int, _read(f"{task.path}/children").split())
    return found


def descendants(pid: int) -> Iterator[int]:
    """Yield everything below `pid`, parents before their children."""
    waiting, seen = children(pid), {pid}
    while waiting:
        here = waiting.pop()
        if here not in seen:
            seen.add(here)
            yield here
            waiting += children(here)


def state_and_parent(pid: int) -> tuple[bytes, int]:
    """Return the one-letter state and the parent of `pid`; `(b"", 0)` if it is gone."""
    try:
        fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    except OSError:
        return b"", 0
    return fields[0], int(fields[1])


def high_water_bytes(pid: int) -> int:
    """Return the largest resident size `pid` ever had since it was last exec'd; 0 if it is gone."""
    try:
        status = _read(f"/proc/{pid}/status")
    except OSError:
        return 0
    mark = status.find(b"VmHWM:")
    # A process that has ended, and waits to be collected, has no memory any more and no such line.
    return int(status[mark:].split(None, 2)[1]) * 1024 if mark >= 0 else 0


def name_of(pid: int) -> str:
    """Return what the kernel calls the program of `pid`; scripts may change it, so it is for people only."""
    try:
        return _read(f"/proc/{pid}/comm").strip().decode("utf-8", errors="replace")
    except OSError:
        return "?"


def _read(path: str) -> bytes:
    """Return a file of /proc; `pathlib` would be half of what this small process costs."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        found = bytearray()
        while chunk := os.read(fd, 65_536):
            found += chunk
        return bytes(found)
    finally:
        os.close(fd)


class Ending:
    """Ends everything below this process: first all of it is stopped, so that nothing forks away, then killed."""

    def __init__(self, spare: frozenset[int] = frozenset()) -> None:
        """Prepare; processes of `spare` and what is below them stay."""
        self._own = os.getpid()
        self._spare = spare
        self._stopped: dict[int, str] = {}

    def run(self, *, keep_zombie: int = 0) -> tuple[list[str], int]:
        """Return "name (pid)" of what was ended, and how many could not be.

        Args:
            keep_zombie: a child whose end is collected by the caller; it is killed, but not reaped.
        """
        give_up = time.monotonic() + _GIVE_UP_S
        pause = select.poll()
        while self._reap(keep_zombie) and time.monotonic() < give_up:
            while self._stop_all():
                pass
            for pid in self._stopped:
                _signal(pid, signal.SIGKILL)
            pause.poll(2)
        return [f"{name} ({pid})" for pid, name in self._stopped.items()], len(self._reap(keep_zombie))

    def _reap(self, keep_zombie: int) -> list[int]:
        """Collect the children that have ended and return those that have not."""
        living = []
        for child in children(self._own):
            if child in self._spare:
                continue
            if child == keep_zombie:
                if state_and_parent(child)[0] not in (b"Z", b"X", b""):
                    living.append(child)
                continue
            with suppress(ChildProcessError):
                if os.waitpid(child, os.WNOHANG) == (0, 0):
                    living.append(child)
        return living

    def _stop_all(self) -> int:
        """Stop what is not stopped yet and return how many that were; 0 means that nothing can fork any more."""
        found, waiting = 0, [(child, self._own) for child in children(self._own) if child not in self._spare]
        while waiting:
            here, parent = waiting.pop()
            if here not in self._stopped:
                name = name_of(here)
                if not _stop(here, parent, self._own):
                    continue
                self._stopped[here] = name
                found += 1
            # After it was stopped: its list of children cannot grow any more.
            waiting += [(child, here) for child in children(here)]
        return found


def _stop(pid: int, parent: int, reaper: int) -> bool:
    """Stop `pid` if it still is the child of `parent` (or was handed to `reaper`); a pid used again is a stranger's."""
    try:
        fd = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        state, now_of = state_and_parent(pid)
        if state in (b"", b"Z", b"X") or now_of not in (parent, reaper):
            return False
        signal.pidfd_send_signal(fd, signal.SIGSTOP)
    except OSError:
        # Not ours to signal (it became another user): `Ending.run` reports it as still there.
        return False
    finally:
        os.close(fd)
    return True


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
