"""A real Redis (or Valkey) server of a test's own: in a folder of its own, on loopback only, ended by its pid."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.builders_automation import wait_for


def program() -> str | None:
    """Return the server's program; None where there is none."""
    return shutil.which("redis-server") or shutil.which("valkey-server")


def missing() -> str:
    """Return what is missing to run a server here; empty if nothing is."""
    return "" if program() else "needs Redis: apt-get install redis-server"


class RedisServer:
    """One server; `url` is where it answers, the same after a restart."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder, self._options = folder, options
        self._process: subprocess.Popen[bytes] | None = None
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Return once it answers."""
        found = program()
        assert found is not None, missing()
        words = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder), "--save", ""]
        self._process = subprocess.Popen(
            [found, *words, *self._options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for(self._answers, timeout_s=20)

    def stop(self) -> None:
        """Return once it is gone."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Let it take connections, and answer none."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(20)
            self._process = None

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "the server ended while it started"
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self.port), timeout=2) as link,
        ):
            link.sendall(b"PING\r\n")
            return link.recv(16).startswith(b"+PONG")
        return False


DURABLE = ("--appendonly", "yes", "--appendfsync", "always")


@contextlib.contextmanager
def a_redis(*options: str) -> Iterator[RedisServer]:
    """Yield a running server that keeps what it is told (or as `options` say); nothing of it is left after."""
    folder = Path(tempfile.mkdtemp(prefix="steersman-redis-"))
    server = RedisServer(folder, *(options or DURABLE))
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)
