"""Serving the console on this machine: a port of its own, and an end when it is told to stop."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from collections.abc import Callable
from typing import Final

import uvicorn

from steersman.bootstrap.desk import Desk
from steersman.console.app import create_app
from steersman.kernel.errors import Misconfigured, Unavailable

_LOOPBACK: Final = {"127.0.0.1": "127.0.0.1", "localhost": "127.0.0.1", "::1": "::1"}
_START_S: Final = 30.0
_LOOK_S: Final = 0.5
_GRACE_S: Final = 2


def serve(
    desk: Desk,
    *,
    host: str,
    port: int,
    token: str,
    stop: threading.Event,
    on_ready: Callable[[str], None],
) -> None:
    """Serve `desk` until `stop` is set.

    The server runs in a thread, so the caller keeps its signal handlers; `on_ready` is called in the caller's thread
    with the real address once requests are answered.

    Args:
        port: 0 picks a free one.

    Raises:
        Misconfigured: the port is taken or not allowed, or `host` is not this machine's loopback.
        Unavailable: the server ended by itself.
    """
    listener = _listen(host, port)
    app = create_app(desk, token=token)
    # No access log: `/login?token=` would write the token into it.
    config = uvicorn.Config(
        app,
        access_log=False,
        log_level="warning",
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    server = _Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="console", daemon=True)
    thread.start()
    try:
        _wait_until_started(server, thread, stop)
        if server.started and not stop.is_set():
            shown = f"[{host}]" if ":" in host else _LOOPBACK[host]
            on_ready(f"http://{shown}:{listener.getsockname()[1]}")
        while not stop.wait(_LOOK_S):
            if not thread.is_alive():
                raise Unavailable("the console stopped answering", fix="its message is above; start it again")
    finally:
        server.should_exit = True
        app.state.console.live.close()
        app.state.console.hand.close()
        thread.join(_GRACE_S * 3)
        listener.close()


class _Server(uvicorn.Server):
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End as uvicorn does, and then what it left: a connection that came while the others were told to end."""
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None:
                transport.close()
        await asyncio.sleep(0)  # a transport lets its socket go in the next round of the loop


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread, stop: threading.Event) -> None:
    for _ in range(int(_START_S / 0.02)):
        if server.started or not thread.is_alive() or stop.wait(0.02):
            return


def _listen(host: str, port: int) -> socket.socket:
    if host not in _LOOPBACK:
        raise Misconfigured(
            f"console.host is {host!r}; the console serves this machine only ({', '.join(_LOOPBACK)})",
            fix='write host = "127.0.0.1", and reach it from elsewhere through an SSH tunnel',
        )
    address = _LOOPBACK[host]
    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
        listener.listen(128)
    except OSError as exc:
        listener.close()
        if exc.errno == errno.EADDRINUSE:
            raise Misconfigured(
                f"port {port} is taken by another program", fix="choose another one: --port 0 picks a free one"
            ) from exc
        if exc.errno == errno.EACCES:
            raise Misconfigured(f"port {port} needs more rights than we have", fix="--port 8787") from exc
        raise
    return listener
