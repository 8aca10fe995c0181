"""An end for a whole exchange. An HTTP client's timeout is for one wait: headers that drip get a new one each byte."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def deadline(seconds: float) -> Iterator[dict[str, Any]]:
    """Yield request extensions; a connection made with them is cut `seconds` from now, if the body is not left by then.

    Who reads from it then finds it closed. Looking a name up is not bounded by this.
    """
    ends: list[socket.socket] = []

    def traced(event: str, info: dict[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            made = info["return_value"].get_extra_info("socket")
            # A descriptor of our own: TLS takes the socket over, and its number may be given to another one.
            ends.append(socket.socket(fileno=os.dup(made.fileno())))

    def cut() -> None:
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield {"trace": traced}
    finally:
        timer.cancel()
        # Not before it has ended, if it just runs: it must not meet a descriptor that is another one's by then.
        timer.join()
        for end in ends:
            end.close()
