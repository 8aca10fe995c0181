"""A working day in small: appends of every size, groups, checkpoints, a restart; every acknowledgement is noted."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

from steersman.kernel.clock import FakeClock
from steersman.ledger.adapters.sqlite.ledger import create
from steersman.ledger.adapters.sqlite.powerloss.disk import Op
from steersman.ledger.adapters.sqlite.powerloss.vfs import RecordingVfs
from steersman.ledger.event import NewEvent
from steersman.ledger.ports import Appended, Head, Ledger

LEDGER: Final = "ledger.db"
_STEPS: Final = 40
# Short, so that the log is folded in, started over and truncated many times in one recording.
_CHECKPOINT_PAGES: Final = 60
_SIZES: Final = (1, 1, 1, 1, 1, 2, 3, 8, 9, 64, 100)


class Acknowledged(msgspec.Struct, frozen=True):
    """After `after_ops` operations on the disk, the ledger had said that these are durable at these positions."""

    after_ops: int
    ids: tuple[UUID, ...]
    positions: tuple[int, ...]


class Recording(msgspec.Struct, frozen=True):
    """What went to the disk and what was acknowledged in between."""

    ops: list[Op]
    acknowledged: list[Acknowledged]


class _Day:
    """Drives one ledger from one thread; groups are queued while a commit runs, so that their batches are known."""

    def __init__(self, ledger: Ledger, vfs: RecordingVfs, rng: random.Random) -> None:
        self._ledger = ledger
        self._vfs = vfs
        self._rng = rng
        self._next_group: list[list[NewEvent]] = []
        self._open: list[Future[Appended]] = []
        self.acknowledged: list[Acknowledged] = []

    def work(self, steps: int) -> None:
        for _ in range(steps):
            if self._rng.random() < 0.25:
                self._next_group = [
                    self._events(self._rng.choice((1, 1, 2, 5))) for _ in range(self._rng.randint(2, 20))
                ]
            events = self._events(self._rng.choice(_SIZES))
            self._note(events, self._ledger.append(events))
            for future in self._open:
                future.result()
            self._open.clear()

    def on_commit(self, _head: Head) -> None:
        """Queue the group while the commit before it still holds the writer: it becomes one batch, every time."""
        group, self._next_group = self._next_group, []
        for events in group:
            future = self._ledger.append_soon(events)
            future.add_done_callback(lambda f, e=events: self._note(e, f.result()))  # type: ignore[misc]  # binds now
            self._open.append(future)

    def _note(self, events: list[NewEvent], appended: Appended) -> None:
        self.acknowledged.append(Acknowledged(len(self._vfs.ops), tuple(e.id for e in events), appended.positions))

    def _events(self, count: int) -> list[NewEvent]:
        return [an_event(self._rng) for _ in range(count)]


def an_event(rng: random.Random) -> NewEvent:
    """Return an event that depends on `rng` alone: mostly small, sometimes longer than a page."""
    text = "x" * (rng.randint(4000, 20_000) if rng.random() < 0.02 else rng.randint(10, 600))
    return NewEvent(
        id=UUID(int=rng.getrandbits(128)),
        type=rng.choice(("trading.signal.received", "trading.verdict.given", "automation.run.started")),
        stream=f"proof/{rng.randint(1, 30)}",
        data=msgspec.json.encode({"text": text}),
        actor="proof",
        correlation_id=UUID(int=rng.getrandbits(128)),
    )


def record(
    folder: Path, rng: random.Random, *, synchronous: str, open_ledger: Callable[..., Ledger] = create
) -> Recording:
    """Run the ledger in `folder` and return what it did to the disk; the same `rng` state gives the same recording."""
    vfs = RecordingVfs()
    acknowledged: list[Acknowledged] = []
    for steps in (_STEPS * 3 // 4, _STEPS // 4):  # a clean restart in between folds the whole log in and removes it
        ledger = open_ledger(
            folder / LEDGER,
            clock=FakeClock(),
            vfs=vfs.name,
            synchronous=synchronous,
            checkpoint_pages=_CHECKPOINT_PAGES,
        )
        try:
            day = _Day(ledger, vfs, rng)
            stop = ledger.on_commit(day.on_commit)  # type: ignore[attr-defined]  # the adapters that write have it
            day.work(steps)
            stop()
        finally:
            ledger.close()
        acknowledged += day.acknowledged
    return Recording(vfs.ops, acknowledged)
