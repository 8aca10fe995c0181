"""Sockets, plain or encrypted, that never block: who reads and who writes take turns under one lock.

A TLS connection is one state for both directions, so a read may not run beside a write.
"""

from __future__ import annotations

import select
import socket
import ssl
from pathlib import Path
from typing import Final

from steersman.trading.adapters.fix.settings import FixSettings

_CHUNK: Final = 1 << 16
_LATER: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


def connect(settings: FixSettings, root: Path) -> socket.socket:
    """Return a connection to the counterparty; with TLS its name and chain are checked.

    Raises:
        OSError: nobody there within the timeout, or not who it should be.
    """
    plain = socket.create_connection((settings.host, settings.port), settings.timeout_s)
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = _encrypt(plain, settings, root) if settings.encrypted else plain
        connection.settimeout(0)
    except BaseException:
        plain.close()
        raise
    return connection


def _encrypt(plain: socket.socket, settings: FixSettings, root: Path) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    if settings.ca_file is not None:
        context.load_verify_locations(root / settings.ca_file)
    return context.wrap_socket(plain, server_hostname=settings.host)


def is_readable(connection: socket.socket, timeout_ms: int) -> bool:
    """Wait for bytes, and say whether there are some."""
    # Decrypted bytes that wait inside are seen by no poll.
    if isinstance(connection, ssl.SSLSocket) and connection.pending() > 0:
        return True
    return _ready(connection, select.POLLIN, timeout_ms)


def read(connection: socket.socket) -> bytes | None:
    """Return the bytes that are there; None: the other side closed the connection."""
    try:
        return connection.recv(_CHUNK) or None
    except _LATER:
        return b""


def write(connection: socket.socket, raw: bytes, timeout_s: float) -> None:
    """Write all of it.

    Raises:
        OSError: the connection broke, or took nothing for `timeout_s`; some of it may have left.
    """
    left = memoryview(raw)
    while left:
        try:
            left = left[connection.send(left) :]
        except _LATER:
            if not _ready(connection, select.POLLOUT, round(timeout_s * 1000)):
                raise TimeoutError("it does not take our bytes") from None


def _ready(connection: socket.socket, event: int, timeout_ms: int) -> bool:
    poller = select.poll()
    poller.register(connection, event)
    return bool(poller.poll(timeout_ms))
