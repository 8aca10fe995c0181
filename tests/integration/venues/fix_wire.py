"""A cable between the venue and its counterparty, with a knife: cuts, swallows and garbles what goes through."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

Change = Callable[[bytes], bytes]


def _same(data: bytes) -> bytes:
    return data


class Wire:
    """Listens on a port of its own and passes bytes on to `port`, one connection at a time for each direction.

    Attributes:
        port: where the venue connects.
        to_them, to_us: what is made of the bytes of one read on their way; the tests change it.
        open: whether new connections are passed on.
        sent, heard: everything the venue sent and everything said to it, before `to_them` and `to_us`.
    """

    def __init__(self) -> None:
        self.target = 0
        self.to_them: Change = _same
        self.to_us: Change = _same
        self.open = True
        self.sent, self.heard = bytearray(), bytearray()
        self.connections = 0
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End every connection now; new ones work if `open`."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.open = False
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                ours, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            try:
                if not self.open:
                    raise ConnectionError("cut")
                theirs = socket.create_connection(("127.0.0.1", self.target), 5)
            except OSError:
                ours.close()
                continue
            with self._lock:
                self._pairs.append((ours, theirs))
            threading.Thread(target=self._pump, args=(ours, theirs, True), daemon=True).start()
            threading.Thread(target=self._pump, args=(theirs, ours, False), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, outward: bool) -> None:
        try:
            while data := source.recv(65_536):
                changed = (self.to_them if outward else self.to_us)(data)
                # Noted once its fate is decided, so that the test may change the wire, and before anybody can answer.
                noted = self.sent if outward else self.heard
                noted += data
                if changed:
                    sink.sendall(changed)
        except OSError:
            pass  # cut
        finally:
            for end in (source, sink):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            source.close()  # the other direction closes the other end
