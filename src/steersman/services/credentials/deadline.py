"""An end for a whole exchange. An HTTP client's timeout is for one wait: headers that drip get a new one each byte."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

_sent_by: Final = ContextVar[int | None]("sent_by", default=None)


@contextmanager
def sent_by(elapsed_ns: int) -> Iterator[None]:
    """Have no request sent within the block later than that on the clock that never jumps.

    For what must not be sent by a machine that stood still meanwhile: others take it for lost, and go on.
    """
    before = _sent_by.set(elapsed_ns)
    try:
        yield
    finally:
        _sent_by.reset(before)


def latest(elapsed_ns: int) -> int:
    """Return when a request must be sent that may take until `elapsed_ns`."""
    wanted = _sent_by.get()
    return elapsed_ns if wanted is None else min(elapsed_ns, wanted)


@contextmanager
def deadline(seconds: float, before_sending: Callable[[], None] = lambda: None) -> Iterator[dict[str, Any]]:
    """Yield request extensions; a connection made with them is cut `seconds` from now, if the body is not left by then.

    Who reads from it then finds it closed. Looking a name up is not bounded by this.

    Args:
        before_sending: called when there is a connection and nothing was sent; what it raises is raised, and nothing is
            sent.
    """
    ends: list[socket.socket] = []

    def traced(event: str, info: dict[str, Any]) -> None:
        if event == "http11.send_request_headers.started":
            before_sending()
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
