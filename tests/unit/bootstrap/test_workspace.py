from __future__ import annotations

from pathlib import Path

import pytest

from steersman.bootstrap.sample import make_demo, make_empty, make_sample
from steersman.bootstrap.workspace import load_workspace
from steersman.kernel.errors import Misconfigured, Rejected


def write(folder: Path, text: str) -> Path:
    (folder / "steersman.toml").write_text(text, encoding="utf-8")
    return folder


def test_the_file_that_init_writes_loads_as_it_is(tmp_path: Path) -> None:
    make_empty(tmp_path / "desk")
    workspace = load_workspace(tmp_path / "desk", environ={})
    assert (workspace.desk.name, workspace.console.port, workspace.policy) == ("My desk", 8787, {})
    assert workspace.content is not None


def test_the_sample_desk_loads_and_declares_every_domain(tmp_path: Path) -> None:
    make_sample(tmp_path / "desk")
    workspace = load_workspace(tmp_path / "desk", environ={})
    assert set(workspace.trading.instruments) == {"AAPL", "GOOG", "IBM", "MSFT"}
    assert set(workspace.trading.strategies) == {"trend", "reversion", "manual"}
    assert set(workspace.automations) == {"pull_prices", "make_chart", "publish_drafts", "backup_ledger"}
    assert workspace.policy


def test_a_workspace_is_found_from_a_folder_inside_it(tmp_path: Path) -> None:
    write(tmp_path, "[desk]\nname = 'here'\n")
    inside = tmp_path / "content" / "2026"
    inside.mkdir(parents=True)
    assert load_workspace(inside, environ={}).root == tmp_path


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[desk\n", "steersman.toml: not valid TOML"),
        ("[desk]\nnme = 'x'\n", "steersman.toml:2: desk.nme: unknown field"),
        ("\n[dsk]\nname = 'x'\n", "steersman.toml:2: dsk: unknown section"),
        ("[desk]\ntz = 'Mars/Base'\n", "steersman.toml:2: desk.tz: found 'Mars/Base'"),
        ("[desk]\ncapital = '-5'\n", "steersman.toml:2: desk.capital: found '-5'"),
        ("[desk]\ncapital = 'NaN'\n", "steersman.toml:2: desk.capital: found 'NaN'"),
        ("[console]\nhost = '0.0.0.0'\n", "steersman.toml:2: console.host: found '0.0.0.0'"),
        ("[console]\nport = 70000\n", "steersman.toml:2: console.port: found 70000"),
        ("[console]\nport = 'x'\n", "steersman.toml:2: console.port: expected `int`"),
        ("[kpi.run_sucess]\ntarget = 1\n", "is not a standard KPI"),
    ],
)
def test_a_bad_file_is_refused_with_line_field_and_what_was_found(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        load_workspace(write(tmp_path, text), environ={})
    assert told in str(caught.value)
    assert caught.value.fix


def test_bytes_that_are_not_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "steersman.toml").write_bytes(b"[desk]\nname = '\xff'\n")
    with pytest.raises(Misconfigured, match="byte 15 is not UTF-8"):
        load_workspace(tmp_path, environ={})


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    write(tmp_path, "[console]\nport = 9000\n")
    assert load_workspace(tmp_path, environ={"STEERSMAN_CONSOLE_PORT": "9100"}).console.port == 9100
    with pytest.raises(Misconfigured, match="STEERSMAN_CONSOLE_PORT='soon'"):
        load_workspace(tmp_path, environ={"STEERSMAN_CONSOLE_PORT": "soon"})


def test_init_touches_nothing_that_is_there(tmp_path: Path) -> None:
    write(tmp_path, "[desk]\n")
    with pytest.raises(Rejected, match="exists"):
        make_empty(tmp_path)
    with pytest.raises(Rejected, match="is not empty"):
        make_sample(tmp_path)


def test_a_demo_keeps_the_one_before_and_replaces_only_what_a_demo_made(tmp_path: Path) -> None:
    desk = tmp_path / "demo"
    assert make_demo(desk) is None
    (desk / "edited").write_text("mine", encoding="utf-8")
    assert make_demo(desk) == tmp_path / "demo.previous"
    assert (tmp_path / "demo.previous" / "edited").is_file()
    assert not (desk / "edited").exists()
    make_demo(desk)
    assert not (tmp_path / "demo.previous" / "edited").exists()
    own = tmp_path / "own"
    own.mkdir()
    (own / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(Rejected, match="no demo made it"):
        make_demo(own)
    assert (own / "thesis.txt").is_file()
