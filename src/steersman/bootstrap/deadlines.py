"""Deadlines of automations, watched by the desk for every engine alike."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from steersman.automation import Manifest
from steersman.automation.events import RunOverdue
from steersman.automation.overdue import Overdue, overdue, words
from steersman.bootstrap.desk import Desk
from steersman.bootstrap.engines import manifest_of
from steersman.bootstrap.notices import repeated
from steersman.bootstrap.workspace import Workspace

_LOOK_S: Final = 5.0
_END_S: Final = 10.0
FILE: Final = "overdue.json"


class Declared:
    """The manifest of a desk, worked out anew when what it is made from was replaced."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._of: Workspace | None = None
        self._manifest = Manifest()

    def __call__(self) -> Manifest:
        if self._of is not self._desk.workspace:
            self._of = self._desk.workspace
            self._manifest = manifest_of(self._of)
        return self._manifest


@contextmanager
def watching_deadlines(desk: Desk, *, say: Callable[[str], None]) -> Iterator[None]:
    """Say what is overdue until the end of the block."""
    watch = Overdue(
        manifest=Declared(desk),
        ledger=desk.ledger,
        clock=desk.clock,
        path=desk.workspace.state / FILE,
        actor="desk",
    )

    def look() -> None:
        for said in watch.look():
            what = words(said) if isinstance(said, RunOverdue) else f"not overdue any more: {said.reason}"
            say(f"{said.automation} {what}")

    stop = threading.Event()
    thread = threading.Thread(
        target=repeated, args=("deadlines", look, stop, say, _LOOK_S), name="deadlines", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(_END_S)


def overdue_now(desk: Desk) -> dict[str, str]:
    """Return automation -> what it should have done by now, in words."""
    return {name: words(late) for name, late in overdue(manifest_of(desk.workspace), desk.ledger).items()}
