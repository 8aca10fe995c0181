"""What a manifest becomes on a Prefect server, and what is changed there."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from tests.builders_automation import an_automation

from steersman.automation import Manifest
from steersman.automation.adapters.prefect.facts import PREFECT, REQUIREMENTS
from steersman.automation.adapters.prefect.plan import (
    BY_REQUEST,
    CANARY,
    FLOWS,
    Place,
    differences,
    split_followers,
    wanted,
)
from steersman.bench import peer_venv
from steersman.kernel.errors import Misconfigured

NOW = 1_700_000_000_000_000_000
PLACE = Place(root=Path("/desk"), pool="p", python=Path("/venv/bin/python"), own_python="/own/python", processes=3)
QUARTERS = {"schedule": "*/15 * * * mon-fri", "tz": "America/New_York"}


def planned(*automations: Any) -> dict[str, dict[str, Any]]:
    return {body["name"]: body for body in wanted(PLACE, Manifest(automations), NOW)}


def as_stored(bodies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return deployments as a server returns them: with ids, and more in a schedule than was written."""
    return [
        {**b, "id": f"id-{b['name']}", "schedules": [{**s, "id": "s", "created": "now"} for s in b["schedules"]]}
        for b in bodies
    ]


def members(parameters: dict[str, Any]) -> dict[str, list[str]]:
    return {m["name"]: m["needs"] for m in parameters["members"]}


def test_every_automation_has_a_deployment_whose_button_runs_it_after_what_it_needs() -> None:
    found = planned(an_automation("login"), an_automation("prices", needs=("login",), **QUARTERS))
    assert list(found) == ["login", "prices", BY_REQUEST, CANARY]
    by_hand = found["prices"]["parameters"]
    assert members(by_hand) == {"login": [], "prices": ["login"]}
    assert (by_hand["roots"], by_hand["cause"], by_hand["root"]) == (["prices"], "manual", "/desk")


def test_those_with_the_same_schedule_are_one_cycle_that_brings_their_followers() -> None:
    found = planned(
        an_automation("a", **QUARTERS),
        an_automation("b", **QUARTERS),
        an_automation("both", needs=("a", "b")),
        an_automation("other", schedule="0 9 * * *"),
    )
    (schedule,) = found["a"]["schedules"]
    assert schedule["schedule"] == {"cron": "*/15 * * * mon-fri", "timezone": "America/New_York", "day_or": True}
    assert schedule["parameters"]["roots"] == ["a", "b"]
    assert members(schedule["parameters"]) == {"a": [], "b": [], "both": ["a", "b"]}
    assert schedule["parameters"]["cause"] == "schedule"
    assert found["b"]["schedules"] == found["both"]["schedules"] == []
    assert "together with a" in found["b"]["description"]
    assert len(found["other"]["schedules"]) == 1


def test_several_lines_are_several_schedules_of_one_cycle_and_an_interval_is_lines_too() -> None:
    found = planned(an_automation("a", schedule="0 9 * * *; 0 12 * * sat"), an_automation("b", schedule="every 90m"))
    shown = {n: [(s["slug"], s["schedule"]["cron"]) for s in found[n]["schedules"]] for n in ("a", "b")}
    assert shown["a"] == [("steersman", "0 9 * * *"), ("steersman-2", "0 12 * * sat")]
    assert sorted(cron for _, cron in shown["b"]) == ["0 0,3,6,9,12,15,18,21 * * *", "30 1,4,7,10,13,16,19,22 * * *"]
    with pytest.raises(Misconfigured, match="b: 'every 2d' would take seconds, several days"):
        planned(an_automation("b", schedule="every 2d"))


def test_a_different_catchup_is_a_cycle_of_its_own() -> None:
    found = planned(an_automation("a", catchup="none", **QUARTERS), an_automation("b", catchup="all", **QUARTERS))
    assert [found[n]["schedules"][0]["parameters"]["catchup"] for n in ("a", "b")] == ["none", "all"]


def test_a_disabled_automation_is_paused_and_has_no_schedule() -> None:
    found = planned(an_automation("a", enabled=False, **QUARTERS), an_automation("b", **QUARTERS))
    assert found["a"]["paused"]
    assert found["a"]["schedules"] == []
    assert found["b"]["schedules"][0]["parameters"]["roots"] == ["b"]


def test_who_needs_what_different_schedules_start_is_named_for_nothing_would_start_it() -> None:
    manifest = Manifest(
        [
            an_automation("a", **QUARTERS),
            an_automation("b", schedule="0 * * * *"),
            an_automation("both", needs=("a", "b")),
            an_automation("after_a", needs=("a",)),
        ]
    )
    assert split_followers(manifest) == {"both": ("a", "b")}


def test_what_is_there_as_wanted_is_left_alone() -> None:
    bodies = wanted(PLACE, Manifest([an_automation("a", **QUARTERS)]), NOW)
    found = differences(bodies, as_stored(bodies))
    assert (found.created, found.updated, found.removed, found.bodies) == ({}, {}, {}, ())
    assert found.unchanged == ("a", BY_REQUEST, CANARY)


def test_differences_say_in_words_what_changes_and_the_canary_comes_last() -> None:
    before = as_stored(wanted(PLACE, Manifest([an_automation("a", **QUARTERS), an_automation("gone")]), NOW))
    after = Manifest([an_automation("a", schedule="0 9 * * *", tz="Europe/Berlin"), an_automation("new")])
    found = differences(wanted(PLACE, after, NOW), before)
    assert found.updated["a"].startswith(
        "schedule */15 * * * mon-fri America/New_York -> 0 9 * * * Europe/Berlin, description"
    )
    assert found.created == {"new": "no schedule of its own"}
    assert (found.removed, found.delete) == ({"gone": "no longer declared"}, ("id-gone",))
    assert found.bodies[-1]["name"] == CANARY
    assert found.bodies[-1]["version"] == after.digest()


def test_a_schedule_switched_off_on_the_server_is_a_difference() -> None:
    bodies = wanted(PLACE, Manifest([an_automation("a", **QUARTERS)]), NOW)
    there = as_stored(bodies)
    there[0]["schedules"][0]["active"] = False
    assert "(off) ->" in differences(bodies, there).updated["a"]


def test_workspaces_on_one_server_do_not_share_a_name_a_tag_or_a_queue() -> None:
    other = Place(root=Path("/other/desk"), pool="p", python=None, processes=3)
    for a, b in ((PLACE.flow, other.flow), (PLACE.tag, other.tag), (PLACE.queue, other.queue)):
        assert a != b


def test_a_python_with_a_space_in_its_path_is_quoted() -> None:
    place = Place(root=Path("/desk"), pool="p", python=Path("/my venv/bin/python"), processes=1)
    body = wanted(place, Manifest([an_automation("a")]), NOW)[0]
    assert body["job_variables"]["command"] == "'/my venv/bin/python' -m prefect.engine"


def test_flows_need_nothing_but_prefect_and_the_standard_library_and_nothing_else_imports_prefect() -> None:
    source = FLOWS.parents[3]
    for path in FLOWS.parents[3].rglob("*.py"):
        names = _imported(path)
        inside = path.parent == FLOWS
        if not inside and "peers" not in path.parts:
            assert "prefect" not in names, path
        if inside:
            assert "steersman" not in names, path
            assert not names & {"msgspec", "httpx2"}, path
    assert source.name == "steersman"
    assert "prefect" not in _imported(FLOWS / "canary.py") | _imported(FLOWS / "tied.py")


def _imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


def test_the_benches_and_the_product_mean_the_same_prefect() -> None:
    assert (f"prefect=={peer_venv.PREFECT}", *peer_venv.PREFECT_NEEDS) == REQUIREMENTS
    assert peer_venv.PREFECT == PREFECT
