"""Unix socket addresses: 0600, and reachable however deep the workspace lies."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_LONGEST: Final = 100
_CREDENTIALS: Final = struct.Struct("iII")


@contextmanager
def address(path: Path) -> Iterator[str]:
    """Yield an address for `path`. The kernel takes 107 bytes; longer paths go through their folder's descriptor."""
    if len(os.fsencode(path)) <= _LONGEST:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def connect(path: Path, *, timeout_s: float) -> socket.socket:
    """Return a connected socket without a timeout of its own.

    Raises:
        OSError: nobody listens there.
    """
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        link.settimeout(timeout_s)
        with address(path) as where:
            link.connect(where)
        link.settimeout(None)
    except OSError:
        link.close()
        raise
    return link


def answers(path: Path) -> bool:
    """Say whether somebody listens at `path`; a socket file outlives the process that made it."""
    try:
        connect(path, timeout_s=1.0).close()
    except OSError:
        return False
    return True


def listen(path: Path) -> socket.socket:
    """Return a socket listening at `path`, for this user only."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with address(path) as where:
            listener.bind(where)
        # Between bind and listen nobody can connect, so the mode is never wider than this while it matters.
        path.chmod(0o600)
        listener.listen(64)
    except OSError:
        listener.close()
        raise
    return listener


def peer_uid(link: socket.socket) -> int:
    """Return the user the kernel says is on the other side."""
    return _peer(link)[1]


def peer_pid(link: socket.socket) -> int:
    """Return the process the kernel says is on the other side; of a listener, the one that began to listen."""
    return _peer(link)[0]


def _peer(link: socket.socket) -> tuple[int, int]:
    pid, uid, _ = _CREDENTIALS.unpack(link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return int(pid), int(uid)
