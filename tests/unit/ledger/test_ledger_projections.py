"""Read models: each event exactly once, whatever fails; rebuilt when the rules or the ledger are others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from steersman.kernel.errors import Misconfigured, Unavailable
from steersman.ledger import Event, Ledger, new_event
from steersman.ledger.adapters.memory import MemoryLedger
from steersman.ledger.pool import ReadPool
from steersman.ledger.projections import Database, Projection, Projector


class Seen:
    """Writes down the position of each event it wants; fails at `fails_at`, once."""

    def __init__(self, name: str = "seen", *, version: int = 1, types: tuple[str, ...] = ("*",), fails_at: int = 0):
        self.name, self.version, self.types, self.fails_at = name, version, types, fails_at

    def create(self, db: Database) -> None:
        db.execute(f"CREATE TABLE IF NOT EXISTS {self.name}(pos INTEGER)")

    def drop(self, db: Database) -> None:
        db.execute(f"DROP TABLE IF EXISTS {self.name}")

    def handle(self, db: Database, event: Event) -> None:
        if event.pos == self.fails_at:
            self.fails_at = 0
            raise RuntimeError("broken")
        db.execute(f"INSERT INTO {self.name} VALUES(?)", (event.pos,))


class SeenInBatches(Seen):
    def handle_all(self, db: Database, events: Sequence[Event]) -> None:
        for event in events:
            self.handle(db, event)


def grown(n: int, word: str = "x", ledger: Ledger | None = None) -> Ledger:
    ledger = ledger or MemoryLedger()
    kinds = ("t.a.b", "t.c.d")
    data: dict[str, object] = {"w": word}
    ledger.append([new_event(kinds[i % 2], stream="s", data=data, actor="a", now_ns=i + 1) for i in range(n)])
    return ledger


def caught_up(ledger: Ledger, path: Path, *projections: Projection) -> int:
    projector = Projector(ledger, path, projections)
    try:
        return projector.catch_up()
    finally:
        projector.close()


def rows(path: Path, name: str = "seen") -> list[int]:
    pool = ReadPool(path)
    try:
        return [pos for (pos,) in pool.rows(f"SELECT pos FROM {name} ORDER BY rowid")]
    finally:
        pool.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "p.db"


def test_each_event_is_handled_once_in_order_across_batches_and_restarts(path: Path) -> None:
    ledger = grown(2500)
    assert caught_up(ledger, path, Seen()) == 2500
    grown(10, ledger=ledger)
    assert caught_up(ledger, path, Seen()) == 10
    assert caught_up(ledger, path, Seen()) == 0
    assert rows(path) == [*range(1, 2511)]


def test_only_wanted_types_are_handled_yet_the_rest_is_passed(path: Path) -> None:
    ledger = grown(3000)
    assert caught_up(ledger, path, Seen(types=("t.c.*",))) == 1500
    assert rows(path) == [*range(2, 3001, 2)]
    assert caught_up(ledger, path, Seen(types=("t.c.*",))) == 0


@pytest.mark.parametrize("kind", [Seen, SeenInBatches])
def test_a_failure_undoes_its_batch_and_the_next_try_doubles_nothing(path: Path, kind: type[Seen]) -> None:
    ledger = grown(1500)
    projector = Projector(ledger, path, [broken := kind(fails_at=1200), Seen("other")])
    with pytest.raises(RuntimeError) as caught:
        projector.catch_up()
    assert "'seen'" in caught.value.__notes__[0]
    assert "1200" in caught.value.__notes__[0] or "1001 to 1500" in caught.value.__notes__[0]
    assert rows(path) == rows(path, "other") == [*range(1, 1001)]
    assert broken.fails_at == 0
    projector.catch_up()
    projector.close()
    assert rows(path) == rows(path, "other") == [*range(1, 1501)]


def test_another_version_is_built_anew_and_leaves_the_others_alone(path: Path) -> None:
    ledger = grown(20)
    caught_up(ledger, path, Seen(), Seen("other"))
    assert caught_up(ledger, path, Seen(version=2, types=("t.a.b",)), Seen("other")) == 10
    assert rows(path) == [*range(1, 21, 2)]
    assert rows(path, "other") == [*range(1, 21)]


def test_a_projection_that_is_new_catches_up_with_those_that_are_ahead(path: Path) -> None:
    ledger = grown(1200)
    caught_up(ledger, path, Seen())
    grown(5, ledger=ledger)
    caught_up(ledger, path, Seen(), Seen("late"))
    assert rows(path) == rows(path, "late") == [*range(1, 1206)]


def test_a_ledger_with_another_history_is_projected_anew(path: Path) -> None:
    caught_up(grown(10), path, Seen())
    assert caught_up(grown(6, "y"), path, Seen()) == 6
    assert rows(path) == [*range(1, 7)]


def test_an_older_process_is_told_that_a_newer_one_took_over(path: Path) -> None:
    ledger = grown(3)
    old = Projector(ledger, path, [Seen()])
    caught_up(ledger, path, Seen(version=2))
    with pytest.raises(Unavailable, match="another version"):
        old.catch_up()
    old.close()


def test_two_projections_of_one_name_are_refused(path: Path) -> None:
    with pytest.raises(Misconfigured, match="share a name"):
        Projector(MemoryLedger(), path, [Seen(), Seen()])


def test_read_models_that_cannot_be_written_are_an_error_with_a_name(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=f"{tmp_path} cannot be written") as told:
        Projector(MemoryLedger(), tmp_path, ())
    assert "free disk space" in told.value.fix
