"""Starting the two processes and saying where the console is; what `up` and `demo` share."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

import typer

from steersman.bootstrap import presence
from steersman.bootstrap.access import core_answers
from steersman.bootstrap.supervisor import Child, Supervisor, python_module, wait_until
from steersman.bootstrap.workspace import Workspace
from steersman.cli.output import console
from steersman.kernel.errors import Conflict


def say(text: str) -> None:
    """Tell the operator something that happened to the processes."""
    console(error=True).print(text, markup=False)


def children(workspace: Workspace, *, port: int | None, pace_s: float | None) -> tuple[Child, Child]:
    """Return the core and the desk, in the order they start."""
    where = ("--dir", str(workspace.root))
    pace = () if pace_s is None else ("--pace", str(pace_s))
    at = () if port is None else ("--port", str(port))

    def core_ready(alive: Callable[[], bool]) -> None:
        wait_until(
            lambda: core_answers(workspace.socket),
            alive,
            what="the core",
            fix="read its message above; steersman doctor",
        )

    def desk_ready(alive: Callable[[], bool]) -> None:
        wait_until(
            lambda: presence.find(workspace.presence) is not None,
            alive,
            what="the desk",
            fix="read its message above; steersman doctor",
        )

    return (
        Child(name="core", command=python_module("steersman.bootstrap.core", *where, *pace), ready=core_ready),
        Child(name="desk", command=python_module("steersman.console.process", *where, *at), ready=desk_ready),
    )


def keep_up(workspace: Workspace, *, port: int | None, pace_s: float | None, on_ready: Callable[[str], None]) -> int:
    """Run core and desk until Ctrl-C or SIGTERM; return the exit code.

    Args:
        on_ready: gets the console's URL, without the token.

    Raises:
        Conflict: this workspace is up already; nothing was started.
    """
    served = presence.find(workspace.presence)
    if served is not None:
        raise Conflict(
            f"this desk is up already: process {served.pid} serves {served.url}",
            fix="use that one, or end its `steersman up` first",
        )
    presence.withdraw(workspace.presence)
    supervisor = Supervisor(children(workspace, port=port, pace_s=pace_s), say=say)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: supervisor.stop())

    def ready() -> None:
        found = presence.find(workspace.presence)
        if found is not None:
            on_ready(found.url)

    return supervisor.run(ready)


def serve_until_stopped(
    workspace: Workspace, *, port: int | None, pace_s: float | None, as_json: bool, welcome: str
) -> None:
    """Run core and desk until stopped; once they serve, print `{"url": ...}` or `welcome` and where the console is.

    Raises:
        typer.Exit: with the exit code, if it is not 0.
    """

    def ready(url: str) -> None:
        if as_json:
            print(f'{{"url": "{url}"}}', flush=True)
            return
        say(welcome)
        show_link(workspace, url)

    code = keep_up(workspace, port=port, pace_s=pace_s, on_ready=ready)
    if code:
        raise typer.Exit(code)


def login_link(workspace: Workspace, url: str) -> str:
    """Return the one-click sign-in link, for the terminal only: it carries the token."""
    token = workspace.console_token.read_text(encoding="ascii").strip()
    return f"{url.rstrip('/')}/login?token={token}"


def show_link(workspace: Workspace, url: str) -> None:
    """Print where the console is; the token is shown to a person at a terminal, not to a log file."""
    if sys.stderr.isatty():
        say(f"console: {login_link(workspace, url)}")
    else:
        say(f"console: {url} (the token is in {workspace.console_token.relative_to(workspace.root)})")
