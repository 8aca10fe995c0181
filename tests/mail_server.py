"""A mail server on 127.0.0.1 that keeps what it is given: as much of SMTP (RFC 5321) as a client needs to hand over."""

from __future__ import annotations

import socketserver
import threading
from types import TracebackType
from typing import Self


class MailServer:
    """Takes messages until the block ends; `refuses` answers every recipient with 550."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.messages: list[str] = []
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self._say("220 here")
                while line := self.rfile.readline():
                    verb = line[:4].upper().strip()
                    if verb == b"QUIT":
                        return self._say("221 bye")
                    if verb == b"RCPT" and refuses:
                        self._say("550 no such user")
                    elif verb == b"DATA":
                        self._take()
                    else:
                        self._say("250 well")
                return None

            def _take(self) -> None:
                self._say("354 go on")
                lines = []
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(line.decode())
                outer.messages.append("".join(lines))
                self._say("250 taken")

            def _say(self, text: str) -> None:
                self.wfile.write(f"{text}\r\n".encode())

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
