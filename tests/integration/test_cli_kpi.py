"""`steersman kpi` on a workspace: figures, and plain words where there are none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from steersman.bootstrap.desk import open_desk
from steersman.bootstrap.sample import make_empty
from steersman.cli.main import run
from steersman.ledger import new_event

DAY = 86_400_000_000_000
START = 1_700_006_400_000_000_000


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with a KPI of its own and twenty days of it, the last one far off."""
    monkeypatch.setenv("COLUMNS", "80")
    make_empty(tmp_path)
    with (tmp_path / "steersman.toml").open("a") as file:
        file.write('\n[kpi.my_sum]\ntype = "test.thing.done"\nfield = "x"\nby = "who"\nunit = "USD"\ntarget = 100\n')
    desk = open_desk(tmp_path)
    for day in range(20):
        data: dict[str, object] = {
            "x": 500 if day == 19 else 10 + day % 2,
            "who": "ann" if day % 2 else "bob",
            "at": START + day * DAY,
        }
        desk.ledger.append([new_event("test.thing.done", stream="s", data=data, actor="t", now_ns=START)])
    desk.close()
    return tmp_path


def kpi(workspace: Path, *arguments: str) -> int:
    return run("kpi", [*arguments, "--dir", str(workspace)])


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_the_list_has_every_kpi_with_value_target_and_status(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kpi(workspace, "list", "--json") == 0
    found = {row["name"]: row for row in said(capsys)}
    mine = found["my_sum"]
    assert (mine["value"], mine["target"], mine["status"], mine["shifted"]) == (699.0, 100.0, "met", True)
    assert (found["net_pnl"]["value"], found["net_pnl"]["status"]) == (None, "not enough data")


def test_the_list_is_grouped_by_domain_and_fits_80_columns(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert kpi(workspace, "list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    headings = [line.strip() for line in lines[1:] if line[:1].isalpha()]
    assert headings == ["trading", "automation", "services", "content", "operator", "test"]
    (mine,) = (line for line in lines if "my_sum" in line)
    assert mine.split()[1:5] == ["699", "USD", "100", "met"]
    assert "█ !" in mine
    (empty,) = (line for line in lines if "net_pnl" in line)
    assert "not enough data" in empty


def test_a_domain_is_listed_alone(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert kpi(workspace, "list", "--domain", "test", "--json") == 0
    assert [row["name"] for row in said(capsys)] == ["my_sum"]
    assert kpi(workspace, "list", "--domain", "nope") == 0
    assert "shows all" in capsys.readouterr().out


def test_one_is_explained_with_limits_shifts_parts_and_points(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kpi(workspace, "show", "my_sum") == 0
    text = capsys.readouterr().out
    assert "sum of test.thing.done x by who, 20 observations" in " ".join(text.split())
    assert "above the limits: 2023-12-04" in text
    assert max(map(len, text.splitlines())) <= 80
    assert kpi(workspace, "show", "my_sum", "--json") == 0
    found = said(capsys)
    assert {part["key"]: part["value"] for part in found["breakdown"]} == {"ann": 599.0, "bob": 100.0}
    assert len(found["kpi"]["points"]) == 20
    assert found["declared"]["source"]["by"] == "who"


def test_one_without_data_says_what_it_waits_for(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert kpi(workspace, "show", "win_rate") == 0
    assert "0 of 5 trading.round_trip.closed with a number in pnl" in capsys.readouterr().out


def test_an_unknown_name_is_refused_with_the_nearest(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert kpi(workspace, "show", "my_sun") == 2
    assert "did you mean my_sum?" in capsys.readouterr().err
