"""`[engine]` of the dbos engine: what is refused, with its line and without its secret; names that tell who lives."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders_automation import a_request, an_automation, events

from steersman.automation import Manifest
from steersman.automation.adapters.dbos.database import address, application, lock_key
from steersman.automation.adapters.dbos.engine import DbosEngine
from steersman.automation.adapters.dbos.settings import DbosSettings, place
from steersman.automation.adapters.dbos.starts import Start, Starts, still_wanted
from steersman.automation.adapters.embedded.worker import Register, Worker, named, this_process
from steersman.automation.model.cycle import scheduled_cycle
from steersman.automation.model.outcome import run_id
from steersman.bootstrap.workspace import engine_settings
from steersman.kernel.clock import SystemClock
from steersman.kernel.errors import Misconfigured, Unavailable
from steersman.kernel.toml_file import TomlFile
from steersman.ledger.adapters.memory import create as memory_ledger


def settings(*lines: str) -> DbosSettings:
    text = "\n".join(["[engine]", 'kind = "dbos"', *lines])
    found = engine_settings(TomlFile(text, name="steersman.toml"), Path())
    assert isinstance(found, DbosSettings)
    return found


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "engine.database: is missing"),
        ('database = "postgresql://me:hunter2@db/x"', "steersman.toml:3: engine.database: carries a password in plain"),
        ('database = "postgresql://db/x?password=hunter2"', "carries a password in plain text"),
        ('database = "mysql://me:hunter2@db/x"', "is not a postgresql:// address"),
        ('database = "postgresql://db"', "names no database"),
        ('database = "postgresql://db:hunter2/x"', "is not an address"),
        ('database = "env:"', "without the name of a variable"),
        ('database = "env:X"\nschema = "Robert; DROP"', "engine.schema: found 'Robert; DROP'"),
        ('database = "env:X"\nschema = "pg_mine"', "engine.schema"),
        ('database = "env:X"\napplication = "A b"', "engine.application"),
        ('database = "env:X"\nconcurrency = 0', "engine.concurrency: found 0, allowed: 1 to 10000"),
        ('database = "env:X"\nworkers = 101', "engine.workers: found 101, allowed: 1 to 100"),
        ('database = "env:X"\npoll = "1ms"', "engine.poll: found 1ms, allowed: 20ms to 10s"),
        ('database = "env:X"\npoll = "soon"', "'soon' is not a span"),
        ('database = "env:X"\nmax_processes = 0', "engine.max_processes"),
        ('database = "env:X"\nworker = 2', "did you mean `workers`"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_line_and_without_the_secret(line: str, said: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        settings(line)
    assert said in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_database_may_be_named_by_reference_or_without_a_password(tmp_path: Path) -> None:
    assert settings('database = "postgresql://me@db:5433/x"').database == "postgresql://me@db:5433/x"
    secret = tmp_path / "url"
    secret.write_text("postgresql://me:hunter2@db/x\n")
    secret.chmod(0o600)
    assert address(settings('database = "file:url"'), tmp_path) == "postgresql://me:hunter2@db/x"
    secret.write_text("hunter2")
    with pytest.raises(Misconfigured, match="what file:url holds is not a postgresql:// address") as refused:
        address(settings('database = "file:url"'), tmp_path)
    assert "hunter2" not in str(refused.value)


def test_a_place_shows_no_user_and_no_secret() -> None:
    assert place("postgresql://me:hunter2@db.example:5433/x?sslmode=require") == "db.example:5433/x"
    assert place("postgresql:///x?host=/run/postgresql") == "the local socket:5432/x"


def test_workspaces_in_one_database_do_not_share_runs(tmp_path: Path) -> None:
    same = settings('database = "env:X"')
    first, second = application(same, tmp_path / "a"), application(same, tmp_path / "b")
    assert first != second
    assert application(same, tmp_path / "a") == first
    assert application(settings('database = "env:X"', 'application = "mine"'), tmp_path) == "mine"
    assert lock_key("steersman", first) != lock_key("steersman", second)


def test_this_process_lives_and_a_later_one_with_its_pid_is_another() -> None:
    me = this_process()
    assert me.lives()
    assert not Worker(pid=os.getpid(), ticks=me.ticks + 1, boot=me.boot).lives()
    assert not Worker(pid=os.getpid(), ticks=me.ticks, boot="0" * 8).lives()


@given(pid=st.integers(1, 1 << 22), ticks=st.integers(0, 1 << 40), boot=st.from_regex(r"[0-9a-f]{8}", fullmatch=True))
def test_a_worker_is_found_again_by_its_name(pid: int, ticks: int, boot: str) -> None:
    worker = Worker(pid=pid, ticks=ticks, boot=boot)
    assert named(worker.name) == worker
    assert named(worker.name + "x") is None
    assert named("local") is None


def test_the_register_forgets_workers_that_were_killed(tmp_path: Path) -> None:
    register = Register(tmp_path / "dbos")
    assert register.living() == []
    me = this_process()
    register.enter(me)
    register.enter(Worker(pid=me.pid, ticks=me.ticks + 1, boot=me.boot))
    assert register.living() == [me]
    assert [p.name for p in (tmp_path / "dbos").iterdir()] == [me.name]
    register.leave(me)
    register.leave(me)
    assert register.living() == []


HOUR = 3_600_000_000_000


def a_start(at: int, *roots: str, **fields: object) -> Start:
    return msgspec.convert(
        {"cause": "schedule", "roots": roots or ("job",), "at": at, "key": "schedule", **fields}, Start
    )


def a_manifest() -> Manifest:
    return Manifest([an_automation("job"), an_automation("every", catchup="all"), an_automation("now", catchup="none")])


def test_starts_that_had_to_wait_are_made_up_for_as_catchup_says() -> None:
    kept = [a_start(at * HOUR, "job", "every", "now") for at in (1, 2, 3)]
    kept += [a_start(HOUR, "now", cause="event", key="e-1"), a_start(HOUR, "gone")]
    assert [(s.at // HOUR, s.roots) for s in still_wanted(kept, a_manifest(), 3 * HOUR + 1)] == [
        (1, ("every",)),
        (2, ("every",)),
        (3, ("job", "every", "now")),
        (1, ("now",)),
    ]
    late = still_wanted(kept[:3], a_manifest(), 4 * HOUR)
    assert [s.roots for s in late] == [("every",), ("every",), ("job", "every")]


def test_a_start_that_could_not_be_queued_stays_and_outlives_the_process(tmp_path: Path) -> None:
    starts, begun = Starts(tmp_path / "dbos" / "starts.json"), list[Start]()
    starts.add(a_start(1, "job"))
    starts.add(a_start(1, "every"))

    def away(start: Start) -> None:
        raise Unavailable("away")

    with pytest.raises(Unavailable):
        starts.hand_to(away, a_manifest(), 1)
    after = Starts(tmp_path / "dbos" / "starts.json")
    after.load()
    after.hand_to(begun.append, a_manifest(), 1)
    assert [start.roots for start in begun] == [("job",), ("every",)]
    after.hand_to(begun.append, a_manifest(), 1)
    again = Starts(tmp_path / "dbos" / "starts.json")
    again.load()
    again.hand_to(begun.append, a_manifest(), 1)
    assert len(begun) == 2


def test_starts_that_waited_and_are_not_made_up_for_are_named(tmp_path: Path) -> None:
    starts, begun, dropped = Starts(tmp_path / "starts.json"), list[Start](), list[dict[str, list[int]]]()
    for start in (a_start(HOUR, "job", "every"), a_start(2 * HOUR, "job"), a_start(1, "now", cause="event", key="e")):
        starts.add(start)
    starts.hand_to(begun.append, a_manifest(), 2 * HOUR, drop=dropped.append)
    assert ([s.roots for s in begun], dropped) == ([("every",), ("job",), ("now",)], [{"job": [HOUR]}])


class Queued:
    """The queue of a leader that was before, with some runs still in it."""

    def __init__(self, *run_ids: str) -> None:
        self.run_ids = run_ids

    def unfinished(self, run_ids: Iterable[str]) -> set[str]:
        return set(run_ids) & set(self.run_ids)


def test_what_waited_for_the_server_in_vain_is_recorded_as_missed_unless_somebody_queued_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = memory_ledger()
    engine = DbosEngine(root=tmp_path, ledger=ledger, clock=SystemClock(), settings=DbosSettings(database="env:DB"))
    ids = [run_id("job", n * HOUR, scheduled_cycle(n * HOUR)) for n in range(4)]
    monkeypatch.setattr(engine, "_queues", Queued(ids[3]))
    engine.conductor.recorder.skipped(a_request(run_id=ids[0]), "overlap")
    engine._say_missed({"job": [n * HOUR for n in range(4)]})
    (missed,) = [data for kind, data in events(ledger) if data["starts"] == 2]
    assert missed["reason"].startswith("missed 2 starts from ")
    assert missed["reason"].endswith(": the engine's database was away then")


def test_starts_that_another_queues_are_bounded(tmp_path: Path) -> None:
    starts, begun = Starts(tmp_path / "starts.json"), list[Start]()
    for number in range(1200):
        starts.add(a_start(number, "every"), another_leads=True)
    starts.hand_to(begun.append, a_manifest(), 1)
    assert [begun[0].at, begun[-1].at, len(begun)] == [200, 1199, 1000]


def test_a_start_that_finds_no_room_is_refused_and_drops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steersman.automation.adapters.dbos.starts._KEPT", 20)
    starts, begun = Starts(tmp_path / "starts.json"), list[Start]()
    for number in range(20):
        starts.add(a_start(number, "now", cause="event", key=f"e-{number}"))
    with pytest.raises(Unavailable, match="20 starts wait already"):
        starts.add(a_start(20, "now", cause="event", key="e-20"))
    starts.add(a_start(19, "now", cause="event", key="e-19"))
    starts.hand_to(begun.append, a_manifest(), 1)
    assert [start.at for start in begun] == list(range(20))


def test_a_file_of_starts_that_is_damaged_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "starts.json").write_bytes(b'[{"cause": "sch')
    begun = list[Start]()
    starts = Starts(tmp_path / "starts.json")
    starts.load()
    starts.hand_to(begun.append, a_manifest(), 1)
    assert begun == []
