"""An end for one connection, whatever the other side does: a timeout is for one wait, and who drips gets many."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any


class Deadline:
    """Shuts a connection down after so many seconds; used as the trace of one request of httpx2."""

    def __init__(self, seconds: float, *, connected: Callable[[socket.socket], None] = lambda _: None) -> None:
        """Set up; it runs inside of `with`.

        Args:
            connected: called with the connection before anything is sent on it; what it raises ends the request.
        """
        self._connected = connected
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._socket: socket.socket | None = None

    def __enter__(self) -> Deadline:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def watch(self, event: str, info: Mapping[str, Any]) -> None:
        """Remember the connection, which is another object once it is encrypted."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            found: socket.socket = info["return_value"].get_extra_info("socket")
            self._socket = found
            try:
                self._connected(found)
            except BaseException:
                found.close()  # nobody else has it yet
                raise

    def _end(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                # Not the method of an encrypted one: it would wait for the other side's goodbye.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
