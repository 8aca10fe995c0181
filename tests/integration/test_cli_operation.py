"""What an operator types when something is wrong: status, halt, resume, doctor; on a desk that is down."""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from steersman.bootstrap.in_force import keep
from steersman.bootstrap.sample import make_empty
from steersman.bootstrap.workspace import load_workspace
from steersman.cli.main import run
from steersman.ledger.adapters.socket.path import listen

NO_WORKSPACE = "no steersman.toml in"


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    make_empty(tmp_path / "desk")
    return tmp_path / "desk"


def answer(capsys: pytest.CaptureFixture[str], noun: str, *arguments: str) -> Any:
    code = run(noun, [*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_halt_is_durable_without_a_core_and_lifted_by_a_person(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (desk / "steersman.toml").open("a", encoding="utf-8") as file:
        file.write('[instrument.IBM]\ntick = "0.01"\nvenue = "sim"\n[venue.sim]\n')
        file.write('[strategy.trend]\ninstruments = ["IBM"]\n')
    where = ("--dir", str(desk))
    code, error = answer(capsys, "halt", "strategy:trnd", *where)
    assert (code, error["fix"]) == (1, "did you mean strategy:trend?")
    code, halted = answer(capsys, "halt", "strategy:trend", "--reason", "odd fills", *where)
    assert (code, halted["halted"]) == (0, {"strategy:trend": "odd fills"})
    assert answer(capsys, "status", *where)[1]["halted"] == {"strategy:trend": "odd fills"}
    assert run("resume", ["venue:paper", "--yes", *where]) == 1
    assert "halted now: strategy:trend" in capsys.readouterr().err
    code, resumed = answer(capsys, "resume", "strategy:trend", "--yes", *where)
    assert (code, resumed["halted"]) == (0, {})
    assert run("resume", ["--yes", *where]) == 1
    assert "nothing is halted" in capsys.readouterr().err


def test_a_core_that_is_stopped_is_not_said_to_run(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where, workspace = ("--dir", str(desk)), load_workspace(desk)
    assert answer(capsys, "status", *where)[1]["core_trouble"] == {"found": "does not run", "fix": "steersman up"}
    # It listens, as the kernel goes on to do for a process that is stopped, and nobody answers.
    with closing(listen(workspace.socket)):
        code, found = answer(capsys, "status", *where)
        assert (code, found["core"]) == (0, False)
        assert found["core_trouble"]["fix"] == f"kill -9 {os.getpid()}"
        by_name = {d["name"]: d for d in answer(capsys, "doctor", *where)[1]}
        assert by_name["core"]["level"] == "fail"
        assert f"process {os.getpid()} is stopped" in by_name["core"]["found"]


def test_a_typing_error_in_the_file_keeps_nobody_from_halting_nor_from_looking(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--dir", str(desk))
    with (desk / "steersman.toml").open("a", encoding="utf-8") as file:
        file.write("oops = \n")
    assert run("halt", where) == 2, "no desk ever ran by another file"
    capsys.readouterr()
    (desk / "steersman.toml").write_text(
        (desk / "steersman.toml").read_text(encoding="utf-8").removesuffix("oops = \n"), encoding="utf-8"
    )
    keep(load_workspace(desk))
    with (desk / "steersman.toml").open("a", encoding="utf-8") as file:
        file.write("oops = \n")
    assert run("halt", ["--reason", "odd fills", *where]) == 0
    assert "is refused, so this goes by what was last in force: steersman.toml: not valid TOML" in (
        capsys.readouterr().err
    )
    assert answer(capsys, "status", *where)[1]["halted"] == {"all": "odd fills"}
    code, found = answer(capsys, "doctor", *where)
    assert code == 1
    levels = {d["name"]: d["level"] for d in found}
    assert (levels["workspace"], levels["halts"]) == ("fail", "warn")
    assert run("auto", ["run", "x", *where]) == 2, "what would start by it is refused"


def test_a_scope_that_is_none_is_wrong_usage(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("halt", ["everything", "--dir", str(desk)]) == 2
    assert "use all, venue:NAME" in capsys.readouterr().err


def test_a_fresh_desk_says_what_to_do_next(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status", ["--dir", str(desk)]) == 0
    assert "does not run (steersman up)" in capsys.readouterr().out
    code, found = answer(capsys, "doctor", "--dir", str(desk))
    assert code == 0
    by_name = {d["name"]: d for d in found}
    assert by_name["feed"]["fix"] == "add [feed.NAME] to steersman.toml"
    assert by_name["sqlite"]["level"] == "ok"


def test_doctor_names_the_line_of_a_broken_file_and_fails(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (desk / "steersman.toml").write_text("[desk]\ncapital = 'none'\n", encoding="utf-8")
    code, found = answer(capsys, "doctor", "--dir", str(desk))
    assert code == 1
    assert found[-1]["found"].startswith("steersman.toml:2: desk.capital")
    assert found[-1]["level"] == "fail"


def test_doctor_sees_a_secret_that_others_may_read(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = desk / ".steersman"
    state.mkdir(mode=0o700)
    token = state / "console.token"
    token.write_text("secret", encoding="ascii")
    token.chmod(0o644)
    code, found = answer(capsys, "doctor", "--dir", str(desk))
    assert code == 1
    assert [d["fix"] for d in found if d["name"] == "permissions"] == [f"chmod go-rwx {token}"]


@pytest.mark.parametrize("noun", ["status", "halt", "doctor"])
def test_outside_a_workspace_the_way_in_is_named(noun: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(noun, ["--dir", str(tmp_path)])
    shown = capsys.readouterr()
    assert code in (1, 2)
    assert "steersman init" in (shown.out + shown.err).replace("\n", " ").replace("  ", " ")


def test_an_unknown_command_names_its_neighbour(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("halts", []) == 2
    assert "did you mean `steersman halt`?" in capsys.readouterr().err


def test_init_makes_a_workspace_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, made = answer(capsys, "init", str(tmp_path / "new"))
    assert code == 0
    assert "steersman.toml" in made["made"]
    assert run("init", [str(tmp_path / "new")]) == 1
    assert "edit that one" in capsys.readouterr().err
