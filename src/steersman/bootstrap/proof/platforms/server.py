"""The HTTP part that all platforms share: one request after the other, faults on demand, state that outlives it.

Requests are answered in the order in which their connections came: what a process that was killed still had on the
wire is done before anything its successor asks. So a proof that counts posts never depends on luck.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Final, Literal, Protocol
from urllib.parse import parse_qsl, urlsplit

import msgspec

HOST: Final = "127.0.0.1"
_READ_S: Final = 10.0
_LARGEST_BYTES: Final = 64 * 1024 * 1024
_LINGER_NOT: Final = struct.pack("ii", 1, 0)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked: `path` without the query, header names in small letters, the last one of a repeated field."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the decoded body.

        Raises:
            ValueError: it is no JSON.
        """
        return json.loads(self.body)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What is answered; `Content-Length` is added."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {}


def json_answer(data: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Return `data` as JSON."""
    return Answer(
        status=status,
        body=msgspec.json.encode(data),
        headers={"Content-Type": "application/json; charset=utf-8", **(headers or {})},
    )


class App(Protocol):
    """A platform: called by one thread, for one request at a time."""

    def answer(self, request: Request) -> Answer:
        """Do what was asked, make it durable, and say what became of it."""
        ...


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What goes wrong with the next `times` requests that match.

    Attributes:
        how: `answer` (with `status`, `headers`, `body` instead of doing anything), `silent` (done, never answered),
            `reset` (done, and the connection is reset), `refuse` (reset before anything is done), `garbled` (done,
            answered with a page of HTML and 200).
        method: of the request; empty: any.
        path: a part of its path; empty: any.
    """

    how: Literal["answer", "silent", "reset", "refuse", "garbled"]
    method: str = ""
    path: str = ""
    times: int = 1
    status: int = 500
    headers: dict[str, str] = {}
    body: str = ""

    def fits(self, request: Request) -> bool:
        return self.method in ("", request.method) and self.path in request.path


class Server:
    """Serves `app` on 127.0.0.1; `requests` are (method, path) of all that came, refused ones too.

    Under `/-/` it listens to tests: POST `/-/faults` adds a JSON list of `Fault`, POST `/-/calm` takes back those that
    still wait, POST `/-/forget` lets `app` forget its idempotency keys, GET `/-/requests` lists requests.
    """

    def __init__(self, app: App, *, port: int = 0, faults: Iterable[Fault] = ()) -> None:
        self.app = app
        self.requests: list[tuple[str, str]] = []
        self._faults = list(faults)
        self._lock = threading.Lock()
        self._http = _Http(port, self)
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    @property
    def url(self) -> str:
        """Without a slash at its end."""
        return f"http://{HOST}:{self.port}"

    def add(self, *faults: Fault) -> None:
        """Let these go wrong next, in this order, after those that still wait."""
        with self._lock:
            self._faults += faults

    def serve(self) -> None:
        """Answer until `close` is called, or for ever."""
        self._http.serve_forever(poll_interval=0.05)

    def __enter__(self) -> Server:
        self._thread = threading.Thread(target=self.serve, name="platform", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop, and let go of every connection."""
        if self._thread is not None:
            self._http.shutdown()
            self._thread.join()
        self._http.server_close()
        for connection in self._http.parked:
            connection.close()

    # -- for the handler -----------------------------------------------------------------------------------------

    def take(self, request: Request) -> Fault | None:
        """Return what is to go wrong with this request, and count it."""
        with self._lock:
            self.requests.append((request.method, request.path))
            for index, fault in enumerate(self._faults):
                if fault.fits(request):
                    rest = msgspec.structs.replace(fault, times=fault.times - 1)
                    self._faults[index : index + 1] = [rest] if rest.times > 0 else []
                    return fault
        return None

    def control(self, request: Request) -> Answer:
        """Answer what tests ask."""
        if request.method == "POST" and request.path == "/-/faults":
            self.add(*msgspec.json.decode(request.body, type=list[Fault]))
            return Answer(status=204)
        if request.method == "POST" and request.path == "/-/calm":
            with self._lock:
                self._faults.clear()
            return Answer(status=204)
        if request.method == "POST" and request.path == "/-/forget":
            # Not every platform has keys to forget.
            getattr(self.app, "forget", lambda: None)()
            return Answer(status=204)
        return json_answer(self.requests)


class _Http(HTTPServer):
    """One thread; connections that were parked stay open."""

    def __init__(self, port: int, server: Server) -> None:
        super().__init__((HOST, port), _Handler)
        self.platform = server
        self.parked: list[socket.socket] = []

    def shutdown_request(self, request: Any) -> None:
        if request not in self.parked and request.fileno() >= 0:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Whoever asked was killed half-way: nothing is wrong here. Anything else is a mistake of ours, and shown.
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One connection, one request."""

    protocol_version = "HTTP/1.1"
    timeout = _READ_S
    server: _Http

    def _any(self) -> None:
        self.close_connection = True
        request = self._request()
        if request is None:
            return
        platform = self.server.platform
        if request.path.startswith("/-/"):
            self._send(platform.control(request))
            return
        fault = platform.take(request)
        if fault is None:
            self._send(platform.app.answer(request))
        else:
            self._go_wrong(fault, request)

    def _go_wrong(self, fault: Fault, request: Request) -> None:
        if fault.how == "answer":
            self._send(Answer(status=fault.status, headers=fault.headers, body=fault.body.encode()))
            return
        if fault.how != "refuse":
            self.server.platform.app.answer(request)
        if fault.how == "garbled":
            page = b"<!doctype html><title>Gateway</title><p>Please try again later.</p>"
            self._send(Answer(body=page, headers={"Content-Type": "text/html"}))
        elif fault.how == "silent":
            self.server.parked.append(self.connection)
        else:
            self._reset()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _any  # noqa: N815 - http.server's names

    def _request(self) -> Request | None:
        """Return what was asked; None if the other side went away before it had said all."""
        length = int(self.headers.get("Content-Length") or 0)
        if length > _LARGEST_BYTES:
            self._send(Answer(status=413))
            return None
        body = self._chunks() if "chunked" in self.headers.get("Transfer-Encoding", "") else self._read(length)
        if body is None:
            return None
        address = urlsplit(self.path)
        return Request(
            method=self.command,
            path=address.path,
            query=dict(parse_qsl(address.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
        )

    def _read(self, length: int) -> bytes | None:
        try:
            body = self.rfile.read(length)
        except OSError:
            return None
        return body if len(body) == length else None

    def _chunks(self) -> bytes | None:
        whole = b""
        while size := int(self.rfile.readline().partition(b";")[0] or b"0", 16):
            part = self._read(size)
            if part is None:
                return None
            whole += part
            self.rfile.readline()
        self.rfile.readline()
        return whole

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status not in (204, 304):
            self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Connection", "close")
        try:
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)
        except OSError:
            # Whoever asked was killed; what it asked for is done.
            return

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        # The files that http.server makes of the socket hold it open.
        self.rfile.close()
        os.close(self.connection.detach())

    def finish(self) -> None:
        if self.connection.fileno() >= 0:
            super().finish()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the requests are kept."""


class Shelf:
    """A dictionary in `folder/state.json` that is whole after every kill of the platform, not after a power cut."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "state.json"

    def read(self) -> dict[str, Any]:
        """Return what was last written; empty at first."""
        found: dict[str, Any] = json.loads(self._path.read_bytes()) if self._path.exists() else {}
        return found

    def write(self, state: Mapping[str, Any]) -> None:
        beside = self._path.with_suffix(".tmp")
        beside.write_bytes(msgspec.json.encode(state))
        beside.replace(self._path)


def run(name: str, app: Callable[[Path], App], argv: list[str] | None = None) -> int:
    """Serve until SIGTERM; the `main` of every platform.

    Args:
        name: of the platform, for `--help`.
        app: makes it from its state folder.
    """
    parser = argparse.ArgumentParser(prog=f"steersman-platform-{name}", description=f"A {name} of our own, for tests.")
    parser.add_argument("--state", type=Path, required=True, help="Folder that keeps what it was told.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--faults", default="[]", help="JSON list of what goes wrong first.")
    options = parser.parse_args(argv)
    faults = msgspec.json.decode(options.faults, type=list[Fault])
    server = Server(app(options.state), port=options.port, faults=faults)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(f"ready {server.port}", flush=True)
    try:
        server.serve()
    except KeyboardInterrupt:
        return 0
    finally:
        server.close()
    return 0
