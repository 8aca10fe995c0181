"""The desk process: automations, logins, data, watched files, the console. It can die while trades go on.

`python -m steersman.console.process --dir WORKSPACE` is the process that `steersman up` keeps running.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from contextlib import closing
from pathlib import Path

from steersman import __version__
from steersman.bootstrap import presence
from steersman.bootstrap.deadlines import watching_deadlines
from steersman.bootstrap.desk import Desk, open_desk
from steersman.bootstrap.engines import KeptEngine
from steersman.bootstrap.events import DESK_STARTED, ProcessStarted
from steersman.bootstrap.leash import end_with_supervisor
from steersman.bootstrap.manifest_file import ManifestFile
from steersman.bootstrap.measuring import measuring
from steersman.bootstrap.notices import telling
from steersman.bootstrap.publishing import publishing
from steersman.bootstrap.services import serving_unless_served
from steersman.console.server import serve
from steersman.console.token import read_or_create
from steersman.kernel.errors import Misconfigured, SteersmanError
from steersman.ledger import new_event
from steersman.trading.sources import Declared
from steersman.trading.sources.watch import Watcher, watching

STREAM = "process/desk"


def run(desk: Desk, *, port: int | None, stop: threading.Event) -> None:
    """Start the engine, serve the console until `stop`, then end what runs.

    Raises:
        Misconfigured: the port is taken; names it and the fix.
        Conflict: another process runs this workspace's engine.
    """
    workspace = desk.workspace

    def say(text: str) -> None:
        print(f"desk: {text}", file=sys.stderr, flush=True)

    engine = KeptEngine(desk, say=say)

    def ready(url: str) -> None:
        engine.start()
        file.start()
        now = desk.clock.now_ns()
        started = ProcessStarted(name="desk", pid=os.getpid(), version=__version__, at=now)
        desk.ledger.append([new_event(DESK_STARTED, stream=STREAM, data=started, actor="desk", now_ns=now)])
        presence.announce(workspace.presence, url)

    try:
        # Scripts are answered before the first one starts, and until the last one has ended.
        with (
            serving_unless_served(desk),
            telling(desk, say=say),
            watching_deadlines(desk, say=say),
            closing(engine),
            closing(ManifestFile(desk, engine, say=say)) as file,
            watching(_watcher(desk)),
            publishing(desk, say=say),
            measuring(desk, say=say),
        ):
            serve(
                desk,
                host=workspace.console.host,
                port=workspace.console.port if port is None else port,
                token=read_or_create(workspace.console_token),
                stop=stop,
                on_ready=ready,
            )
    finally:
        presence.withdraw(workspace.presence)


def _watcher(desk: Desk) -> Watcher:
    workspace = desk.workspace
    return Watcher(
        root=workspace.root,
        state=workspace.watched,
        watched=workspace.sources.watched,
        declared=Declared(workspace.trading),
        ledger=desk.ledger,
        clock=desk.clock,
    )


def main(argv: list[str] | None = None) -> int:
    """Run the desk until SIGTERM or SIGINT; return the exit code."""
    parser = argparse.ArgumentParser(prog="steersman-desk", description="Automations and console. Use `steersman up`.")
    parser.add_argument("--dir", type=Path, default=Path())
    parser.add_argument("--port", type=int, default=None)
    options = parser.parse_args(argv)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    end_with_supervisor()
    try:
        desk = open_desk(options.dir, through_core=True)
        desk.is_long_lived = True
        try:
            run(desk, port=options.port, stop=stop)
        finally:
            desk.close()
    except SteersmanError as exc:
        print(f"desk: {exc}", file=sys.stderr, flush=True)
        return 2 if isinstance(exc, Misconfigured) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
