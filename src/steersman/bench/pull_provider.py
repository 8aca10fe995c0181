"""A data provider on loopback for bench `pull`: it counts what it is asked, and when."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from steersman.kernel.clock import SystemClock

BARS = b"close\n" + b"".join(b"%d.5\n" % n for n in range(1000))


@contextlib.contextmanager
def counting(body: bytes = BARS) -> Iterator[tuple[str, list[int], Callable[[], None]]]:
    """Yield its address, when it was asked (ns on a clock that never jumps), and what lets it answer."""
    calls: list[int] = []
    gate, clock = threading.Event(), SystemClock()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            calls.append(clock.elapsed_ns())
            gate.wait(30)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: the figures are the output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", calls, gate.set
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
