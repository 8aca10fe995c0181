"""Acknowledged events per second from four processes: through the core's socket, and each committing by itself."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, cast

import apsw

from steersman.bench.commit import an_event
from steersman.bench.measure import in_turns, on_disk, row_of
from steersman.bench.row import Row
from steersman.bootstrap.plugins import factory
from steersman.kernel.clock import SystemClock
from steersman.kernel.errors import Unavailable
from steersman.ledger import Appended, Ledger
from steersman.ledger.chain import GENESIS, link
from steersman.ledger.row import COLUMNS
from steersman.ledger.row import Row as LedgerRow

_PROCESSES: Final = 4
_ROUNDS: Final = 3
_TURN_S: Final = 0.5
# What one process may have unanswered: a strategy that sends its signals without waiting for each.
_IN_FLIGHT: Final = 256
# How many events one append carries, by way: single ones, and what a bar over many instruments gives at once.
_SIZES: Final = {"grouped": 1, "together": 32}
_PEER: Final = "one commit per event, each process by itself"
_BUSY_MS: Final = 15_000
_INSERT: Final = f"INSERT INTO events({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_LAST: Final = "SELECT pos, hash FROM events ORDER BY pos DESC LIMIT 1"
_clock = SystemClock()


def run() -> list[Row]:
    """Measure in turns, on two ledgers of the same shape."""
    with on_disk() as folder, _core(folder) as (grouped, socket), _workers(folder, grouped, socket) as links:

        def total(way: str) -> float:
            for worker in links:
                worker.send(way)
            return sum(cast(int, worker.recv()) for worker in links) / _TURN_S

        pairs = {way: in_turns(partial(total, way), lambda: total("alone"), rounds=_ROUNDS) for way in _SIZES}
        _check(folder)
    rows = []
    for way, turns in pairs.items():
        what = "single events" if _SIZES[way] == 1 else f"{_SIZES[way]} events per append"
        note = f"{_PROCESSES} processes, up to {_IN_FLIGHT} events unanswered each"
        rows += [
            row_of("group", f"{what}, group commit", turns.ratios, "x", at_least=20, compared_with=_PEER, note=note),
            row_of("group", f"{what}, group commit", turns.ours, "events/s"),
            row_of("group", _PEER, turns.peer, "events/s"),
        ]
    return rows


@contextmanager
def _core(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Run a core in a process of its own; yield its ledger and socket."""
    ledger, socket = folder / "grouped.db", folder / "core.sock"
    command = [sys.executable, "-m", "steersman.bootstrap.served", str(ledger), str(socket)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None or process.stdout.readline() != "ready\n":
            raise Unavailable("the core did not start", fix=f"run it by hand: {' '.join(command[1:])}")
        yield ledger, socket
        # Leaving closes its standard input, and with it the core.


@contextmanager
def _workers(folder: Path, grouped: Path, socket: Path) -> Iterator[list[Connection]]:
    """Start the appending processes, ready and connected."""
    factory("ledgers", "sqlite")(folder / "alone.db").close()
    # Spawned: a fork would share this process's SQLite, and its locks.
    context = multiprocessing.get_context("spawn")
    pairs = [context.Pipe() for _ in range(_PROCESSES)]
    processes = [
        context.Process(target=_work, args=(theirs, number, grouped, socket, folder / "alone.db"), daemon=True)
        for number, (_, theirs) in enumerate(pairs)
    ]
    for process in processes:
        process.start()
    links = [ours for ours, _ in pairs]
    try:
        for connection in links:
            connection.recv()
        yield links
    finally:
        for connection in links:
            connection.send("stop")
        for process in processes:
            process.join()


def _work(commands: Connection, number: int, grouped: Path, socket: Path, alone: Path) -> None:
    """Append for one turn at a time, the way that is asked for, and say how many events were acknowledged."""
    ledger: Ledger = factory("ledgers", "socket")(socket, grouped)
    ledger.append([an_event(0)])
    connection = apsw.Connection(str(alone))
    connection.set_busy_timeout(_BUSY_MS)
    connection.execute("PRAGMA synchronous = FULL")
    commands.send("ready")
    while (way := commands.recv()) != "stop":
        commands.send(_grouped(ledger, _SIZES[way]) if way in _SIZES else _alone(connection, number))
    ledger.close()
    connection.close()


def _grouped(ledger: Ledger, size: int) -> int:
    until = _clock.elapsed_ns() + int(_TURN_S * 1e9)
    waiting: deque[Future[Appended]] = deque()
    acknowledged = number = 0
    while _clock.elapsed_ns() < until:
        while len(waiting) < _IN_FLIGHT // size:
            waiting.append(ledger.append_soon([an_event(number + n) for n in range(size)]))
            number += size
        acknowledged += len(waiting.popleft().result().positions)
        while waiting and waiting[0].done():
            acknowledged += len(waiting.popleft().result().positions)
    for future in waiting:  # answered after the bell: not counted
        future.result()
    return acknowledged


def _alone(connection: apsw.Connection, worker: int) -> int:
    """Do what the core does for each event, in a transaction of its own: find the head, chain, insert, commit."""
    until = _clock.elapsed_ns() + int(_TURN_S * 1e9)
    acknowledged = 0
    while True:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(_INSERT, _next_row(connection, worker))
        connection.execute("COMMIT")
        if _clock.elapsed_ns() >= until:
            return acknowledged
        acknowledged += 1


def _next_row(connection: apsw.Connection, worker: int) -> LedgerRow:
    """Return a row that follows the last one."""
    found = cast("list[tuple[int, bytes]]", connection.execute(_LAST).fetchall())
    pos, previous = found[0] if found else (0, GENESIS)
    event, now_ns = an_event(pos), _clock.now_ns()
    id_, stream = event.id.bytes, f"{event.stream}/{worker}"
    digest = link(
        previous,
        pos + 1,
        id_,
        now_ns,
        stream.encode(),
        1,
        event.type.encode(),
        1,
        event.actor.encode(),
        None,
        id_,
        event.data,
    )
    return (pos + 1, id_, now_ns, stream, 1, event.type, 1, event.actor, None, id_, event.data, digest)


def _check(folder: Path) -> None:
    """Hold both to the same promise: what was acknowledged is there and chained."""
    for name in ("grouped.db", "alone.db"):
        ledger: Ledger = factory("ledgers", "sqlite")(folder / name, read_only=True)
        found = ledger.verify()
        ledger.close()
        if not found.ok:
            raise Unavailable(f"{name} does not verify: {found.problem}", fix="this is a bug: report it")
