"""What a disk holds after the power went: synced writes, and any half of the others, in any order, some torn.

Model: a sync makes every earlier change of that file durable. Of the rest, each change is on the platter or not by
chance; of a write that is, 30% are torn: only some of their 512-byte sectors arrived.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

import msgspec

SECTOR: Final = 512
KEPT_RATIO: Final = 0.5
TORN_RATIO: Final = 0.3


class Write(msgspec.Struct, frozen=True):
    """`data` was written to `file` at `offset`."""

    file: str
    offset: int
    data: bytes


class Truncate(msgspec.Struct, frozen=True):
    """`file` was cut (or grown) to `size` bytes."""

    file: str
    size: int


class Delete(msgspec.Struct, frozen=True):
    """`file` was removed; with `durable`, its folder was synced too."""

    file: str
    durable: bool


class Sync(msgspec.Struct, frozen=True):
    """`file` was synced; with `folder`, the folder too, so that names that went stay gone."""

    file: str
    folder: bool = False


Change = Write | Truncate | Delete
Op = Change | Sync
Files = dict[str, bytearray]


class Platter:
    """The disk as operations reach it, one after the other; `image` is what a power cut now would leave."""

    def __init__(self, *, lies: bool = False, written_back_after: int | None = None) -> None:
        """Start empty.

        Args:
            lies: say that a sync is done and do nothing.
            written_back_after: the cache writes a change out by itself once so many came after it; None: never.
        """
        self._lies = lies
        self._limit = written_back_after
        self._durable: Files = {}
        self._waiting: list[Change] = []

    def take(self, op: Op) -> None:
        """Take in the next operation."""
        if isinstance(op, Sync):
            if not self._lies:
                self._flush(op.file)
                if op.folder:
                    self._flush_names()
            return
        self._waiting.append(op)
        if isinstance(op, Delete) and op.durable and not self._lies:
            self._flush(op.file)
        if self._limit is not None and len(self._waiting) > self._limit:
            _apply(self._durable, self._waiting.pop(0))

    def image(self, rng: random.Random) -> dict[str, bytes]:
        """Return the files that one power cut now leaves; another `rng` state gives another one."""
        files = {name: bytearray(content) for name, content in self._durable.items()}
        run: list[Write] = []
        for change in [c for c in self._waiting if rng.random() < KEPT_RATIO]:
            if isinstance(change, Write):
                run.append(change)
                continue
            # A file system journals sizes and names: they keep their place among the writes.
            _scatter(files, run, rng)
            run.clear()
            _apply(files, change)
        _scatter(files, run, rng)
        return {name: bytes(content) for name, content in files.items()}

    def _flush(self, file: str) -> None:
        rest: list[Change] = []
        for change in self._waiting:
            if change.file == file:
                _apply(self._durable, change)
            else:
                rest.append(change)
        self._waiting = rest

    def _flush_names(self) -> None:
        gone = {change.file: at for at, change in enumerate(self._waiting) if isinstance(change, Delete)}
        for file in gone:
            self._durable.pop(file, None)
        self._waiting = [change for at, change in enumerate(self._waiting) if at > gone.get(change.file, -1)]


def _apply(files: Files, change: Change) -> None:
    if isinstance(change, Delete):
        files.pop(change.file, None)
        return
    content = files.setdefault(change.file, bytearray())
    if isinstance(change, Truncate):
        del content[change.size :]
        content.extend(bytes(max(0, change.size - len(content))))
        return
    end = change.offset + len(change.data)
    content.extend(bytes(max(0, end - len(content))))
    content[change.offset : end] = change.data


def _scatter(files: Files, writes: list[Write], rng: random.Random) -> None:
    rng.shuffle(writes)
    for write in writes:
        torn = rng.random() < TORN_RATIO
        for piece in _sectors(write) if torn else (write,):
            if not torn or rng.random() < KEPT_RATIO:
                _apply(files, piece)


def _sectors(write: Write) -> Iterator[Write]:
    """Cut a write where the disk's sectors end."""
    start, end = write.offset, write.offset + len(write.data)
    while start < end:
        stop = min(end, (start // SECTOR + 1) * SECTOR)
        yield Write(write.file, start, write.data[start - write.offset : stop - write.offset])
        start = stop
