"""What a desk does for slots while it runs: looks at posts of equal age, and gives waiting ones their times."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from steersman.bootstrap import content, scheduling
from steersman.bootstrap.desk import Desk
from steersman.content.engagement import Snapshots
from steersman.content.ports import Post
from steersman.content.publishing.outbox import Outbox
from steersman.content.publishing.stored import PostStore
from steersman.content.scheduling import Proposal, Scheduler
from steersman.kernel.errors import Conflict, SteersmanError

ACTOR: Final = "desk"
_LOOK_S: Final = 60.0
_END_S: Final = 60.0


class Measuring:
    """One thread's work; `tick` does what there is to do now."""

    def __init__(self, desk: Desk, *, say: Callable[[str], None]) -> None:
        self._desk = desk
        self._say = say
        self._outbox = Outbox(desk.ledger, desk.clock, actor=ACTOR)
        self._store = PostStore(desk.workspace.root / ".steersman" / "outbox")
        self._snapshots: Snapshots | None = None
        self._scheduler: Scheduler | None = None
        self._told: set[str] = set()

    def tick(self) -> None:
        """Take the looks that are due; plan what waits, if the workspace leaves that to the desk."""
        if self._snapshots is None:
            self._snapshots = Snapshots(
                ledger=self._desk.ledger,
                clock=self._desk.clock,
                channels=content.usable_channels(self._desk)[0],
                post=self._post,
                actor=ACTOR,
            )
        for look in self._snapshots.tick():
            if look.outcome == "failed":
                self._once(f"engagement of {look.key}: {look.reason}")
        if self._desk.workspace.content.slots.automatic:
            self._plan()

    def _plan(self) -> None:
        own = self._scheduler = self._scheduler or scheduling.scheduler(self._desk, actor=ACTOR)
        waiting = scheduling.waiting(self._desk, own, actor=ACTOR)
        if not waiting:
            return
        for found in own.propose(waiting, scheduling.campaigns(self._desk)):
            if not isinstance(found, Proposal):
                self._once(f"no slot for {found.key}: {found.reason}; {found.fix}")
                continue
            try:
                for slot in own.accept(found):
                    self._say(f"scheduled {slot.draft} on {slot.channel}: {slot.wall} {slot.tz}, {slot.how}")
            except Conflict:
                continue  # somebody said something about one of them: the next look plans the rest

    def _post(self, key: str) -> Post | None:
        state = self._outbox.state(key)
        if state.published is None:
            return None
        post = self._store.find(key, state.published.content_sha256)
        return None if post is None else msgspec.structs.replace(post, remote_id=state.published.remote_id)

    def _once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._say(text)


@contextmanager
def measuring(desk: Desk, *, say: Callable[[str], None]) -> Iterator[None]:
    """Measure and plan until the end of the block, if there is a channel."""
    if not desk.workspace.content.channels:
        yield
        return
    stop, work = threading.Event(), Measuring(desk, say=say)
    thread = threading.Thread(target=_run, args=(work, stop, say), name="measuring", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(_END_S)


def _run(work: Measuring, stop: threading.Event, say: Callable[[str], None]) -> None:
    told = ""
    while not stop.is_set():
        try:
            work.tick()
            told = ""
        except SteersmanError as exc:
            if exc.message != told:
                told = exc.message
                say(f"slots: {exc.message}; {exc.fix}")
        except Exception:  # noqa: BLE001 - the edge of a thread: shown with its traceback, and tried again
            traceback.print_exc(file=sys.stderr)
        stop.wait(_LOOK_S)
