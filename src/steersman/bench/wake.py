"""How long after a commit another process has the row."""

from __future__ import annotations

import multiprocessing
import threading
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, cast

from steersman.bench.commit import an_event
from steersman.bench.measure import on_disk, row_of
from steersman.bench.row import Row
from steersman.bootstrap.plugins import factory
from steersman.bootstrap.served import served
from steersman.kernel.clock import SystemClock
from steersman.ledger import Head, Ledger

_ROUNDS: Final = 5
_EVENTS: Final = 400
_EVERY_S: Final = 0.002
_clock = SystemClock()


def run() -> list[Row]:
    """Measure from the instant a commit is durable to the instant a follower in another process holds the event."""
    with on_disk() as folder:
        delays = [_round(folder / str(number)) for number in range(_ROUNDS)]
    note = f"{_EVENTS} commits a round, {_EVERY_S * 1000:g} ms apart; on one clock"
    return [
        row_of("wake", "commit to row in another process, p99", [_share(d, 0.99) for d in delays], "ms", at_most=2.0),
        row_of("wake", "commit to row in another process, p50", [_share(d, 0.5) for d in delays], "ms", note=note),
    ]


def _round(folder: Path) -> list[float]:
    """Return the delay of each event, in ms, in order of size."""
    folder.mkdir()
    context = multiprocessing.get_context("spawn")  # a fork would share this process's SQLite, and its locks
    ours, theirs = context.Pipe()
    committed: dict[int, int] = {}
    pause = threading.Event()

    def note(head: Head) -> None:
        committed[head.pos] = _clock.elapsed_ns()

    with served(folder / "ledger.db", folder / "core.sock") as ledger:
        # First in line, so before the push.
        ledger.append([an_event(0)])
        follower = context.Process(target=_follow, args=(theirs, folder), daemon=True)
        follower.start()
        ours.recv()
        stop = ledger.on_commit(note)
        for number in range(1, _EVENTS + 1):
            ledger.append([an_event(number)])
            pause.wait(_EVERY_S)
        seen = cast("dict[int, int]", ours.recv())
        stop()
        follower.join()
    return sorted((seen[pos] - at) / 1e6 for pos, at in committed.items())


def _follow(link: Connection, folder: Path) -> None:
    """Note when each event arrives."""
    ledger: Ledger = factory("ledgers", "socket")(folder / "core.sock", folder / "ledger.db")
    subscription = ledger.subscribe(after=1)
    seen: dict[int, int] = {}
    subscription.next(0)
    link.send("ready")
    while len(seen) < _EVENTS:
        for event in subscription.next(10):
            seen[event.pos] = _clock.elapsed_ns()
    link.send(seen)
    subscription.close()
    ledger.close()


def _share(ordered: list[float], ratio: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * ratio))]
