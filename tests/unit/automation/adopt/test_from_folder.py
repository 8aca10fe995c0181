"""A folder of scripts, and what is proposed for it."""

from __future__ import annotations

from pathlib import Path

from tests.unit.automation.adopt.machines import a_file, a_machine

from steersman.automation.adopt.from_folder import read_folder
from steersman.automation.adopt.proposal import propose


def test_scripts_are_found_and_modules_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "scripts"
    a_file(folder / "pull.py", "import lib\nopen('p.csv', 'w')\n")
    a_file(folder / "report.sh", "cat p.csv > report.html\n")
    a_file(folder / "deep/tool", "#!/bin/sh\ntrue\n", executable=True)
    a_file(folder / "lib.py", "def f(): ...\n")
    a_file(folder / "types.py", "X = 1\n")
    a_file(folder / "test_pull.py", "print(1)\n")
    a_file(folder / "notes.txt", "x")
    a_file(folder / "data", "#!/bin/sh\n")
    a_file(folder / ".hidden.py", "print(1)\n")
    a_file(folder / "venv/x.py", "print(1)\n")
    machine = a_machine(tmp_path)
    reading = read_folder(folder, machine)
    assert [c.label for c in reading.candidates] == ["pull", "report", "tool"]
    assert {(p.where, p.why) for p in reading.problems} == {
        ("lib.py", "left out: others import it"),
        ("types.py", "left out: it only defines things"),
    }
    found = propose(reading.candidates, "", {}, now_ns=0, desk_tz="UTC", root=tmp_path)
    needs = {p.name: p.needs for p in found.new}
    assert needs == {"pull": (), "report": ("pull",), "tool": ()}
    assert found.new[1].edges[0].evidence == "writes scripts/p.csv at pull.py:2, read at report.sh:1"


def test_a_script_of_the_workspace_is_named_from_there(tmp_path: Path) -> None:
    machine = a_machine(tmp_path)
    a_file(machine.workspace / "automations/a.py", "print(1)\n")
    (found,) = read_folder(machine.workspace / "automations", machine).candidates
    assert found.run == "automations/a.py"


def test_times_in_a_comment_are_taken(tmp_path: Path) -> None:
    folder = tmp_path / "scripts"
    a_file(folder / "a.py", "# cron: 30 17 * * 1-5\nprint(1)\n")
    a_file(folder / "b.sh", "#!/bin/sh\n# schedule: whenever\ntrue\n")
    first, second = read_folder(folder, a_machine(tmp_path)).candidates
    assert (first.schedule, first.tz, first.where) == ("30 17 * * 1-5", "Europe/Berlin", "a.py:1")
    assert (second.schedule, second.tz) == (None, None)
