"""`steersman auto engine worker`: one more process that carries out what the desk's engine has queued."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from steersman.cli.context import HERE, Dir
from steersman.cli.terminal import say
from steersman.kernel.errors import Misconfigured

if TYPE_CHECKING:
    from steersman.automation import Engine, Manifest


@runtime_checkable
class Shares(Protocol):
    """An engine whose work several processes share."""

    def work(self, manifest: Manifest, reload: Callable[[], Manifest]) -> None:
        """Start as a further worker, which follows no schedules; `reload` reads the manifest anew."""
        ...


def worker(directory: Dir = HERE) -> None:
    """Carry out runs in this process too, until SIGTERM or Ctrl-C (dbos engine; as many workers as you like)."""
    from steersman.bootstrap.desk import open_desk  # `--help` needs no workspace
    from steersman.bootstrap.engines import manifest_of, open_engine
    from steersman.bootstrap.workspace import load_workspace

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    # Through the core only: a worker that outlives it must not become the ledger's writer.
    desk = open_desk(directory, through_core=True)
    try:
        engine = open_engine(desk, actor=f"worker:{os.getpid()}")
        root = desk.workspace.root
        try:
            _start(engine, manifest_of(desk.workspace), lambda: manifest_of(load_workspace(root)))
            say(f"working for {root}: SIGTERM or Ctrl-C ends this worker; what waits goes to the others")
            stop.wait()
        finally:
            engine.close()
    finally:
        desk.close()


def _start(engine: Engine, manifest: Manifest, reload: Callable[[], Manifest]) -> None:
    if not isinstance(engine, Shares):
        raise Misconfigured(
            f"the {engine.name} engine does its work in one process",
            fix='several workers need [engine] kind = "dbos" and a PostgreSQL database',
        )
    engine.work(manifest, reload)
