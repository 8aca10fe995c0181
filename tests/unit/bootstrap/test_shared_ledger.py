"""The ledger of those who come and go: writes for a moment, lets go, waits for others, finds a core."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from steersman.bootstrap.access import SharedLedger, open_writer, patiently
from steersman.bootstrap.served import served
from steersman.kernel.errors import Conflict, Unavailable
from steersman.ledger import NewEvent, new_event


def an_event(number: int = 0) -> NewEvent:
    return new_event(
        "script.test.done", stream="script/test", data={"n": number}, actor="script:test", now_ns=number + 1
    )


def a_core_runs(ledger: SharedLedger) -> bool:
    return ledger.core_runs


@pytest.fixture
def place(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "ledger.db", tmp_path / "core.sock"


@pytest.fixture
def ledger(place: tuple[Path, Path]) -> Iterator[SharedLedger]:
    found = SharedLedger(*place, patience_s=30)
    yield found
    found.close()


@pytest.fixture
def impatient(place: tuple[Path, Path]) -> Iterator[SharedLedger]:
    found = SharedLedger(*place, patience_s=0.2)
    yield found
    found.close()


def test_after_an_append_anybody_else_may_write(ledger: SharedLedger, place: tuple[Path, Path]) -> None:
    assert ledger.append([an_event()]).last == 1
    other = open_writer(place[0])
    assert other.append([an_event(1)]).last == 2
    other.close()
    assert ledger.append([an_event(2)]).last == 3
    assert [event.pos for event in ledger.read()] == [1, 2, 3]


def test_who_stays_the_writer_is_named(impatient: SharedLedger, place: tuple[Path, Path]) -> None:
    other = open_writer(place[0])
    with pytest.raises(Unavailable, match="writes this ledger already"):
        impatient.append([an_event()])
    other.close()
    assert impatient.append([an_event()]).last == 1


def test_threads_and_ledgers_that_append_at_once_wait_for_each_other(place: tuple[Path, Path]) -> None:
    def work(number: int) -> None:
        mine = SharedLedger(*place)
        for step in range(5):
            mine.append([an_event(number * 10 + step)])
        mine.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reader = SharedLedger(*place)
    assert reader.head().pos == 30
    assert reader.verify().ok
    reader.close()


def test_a_core_that_starts_is_used_and_one_that_ended_is_done_without(
    ledger: SharedLedger, place: tuple[Path, Path]
) -> None:
    ledger.append([an_event()])
    with served(*place) as core:
        assert a_core_runs(ledger)
        ledger.append([an_event(1)])
        assert core.head().pos == 2
        tail = ledger.subscribe(after=1)
        assert [event.pos for event in tail.next(5.0)] == [2]
        tail.close()
    assert not a_core_runs(ledger)
    assert ledger.append([an_event(2)]).last == 3


def test_an_append_for_later_is_made_at_once_and_its_failure_is_in_the_future(
    impatient: SharedLedger, place: tuple[Path, Path]
) -> None:
    assert impatient.append_soon([an_event()]).result().last == 1
    other = open_writer(place[0])
    assert isinstance(impatient.append_soon([an_event(1)]).exception(), Unavailable)
    other.close()


def test_who_takes_over_waits_for_one_event_and_not_for_a_writer_that_stays(place: tuple[Path, Path]) -> None:
    other = open_writer(place[0])
    with pytest.raises(Conflict, match="writes this ledger already"):
        patiently(lambda: open_writer(place[0]), patience_s=0.05)
    threading.Timer(0.05, other.close).start()
    patiently(lambda: open_writer(place[0]), patience_s=10).close()
