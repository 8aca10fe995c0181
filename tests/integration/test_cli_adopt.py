"""`steersman auto adopt` as a person uses it: look, accept, look again; nothing else is touched."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from steersman.automation.adopt import acceptance
from steersman.automation.adopt.sources import system_crontabs
from steersman.bootstrap.sample import make_empty
from steersman.bootstrap.workspace import load_workspace
from steersman.cli.main import run
from steersman.kernel.errors import Conflict, Misconfigured, Rejected

PLANTED = "hunter2hunter2"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a workspace, two scripts and a crontab for them."""
    make_empty(tmp_path / "desk")
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    (scripts / "pull.sh").write_text('#!/bin/sh\ncd "$(dirname "$0")"\necho 1 > prices.csv\n', encoding="utf-8")
    (scripts / "report.sh").write_text('#!/bin/sh\ncd "$(dirname "$0")"\ncat prices.csv\n', encoding="utf-8")
    for file in scripts.iterdir():
        file.chmod(0o755)
    (tmp_path / "tab").write_text(
        f"API_TOKEN={PLANTED}\n30 17 * * 1-5 {scripts}/pull.sh >> /var/log/pull.log 2>&1\n"
        f"45 17 * * 1-5 timeout 5m {scripts}/report.sh\n0 0 * * * {scripts}/gone.sh\nnonsense\n",
        encoding="utf-8",
    )
    return tmp_path


def adopt(capsys: pytest.CaptureFixture[str], place: Path, *arguments: str) -> Any:
    code = run("auto", ["adopt", *arguments, "--dir", str(place / "desk"), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_proposal_changes_nothing(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {p: p.read_bytes() for p in place.rglob("*") if p.is_file()}
    code, found = adopt(capsys, place, "crontab", str(place / "tab"), "--tz", "UTC")
    assert code == 0
    assert [(e["name"], e["status"], e["needs"]) for e in found["entries"]] == [
        ("pull", "ready", []),
        ("report", "ready", ["pull"]),
        ("gone", "left", []),
    ]
    assert found["accepted"] is False
    assert found["diff"].startswith("--- a/steersman.toml\n+++ b/steersman.toml\n")
    assert "+[automation.pull]" in found["diff"]
    assert any("nonsense" in p["why"] for p in found["problems"])
    assert [s["variable"] for s in found["secrets"]] == ["API_TOKEN"]
    assert PLANTED not in json.dumps(found)
    assert {p: p.read_bytes() for p in place.rglob("*") if p.is_file()} == before


def test_accepted_automations_load_run_by_hand_and_are_off(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, tab = place / "desk/steersman.toml", place / "tab"
    before, crontab = file.read_bytes(), tab.read_bytes()
    code, found = adopt(capsys, place, "crontab", str(tab), "--tz", "UTC", "--accept", "--yes")
    assert (code, found["accepted"]) == (0, True)
    assert Path(found["backup"]).read_bytes() == before
    assert tab.read_bytes() == crontab
    assert found["removal"][0].startswith("crontab -l > crontab.before && sed -e '2{/")
    automations = load_workspace(place / "desk").automations
    assert {name: a.enabled for name, a in automations.items()} == {"pull": False, "report": False}
    assert automations["report"].timeout == "5m"
    code, again = adopt(capsys, place, "crontab", str(tab), "--tz", "UTC", "--accept", "--yes")
    assert (code, again["entries"], again["diff"], again["accepted"]) == (0, [], "", False)
    assert [k["name"] for k in again["known"]] == ["pull", "report", "gone"]


def test_enabled_automations_of_a_folder_run_in_their_order(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ("--dir", str(place / "desk"), "--json")
    assert run("auto", ["adopt", str(place / "scripts"), "--accept", "--yes", "--enable", *where]) == 0
    capsys.readouterr()
    assert run("auto", ["run", "report", *where]) == 0
    outcomes = json.loads(capsys.readouterr().out)
    assert [(o["automation"], o["status"]) for o in outcomes] == [("pull", "succeeded"), ("report", "succeeded")]


def test_people_see_the_diff_a_table_and_what_to_do_next(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ("--dir", str(place / "desk"), "--tz", "UTC")
    assert run("auto", ["adopt", "crontab", str(place / "tab"), *where]) == 0
    shown = capsys.readouterr().out
    for words in ("+[automation.pull]", "after pull", "not adopted", "API_TOKEN", "Nothing is written", "nonsense"):
        assert words in shown
    assert PLANTED not in shown
    assert run("auto", ["adopt", "crontab", str(place / "tab"), *where, "--accept", "--yes"]) == 0
    shown = capsys.readouterr().out
    assert "Nothing of it runs until enabled = true." in shown
    assert "crontab -l > crontab.before && sed" in shown
    assert run("auto", ["adopt", "crontab", str(place / "tab"), *where]) == 0
    assert "nothing new to adopt" in capsys.readouterr().out


def test_nobody_to_ask_is_a_no(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (place / "desk/steersman.toml").read_bytes()
    code, error = adopt(capsys, place, "crontab", str(place / "tab"), "--accept")
    assert (code, error["message"]) == (1, "nobody is there to ask")
    assert (place / "desk/steersman.toml").read_bytes() == before


def test_a_crontab_may_come_by_standard_input(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = io.BytesIO(f"@daily {place}/scripts/pull.sh\r\n".encode())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(raw))
    _, found = adopt(capsys, place, "crontab", "-")
    assert [(e["name"], e["where"], e["schedule"]) for e in found["entries"]] == [("pull", "crontab:1", "0 0 * * *")]


def test_a_user_column_is_asked_about(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tab = place / "system"
    tab.write_text(f"@daily root {place}/scripts/pull.sh\n", encoding="utf-8")
    code, error = adopt(capsys, place, "crontab", str(tab))
    assert (code, error["fix"]) == (2, "add --with-user if that column is one, --without-user if it is not")
    code, found = adopt(capsys, place, "crontab", str(tab), "--with-user")
    assert (code, found["entries"][0]["name"]) == (0, "pull")


def test_wrong_usage_is_named(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, word in (
        (("crontab", str(place / "none")), "cannot be read"),
        (("crontab", str(place / "tab"), "--system"), "different crontabs"),
        (("crontab", str(place / "tab"), "--tz", "Mars/Base"), "no such time zone"),
        (("folder", str(place / "tab")), "not a folder"),
    ):
        code, error = adopt(capsys, place, *arguments)
        assert code == 2
        assert word in error["message"]


def test_timers_are_adopted_from_a_folder(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    units = place / "systemd/user"
    units.mkdir(parents=True)
    (units / "pull.timer").write_text("[Timer]\nOnCalendar=Mon..Fri 17:30\nPersistent=yes\n", encoding="utf-8")
    (units / "pull.service").write_text(f"[Service]\nExecStart={place}/scripts/pull.sh\n", encoding="utf-8")
    code, found = adopt(capsys, place, "systemd", str(units), "--accept", "--yes")
    assert (code, found["accepted"]) == (0, True)
    assert found["removal"] == ["systemctl --user disable --now pull.timer"]
    automation = load_workspace(place / "desk").automations["pull"]
    assert (automation.schedule, automation.catchup) == ("30 17 * * mon-fri", "latest")


def test_a_file_that_changed_meanwhile_is_not_overwritten(place: Path) -> None:
    file = place / "desk/steersman.toml"
    before = acceptance.read_text(file)
    file.write_text(before + "# mine\n", encoding="utf-8")
    with pytest.raises(Conflict, match="was changed"):
        acceptance.write(file, before, before + "x", verify=lambda: None)
    assert file.read_text(encoding="utf-8") == before + "# mine\n"


def test_a_file_that_does_not_load_is_put_back(place: Path) -> None:
    file = place / "desk/steersman.toml"
    before = acceptance.read_text(file)

    def refuse() -> None:
        raise Misconfigured("no", fix="")

    with pytest.raises(Misconfigured):
        acceptance.write(file, before, before + "x", verify=refuse)
    assert acceptance.read_text(file) == before
    assert sorted(p.name for p in file.parent.glob("steersman.toml*")) == ["steersman.toml"]


def test_only_new_automations_pass_the_check(place: Path) -> None:
    root = place / "desk"
    old = '[desk]\nname = "x"\n[automation.a]\nrun = "true"\n'
    acceptance.check(old, old + '[automation.b]\nrun = "true"\n', root, name="steersman.toml", tz="UTC")
    for new in (old.replace("x", "y"), old.replace('"true"', '"false"'), '[desk]\nname = "x"\n'):
        with pytest.raises(Rejected, match="would change"):
            acceptance.check(old, new, root, name="steersman.toml", tz="UTC")
    with pytest.raises(Misconfigured, match="not valid TOML"):
        acceptance.check(old, old + '[automation.a]\nrun = "true"\n', root, name="steersman.toml", tz="UTC")


def test_the_system_s_crontabs_are_read_as_cron_reads_them(tmp_path: Path) -> None:
    etc, folder = tmp_path / "crontab", tmp_path / "cron.d"
    folder.mkdir()
    etc.write_text("17 * * * * root true\n", encoding="utf-8")
    (folder / "backup").write_text("@daily root true\n", encoding="utf-8")
    (folder / "backup.dpkg-old").write_text("@daily root true\n", encoding="utf-8")
    crontabs, problems = system_crontabs(etc, folder)
    assert [(c.file, c.entries[0].user) for c in crontabs] == [(str(etc), "root"), (str(folder / "backup"), "root")]
    assert [Path(p.where).name for p in problems] == ["backup.dpkg-old"]
    with pytest.raises(Misconfigured, match="there is no"):
        system_crontabs(tmp_path / "none", tmp_path / "none.d")


def test_a_folder_named_by_a_way_round_is_written_down_plainly(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place / "desk")
    assert run("auto", ["adopt", "../scripts", "--json"]) == 0
    proposal = json.loads(capsys.readouterr().out)["proposal"]
    assert str(place / "scripts") in proposal
    assert ".." not in proposal


def test_what_is_no_folder_and_no_source_is_named_with_what_to_type(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, message, fix in (
        ([str(place / "gone")], f"there is no folder {place / 'gone'}", "name a folder of scripts"),
        ([str(place / "tab")], "tab is a file, and adopt does not guess", f"adopt crontab {place / 'tab'}"),
    ):
        assert run("auto", ["adopt", *arguments, "--dir", str(place / "desk")]) == 2
        said = capsys.readouterr().err
        assert message in said
        assert fix in said
