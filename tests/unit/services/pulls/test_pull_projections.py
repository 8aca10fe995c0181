"""What pulls cost and saved, from events alone."""

from __future__ import annotations

from pathlib import Path

import apsw
from tests.builders_pulls import Answer, Rig, a_site, bars

from steersman.kernel.clock import FakeClock
from steersman.ledger.projections import Projector
from steersman.services.commons.adapters.memory import MemoryCommons, MemoryServer
from steersman.services.pulls import history, queries
from steersman.services.pulls.projections import PROJECTIONS


class _Database:
    def __init__(self, path: Path) -> None:
        self._connection = apsw.Connection(str(path))

    def execute(self, sql: str, params: object = ()) -> list[tuple[object, ...]]:
        return self._connection.execute(sql, params).fetchall()  # type: ignore[arg-type]  # as apsw takes them

    def executemany(self, sql: str, rows: object) -> None:
        self._connection.executemany(sql, rows)  # type: ignore[arg-type]  # as apsw takes them


def test_calls_and_bytes_saved_are_counted_by_pull_and_by_script(tmp_path: Path) -> None:
    with a_site(Answer(), Answer(), Answer(status=404)) as site:
        with Rig(tmp_path, bars(site, 'stale_if_error = "1h"')) as rig:
            size = rig.pull(who="automation:a").receipt.size_bytes
            for _ in range(4):
                rig.pull(who="automation:b")
            rig.advance(61)
            rig.pull(who="automation:a")
            rig.advance(61)
            rig.pull(who="automation:b")
        assert site.calls == 3
    db = _projected(rig, tmp_path)
    (key,) = queries.keys(db)
    (pull,) = queries.pulls(db)
    total = queries.totals(db)
    first, second = queries.by_reader(db)
    assert (key.upstream_calls, key.served, key.served_stale, key.failed, key.rows) == (3, 5, 1, 1, 3)
    assert key.last_problem == "answered 404"
    assert (pull.calls_saved, pull.bytes_saved, pull.keys) == (5, 5 * size, 1)
    assert (total.upstream_calls, total.calls_saved) == (3, 5)
    assert (first.who, first.calls_saved, first.upstream_calls) == ("automation:b", 5, 0)
    assert (second.who, second.calls_saved, second.upstream_calls) == ("automation:a", 0, 2)


def test_a_call_of_another_machine_is_none_of_ours_and_its_data_and_checks_are(tmp_path: Path) -> None:
    clock = FakeClock()
    server = MemoryServer(clock)
    with a_site() as site:
        for name in ("left", "right"):
            (tmp_path / name).mkdir()
            with Rig(tmp_path / name, bars(site), clock=clock, commons=MemoryCommons(server)) as rig:
                given = rig.pull()
        assert site.calls == 1
    db = _projected(rig, tmp_path)
    (key,) = queries.keys(db)
    (reader,) = queries.by_reader(db)
    assert (key.upstream_calls, key.pulled, key.fetched, key.served) == (0, 0, 1, 1)
    assert (key.rows, key.bytes_saved, key.last_pulled_at) == (3, given.receipt.size_bytes, given.receipt.pulled_at)
    assert (reader.calls_saved, reader.upstream_calls) == (1, 0)
    assert history.receipts(db)["bars"].checks == given.receipt.checks


def _projected(rig: Rig, folder: Path) -> _Database:
    projector = Projector(rig.ledger, folder / "projections.db", PROJECTIONS)
    projector.catch_up()
    projector.close()
    return _Database(folder / "projections.db")
