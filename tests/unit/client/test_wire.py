"""Asking over the socket of somebody who is busy."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from steersman.client import wire
from steersman.client.place import SOCKET, address
from steersman.client.problem import Problem
from steersman.client.wire import ask


@contextmanager
def a_full_queue(root: Path) -> Iterator[socket.socket]:
    """Yield a socket that so many knock at that the kernel lets no more queue."""
    (root / SOCKET).parent.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener, contextlib.ExitStack() as waiting:
        with address(str(root / SOCKET)) as where:
            listener.bind(where)
            listener.listen(1)
            with contextlib.suppress(BlockingIOError):
                while True:
                    link = waiting.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
                    link.setblocking(False)
                    link.connect(where)
        yield listener


def test_who_finds_the_queue_full_knocks_again_instead_of_asking_elsewhere(tmp_path: Path) -> None:
    with a_full_queue(tmp_path) as listener:

        def serve() -> None:
            for _ in range(20):
                link, _ = listener.accept()
                with link:
                    link.settimeout(0.05)
                    with contextlib.suppress(TimeoutError):
                        if link.recv(100).endswith(b"\n"):
                            link.sendall(b'{"value": {"pid": 1}}\n')
                            return

        thread = threading.Timer(0.1, serve)
        thread.start()
        assert ask(str(tmp_path), {"op": "ping"}, timeout_s=10) == {"pid": 1}
        thread.join(10)


def test_a_queue_that_stays_full_is_said_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "CONNECT_S", 0.2)
    with a_full_queue(tmp_path), pytest.raises(Problem, match="did not answer within"):
        ask(str(tmp_path), {"op": "ping"}, timeout_s=10)
