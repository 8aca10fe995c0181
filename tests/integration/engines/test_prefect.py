"""The Prefect engine against a real server and real workers: what only they can show."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import msgspec
import pytest
from tests.builders_automation import an_automation, wait_for
from tests.contracts.engine_harness import Scripts, a_workspace
from tests.prefect_server import IDLE, WORKED, PrefectServer, a_prefect_server, missing

from steersman.automation import Manifest
from steersman.automation.adapters.prefect import PrefectEngine, create
from steersman.automation.adapters.prefect.api import PrefectApi
from steersman.automation.adapters.prefect.orphans import read_markers
from steersman.automation.adapters.prefect.plan import CANARY, Place, wanted
from steersman.automation.model.schedule import starts
from steersman.automation.ports import Fact
from steersman.automation.runner.group import start_ticks
from steersman.bootstrap.desk import Desk
from steersman.bootstrap.engines import manifest_of
from steersman.cli.main import run
from steersman.kernel.clock import SystemClock, iso, to_ns, utc
from steersman.kernel.errors import Conflict, Unavailable
from steersman.ledger import new_event

WAIT = "touch started; while [ ! -e go ]; do sleep 0.05; done\n"
ONE_THAT_WAITS = Scripts('[automation.job]\nrun = "automations/wait.sh"\n', {"wait.sh": WAIT})
SCHEDULED = Scripts(
    """
    [automation.every_minute]
    run = "true"
    schedule = "* * * * *"
    tz = "America/New_York"

    [automation.also]
    run = "true"
    schedule = "* * * * *"
    tz = "America/New_York"
    needs = ["shared"]

    [automation.shared]
    run = "true"

    [automation.follower]
    run = "true"
    needs = ["every_minute", "also"]

    [automation.off]
    run = "true"
    schedule = "0 3 * * *"
    enabled = false

    [automation.on_halt]
    run = 'sh -c "grep -q policy.halt.set $STEERSMAN_EVENT"'
    on = [{ event = "policy.halt.set", where = { scope = "all" } }]
    """,
    {},
)


@pytest.fixture(scope="module")
def server() -> PrefectServer:
    if why := missing():
        pytest.skip(why)
    return a_prefect_server()


@pytest.fixture(scope="module")
def scheduled(server: PrefectServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, PrefectEngine]]:
    """A workspace whose schedules are on the server from the first of these tests on; the last looks what came."""
    with (
        a_workspace(tmp_path_factory.mktemp("scheduled") / "desk", SCHEDULED) as desk,
        engine_of(desk, server) as engine,
    ):
        engine.start(manifest_of(desk.workspace))
        yield desk, engine


@contextlib.contextmanager
def engine_of(desk: Desk, server: PrefectServer, **fields: object) -> Iterator[PrefectEngine]:
    engine = create(root=desk.workspace.root, ledger=desk.ledger, clock=desk.clock, settings=server.settings(**fields))
    try:
        yield engine
    finally:
        engine.close()


@pytest.fixture
def api(server: PrefectServer) -> Iterator[PrefectApi]:
    api = PrefectApi(server.url, timeout_s=150)
    yield api
    api.close()


def in_thread(engine: PrefectEngine, name: str) -> tuple[threading.Thread, dict[str, Any]]:
    """Run `name` in a thread; its outcomes, or what it raised, come into the dictionary."""
    found: dict[str, Any] = {}
    thread = threading.Thread(target=lambda: found.update(engine.run_now(name)))
    thread.start()
    return thread, found


def place_of(desk: Desk, server: PrefectServer, pool: str = WORKED) -> Place:
    return Place(root=desk.workspace.root, pool=pool, python=server.python, processes=8)


def test_a_manifest_is_deployed_once_and_only_what_is_ours_is_touched(
    scheduled: tuple[Desk, PrefectEngine], server: PrefectServer, api: PrefectApi
) -> None:
    desk, engine = scheduled
    manifest = manifest_of(desk.workspace)
    names = {a.name for a in manifest}
    place = place_of(desk, server)

    again = engine.deploy(manifest)
    assert (again.created, again.updated, again.removed) == ({}, {}, {})
    assert names < set(again.unchanged)
    assert engine.status().deployed == manifest.digest()

    there = {d["name"]: d for d in api.deployments(place.tag)}
    assert [len(there[n]["schedules"]) for n in ("every_minute", "also", "follower", "off")] == [1, 0, 0, 0]
    assert there["off"]["paused"]
    members = there["every_minute"]["schedules"][0]["parameters"]["members"]
    assert [m["name"] for m in members] == ["every_minute", "shared", "also", "follower"]


def test_a_deployment_changed_on_the_server_or_no_longer_declared_is_put_right(
    server: PrefectServer, api: PrefectApi, tmp_path: Path
) -> None:
    with a_workspace(tmp_path, SCHEDULED) as desk, engine_of(desk, server, pool=IDLE) as engine:
        manifest = manifest_of(desk.workspace)
        planned = engine.deploy(manifest, dry_run=True)
        place = place_of(desk, server, IDLE)
        assert api.deployments(place.tag) == []
        done = engine.deploy(manifest)
        assert planned == done
        assert done.created["every_minute"] == "schedule * * * * * UTC"

        entrypoint = str(tmp_path / "theirs.py:flow")
        theirs = {"name": "theirs", "flow_id": api.flow("theirs"), "entrypoint": entrypoint}
        kept = api.set_deployment(theirs)
        mine = next(b for b in wanted(place, manifest, desk.clock.now_ns()) if b["name"] == "every_minute")
        api.set_deployment({**mine, "schedules": [], "flow_id": api.flow(place.flow), "description": "mine now"})
        twice = an_automation("twice", schedule="30 3 * * *; 0 5 * * sat")
        fewer = Manifest([*(a for a in manifest if a.name != "on_halt"), twice])

        mended = engine.deploy(fewer)
        assert mended.updated["every_minute"] == "schedule none -> * * * * * UTC, description"
        assert mended.removed == {"on_halt": "no longer declared"}
        assert mended.created == {"twice": "schedule 30 3 * * * UTC and 0 5 * * sat UTC"}
        assert CANARY in mended.updated
        assert engine.deploy(fewer).updated == {}
        assert api.deployment("theirs", "theirs") is not None
        engine.deploy(Manifest())  # nothing of it stays behind to fire
        api.delete_deployment(str(kept["id"]))


class Terminal(io.StringIO):
    """A person at the keyboard who types this."""

    def isatty(self) -> bool:
        return True


def test_the_command_shows_what_would_change_and_deploys_when_it_is_told_to(
    server: PrefectServer,
    api: PrefectApi,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = (
        f'[engine.prefect]\nurl = "{server.url}"\npython = "{server.python}"\npool = "{IDLE}"\nstart_worker = false\n'
    )
    with a_workspace(tmp_path, SCHEDULED) as desk:
        toml, place = desk.workspace.root / "steersman.toml", place_of(desk, server, IDLE)
    toml.write_text(f'{toml.read_text(encoding="utf-8")}\n{table}timeout = "60s"\n', encoding="utf-8")

    def deploy(*options: str) -> tuple[int, str, str]:
        code = run("auto", ["engine", "deploy", "--engine", "prefect", "--dir", str(toml.parent), *options])
        said = capsys.readouterr()
        return code, said.out, said.err

    code, out, err = deploy()
    assert (code, "+ every_minute: schedule * * * * * UTC" in out) == (1, True)
    assert "nobody was there to ask\n  fix: add --yes" in err
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    code, out, err = deploy()
    assert (code, "not deployed to prefect" in err) == (1, True)
    code, out, err = deploy("--json")
    assert (code, json.loads(out)["message"]) == (2, "--json cannot ask")
    code, out, _ = deploy("--dry-run", "--json")
    assert (code, "follower" in json.loads(out)["created"]) == (0, True)
    assert api.deployments(place.tag) == [], "nobody said yes yet"

    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    code, out, _ = deploy()
    assert (code, "Deploy to prefect?" in out, "deployed: manifest " in out) == (0, True, True)
    assert {d["name"] for d in api.deployments(place.tag)} >= {"every_minute", "follower"}
    code, out, _ = deploy("--yes")
    assert (code, out.splitlines()[-1]) == (0, "prefect already follows this manifest")
    toml.write_text(toml.read_text(encoding="utf-8").replace("[automation.on_halt]", "[automation.on_stop]"))
    code, out, _ = deploy("--yes", "--json")
    found = json.loads(out)
    assert (list(found["created"]), found["removed"]) == (["on_stop"], {"on_halt": "no longer declared"})
    with engine_of(desk, server, pool=IDLE) as engine:
        engine.deploy(Manifest())


def test_two_cannot_follow_the_same_schedules(scheduled: tuple[Desk, PrefectEngine], server: PrefectServer) -> None:
    desk, _ = scheduled
    with engine_of(desk, server) as second, pytest.raises(Conflict, match="another process runs the Prefect engine"):
        second.start(manifest_of(desk.workspace))


def test_an_event_starts_a_flow_run_once_whatever_is_declared_meanwhile(
    scheduled: tuple[Desk, PrefectEngine], server: PrefectServer, api: PrefectApi
) -> None:
    desk, engine = scheduled
    halt: dict[str, object] = {"scope": "all"}
    event = new_event("policy.halt.set", stream="halts", data=halt, actor="person:x", now_ns=1)
    desk.ledger.append([event])
    stored = desk.ledger.get(event.id)
    assert stored is not None
    engine.begin("event", ["on_halt"], stored.recorded_at, key=str(event.id))
    manifest = manifest_of(desk.workspace)
    engine.renew(Manifest([*manifest, an_automation("later", schedule="30 3 * * *")]))
    assert "later" in {d["name"] for d in api.deployments(place_of(desk, server).tag)}
    engine.renew(manifest)
    assert "later" not in {d["name"] for d in api.deployments(place_of(desk, server).tag)}
    wait_for(lambda: ends(desk, "on_halt"), timeout_s=150)
    assert ends(desk, "on_halt") == ["succeeded"]


def ends(desk: Desk, automation: str) -> list[str]:
    return [str(e["status"]) for e in told(desk, "finished") if e["automation"] == automation]


def slowly(condition: Callable[[], bool]) -> Callable[[], bool]:
    """Ask a server for its state twice a second, not a hundred times."""
    pause = threading.Event()
    return lambda: condition() or pause.wait(0.5)


def told(desk: Desk, kind: str) -> list[dict[str, Any]]:
    return [msgspec.json.decode(e.data) for e in desk.ledger.read(types=(f"automation.run.{kind}",))]


def test_what_no_worker_takes_is_given_up_and_not_done_later(server: PrefectServer, tmp_path: Path) -> None:
    with a_workspace(tmp_path, ONE_THAT_WAITS) as desk:
        with engine_of(desk, server, pool=IDLE, start_within="5s") as engine:
            engine.start(manifest_of(desk.workspace), schedules=False)
            outcome = engine.run_now("job")["job"]
            workers = fact(engine, "workers")
        assert outcome.status == "skipped"
        assert outcome.reason.startswith("no worker took its Prefect flow run job, manual within 5 s")
        assert (workers.level, workers.found) == ("fail", "none online")
        assert [s["run_id"] for s in told(desk, "skipped")] == [outcome.run_id]


def test_closing_the_engine_cancels_what_somebody_waits_for(server: PrefectServer, tmp_path: Path) -> None:
    with a_workspace(tmp_path, ONE_THAT_WAITS) as desk:
        with engine_of(desk, server) as engine:
            engine.start(manifest_of(desk.workspace), schedules=False)
            thread, found = in_thread(engine, "job")
            wait_for((tmp_path / "started").exists, timeout_s=150)
        thread.join()
        assert (found["job"].status, ends(desk, "job")) == ("cancelled", ["cancelled"])


def test_a_flow_run_cancelled_on_the_server_ends_its_runs(
    server: PrefectServer, api: PrefectApi, tmp_path: Path
) -> None:
    with a_workspace(tmp_path, ONE_THAT_WAITS) as desk, engine_of(desk, server) as engine:
        engine.start(manifest_of(desk.workspace), schedules=False)
        thread, found = in_thread(engine, "job")
        wait_for((tmp_path / "started").exists, timeout_s=150)
        (flow_run,) = read_markers(tmp_path / ".steersman" / "runs")
        api.set_state(flow_run, "CANCELLING", name="Cancelling", message="by hand")
        thread.join()
        assert (found["job"].status, ends(desk, "job")) == ("cancelled", ["cancelled"])


def test_two_starts_due_together_share_what_both_need(server: PrefectServer, tmp_path: Path) -> None:
    toml = """
    [automation.login]
    run = "sleep 0.5"
    [automation.a]
    run = "true"
    needs = ["login"]
    [automation.b]
    run = "true"
    needs = ["login"]
    """
    with a_workspace(tmp_path, Scripts(toml, {})) as desk, engine_of(desk, server) as engine:
        engine.start(manifest_of(desk.workspace), schedules=False)
        at = desk.clock.now_ns()
        for name in ("a", "b", "b"):
            engine.begin("schedule", [name], at)
        wait_for(lambda: ends(desk, "a") and ends(desk, "b"), timeout_s=150)
        assert sorted(s["automation"] for s in told(desk, "started")) == ["a", "b", "login"]
        assert [ends(desk, n) for n in ("login", "a", "b")] == [["succeeded"]] * 3
        assert told(desk, "skipped") == []


ENDED = ("Crashed", "Cancelled", "Failed")


def state_of(api: PrefectApi, flow_run: str) -> str:
    return str((api.flow_run(flow_run) or {})["state_name"])


def test_a_killed_worker_is_seen_its_runs_are_ended_and_it_is_started_again(
    server: PrefectServer, api: PrefectApi, tmp_path: Path
) -> None:
    with a_workspace(tmp_path, ONE_THAT_WAITS) as desk:
        runs = tmp_path / ".steersman" / "runs"
        with engine_of(desk, server, pool="tests-killed", start_worker=True) as engine:
            engine.start(manifest_of(desk.workspace), schedules=False)
            thread, found = in_thread(engine, "job")
            wait_for((tmp_path / "started").exists, timeout_s=150)
            marker = next(iter(read_markers(runs).values()))
            first = engine.worker_pid
            assert first is not None
            # As a machine that runs out of memory does it: the worker and the flow run's process, without a word.
            os.kill(first, signal.SIGKILL)
            os.kill(marker.pid, signal.SIGKILL)
            thread.join()
            assert found["job"].status in ("cancelled", "orphaned")
            assert ends(desk, "job") == [found["job"].status]

            # Named as long as the server takes it for running; a worker that is back may have told it by now.
            wait_for(lambda: fact(engine, "orphans").level == "fail" or state_of(api, marker.flow_run) in ENDED)
            orphans = fact(engine, "orphans")
            assert orphans.level == "ok" or f"its process {marker.pid} is gone" in orphans.found
            with engine_of(desk, server, pool="tests-killed") as after:
                after.start(manifest_of(desk.workspace), schedules=False)
                assert fact(after, "orphans").level == "ok"
            assert state_of(api, marker.flow_run) in ENDED
            assert read_markers(runs) == {}
            wait_for(lambda: engine.worker_pid not in (None, first))
            last = engine.worker_pid
        assert last is not None
        assert start_ticks(last) is None


def fact(engine: PrefectEngine, name: str) -> Fact:
    return next(f for f in engine.status().facts if f.name == name)


def test_schedules_fire_and_those_due_together_are_one_cycle(
    scheduled: tuple[Desk, PrefectEngine], server: PrefectServer, api: PrefectApi
) -> None:
    desk, engine = scheduled

    wait_for(lambda: ends(desk, "follower"), timeout_s=150)
    wait_for(slowly(lambda: "last fired" in fact(engine, "canary").found), timeout_s=75)
    # The first of each: on a busy machine the next minute has begun meanwhile.
    starts = {s["automation"]: s for s in reversed(told(desk, "started"))}
    assert [starts[n]["cause"] for n in ("every_minute", "also", "shared", "follower")] == [
        "schedule",
        "schedule",
        "needs",
        "needs",
    ]
    due = starts["every_minute"]["scheduled_at"]
    assert due % 60_000_000_000 == 0
    assert starts["every_minute"]["run_id"][-22:-7] == starts["follower"]["run_id"][-22:-7]
    assert engine.status().ok, engine.status()

    deployment = api.deployment(place_of(desk, server).flow, "every_minute")
    assert deployment is not None
    parameters = deployment["schedules"][0]["parameters"]
    late = {
        catchup: a_late_start(server, deployment["id"], {**parameters, "catchup": catchup})
        for catchup in ("none", "latest")
    }
    wait_for(
        slowly(lambda: all((api.flow_run(id_) or {})["state_type"] == "COMPLETED" for id_ in late.values())),
        timeout_s=60,
    )
    said = {catchup: (api.flow_run(id_) or {})["state"] for catchup, id_ in late.items()}
    assert {state["name"] for state in said.values()} == {"Skipped"}
    assert "nobody was there when it was due" in said["none"]["message"]
    assert "a later start was due" in said["latest"]["message"]
    engine.deploy(Manifest())  # nothing of it stays behind to fire
    assert [d["name"] for d in api.deployments(place_of(desk, server).tag) if d["schedules"]] == [CANARY]


def a_late_start(server: PrefectServer, deployment: str, parameters: dict[str, Any]) -> str:
    """Ask for a start that was due ten minutes ago, as one is left behind while no worker runs; return its id."""
    due = (utc(SystemClock().now_ns()) - timedelta(minutes=10)).isoformat()
    state = {"type": "SCHEDULED", "state_details": {"scheduled_time": due}}
    path, key = f"{server.url}/deployments/{deployment}/create_flow_run", str(uuid4())
    body = {"state": state, "parameters": parameters, "idempotency_key": key}
    answers: list[httpx2.Response] = []

    def is_taken() -> bool:
        answers.append(httpx2.post(path, json=body, timeout=60, trust_env=False))
        return answers[-1].status_code != 503  # its SQLite is busy: it says "later", and nothing was made

    wait_for(is_taken, timeout_s=60)
    return str(answers[-1].raise_for_status().json()["id"])


CHANGES = [
    # cron, zone, from; then cron(8)'s starts, which are ours, and those of Prefect 3.8.8 (all UTC)
    (
        "30 2 * * *",
        "America/New_York",
        "2027-03-13T12:00",
        ["03-14T07:00", "03-15T06:30"],
        ["03-14T06:30", "03-15T06:30"],
    ),
    ("15 */2 * * *", "America/New_York", "2027-03-14T05:30", ["03-14T08:15"], ["03-14T06:15"]),
    (
        "30 1 * * *",
        "America/New_York",
        "2027-11-06T12:00",
        ["11-07T05:30", "11-08T06:30"],
        ["11-07T05:30", "11-08T06:30"],
    ),
    (
        "0 * * * *",
        "America/New_York",
        "2027-11-07T04:30",
        ["11-07T05:00", "11-07T06:00"],
        ["11-07T05:00", "11-07T07:00"],
    ),
]


def test_prefect_reads_the_days_the_clock_is_changed_as_the_readme_says(server: PrefectServer) -> None:
    script = """
import asyncio, json, sys
from datetime import datetime, timezone
from prefect.server.schemas.schedules import CronSchedule
for cron, tz, start, n in json.loads(sys.argv[1]):
    dates = CronSchedule(cron=cron, timezone=tz).get_dates(n, datetime.fromisoformat(start + ":00+00:00"))
    print(json.dumps([f"{d.astimezone(timezone.utc):%m-%dT%H:%M}" for d in asyncio.run(dates)]))
"""
    asked = [(cron, tz, start, len(prefect)) for cron, tz, start, _, prefect in CHANGES]
    done = subprocess.run(
        [str(server.python), "-Ic", script, json.dumps(asked)], capture_output=True, text=True, check=True
    )
    assert [json.loads(line) for line in done.stdout.splitlines()] == [prefect for *_, prefect in CHANGES]
    for cron, tz, start, ours, _ in CHANGES:
        after = to_ns(datetime.fromisoformat(f"{start}:00+00:00"))
        assert [iso(at)[5:16] for at in islice(starts(cron, tz, after), len(ours))] == ours


def test_a_server_that_is_not_there_is_named_with_what_to_do(server: PrefectServer, tmp_path: Path) -> None:
    with (
        a_workspace(tmp_path, ONE_THAT_WAITS) as desk,
        engine_of(desk, server, url="http://127.0.0.1:9/api") as engine,
    ):
        status = engine.status()
        with pytest.raises(Unavailable, match="does not answer") as caught:
            engine.start(manifest_of(desk.workspace))
    assert not status.ok
    assert status.facts[0].fix == caught.value.fix
    assert "prefect server start" in caught.value.fix
