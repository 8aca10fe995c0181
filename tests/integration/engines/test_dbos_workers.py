"""The dbos engine on a real server: work spreads, the status is true, storage is bounded, nothing listens."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from tests.builders_automation import events, wait_for
from tests.contracts.engine_dbos import a_worker, in_toml
from tests.contracts.engine_harness import Scripts, a_workspace
from tests.postgres import Postgres, a_postgres, missing

from steersman.automation import Progress, RunOutcome
from steersman.automation.adapters.dbos import DbosEngine, queues, takeover
from steersman.automation.adapters.dbos.leader import Lead
from steersman.automation.adapters.dbos.settings import DbosSettings
from steersman.bootstrap.desk import Desk
from steersman.bootstrap.engines import manifest_of, open_engine
from steersman.bootstrap.operating import Operator
from steersman.cli.main import run
from steersman.kernel.errors import Conflict, Misconfigured, Unavailable

JOBS = [f"job{number}" for number in range(8)]
TOML = (
    "".join(f'[automation.{name}]\nrun = "automations/short.sh"\n' for name in JOBS)
    + """
[automation.last]
run = "true"
needs = ["job0", "job7"]

[automation.flaky]
run = "automations/flaky.sh"
retries = 1
backoff = "none"

[automation.asks]
run = "true"
approve = true
approve_within = "1m"

[automation.after_asks]
run = "true"
needs = ["asks"]
"""
)
FILES = {"short.sh": "sleep 0.4\n", "flaky.sh": 'test "$STEERSMAN_ATTEMPT" = 2\n'}


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    if why := missing():
        pytest.skip(why)
    with a_postgres() as running:
        yield running


@pytest.fixture
def desk(server: Postgres, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    url = server.create_database(request.node.name[:60])
    with a_workspace(tmp_path, Scripts(TOML, FILES), more=in_toml(url, max_processes=2, workers=2)) as opened:
        yield opened


@pytest.fixture
def engine(desk: Desk) -> Iterator[DbosEngine]:
    opened = open_engine(desk)
    assert isinstance(opened, DbosEngine)
    try:
        opened.start(manifest_of(desk.workspace), schedules=False)
        yield opened
    finally:
        opened.close()


def test_two_workers_share_the_runs_of_a_cycle(desk: Desk, engine: DbosEngine) -> None:
    with a_worker(desk.workspace.root) as other:
        outcomes = engine.run_cycle([*JOBS, "last"])
    assert {o.status for o in outcomes.values()} == {"succeeded"}
    started = list(desk.ledger.read(types=("automation.run.started",)))
    assert {event.actor for event in started} == {"desk", f"worker:{other.pid}"}
    assert len(started) == len(JOBS) + 1
    assert len({event.correlation_id for event in started}) == 1


def test_whoever_asks_hears_of_each_step_wherever_it_happens(desk: Desk, engine: DbosEngine) -> None:
    steps: list[Progress] = []
    with a_worker(desk.workspace.root):
        assert engine.run_now("flaky", on_progress=steps.append)["flaky"].attempts == 2
    assert [(s.state, s.attempt) for s in steps] == [("started", 1), ("retrying", 1), ("started", 2), ("finished", 2)]


def test_a_run_that_waits_in_the_queue_for_its_needs_can_be_ended(desk: Desk, engine: DbosEngine) -> None:
    found: list[dict[str, RunOutcome]] = []
    operator = Operator(desk, by="person:night")
    asking = threading.Thread(target=lambda: found.append(engine.run_cycle(["asks", "after_asks"])))
    asking.start()
    wait_for(lambda: {u.automation for u in operator.underway.living() if u.waits} == {"asks", "after_asks"})
    assert [e.status for e in operator.cancel(operator.targets("after_asks"), reason="no")] == ["cancelled"]
    assert [e.status for e in operator.cancel(operator.targets("asks"), reason="no")] == ["cancelled"]
    asking.join()
    assert list(found[0]) == ["asks", "after_asks"]
    assert {o.reason for o in found[0].values()} == {"cancelled by person:night: no"}


def test_a_worker_follows_a_manifest_that_changed_after_it_started(desk: Desk, engine: DbosEngine) -> None:
    root = desk.workspace.root
    with a_worker(root):
        toml = root / "steersman.toml"
        toml.write_text('[automation.new]\nrun = "true"\n' + toml.read_text(encoding="utf-8"), encoding="utf-8")
        reread = open_again(root)
        engine.renew(manifest_of(reread.workspace))
        # Two at once here: of six at least some are the other worker's.
        for at in range(1, 7):
            engine.begin("schedule", ["new"], at * 1_000_000_000)
            wait_for(lambda at=at: len([k for k, _ in events(desk.ledger) if k in ("finished", "skipped")]) == at)
        reread.close()
    assert [d["reason"] for k, d in events(desk.ledger) if k == "skipped"] == []


def open_again(root: Path) -> Desk:
    from steersman.bootstrap.desk import open_desk  # a second look at a file that changed

    return open_desk(root, through_core=True)


def test_runs_that_wait_for_a_person_keep_no_process_from_others(desk: Desk, engine: DbosEngine) -> None:
    for at in range(1, 4):
        engine.begin("schedule", ["asks"], at * 1_000_000_000)
    assert engine.run_now("job1")["job1"].ok
    # One waits; two that came while it waits are dropped, as its overlap says. None has run.
    assert "started" not in [k for k, d in events(desk.ledger) if d["automation"] == "asks"]


def test_the_status_names_workers_and_whoever_follows_the_schedules(
    desk: Desk, engine: DbosEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    root = desk.workspace.root
    assert status(root, capsys) == (
        0,
        {"runs": "ok", "database": "ok", "workers": "warn", "schedules": "warn", "queue": "ok", "storage": "ok"},
    )
    settings = desk.workspace.engine
    assert isinstance(settings, DbosSettings)
    lead = Lead(settings.database, schema=settings.schema, app=engine._app, name=engine._me.name)
    other = Lead(settings.database, schema=settings.schema, app=engine._app, name="worker-1-1-00000000")
    assert lead.claim()
    assert lead.claim(), "asking again keeps it"
    assert not other.claim()
    with a_worker(root):
        assert status(root, capsys)[1]["workers"] == "ok"
        assert status(root, capsys)[1]["schedules"] == "ok"
    lead.release()
    assert other.claim()
    other.release()


def status(root: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, str]]:
    capsys.readouterr()
    code = run("auto", ["engine", "status", "--json", "--dir", str(root)])
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] == (code == 0)
    return code, {fact["name"]: fact["level"] for fact in found["facts"]}


def test_finished_runs_are_forgotten_by_the_database_and_kept_in_the_ledger(
    desk: Desk, engine: DbosEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "KEEP_FINISHED", 3)
    for at in range(1, 11):
        engine.begin("schedule", ["flaky"], at * 1_000_000_000)
        wait_for(lambda at=at: len([d for k, d in events(desk.ledger) if k == "finished"]) == 2 * at)
    settings = desk.workspace.engine
    assert isinstance(settings, DbosSettings)
    with psycopg.connect(settings.database, autocommit=True) as connection:

        def rows(table: str) -> int:
            found = connection.execute(f"SELECT count(*) FROM steersman.{table}").fetchone()
            assert found is not None
            return int(found[0])

        wait_for(lambda: engine._put.pending() == {})
        assert rows("workflow_status") == 10
        assert engine._put.prune() == 7
        assert [rows("workflow_status"), rows("workflow_input"), rows("workflow_output")] == [3, 3, 3]
    before = len(events(desk.ledger))
    engine.begin("schedule", ["flaky"], 1_000_000_000)
    assert len(events(desk.ledger)) == before, "a start that was forgotten there is still one run"


def test_a_run_that_was_claimed_and_never_begun_is_queued_anew(
    desk: Desk, engine: DbosEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(takeover, "STUCK_S", 0.2)
    settings = desk.workspace.engine
    assert isinstance(settings, DbosSettings)
    with psycopg.connect(settings.database, autocommit=True) as connection:
        # What a server leaves behind that goes away between the claim and the reading of what was claimed.
        connection.execute(
            "CREATE FUNCTION claimed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" NEW.status := 'PENDING'; NEW.executor_id := '{engine._me.name}'; RETURN NEW; END $$"
        )
        connection.execute(
            "CREATE TRIGGER claim BEFORE INSERT ON steersman.workflow_status FOR EACH ROW EXECUTE FUNCTION claimed()"
        )
    assert engine.run_now("job0")["job0"].ok
    assert [k for k, _ in events(desk.ledger)] == ["started", "finished"]


def test_the_limit_over_all_workers_holds(server: Postgres, tmp_path: Path) -> None:
    more = in_toml(server.create_database("limit"), max_processes=2, concurrency=1, poll="50ms")
    with a_workspace(tmp_path, Scripts(TOML, FILES), more=more) as desk:
        engine = open_engine(desk)
        try:
            engine.start(manifest_of(desk.workspace), schedules=False)
            with a_worker(tmp_path):
                assert all(o.ok for o in engine.run_cycle(JOBS[:4]).values())
        finally:
            engine.close()
        assert [k for k, _ in events(desk.ledger)] == ["started", "finished"] * 4


def test_nothing_listens_and_nobody_is_called(engine: DbosEngine, server: Postgres) -> None:
    assert engine.run_now("job0")["job0"].ok
    connections = psutil.Process().net_connections()
    assert [c for c in connections if c.status == psutil.CONN_LISTEN and c.family.name == "AF_INET"] == []
    assert {(c.raddr.ip, c.raddr.port) for c in connections if c.raddr and c.family.name.startswith("AF_INET")} == {
        ("127.0.0.1", server.port)
    }


def test_one_process_is_one_worker(desk: Desk, engine: DbosEngine, tmp_path: Path) -> None:
    second = open_engine(desk)
    with pytest.raises(Conflict, match="already runs a dbos engine"):
        second.start(manifest_of(desk.workspace), schedules=False)
    second.close()
    assert engine.run_now("job0")["job0"].ok, "the refused one took nothing along"


def test_without_a_server_the_start_is_refused_and_can_be_tried_again(desk: Desk, server: Postgres) -> None:
    server.stop()
    try:
        refused = open_engine(desk)
        with pytest.raises(Unavailable, match="cannot be used: Connection refused") as said:
            refused.start(manifest_of(desk.workspace), schedules=False)
        assert "start PostgreSQL or correct [engine] database" in said.value.fix
        refused.close()
    finally:
        server.start()
    again = open_engine(desk)
    again.start(manifest_of(desk.workspace), schedules=False)
    try:
        assert again.run_now("job0")["job0"].ok
    finally:
        again.close()


def test_commands_that_an_engine_cannot_do_name_those_that_can(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    here = ["--dir", str(desk.workspace.root)]
    assert run("auto", ["engine", "deploy", *here]) == 2
    assert "the dbos engine keeps no schedules on a server of its own" in capsys.readouterr().err
    assert run("auto", ["engine", "export", "out", *here]) == 2
    assert "the dbos engine reads no definitions from files" in capsys.readouterr().err
    assert run("auto", ["engine", "status", "--engine", "nomad", *here]) == 2
    assert "there is no adapter 'nomad' for engine" in capsys.readouterr().err
    toml = desk.workspace.root / "steersman.toml"
    toml.write_text(toml.read_text(encoding="utf-8").replace('kind = "dbos"', 'kind = "embedded"').split("database")[0])
    assert run("auto", ["engine", "worker", *here]) == 2
    assert 'several workers need [engine] kind = "dbos"' in capsys.readouterr().err


def test_an_unknown_automation_is_refused_before_anything_is_queued(engine: DbosEngine) -> None:
    with pytest.raises(Misconfigured, match="there is no automation 'jobb'"):
        engine.run_now("jobb")
