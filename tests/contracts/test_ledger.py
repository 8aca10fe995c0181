"""What every ledger promises (ledger/ports.py), run on each adapter; then what only the file can break."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import apsw
import pytest

from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Conflict, Rejected
from steersman.ledger import Ledger, NewEvent, new_event
from steersman.ledger.adapters import memory, socket, sqlite
from steersman.ledger.anchor import anchor, check_anchors
from steersman.ledger.chain import GENESIS

NOW = 1_700_000_000_000_000_000
PATIENCE_S = 30.0


def an_event(number: int = 1, *, type: str = "test.thing.happened", stream: str = "thing/1", **more: Any) -> NewEvent:
    return new_event(type, stream=stream, data={"n": number}, actor="test", now_ns=NOW + number, **more)


@contextmanager
def _memory(_: Path) -> Iterator[Ledger]:
    ledger = memory.create(clock=FakeClock(NOW))
    yield ledger
    ledger.close()


@contextmanager
def _sqlite(folder: Path) -> Iterator[Ledger]:
    ledger = sqlite.create(folder / "ledger.db", clock=FakeClock(NOW))
    yield ledger
    ledger.close()


@contextmanager
def _socket(folder: Path) -> Iterator[Ledger]:
    core = sqlite.create(folder / "ledger.db", clock=FakeClock(NOW))
    assert isinstance(core, sqlite.SqliteLedger)
    server = socket.serve(core, folder / "core.sock")
    client = socket.create(folder / "core.sock", folder / "ledger.db")
    try:
        yield client
    finally:
        client.close()
        server.close()
        core.close()


ADAPTERS: dict[str, Callable[[Path], Any]] = {"memory": _memory, "sqlite": _sqlite, "socket": _socket}


@pytest.fixture(params=ADAPTERS)
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    with ADAPTERS[request.param](tmp_path) as made:
        yield made


def positions(events: Any) -> list[int]:
    return [event.pos for event in events]


def test_an_empty_ledger_has_a_head_of_zeros_and_is_sound(ledger: Ledger) -> None:
    assert ledger.head().pos == 0
    assert ledger.head().hash == GENESIS
    assert list(ledger.read()) == []
    assert ledger.verify().ok


def test_events_are_read_back_in_the_order_they_were_appended_and_as_they_were(ledger: Ledger) -> None:
    given = [an_event(n, stream=f"thing/{n % 3}") for n in range(1, 8)]
    assert ledger.append(given).positions == (1, 2, 3, 4, 5, 6, 7)
    found = list(ledger.read())
    assert positions(found) == [1, 2, 3, 4, 5, 6, 7]
    for new, stored in zip(given, found, strict=True):
        for field in ("id", "type", "stream", "data", "actor", "schema", "causation_id", "correlation_id"):
            assert getattr(stored, field) == getattr(new, field)
        assert stored.recorded_at == NOW
    assert [event.version for event in found] == [1, 1, 1, 2, 2, 2, 3]


def test_the_bytes_of_data_are_kept_exactly(ledger: Ledger) -> None:
    data = '{ "a" : 1.50,  "ü": "\\u00fc" }'.encode()
    event = NewEvent(id=UUID(int=7), type="t.u.v", stream="s", data=data, actor="a")
    ledger.append([event])
    found = ledger.get(UUID(int=7))
    assert found is not None
    assert found.data == data


def test_a_refused_append_leaves_nothing_behind(ledger: Ledger) -> None:
    ledger.append([an_event(1)])
    with pytest.raises(Conflict):
        ledger.append([an_event(2), an_event(3, stream="thing/2")], expect=0)
    with pytest.raises(Rejected):
        ledger.append([an_event(4), an_event(5, stream="")])
    assert positions(ledger.read()) == [1]
    assert ledger.stream_version("thing/2") == 0


@pytest.mark.parametrize(
    "data", [b"", b"{", b"nonsense", b'"\xff"', b"x" * 5_000_000], ids=["empty", "cut", "word", "no utf-8", "5 MB"]
)
def test_data_that_is_not_json_is_rejected(ledger: Ledger, data: bytes) -> None:
    with pytest.raises(Rejected):
        ledger.append([NewEvent(id=UUID(int=1), type="t.u.v", stream="s", data=data, actor="a")])
    with pytest.raises(Rejected):
        ledger.append([])
    assert ledger.head().pos == 0


def test_appending_again_with_the_same_ids_gives_the_old_positions_and_writes_nothing(ledger: Ledger) -> None:
    first = [an_event(1), an_event(2)]
    once = ledger.append(first, expect=0)
    ledger.append([an_event(3)])
    again = ledger.append(first, expect=0)  # a retry after a lost answer, with what it expected then
    assert again.positions == once.positions == (1, 2)
    assert (once.repeated, again.repeated) == (0, 2)
    assert ledger.head().pos == 3


def test_a_repeat_beside_something_new_writes_only_the_new(ledger: Ledger) -> None:
    ledger.append([an_event(1)])
    mixed = ledger.append([repeat := an_event(1, id=next(ledger.read()).id), an_event(2), repeat])
    assert (mixed.positions, mixed.repeated) == ((1, 2, 1), 2)


@pytest.mark.parametrize(
    "change", [{"stream": "thing/9"}, {"type": "test.other.happened"}, {"number": 9}, {"schema": 2}]
)
def test_an_id_that_is_taken_by_other_content_is_a_conflict(ledger: Ledger, change: dict[str, Any]) -> None:
    ledger.append([first := an_event(1)])
    arguments: dict[str, Any] = {"number": 1, "id": first.id} | change
    with pytest.raises(Conflict, match="says something else"):
        ledger.append([an_event(**arguments)])
    assert ledger.head().pos == 1


def test_an_expected_version_must_be_the_one_found(ledger: Ledger) -> None:
    ledger.append([an_event(1)], expect=0)
    ledger.append([an_event(2)], expect=1)
    for wrong in (0, 1, 3):
        with pytest.raises(Conflict, match="somebody wrote first"):
            ledger.append([an_event(10 + wrong)], expect=wrong)
    assert ledger.stream_version("thing/1") == 2
    with pytest.raises(ValueError, match="expect"):
        ledger.append([an_event(4)], expect=-2)


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    """Two streams and types in turn; odd ones share the first one's correlation."""
    root = an_event(1, type="a.b.made", stream="s/1")
    ledger.append([root])
    for n in range(2, 11):
        if n % 2:
            ledger.append([an_event(n, type="a.b.made", stream="s/1", cause=root)])
        else:
            ledger.append([an_event(n, type="a.bc.made" if n % 4 else "z.y.made", stream="s/2")])
    return ledger


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, [*range(1, 11)]),
        ({"after": 8}, [9, 10]),
        ({"after": 10}, []),
        ({"limit": 3}, [1, 2, 3]),
        ({"limit": 0}, []),
        ({"after": 2, "limit": 2}, [3, 4]),
        ({"types": ["a.b.made"]}, [1, 3, 5, 7, 9]),
        ({"types": ["a.b.*"]}, [1, 3, 5, 7, 9]),
        ({"types": ["a.*"]}, [1, 2, 3, 5, 6, 7, 9, 10]),
        ({"types": ["a.bc.made", "z.*"]}, [2, 4, 6, 8, 10]),
        ({"types": ["*"]}, [*range(1, 11)]),
        ({"types": []}, []),
        ({"types": ["a.%"]}, []),
        ({"stream": "s/2"}, [2, 4, 6, 8, 10]),
        ({"stream": "s/2", "after": 4, "limit": 2, "types": ["a.*"]}, [6, 10]),
        ({"stream": "s"}, []),
    ],
)
def test_a_reader_gets_what_it_asks_for(filled: Ledger, asked: dict[str, Any], found: list[int]) -> None:
    assert positions(filled.read(**asked)) == found


def test_all_that_followed_from_one_event_is_found_by_its_correlation(filled: Ledger) -> None:
    root = next(filled.read())
    found = list(filled.read(correlation_id=root.correlation_id))
    assert positions(found) == [1, 3, 5, 7, 9]
    assert {event.causation_id for event in found[1:]} == {root.id}


def test_reading_more_than_fits_one_chunk_misses_and_repeats_nothing(ledger: Ledger) -> None:
    ledger.append([an_event(n) for n in range(2500)])
    assert positions(ledger.read()) == [*range(1, 2501)]
    assert positions(ledger.read(after=400, limit=1700, stream="thing/1")) == [*range(401, 2101)]


def test_get_finds_by_id_and_says_none_otherwise(filled: Ledger) -> None:
    fifth = next(filled.read(after=4))
    assert filled.get(fifth.id) == fifth
    assert filled.get(UUID(int=0)) is None


def test_a_subscriber_gets_what_was_there_and_then_what_comes(ledger: Ledger) -> None:
    ledger.append([an_event(1), an_event(2)])
    live = ledger.subscribe(after=1)
    assert positions(live.next(PATIENCE_S)) == [2]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(live.next, PATIENCE_S)
        ledger.append([an_event(3)])
        assert positions(waiting.result(PATIENCE_S)) == [3]
    live.close()


def test_a_subscriber_to_whom_nothing_comes_gets_nothing(ledger: Ledger) -> None:
    live = ledger.subscribe(after=0)
    assert list(live.next(0.0)) == []
    live.close()


def test_head_and_verify_agree_with_what_is_stored(filled: Ledger) -> None:
    last = list(filled.read())[-1]
    assert (filled.head().pos, filled.head().hash) == (10, last.hash)
    assert (found := filled.verify()).ok
    assert (found.checked, found.head, found.problem, found.first_bad) == (10, filled.head(), "", None)
    part = filled.verify(after=3, until=7)
    assert (part.ok, part.checked, part.head.pos) == (True, 4, 7)


def test_the_same_events_give_the_same_chain_on_every_adapter(tmp_path: Path) -> None:
    given = [an_event(n, stream=f"thing/{n % 2}") for n in range(5)]
    heads = set()
    for name, make in ADAPTERS.items():
        (tmp_path / name).mkdir()
        with make(tmp_path / name) as ledger:
            ledger.append(given)
            heads.add(ledger.head().hash)
    assert len(heads) == 1


def test_futures_are_kept_in_the_order_they_were_asked_for(ledger: Ledger) -> None:
    futures = [ledger.append_soon([an_event(n)]) for n in range(200)]
    assert [f.result(PATIENCE_S).last for f in futures] == [*range(1, 201)]
    assert [event.data for event in ledger.read()] == [b'{"n":%d}' % n for n in range(200)]


def test_a_refused_future_says_why_and_costs_its_neighbours_nothing(ledger: Ledger) -> None:
    good, bad, also_good = (
        ledger.append_soon([an_event(1)]),
        ledger.append_soon([an_event(2)], expect=5),
        ledger.append_soon([an_event(3)]),
    )
    assert good.result(PATIENCE_S).last == 1
    assert isinstance(bad.exception(PATIENCE_S), Conflict)
    assert also_good.result(PATIENCE_S).last == 2


def test_threads_that_append_at_once_lose_and_double_nothing(ledger: Ledger) -> None:
    start = threading.Barrier(6)

    def work(worker: int) -> list[int]:
        start.wait(PATIENCE_S)
        return [ledger.append([an_event(worker * 1000 + n, stream=f"w/{worker}")]).last for n in range(40)]

    with ThreadPoolExecutor(6) as pool:
        mine = list(pool.map(work, range(6)))
    assert sorted(pos for found in mine for pos in found) == [*range(1, 241)]
    for worker, found in enumerate(mine):
        assert found == positions(ledger.read(stream=f"w/{worker}"))
        assert [e.version for e in ledger.read(stream=f"w/{worker}")] == [*range(1, 41)]
    assert ledger.verify().ok


def test_of_many_who_expect_the_same_version_one_wins(ledger: Ledger) -> None:
    def attempt(worker: int) -> bool:
        try:
            ledger.append([an_event(worker)], expect=0)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(attempt, range(12))) == 1
    assert ledger.head().pos == 1


# The file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A closed ledger file of 20 events."""
    path = tmp_path / "ledger.db"
    ledger = sqlite.create(path, clock=FakeClock(NOW))
    ledger.append([an_event(n) for n in range(1, 21)])
    ledger.close()
    return path


def edit(path: Path, sql: str) -> None:
    """Do what an intruder with a SQLite shell would: drop what guards the table, then change it."""
    connection = apsw.Connection(str(path))
    connection.execute("DROP TRIGGER events_never_change; DROP TRIGGER events_never_go")
    connection.execute(sql)
    connection.close()


def test_a_reopened_file_goes_on_where_it_was(file: Path) -> None:
    ledger = sqlite.create(file, clock=FakeClock(NOW))
    assert ledger.append([an_event(99)], expect=20).last == 21
    assert ledger.verify().checked == 21
    ledger.close()


def test_a_second_writer_is_refused_and_told_who_the_first_is(file: Path) -> None:
    first = sqlite.create(file)
    with pytest.raises(Conflict, match=f"process {os.getpid()} "):
        sqlite.create(file)
    first.close()
    sqlite.create(file).close()


@pytest.mark.parametrize("sql", ["UPDATE events SET actor = 'x' WHERE pos = 3", "DELETE FROM events WHERE pos = 20"])
def test_the_file_itself_refuses_edits(file: Path, sql: str) -> None:
    connection = apsw.Connection(str(file))
    with pytest.raises(apsw.ConstraintError, match="never"):
        connection.execute(sql)
    connection.close()


@pytest.mark.parametrize(
    "column",
    [
        "id = zeroblob(16)",
        "ts = ts + 1",
        "stream = 'thing/2'",
        "ver = 99",
        "type = 'test.thing.unhappened'",
        "schema = 2",
        "actor = 'somebody'",
        "cause = zeroblob(16)",
        "corr = NULL",
        "data = CAST('{\"n\":8}' AS BLOB)",
        "hash = zeroblob(32)",
    ],
)
def test_a_change_to_any_column_is_found_at_its_position(file: Path, column: str) -> None:
    edit(file, f"UPDATE events SET {column} WHERE pos = 7")
    ledger = sqlite.create(file, read_only=True)
    found = ledger.verify()
    assert (found.ok, found.first_bad, found.checked) == (False, 7, 6)
    assert "7" in found.problem
    ledger.close()


def test_an_event_taken_out_of_the_middle_is_found(file: Path) -> None:
    edit(file, "DELETE FROM events WHERE pos = 7")
    ledger = sqlite.create(file, read_only=True)
    found = ledger.verify()
    assert (found.ok, found.first_bad) == (False, 7)
    assert "missing" in found.problem
    ledger.close()


def test_a_cut_tail_passes_the_chain_but_not_the_anchor(file: Path, tmp_path: Path) -> None:
    ledger = sqlite.create(file, read_only=True)
    anchor(ledger, tmp_path / "head.anchor", FakeClock(NOW))
    ledger.close()
    edit(file, "DELETE FROM events WHERE pos > 15")
    cut = sqlite.create(file, read_only=True)
    assert cut.verify().ok
    assert "5 events are gone" in check_anchors(cut, tmp_path / "head.anchor")
    cut.close()
