"""A disk that fills up at any write: nothing acknowledged is lost, halts still get through, work goes on afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from steersman.bootstrap.notices import takes_events
from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Unavailable
from steersman.ledger import Ledger, NewEvent, new_event
from steersman.ledger.adapters.sqlite import SqliteLedger
from steersman.ledger.adapters.sqlite.ledger import STORAGE_FAILED, STORAGE_RECOVERED
from steersman.ledger.adapters.sqlite.powerloss import FullDisk

pytestmark = pytest.mark.crash
BALLAST = 1 << 16


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    found = SmallDisk(tmp_path)
    with FullDisk(found.has_room):
        yield found


class SmallDisk:
    """Has room for a number of writes; giving up the ballast makes room for some more."""

    def __init__(self, folder: Path) -> None:
        self._ballast = folder / "ledger.ballast"
        self.room = 10_000
        self.reserve = 400
        self.refused = 0

    def has_room(self) -> bool:
        if self.room > 0:
            self.room -= 1
            return True
        if not self._ballast.exists() and self.reserve > 0:
            self.reserve -= 1
            return True
        self.refused += 1
        return False

    def free_bytes(self) -> int:
        return 1 << 30 if self.room > 0 else 0


def an_event(number: int, type_: str = "trading.signal.received") -> NewEvent:
    return new_event(
        type_, stream=f"s/{number % 7}", data={"n": number, "pad": "x" * 900}, actor="test", now_ns=1_000 + number
    )


def a_ledger(path: Path, disk: SmallDisk) -> SqliteLedger:
    return SqliteLedger(
        path,
        clock=FakeClock(),
        vfs=None,
        synchronous="FULL",
        ballast_bytes=BALLAST,
        free_bytes=disk.free_bytes,
        checkpoint_pages=20,
    )


def numbers() -> Iterator[int]:
    number = 0
    while True:
        number += 1
        yield number


def fill(ledger: Ledger, count: int, at: Iterator[int]) -> tuple[list[NewEvent], list[NewEvent], list[Unavailable]]:
    """Append until `count` appends were made; return what was acknowledged, what was refused and how."""
    taken: list[NewEvent] = []
    refused: list[NewEvent] = []
    errors: list[Unavailable] = []
    for _ in range(count):
        events = [an_event(next(at)) for _ in range(3)]
        try:
            ledger.append(events)
            taken += events
        except Unavailable as exc:
            refused += events
            errors.append(exc)
    return taken, refused, errors


# Every write of the first appends one by one, then through checkpoints in the file itself and restarts of the log.
@pytest.mark.parametrize("room", [*range(24), *range(24, 200, 11)])
def test_a_disk_full_at_any_write_loses_nothing_and_lets_the_halt_through(
    tmp_path: Path, disk: SmallDisk, room: int
) -> None:
    path = tmp_path / "ledger.db"
    at = numbers()
    ledger = a_ledger(path, disk)
    try:
        before, _, _ = fill(ledger, 2, at)
        disk.room = room
        taken, refused, errors = fill(ledger, 40, at)
        assert errors, "the disk never filled up: the test shows nothing"
        assert disk.refused > 0
        assert ledger.trouble == "the disk is full"
        assert all("MB or more" in error.fix for error in errors)

        halt = an_event(next(at), "policy.halt.raised")
        ledger.append([halt])

        # Durable truth, read while the disk is still full, by a connection of its own.
        stored = {event.id for event in ledger.read()}
        assert {e.id for e in (*before, *taken, halt)} <= stored
        assert not {e.id for e in refused} & stored
        assert STORAGE_FAILED in {event.type for event in ledger.read()}

        disk.room = 10_000
        ledger.append(refused)  # the same ids: they were not recorded, now they are
        assert ledger.trouble == ""
    finally:
        ledger.close()
    again = a_ledger(path, disk)
    try:
        events = list(again.read())
        assert again.verify().ok
    finally:
        again.close()
    ids = [event.id for event in events]
    assert len(ids) == len(set(ids))
    assert {e.id for e in (*before, *taken, *refused, halt)} <= set(ids)
    kinds = [event.type for event in events]
    assert kinds.index(STORAGE_FAILED) < kinds.index(STORAGE_RECOVERED)


def test_a_refusal_says_what_happened_and_what_to_do(tmp_path: Path, disk: SmallDisk) -> None:
    ledger = a_ledger(tmp_path / "ledger.db", disk)
    try:
        disk.room = 0
        with pytest.raises(Unavailable, match="the disk is full; this one was not recorded") as caught:
            ledger.append([an_event(1)])
        assert "free 1 MB or more on the disk of" in caught.value.fix
        assert not (tmp_path / "ledger.ballast").exists()
    finally:
        ledger.close()


def test_a_halt_is_refused_honestly_when_even_the_reserve_is_used_up(tmp_path: Path, disk: SmallDisk) -> None:
    ledger = a_ledger(tmp_path / "ledger.db", disk)
    try:
        disk.room = disk.reserve = 0
        halt = an_event(1, "policy.halt.raised")
        with pytest.raises(Unavailable):
            ledger.append([halt])
        disk.room = 10_000
        assert ledger.get(halt.id) is None
        assert ledger.append([halt]).repeated == 0
    finally:
        ledger.close()


def test_a_ledger_that_refuses_is_not_well_although_halts_still_get_through(tmp_path: Path, disk: SmallDisk) -> None:
    with closing(a_ledger(tmp_path / "ledger.db", disk)) as ledger:
        ledger.append([an_event(1, "kernel.core.started"), an_event(2)])
        assert takes_events(ledger)
        disk.room = 0
        with pytest.raises(Unavailable):
            ledger.append([an_event(3)])
        ledger.append([an_event(4, "policy.halt.set")])
        assert not takes_events(ledger)
        disk.room = 10_000
        assert takes_events(ledger)


def test_the_ballast_is_taken_back_once_there_is_room(tmp_path: Path, disk: SmallDisk) -> None:
    ledger = a_ledger(tmp_path / "ledger.db", disk)
    ballast = tmp_path / "ledger.ballast"
    try:
        disk.room = 0
        with pytest.raises(Unavailable):
            ledger.append([an_event(1)])
        assert not ballast.exists()
        disk.room = 10_000
        ledger.append([an_event(2)])
        assert ballast.stat().st_size == BALLAST
    finally:
        ledger.close()
