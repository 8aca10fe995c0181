"""A server that never falls silent and never comes to an end: one header line each 50 ms."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def dripping(opening: bytes = b"HTTP/1.1 200 OK\r\n") -> Iterator[str]:
    """Yield the address of a server whose answer to one request takes ten seconds, each wait in it far less."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            connection, _ = listening.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(opening)
                for number in range(200):
                    connection.sendall(f"X-Drip-{number}: 1\r\n".encode())
                    if over.wait(0.05):
                        return
                connection.sendall(b"Content-Length: 2\r\n\r\n{}")

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            over.set()
            thread.join()
