"""kill -9 of the process that owns the ledger, again and again, while another one appends through its socket."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from uuid import UUID

import pytest

from steersman.bootstrap.plugins import factory
from steersman.kernel.clock import SystemClock
from steersman.ledger import new_event
from steersman.ledger.adapters.sqlite import create

pytestmark = pytest.mark.crash
KILLS = 10

# The load: appends of 1 to 40 events from three threads; an append without a known outcome is repeated with the same
# ids until it is answered. Each acknowledgement is a line: the ids, then their positions.
_LOAD = """
import random, sys, threading
from pathlib import Path
from steersman.kernel.clock import SystemClock
from steersman.kernel.errors import Unavailable
from steersman.ledger import new_event
from steersman.ledger.adapters.socket import create

ledger = create(Path(sys.argv[2]), Path(sys.argv[1]), timeout_s=30.0, reconnect_s=0.2)
clock, stop, printing, wait = SystemClock(), threading.Event(), threading.Lock(), threading.Event()

def work(worker):
    rng = random.Random(worker)
    while not stop.is_set():
        events = [
            new_event("test.thing.happened", stream=f"w/{worker}", data={"n": rng.random()}, actor="load",
                      now_ns=clock.now_ns())
            for _ in range(rng.choice((1, 1, 1, 5, 40)))
        ]
        while True:
            try:
                done = ledger.append(events)
                break
            except Unavailable:
                wait.wait(0.01)
        with printing:
            print(" ".join(e.id.hex for e in events), "|", *done.positions, "|", done.repeated, flush=True)

threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
for thread in threads:
    thread.start()
sys.stdin.read()
stop.set()
for thread in threads:
    thread.join()
ledger.close()
"""


class Load:
    """The appending process, and everything it was told is durable."""

    def __init__(self, ledger: Path, socket: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _LOAD, str(ledger), str(socket)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.acknowledged: list[tuple[UUID, int]] = []
        self.repeated = 0
        self._more = threading.Condition()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            ids, positions, repeated = (part.split() for part in line.split("|"))
            with self._more:
                self.acknowledged += zip(map(UUID, ids), map(int, positions), strict=True)
                self.repeated += int(repeated[0])
                self._more.notify_all()

    def wait_for(self, count: int) -> None:
        """Wait until `count` more events were acknowledged."""
        with self._more:
            goal = len(self.acknowledged) + count
            assert self._more.wait_for(lambda: len(self.acknowledged) >= goal, timeout=60), "the load stands still"

    def seen(self) -> list[tuple[UUID, int]]:
        with self._more:
            return list(self.acknowledged)

    def finish(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        assert self.process.wait(60) == 0
        self._thread.join()
        self.process.stdout.close()


def a_core(ledger: Path, socket: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "steersman.bootstrap.served", str(ledger), str(socket)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def end(process: subprocess.Popen[str], *, kill: bool) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    if kill:
        process.kill()
    process.stdin.close()
    assert process.wait(60) == (-9 if kill else 0)
    process.stdout.close()


def test_a_core_killed_again_and_again_loses_and_doubles_nothing(tmp_path: Path) -> None:
    ledger, socket = tmp_path / "ledger.db", tmp_path / "core.sock"
    rng, pause = random.Random(5), threading.Event()
    core = a_core(ledger, socket)
    load = Load(ledger, socket)
    try:
        for _ in range(KILLS):
            load.wait_for(rng.randint(1, 60))
            pause.wait(rng.random() * 0.02)  # anywhere within a commit, not only after one
            end(core, kill=True)
            due = load.seen()
            _holds(ledger, due)
            core = a_core(ledger, socket)
        load.wait_for(50)
    finally:
        load.finish()
        end(core, kill=False)
    _holds(ledger, load.seen())
    stored = create(ledger, read_only=True)
    counts = Counter(event.id for event in stored.read())
    stored.close()
    assert set(counts.values()) == {1}
    assert set(counts) == {id_ for id_, _ in load.acknowledged}, "every append was answered in the end"


def _holds(ledger: Path, acknowledged: list[tuple[UUID, int]]) -> None:
    """Check the file as it is on disk: the chain, and each acknowledged event where it was said to be."""
    stored = create(ledger, read_only=True)
    try:
        assert stored.verify().ok
        found = {event.pos: event.id for event in stored.read()}
    finally:
        stored.close()
    assert acknowledged
    assert [found.get(pos) for _, pos in acknowledged] == [id_ for id_, _ in acknowledged]


def test_the_same_ids_after_an_unknown_outcome_give_the_old_positions(tmp_path: Path) -> None:
    ledger, socket = tmp_path / "ledger.db", tmp_path / "core.sock"
    core = a_core(ledger, socket)
    client = factory("ledgers", "socket")(socket, ledger)
    events = [
        new_event("test.thing.happened", stream="s", data={"n": n}, actor="test", now_ns=SystemClock().now_ns())
        for n in range(5)
    ]
    first = client.append(events)
    end(core, kill=True)
    core = a_core(ledger, socket)
    again = client.append(events)
    client.close()
    end(core, kill=False)
    assert (again.positions, again.repeated) == (first.positions, 5)
