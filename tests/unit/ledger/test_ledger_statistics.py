"""Counting a ledger file, and SQL that can read but do nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from steersman.kernel.clock import FakeClock, SystemClock
from steersman.kernel.errors import Misconfigured, Rejected, SteersmanError, Unavailable
from steersman.ledger import new_event
from steersman.ledger.adapters.sqlite import create
from steersman.ledger.statistics import Answer, query, statistics

DAY = 86_400_000_000_000
NOW = 1_700_006_400_000_000_000  # midnight UTC


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Three events on one day and two on the next."""
    clock = FakeClock(NOW)
    ledger = create(tmp_path / "ledger.db", clock=clock)
    for n in range(5):
        clock.set(NOW + (DAY if n > 2 else 0))
        event = new_event(
            f"a.b.{'odd' if n % 2 else 'even'}", stream=f"s/{n % 3}", data={"n": n}, actor="t", now_ns=NOW
        )
        ledger.append([event])
    ledger.close()
    return tmp_path / "ledger.db"


def ask(file: Path, sql: str, *, limit: int = 10, timeout_s: float = 30.0) -> Answer:
    return query(file, sql, clock=SystemClock(), limit=limit, timeout_s=timeout_s)


def test_statistics_count_types_days_and_streams(file: Path) -> None:
    found = statistics(file)
    assert (found.events, found.streams) == (5, 3)
    assert [(t.type, t.events, t.data_bytes) for t in found.types] == [("a.b.even", 3, 21), ("a.b.odd", 2, 14)]
    assert [(d.start_ns, d.events) for d in found.days] == [(NOW, 3), (NOW + DAY, 2)]
    assert (found.first_ns, found.last_ns) == (NOW, NOW + DAY)
    assert found.file_bytes >= file.stat().st_size
    assert len(found.head_hash) == 64


def test_an_empty_ledger_has_empty_statistics(tmp_path: Path) -> None:
    create(tmp_path / "ledger.db").close()
    found = statistics(tmp_path / "ledger.db")
    assert (found.events, found.types, found.days, found.first_ns, found.head_hash) == (0, (), (), None, "")


def test_a_query_sees_data_as_json_and_ids_as_hex(file: Path) -> None:
    found = ask(file, "SELECT pos, data ->> '$.n' AS n, recorded_at, length(id) AS ids FROM events WHERE pos < 3")
    assert found.columns == ("pos", "n", "recorded_at", "ids")
    assert found.rows == ((1, 0, "2023-11-15T00:00:00.000Z", 32), (2, 1, "2023-11-15T00:00:00.000Z", 32))
    assert not found.more


def test_the_row_limit_cuts_and_says_so(file: Path) -> None:
    assert (len((cut := ask(file, "SELECT pos FROM events", limit=3)).rows), cut.more) == (3, True)
    assert not ask(file, "SELECT pos FROM events", limit=5).more


def test_no_rows_still_have_columns(file: Path) -> None:
    assert ask(file, "SELECT pos FROM events WHERE 0") == Answer(columns=("pos",), rows=(), more=False)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM events",
        "DELETE FROM main.events",
        "UPDATE main.events SET data = x''",
        "INSERT INTO main.meta VALUES('a', 'b')",
        "DROP TRIGGER events_never_change",
        "DROP VIEW events",
        "CREATE TEMP TABLE t(x)",
        "ATTACH 'other.db' AS other",
        "VACUUM INTO 'other.db'",
        "PRAGMA writable_schema = 1",
        "BEGIN",
        "SELECT 1; DELETE FROM main.events",
        "SELECT load_extension('x')",
    ],
)
def test_whatever_is_not_one_select_is_refused_and_changes_nothing(
    file: Path, sql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    before = file.read_bytes()
    with pytest.raises(SteersmanError):
        ask(file, sql)
    assert file.read_bytes() == before
    # Readers of a file with a write-ahead log make these two themselves.
    assert {p.name for p in file.parent.iterdir()} - {"ledger.db-wal", "ledger.db-shm"} == {"ledger.db", "ledger.lock"}


def test_two_statements_are_refused(file: Path) -> None:
    with pytest.raises(Rejected, match="one statement"):
        ask(file, "SELECT 1; SELECT 2")


def test_a_mistake_in_the_sql_is_shown_with_the_columns_there_are(file: Path) -> None:
    with pytest.raises(Misconfigured, match=r"no such column: nope[^$]*recorded_at"):
        ask(file, "SELECT nope FROM events")


def test_a_query_without_end_is_stopped(file: Path) -> None:
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
    with pytest.raises(Unavailable, match="stopped after"):
        ask(file, endless, timeout_s=0.05)


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        ask(tmp_path / "none.db", "SELECT 1")
    with pytest.raises(Unavailable):
        statistics(tmp_path / "none.db")
    assert list(tmp_path.iterdir()) == []
