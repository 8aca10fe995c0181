"""A real redis-server on loopback for bench `pull`, gone after; and redis-py to read from it."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from steersman.bench.peer_venv import Peer
from steersman.kernel.clock import SystemClock
from steersman.kernel.errors import Unavailable

_START_S: Final = 10.0
_INSTALL: Final = "install it: apt-get install redis-server"


@contextlib.contextmanager
def redis_server(folder: Path, *options: str) -> Iterator[int]:
    """Yield the port of a Redis of our own, which keeps its files in `folder`; gone after.

    Raises:
        Unavailable: there is no redis-server on this machine, or it does not start.
    """
    binary = shutil.which("redis-server") or shutil.which("valkey-server")
    if binary is None:
        raise Unavailable("there is no redis-server on this machine", fix=_INSTALL)
    port = _free_port()
    words = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder), *options]
    process = subprocess.Popen([binary, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _connected(port, process).close()
        yield port
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def redis_holding(file: Path) -> Iterator[str]:
    """Yield `host:port` of a Redis that holds the bytes of `file` under the key `frame`.

    Raises:
        Unavailable: there is no redis-server on this machine, or it does not start.
    """
    with redis_server(file.parent, "--appendonly", "no") as port:
        with socket.create_connection(("127.0.0.1", port)) as link:
            body = file.read_bytes()
            link.sendall(b"*3\r\n$3\r\nSET\r\n$5\r\nframe\r\n$%d\r\n" % len(body))
            link.sendall(body + b"\r\n")
            if link.recv(64) != b"+OK\r\n":
                raise Unavailable("redis-server does not take the frame", fix="see its limits of memory")
        yield f"127.0.0.1:{port}"


def get_cpu_ms(client: Peer, place: str, processes: int) -> float:
    """Return the mean CPU of one GET by redis-py, in that many processes at once; nothing is done with the bytes."""
    with ThreadPoolExecutor(processes) as together:
        port = place.rpartition(":")[2]
        found = list(together.map(lambda _: float(client.run("get.py", port)["cpu_ms"]), range(processes)))
    return sum(found) / processes


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def _connected(port: int, process: subprocess.Popen[bytes]) -> socket.socket:
    clock = SystemClock()
    until = clock.elapsed_ns() + int(_START_S * 1e9)
    while clock.elapsed_ns() < until and process.poll() is None:
        with contextlib.suppress(ConnectionRefusedError):
            return socket.create_connection(("127.0.0.1", port))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    raise Unavailable("redis-server did not start", fix="run it by hand to see why")
