"""What a durable commit costs against the least it could: writing the same bytes to a file and syncing it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from steersman.bench.measure import in_turns, on_disk, row_of, seconds
from steersman.bench.row import Row
from steersman.bootstrap.plugins import factory
from steersman.kernel.clock import SystemClock
from steersman.ledger import Ledger, NewEvent, new_event

_ROUNDS: Final = 12
_TARGETS: Final = {1: 2.5, 128: 3.0}
_COMMITS: Final = {1: 60, 128: 15}
_clock = SystemClock()
T = TypeVar("T")


def an_event(number: int) -> NewEvent:
    """Return an event of ordinary size: a signal with a dozen fields."""
    data: dict[str, object] = {
        "signal_id": f"{number:032x}",
        "strategy": "trend",
        "instrument": "AAPL",
        "venue": "paper",
        "side": "buy",
        "quantity": "12",
        "limit_price": "187.25",
        "reason": "20-day high with the volume to carry it",
        "at": _clock.now_ns(),
    }
    return new_event(
        "trading.signal.received", stream=f"signal/{number}", data=data, actor="strategy:trend", now_ns=_clock.now_ns()
    )


def run() -> list[Row]:
    """Measure wall time per commit, in turns with the plain file."""
    with on_disk() as folder:
        ledger: Ledger = factory("ledgers", "sqlite")(folder / "ledger.db")
        log = os.open(folder / "plain.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            return [row for size in _TARGETS for row in _measure(ledger, log, size)]
        finally:
            os.close(log)
            ledger.close()


def _measure(ledger: Ledger, log: int, size: int) -> list[Row]:
    count = _COMMITS[size]
    numbers = iter(range(1 << 30))

    def prepared() -> list[list[NewEvent]]:
        return [[an_event(next(numbers)) for _ in range(size)] for _ in range(count)]

    def ours() -> float:
        return _per_commit(prepared(), ledger.append)

    def peer() -> float:
        plain = [b"".join(map(msgspec.msgpack.encode, events)) for events in prepared()]

        def commit(raw: bytes) -> None:
            os.write(log, raw)
            os.fdatasync(log)

        return _per_commit(plain, commit)

    turns = in_turns(ours, peer, rounds=_ROUNDS)
    what = f"durable commit of {size}"
    milliseconds = [s * 1000 for s in turns.ours]
    return [
        row_of(
            "commit", what, turns.ratios, "x", at_most=_TARGETS[size], compared_with="write + fdatasync of the bytes"
        ),
        row_of("commit", f"{what}, time", milliseconds, "ms"),
    ]


def _per_commit(batches: list[T], commit: Callable[[T], object]) -> float:
    def all_of_them() -> None:
        for batch in batches:
            commit(batch)

    return seconds(all_of_them) / len(batches)
