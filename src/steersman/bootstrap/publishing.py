"""The publishing worker of a desk: a thread for as long as the desk process runs, if there is a channel."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from steersman.bootstrap import content
from steersman.bootstrap.desk import Desk
from steersman.content.publishing.worker import Worker

ACTOR = "desk"
_END_S = 90.0
"""A call to a channel that has begun is let end: what became of it is then known."""


@contextmanager
def publishing(desk: Desk, *, say: Callable[[str], None]) -> Iterator[None]:
    """Publish what is due until the end of the block."""
    workspace = desk.workspace
    if not workspace.content.channels:
        yield
        return
    worker = Worker(
        publisher=lambda: content.publisher(desk, only=None, actor=ACTOR),
        root=workspace.root,
        folder=workspace.content.qa.folder,
        ledger=desk.ledger,
        clock=desk.clock,
        actor=ACTOR,
        say=say,
    )
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(stop,), name="publishing", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(_END_S)
