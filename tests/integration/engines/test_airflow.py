"""The Airflow engine on a real Airflow: it reads what is exported, runs a cycle, and is ended in the middle of one."""

from __future__ import annotations

import itertools
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.builders_automation import wait_for
from tests.contracts.engine_airflow import airflow_python, missing, prepared
from tests.contracts.engine_harness import Scripts, a_workspace

from steersman.automation import Manifest, Progress
from steersman.automation.adapters.airflow import AirflowEngine, create
from steersman.automation.adapters.airflow.cron import as_airflow_reads_it
from steersman.automation.adapters.airflow.installation import Installation, private_environment
from steersman.automation.adapters.airflow.settings import AirflowSettings
from steersman.automation.model.schedule import starts
from steersman.bootstrap.desk import Desk
from steersman.bootstrap.engines import manifest_of
from steersman.kernel.clock import to_ns
from steersman.kernel.errors import Unavailable

HOSTILE = 'it\'s {{ 7 * 7 }} "x" ü.sh'
TOML = """
[automation.say]
run = "automations/say.py {text}"
params = { text = "quiet" }

[automation.hang]
run = "automations/hang.py"

[automation.after]
run = "true"
needs = ["hang"]

[automation.daily]
run = "true"
schedule = "30 2 * * 5L"
tz = "America/New_York"
"""
FILES = {
    "say.py": "import json, sys\nprint('::result', json.dumps({'said': sys.argv[1]}))\n",
    "hang.py": "import pathlib, time\npathlib.Path('hangs').touch()\ntime.sleep(600)\n",
}


@pytest.fixture(scope="module", autouse=True)
def _airflow() -> None:
    if why := missing():
        pytest.skip(why)


@contextmanager
def engine_on(desk: Desk, **settings: Any) -> Iterator[AirflowEngine]:
    root = desk.workspace.root
    found = AirflowSettings(python=str(prepared(root)), **settings)
    engine = create(root=root, ledger=desk.ledger, clock=desk.clock, settings=found)
    try:
        yield engine
    finally:
        engine.close()


def test_what_is_exported_can_be_read_by_airflow_and_what_cannot_is_told(tmp_path: Path) -> None:
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "broken.py").write_text("# Airflow only reads files that speak of an airflow dag.\nimport nowhere_at_all\n")
    with a_workspace(tmp_path / HOSTILE, Scripts(TOML, FILES)) as desk, engine_on(desk, dags=str(dags)) as engine:
        engine.export(manifest_of(desk.workspace), dags)
        status = engine.status()
    assert (status.ok, status.version) == (False, "3.3.2")
    assert {f.name: f.level for f in status.facts} == {"airflow": "ok", "DAG files": "ok", "import errors": "fail"}
    said = next(f.found for f in status.facts if f.name == "import errors")
    assert said == "broken.py: ModuleNotFoundError: No module named 'nowhere_at_all'"


def test_a_run_by_hand_takes_its_parameters_through_any_path_and_tells_how_it_goes(tmp_path: Path) -> None:
    text = "{{ 1 }} 'q' \"d\" $HOME `id` \\ ü"
    steps: list[Progress] = []
    with a_workspace(tmp_path / HOSTILE, Scripts(TOML, FILES)) as desk, engine_on(desk) as engine:
        engine.start(manifest_of(desk.workspace), schedules=False)
        outcome = engine.run_now("say", params={"text": text}, on_progress=steps.append)["say"]
    assert (outcome.status, outcome.result) == ("succeeded", {"said": text})
    assert [(s.state, s.attempt) for s in steps] == [("started", 1), ("finished", 1)]


def test_closing_ends_what_runs_and_records_it_as_cancelled(tmp_path: Path) -> None:
    with a_workspace(tmp_path, Scripts(TOML, FILES)) as desk, engine_on(desk) as engine:
        engine.start(manifest_of(desk.workspace), schedules=False)
        outcomes: dict[str, Any] = {}
        waiting = threading.Thread(target=lambda: outcomes.update(engine.run_cycle(["hang", "after"])))
        waiting.start()
        wait_for((tmp_path / "hangs").exists, timeout_s=90)
        engine.close()
        waiting.join()
    assert {n: (o.status, o.reason) for n, o in outcomes.items()} == {
        "hang": ("cancelled", "cancelled"),
        "after": ("cancelled", "the engine closed before it could run"),
    }


def test_an_event_triggers_its_dag_once_however_often_it_is_told(tmp_path: Path) -> None:
    home, dags = tmp_path / "home", tmp_path / "dags"
    dags.mkdir()
    toml = '[automation.on-halt]\nrun = "true"\non = ["policy.halt.set"]\n'
    with a_workspace(tmp_path / "desk", Scripts(toml, {})) as desk:
        Installation(prepared(tmp_path / "desk"), tmp_path / "desk" / ".steersman" / "airflow").prepare(home)
        with pytest.MonkeyPatch.context() as environment, engine_on(desk, dags=str(dags), home=str(home)) as engine:
            for name, value in private_environment(home, dags).items():
                environment.setenv(name, value)
            engine.start(manifest_of(desk.workspace), schedules=False)
            engine.export(manifest_of(desk.workspace), dags)
            airflow("reserialize")
            for _ in range(2):
                engine.begin("event", ["on-halt"], SPRING, "the-event")
        found = airflow("list-runs", "desk.on-halt.event", "--output", "json", env=private_environment(home, dags))
    assert [run["run_id"].rpartition("__")[0] for run in found] == ["steersman__on-halt"]


def airflow(*words: str, env: dict[str, str] | None = None) -> list[dict[str, str]]:
    command = [str(airflow_python()), "-m", "airflow", "dags", *words]
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=True)
    rows: list[dict[str, str]] = (
        msgspec.json.decode(done.stdout[done.stdout.find("[{") :]) if "[{" in done.stdout else []
    )
    return rows


def test_a_python_without_airflow_is_named(tmp_path: Path) -> None:
    with a_workspace(tmp_path, Scripts(TOML, FILES)) as desk:
        settings = AirflowSettings(python="/usr/bin/env")
        engine = create(root=tmp_path, ledger=desk.ledger, clock=desk.clock, settings=settings)
        engine.start(manifest_of(desk.workspace), schedules=False)
        status = engine.status()
        with pytest.raises(Unavailable, match="ended with"):
            engine.run_now("say")
        engine.close()
    assert [f.level for f in status.facts if f.name == "airflow"] == ["fail"]


def test_an_empty_cycle_is_nothing(tmp_path: Path) -> None:
    with a_workspace(tmp_path, Scripts("", {})) as desk, engine_on(desk) as engine:
        engine.start(Manifest(), schedules=False)
        assert engine.run_cycle([]) == {}


# -- cron as Airflow reads it ------------------------------------------------------------

SPRING = to_ns(datetime(2026, 3, 8, 5, tzinfo=UTC))
AUTUMN = to_ns(datetime(2026, 11, 1, 3, tzinfo=UTC))
QUIET = to_ns(datetime(2026, 6, 1, tzinfo=UTC))
ALIKE = [
    *(
        (cron, "UTC", SPRING)
        for cron in ("0 0 L * *", "0 0 * * 5L", "0 0 * * 7L", "0 0 * * 5#2", "0 0 13 * 5", "0 0 29 2 *")
    ),
    *(
        (cron, "UTC", SPRING)
        for cron in ("0 0 * * mon-fri", "5/20 * * * *", "0 0 1,15 * fri", "0 0 * * 6-7", "0 0 1-31 * 1")
    ),
    *((cron, "America/New_York", at) for cron in ("*/30 * * * *", "0 * * * *") for at in (SPRING, AUTUMN)),
    *((cron, "America/New_York", QUIET) for cron in ("30 2 * * *", "15 */2 * * *")),
]
OTHERWISE = [
    ("30 2 * * *", "America/New_York", SPRING, "2026-03-08T07:00", "2026-03-08T07:30"),
    ("30 1 * * *", "America/New_York", AUTUMN, "2026-11-01T05:30", "2026-11-01T06:30"),
]
ASK = """
import json, sys
from datetime import datetime, timezone
import pendulum
from airflow.timetables.trigger import CronTriggerTimetable
for cron, tz, after in json.loads(sys.argv[1]):
    timetable = CronTriggerTimetable(cron, timezone=tz)
    at = pendulum.instance(datetime.fromtimestamp(after, timezone.utc))
    found = []
    for _ in range(6):
        at = timetable._get_next(at)
        found.append(int(at.timestamp()))
    print(json.dumps(found))
"""


def test_airflow_starts_when_cron_would_but_for_the_days_the_clock_is_changed(tmp_path: Path) -> None:
    cases = [*ALIKE, *((cron, tz, at) for cron, tz, at, *_ in OTHERWISE)]
    asked = msgspec.json.encode([(as_airflow_reads_it(cron), tz, at // 10**9) for cron, tz, at in cases]).decode()
    env = private_environment(tmp_path, tmp_path)
    said = subprocess.run(
        [str(airflow_python()), "-c", ASK, asked], capture_output=True, text=True, env=env, check=False
    )
    theirs = [msgspec.json.decode(line) for line in said.stdout.splitlines() if line.startswith("[")]
    assert len(theirs) == len(cases), said.stderr
    for (cron, tz, at), found in zip(ALIKE, theirs, strict=False):
        assert [at // 10**9 for at in itertools.islice(starts(cron, tz, at), 6)] == found, (cron, tz)
    for (cron, tz, at, ours, other), found in zip(OTHERWISE, theirs[len(ALIKE) :], strict=True):
        assert f"{datetime.fromtimestamp(next(starts(cron, tz, at)) / 1e9, UTC):%Y-%m-%dT%H:%M}" == ours
        assert f"{datetime.fromtimestamp(found[0], UTC):%Y-%m-%dT%H:%M}" == other
