"""What the operator is told of a Prefect server, and which flow runs nobody carries out."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from steersman.automation.adapters.prefect.facts import PREFECT, Look, bad_versions, facts
from steersman.automation.adapters.prefect.orphans import FOLDER, FlowMarker, forget, orphaned, read_markers
from steersman.automation.ports import Fact

GOOD = {"prefect": PREFECT, "fastapi": "0.150.0", "sqlalchemy": "2.0.58"}
WELL = Look(
    url="http://127.0.0.1:4200/api",
    server=PREFECT,
    versions=GOOD,
    pool_name="desk",
    pool="ready",
    online=("w",),
    deployed="d1" * 32,
    declared="d1" * 32,
    deployments=5,
    canary_s=20.0,
    canary_due_s=900.0,
)


def told(**fields: object) -> dict[str, Fact]:
    return {f.name: f for f in facts(msgspec.structs.replace(WELL, **fields))}


def test_a_server_that_is_well_gives_no_work() -> None:
    found = told()
    assert list(found) == ["server", "packages", "pool", "workers", "deployments", "canary", "late", "orphans"]
    assert {f.level for f in found.values()} == {"ok"}
    assert {f.fix for f in found.values()} == {""}


def test_a_server_that_does_not_answer_is_all_there_is_to_say() -> None:
    found = told(problem="it does not answer", fix="start it")
    assert (found["server"].level, found["server"].fix) == ("fail", "start it")
    assert set(found) == {"server", "packages"}


@pytest.mark.parametrize(
    ("versions", "said"),
    [
        ({**GOOD, "sqlalchemy": "2.1.0"}, ["sqlalchemy 2.1.0: with 2.1 schedules silently never fire"]),
        ({**GOOD, "sqlalchemy": "2.1.0b1"}, ["sqlalchemy 2.1.0b1: with 2.1 schedules silently never fire"]),
        ({**GOOD, "fastapi": "0.151.0"}, ["fastapi 0.151.0: Prefect 3.8.8 needs >=0.139,<0.151"]),
        ({**GOOD, "fastapi": "0.138.9"}, ["fastapi 0.138.9: Prefect 3.8.8 needs >=0.139,<0.151"]),
        ({}, ["prefect is not installed there"]),
        (GOOD, []),
    ],
)
def test_packages_with_which_schedules_would_not_fire_are_named(versions: dict[str, str], said: list[str]) -> None:
    assert bad_versions(versions) == said
    packages = told(versions=versions)["packages"]
    assert packages.level == ("fail" if said else "ok")
    assert ("sqlalchemy<2.1" in packages.fix) == bool(said)


def test_packages_are_unknown_without_the_python_they_are_in() -> None:
    assert told(versions=None)["packages"].level == "warn"


def test_another_version_of_the_server_is_a_warning() -> None:
    assert told(server="3.9.0")["server"].level == "warn"


@pytest.mark.parametrize(
    ("fields", "level", "words"),
    [
        ({"canary_s": 181.0}, "fail", "last fired 3 minutes ago; it is due every minute"),
        ({"canary_s": None}, "fail", "its schedule never fired"),
        ({"canary_s": None, "canary_due_s": 40.0}, "ok", "there for 40 s"),
        ({"canary_s": 80_000.0, "canary_due_s": 40.0}, "ok", "there for 40 s"),
        ({"deployed": None}, "warn", "not deployed"),
    ],
)
def test_the_canary_tells_whether_schedules_fire(fields: dict[str, object], level: str, words: str) -> None:
    canary = told(**fields)["canary"]
    assert canary.level == level
    assert words in canary.found


def test_a_silent_canary_without_a_worker_asks_for_a_worker_first() -> None:
    found = told(canary_s=None, online=(), offline=("w",))
    assert found["canary"].fix == "start a worker first"
    assert (found["workers"].level, found["workers"].found) == ("fail", "none online; w went silent")


@pytest.mark.parametrize(("pool", "level"), [("missing", "warn"), ("paused", "fail"), ("of type docker", "fail")])
def test_a_pool_that_cannot_serve_is_named(pool: str, level: str) -> None:
    assert told(pool=pool)["pool"].level == level


def test_deployments_of_another_manifest_fail() -> None:
    found = told(declared="other")["deployments"]
    assert (found.level, found.fix) == ("fail", "steersman auto engine deploy")


def test_a_worker_of_ours_that_had_to_be_restarted_is_a_warning() -> None:
    assert told(restarts=2)["workers"].found == "w online; ours was started again 2 times"


def test_late_runs_and_orphans_are_counted() -> None:
    assert told(late=3)["late"].level == "warn"
    orphans = told(orphans={"prices, schedule": "its process 7 is gone"})["orphans"]
    assert (orphans.level, orphans.found) == ("fail", "1 run by nobody: prices, schedule: its process 7 is gone")


AT = "2026-11-30T12:00:00.000000Z"
AT_NS = 1_796_040_000_000_000_000


def a_marker(flow_run: str) -> FlowMarker:
    return FlowMarker(flow_run=flow_run, pid=7, ticks=1, boot="b")


def a_run(id_: str) -> dict[str, object]:
    return {"id": id_, "state": {"timestamp": AT}}


def test_a_flow_run_whose_process_is_gone_is_an_orphan_and_one_that_lives_is_not() -> None:
    markers = {"dead": a_marker("dead"), "alive": a_marker("alive")}
    found = orphaned([a_run("dead"), a_run("alive")], markers, AT_NS, lives=lambda m: m.flow_run == "alive")
    assert found == {"dead": "its process 7 is gone"}


def test_a_flow_run_without_a_process_has_five_minutes_to_get_one() -> None:
    assert orphaned([a_run("x")], {}, AT_NS + 299 * 10**9) == {}
    assert list(orphaned([a_run("x")], {}, AT_NS + 301 * 10**9)) == ["x"]


def test_markers_are_read_and_forgotten_and_half_written_ones_are_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / FOLDER
    folder.mkdir()
    (folder / "a.json").write_bytes(msgspec.json.encode(a_marker("a")))
    (folder / "b.json").write_text('{"flow_run"')
    assert list(read_markers(folder.parent)) == ["a"]
    assert not a_marker("a").lives()
    forget(folder.parent, "a")
    forget(folder.parent, "a")
    assert read_markers(folder.parent) == {}
