"""Whether the core at a socket still answers: a process that is stopped lets others connect all the same."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import NamedTuple

from steersman.ledger.adapters.socket.frames import Follow, frame
from steersman.ledger.adapters.socket.path import connect, peer_pid


class Listener(NamedTuple):
    """Who listens at a socket, and whether it answered."""

    pid: int
    responds: bool


def probe(path: Path, *, within_s: float = 1.0) -> Listener | None:
    """Ask whoever listens at `path` where the ledger ends; None if nobody listens. Nothing is written."""
    try:
        link = connect(path, timeout_s=within_s)
    except OSError:
        return None
    with contextlib.closing(link):
        pid, responds = peer_pid(link), False
        with contextlib.suppress(OSError):
            link.settimeout(within_s)
            link.sendall(frame(Follow()))
            responds = bool(link.recv(1))
        return Listener(pid, responds)
