"""One opened workspace: what the command line, the console and the demo work with."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from steersman.bootstrap.access import SharedLedger
from steersman.bootstrap.plugins import factory
from steersman.bootstrap.workspace import CATALOGUE, Workspace, load_workspace
from steersman.kernel.clock import Clock, SystemClock
from steersman.ledger import Ledger
from steersman.ledger.projections import Database, Projector, open_reader
from steersman.policy import HaltState, Snapshot
from steersman.policy.store import PolicyStore

if TYPE_CHECKING:
    from steersman.content.qa.checker import Reading


class Desk:
    """A workspace with its ledger open. Projections are caught up when `db` is first asked for.

    `workspace` is what is in force: in the desk's process an edit of the file replaces it (manifest_file.py).
    """

    def __init__(self, workspace: Workspace, ledger: Ledger, clock: Clock) -> None:
        self.workspace = workspace
        self.ledger = ledger
        self.clock = clock
        self.through_core = False
        """Whether appends only ever go through a core, so that without one nothing can be recorded."""
        self.is_long_lived = False
        """Whether this process runs for months: what is large and rarely needed then has a process of its own."""

    @cached_property
    def store(self) -> PolicyStore:
        return PolicyStore(self.ledger, CATALOGUE)

    @property
    def policy(self) -> Snapshot:
        """The policy in force, as recorded in the ledger (not as written in steersman.toml)."""
        return self.store.current()

    @property
    def halts(self) -> HaltState:
        return self.store.current_halts()

    @cached_property
    def projector(self) -> Projector:
        from steersman.bootstrap.projections import projections  # appending needs no read model

        return Projector(self.ledger, self.workspace.projections, projections(self.workspace))

    @cached_property
    def db(self) -> Database:
        """The read models, caught up with the ledger as of the first use; `refresh()` catches up again."""
        self.projector.catch_up()
        return open_reader(self.workspace.projections)

    @property
    def replays(self) -> bool:
        """Whether the desk lives in the time of a replayed feed, which stands still between its bars."""
        feeds = self.workspace.trading.feeds.values()
        return bool(feeds) and all(feed.kind == "replay" for feed in feeds)

    def time_ns(self) -> int:
        """Return the desk's time, which holds expire on: that of the latest mark in a replay, else the clock's."""
        from steersman.trading.queries import market_now  # only what asks for the time needs the read model

        return (market_now(self.db) if self.replays else None) or self.clock.now_ns()

    @cached_property
    def reading(self) -> Reading:
        """Where the first pass has its grammar and spelling from."""
        # Whoever checks no draft loads no engine.
        from steersman.content.qa.checker import reading_here
        from steersman.content.qa.engines.apart import KeptApart

        return KeptApart() if self.is_long_lived else reading_here

    def refresh(self) -> None:
        """Bring the read models up to the head."""
        self.projector.catch_up()

    def close(self) -> None:
        if "projector" in self.__dict__:
            self.projector.close()
        self.ledger.close()


def open_desk(
    directory: Path, *, clock: Clock | None = None, through_core: bool = False, workspace: Workspace | None = None
) -> Desk:
    """Open the workspace at or above `directory`; `workspace` is what it was read as, if it was.

    With `through_core`, appends only ever go through the core: a long-lived process must not become the writer in the
    moment in which the core restarts.

    Raises:
        Misconfigured: there is none, or its steersman.toml is wrong.
    """
    clock = clock or SystemClock()
    workspace = workspace or load_workspace(directory)
    ledger: Ledger = (
        factory("ledgers", "socket")(workspace.socket, workspace.ledger)
        if through_core
        else SharedLedger(workspace.ledger, workspace.socket, clock=clock)
    )
    desk = Desk(workspace, ledger, clock)
    desk.through_core = through_core
    return desk
