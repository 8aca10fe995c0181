"""Deadlines of automations, watched by the desk for every engine alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from steersman.automation import Manifest
from steersman.automation.control.pauses import Pauses
from steersman.automation.events import RunOverdue
from steersman.automation.model.manifest import plan_cycle
from steersman.automation.overdue import Overdue, overdue, words
from steersman.bootstrap.desk import Desk
from steersman.bootstrap.engines import manifest_of
from steersman.bootstrap.notices import running
from steersman.bootstrap.workspace import Workspace

_LOOK_S: Final = 5.0
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


def held_back(desk: Desk) -> Callable[[str, int], bool]:
    """Return what says whether a pause held an automation, or what it needs, back at an instant (ns)."""
    pauses = Pauses(desk.ledger)
    declared = Declared(desk)

    def look(name: str, at: int) -> bool:
        return any(pauses.between(each, at, at) is not None for each in plan_cycle(declared(), [name]))

    return look


@contextmanager
def watching_deadlines(desk: Desk, *, say: Callable[[str], None]) -> Iterator[None]:
    """Say what is overdue until the end of the block."""
    watch = Overdue(
        manifest=Declared(desk),
        ledger=desk.ledger,
        clock=desk.clock,
        path=desk.workspace.state / FILE,
        actor="desk",
        held_back=held_back(desk),
    )

    def look() -> None:
        tz = desk.workspace.desk.tz
        for said in watch.look():
            what = words(said, tz) if isinstance(said, RunOverdue) else f"not overdue any more: {said.reason}"
            say(f"{said.automation} {what}")

    with running("deadlines", look, say, _LOOK_S):
        yield


def overdue_now(desk: Desk) -> dict[str, str]:
    """Return automation -> what it should have done by now, in words."""
    tz = desk.workspace.desk.tz
    return {name: words(late, tz) for name, late in overdue(manifest_of(desk.workspace), desk.ledger).items()}
