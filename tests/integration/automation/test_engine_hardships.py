"""What an engine did not ask for: its database damaged or gone, the clock set back, dozens of starts."""

from __future__ import annotations

import os
import shutil
import sqlite3  # noqa: TID251 - to make a database as another program would, which no part of ours has open
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.builders_automation import ENGINES, a_script, an_automation, an_engine, events, running, wait_for

from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Unavailable
from steersman.ledger import ANY, Appended, Ledger, NewEvent
from steersman.ledger.adapters.memory import MemoryLedger
from steersman.ledger.adapters.memory import create as memory_ledger

DAY_NS = 86_400_000_000_000


def state(root: Path) -> Path:
    folder = root / ".steersman"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


# -- the engine's own database -----------------------------------------------------------------------------------------


def garbage(file: Path) -> None:
    file.write_bytes(bytes(range(256)) * 40)


def cut_in_half(file: Path) -> None:
    with running("embedded", file.parents[1], an_automation()):
        pass
    os.truncate(file, file.stat().st_size // 2)


def of_another_program(file: Path) -> None:
    with sqlite3.connect(file) as database:
        database.execute("create table workflow_status (id)")
    database.close()


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (garbage, "file is not a database"),
        (cut_in_half, "database disk image is malformed"),
        (of_another_program, "table workflow_status already exists"),
    ],
)
def test_a_database_that_cannot_be_read_is_named_and_once_it_is_moved_away_the_engine_starts(
    harm: Callable[[Path], None], said: str, tmp_path: Path
) -> None:
    file = state(tmp_path) / "dbos.db"
    harm(file)
    with (
        pytest.raises(Unavailable, match=f"cannot be used: {said}") as refused,
        running("embedded", tmp_path, an_automation()),
    ):
        pass
    assert f"(mv {file} {file}.damaged)" in refused.value.fix
    file.rename(f"{file}.damaged")
    with running("embedded", tmp_path, an_automation()) as engine:
        assert engine.run_now("job")["job"].ok


def test_a_folder_in_place_of_the_database_is_named(tmp_path: Path) -> None:
    (state(tmp_path) / "dbos.db").mkdir()
    with pytest.raises(Unavailable) as refused, running("embedded", tmp_path, an_automation()):
        pass
    assert refused.value.fix.endswith("dbos.db is a plain file in a folder that may be written")


def deleted(file: Path) -> None:
    file.unlink()


@pytest.mark.parametrize("harm", [garbage, deleted])
def test_a_database_that_is_lost_while_a_run_goes_on_costs_that_run_nothing_and_no_start_is_lost_unsaid(
    harm: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steersman.automation.asking._PAUSES_S", (0.0, 0.0))
    ledger = memory_ledger()
    script = a_script(tmp_path, "job.sh", "while [ ! -e go ]; do sleep 0.01; done")
    with running("embedded", tmp_path, an_automation(run=script), ledger=ledger) as engine:
        engine.begin("manual", ["job"], DAY_NS)
        wait_for(lambda: events(ledger))
        harm(tmp_path / ".steersman" / "dbos.db")
        with pytest.raises(Unavailable, match=r"dbos\.db, cannot be used"):
            engine.begin("schedule", ["job"], 2 * DAY_NS)
        (tmp_path / "go").touch()
        wait_for(lambda: len(events(ledger)) == 2)
        (event,) = list(ledger.read(types=("automation.run.finished",)))
        assert engine._begin_for(["job"], event)
    words = [(kind, data.get("status"), data.get("reason", "")) for kind, data in events(ledger)]
    assert words[:2] == [("started", None, ""), ("finished", "succeeded", "")]
    assert words[2][0] == "skipped"
    assert "dbos.db, cannot be used" in words[2][2]


def test_the_status_names_a_database_that_is_gone(tmp_path: Path) -> None:
    with running("embedded", tmp_path, an_automation()):
        (tmp_path / ".steersman" / "dbos.db").unlink()
        other = an_engine("embedded", tmp_path, memory_ledger())
        assert [(f.name, f.fix) for f in other.status().facts if f.level == "fail"] == [
            ("database", "start the desk again")
        ]
        other.close()


@pytest.mark.parametrize("kind", ENGINES)
def test_a_file_in_place_of_the_folder_of_runs_fails_runs_in_words_until_it_is_gone(kind: str, tmp_path: Path) -> None:
    folder = state(tmp_path) / "runs"
    with running(kind, tmp_path, an_automation()) as engine:
        assert engine.run_now("job")["job"].ok
        shutil.rmtree(folder)
        folder.touch()
        assert engine.run_now("job")["job"].reason == f"could not be carried out: File exists ({folder})"
        folder.unlink()
        assert engine.run_now("job")["job"].ok


# -- the clock ---------------------------------------------------------------------------------------------------------


class SetBack(MemoryLedger):
    """Sets the clock back by a day the moment an attempt has ended."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock=clock)
        self._wall = clock

    def append(self, events: Sequence[NewEvent], *, expect: int = ANY) -> Appended:
        done = super().append(events, expect=expect)
        if any(event.type == "automation.run.finished" for event in events):
            self._wall.set(self._wall.now_ns() - DAY_NS)
        return done


def test_a_clock_set_back_by_a_day_makes_no_retry_wait_for_a_day(tmp_path: Path) -> None:
    clock, said = FakeClock(), list[str]()
    job = an_automation(run="false", retries=1, backoff="fixed", backoff_s=0.2)
    with running("memory", tmp_path, job, ledger=SetBack(clock), clock=clock) as engine:
        outcome = engine.run_now("job", on_progress=lambda step: said.append(step.note))["job"]
    assert (outcome.status, outcome.attempts) == ("failed", 2)
    assert any(note.endswith(" in 0.2 s") for note in said)


# -- many --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ENGINES)
def test_starts_by_the_dozen_have_one_end_each_and_threads_for_few(kind: str, tmp_path: Path) -> None:
    ledger, most = memory_ledger(), 0
    before = threading.active_count()
    with running(kind, tmp_path, an_automation(run="true"), ledger=ledger) as engine:
        for number in range(40):
            engine.begin("manual", ["job"], (number + 1) * 1_000_000_000)
            most = max(most, threading.active_count() - before)
        wait_for(lambda: len(ends(ledger)) == 40)
    assert len(set(ends(ledger))) == 40
    assert most < 60


def ends(ledger: Ledger) -> list[str]:
    return [data["run_id"] for name, data in events(ledger) if name in ("finished", "skipped")]
