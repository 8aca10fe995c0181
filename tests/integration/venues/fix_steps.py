"""What the tests of the FIX venue do and look at, again and again."""

from __future__ import annotations

import re
import select
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

from tests.integration.venues.fix_harness import FixHarness

from steersman.trading.adapters.fix import FixVenue
from steersman.trading.model.order import Execution, OpenOrder, Order, Report
from steersman.trading.model.signal import OrderId

FIRST, SECOND = OrderId("alpha000000000000001a"), OrderId("alpha000000000000002b")
HUNDRED = Decimal(100)
Start = Callable[..., tuple[FixHarness, FixVenue]]


def open_order(order: Order, filled: int = 0, *, acknowledged: bool = True) -> OpenOrder:
    return OpenOrder(order=order, filled=Decimal(filled), acknowledged=acknowledged)


def take(harness: FixHarness, venue: FixVenue) -> list[Report]:
    harness.settle()
    return list(venue.poll())


def up(harness: FixHarness, venue: FixVenue) -> None:
    venue.poll()
    harness.settle()


def back(harness: FixHarness) -> None:
    """Wait for the session to be up again; the pauses between attempts pass on the fake clock."""

    def again() -> bool:
        harness.clock.advance(0.5)
        return harness.is_up()

    harness.wait(again, "the session to come back")
    harness.settle()


def filled(reports: list[Report]) -> list[tuple[str, Decimal]]:
    return [(r.execution_id, r.quantity) for r in reports if isinstance(r, Execution)]


def swallow(data: bytes) -> bytes:
    return b""


def sent(harness: FixHarness, type_: str) -> list[str]:
    """Return what left the venue of one message type, as text."""
    frames = re.findall(rb"8=FIX.*?\x0110=\d{3}\x01", bytes(harness.wire.sent), re.DOTALL)
    return [f.decode().replace("\x01", "|") for f in frames if f"\x0135={type_}\x01".encode() in f]


def numbers(venue: FixVenue) -> tuple[int, int]:
    """Return the numbers the session keeps; the file is for one thread at a time."""
    link, _ = venue._opened()
    with link.lock:
        return link.store.numbers()


def told(harness: FixHarness, text: bytes, times: int = 1) -> None:
    """Wait until the counterparty's words have gone through the wire, changed or not."""
    harness.wait(lambda: bytes(harness.wire.heard).count(text) >= times, repr(text))


def forged(data: bytes, old: bytes, new: bytes) -> bytes:
    """Return whole messages with a part replaced, and length and checksum right again."""
    made = b""
    for frame in re.findall(rb"8=FIX.*?\x0110=\d{3}\x01", data, re.DOTALL):
        begin, _, rest = frame.replace(old, new).partition(b"\x019=")
        body = rest.partition(b"\x01")[2][:-7]
        whole = begin + b"\x019=%d\x01" % len(body) + body
        made += whole + b"10=%03d\x01" % (sum(whole) % 256)
    return made


def certificate(folder: Path) -> None:
    """Make a key and a certificate for localhost, for a day."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=folder, check=True, capture_output=True, timeout=60,
    )  # fmt: skip


class TlsFront:
    """Takes TLS off between the wire and the counterparty."""

    def __init__(self, harness: FixHarness, folder: Path) -> None:
        self.plain = bytearray()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        self._target = harness.acceptor.port
        self._listener = socket.create_server(("127.0.0.1", 0))
        harness.wire.target = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._serve, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                raw, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._carry, args=(raw,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _carry(self, raw: socket.socket) -> None:
        """Pass bytes both ways in one thread: a TLS connection is not for two."""
        with raw:
            try:
                inside = self._context.wrap_socket(raw, server_side=True)
            except (OSError, ssl.SSLError):
                return  # it does not like our certificate
            with inside, socket.create_connection(("127.0.0.1", self._target), 5) as outside, suppress(OSError):
                while True:
                    ready = [inside] if inside.pending() else select.select([inside, outside], [], [])[0]
                    for source, sink in ((inside, outside), (outside, inside)):
                        data = source.recv(65_536) if source in ready else None
                        if data == b"":
                            return
                        self.plain += data or b""
                        sink.sendall(data or b"")
