"""Whole crontabs, and the automations proposed for them."""

from __future__ import annotations

import os
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from tests.unit.automation.adopt.machines import a_file, a_machine

from steersman.automation.adopt.candidate import Candidate, Reading
from steersman.automation.adopt.crontab import read_crontab
from steersman.automation.adopt.from_crontab import read_entries
from steersman.automation.adopt.manifest_text import appended
from steersman.automation.adopt.proposal import Proposal, propose
from steersman.automation.adopt.removal import commands
from steersman.automation.settings import AutomationSettings
from steersman.kernel.toml_file import TomlFile

NOW = 1_790_000_000_000_000_000
PLANTED = "hunter2hunter2"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    a_file(tmp_path / "s/pull.py", f"#!{tmp_path}/venv/bin/python\nopen('/d/p.csv', 'w')\n", executable=True)
    a_file(tmp_path / "s/plain.py", "open('/d/p.csv')\n")
    a_file(tmp_path / "s/local.py", "open('local.csv')\n")
    a_file(tmp_path / "s/env.py", "#!/usr/bin/env python3\nimport os\nos.environ['API_TOKEN']\n", executable=True)
    a_file(tmp_path / "s/run.sh", "#!/bin/sh\ncat /d/p.csv\n", executable=True)
    a_file(tmp_path / "venv/bin/python", "#!/bin/sh\n", executable=True)
    return tmp_path


def read(root: Path, *lines: str, with_user: bool = False, tz: str = "") -> Reading:
    text = "\n".join(lines).replace("ROOT", str(root)) + "\n"
    return read_entries([read_crontab(text, with_user=with_user)], a_machine(root), tz=tz)


def only(root: Path, *lines: str, **options: Any) -> Candidate:
    (candidate,) = read(root, *lines, **options).candidates
    return candidate


def offer(reading: Reading, root: Path, text: str = "") -> Proposal:
    file = TomlFile(text, name="steersman.toml")
    existing = file.section(("automation",), dict[str, AutomationSettings])
    return propose(reading.candidates, text, existing, now_ns=NOW, desk_tz="UTC", root=root / "desk")


RUNS = [
    ("ROOT/s/pull.py --day 1", "ROOT/venv/bin/python ROOT/s/pull.py --day 1"),
    ("ROOT/venv/bin/python ROOT/s/plain.py", "ROOT/venv/bin/python ROOT/s/plain.py"),
    ("cd ROOT/s && ../venv/bin/python -u plain.py", "ROOT/s: ROOT/venv/bin/python -u ROOT/s/plain.py"),
    ("ROOT/venv/bin/python ROOT/s/local.py", "ROOT/home: ROOT/venv/bin/python ROOT/s/local.py"),
    ("ROOT/s/run.sh", "ROOT/s/run.sh"),
    ("ROOT/s/run.sh out.csv", "ROOT/home: ROOT/s/run.sh out.csv"),
    ("nice -n 5 ROOT/s/run.sh", "nice -n 5 ROOT/s/run.sh"),
    ("ROOT/s/run.sh || true", "/bin/sh -c 'ROOT/s/run.sh || true'"),
    ("ROOT/s/run.sh > /d/out.csv", "/bin/sh -c 'ROOT/s/run.sh > /d/out.csv'"),
    (". ROOT/venv/bin/activate && python ROOT/s/plain.py", "ROOT/venv/bin/python ROOT/s/plain.py"),
    ('ROOT/s/run.sh "a b" \'c"d\'', "ROOT/s/run.sh 'a b' 'c\"d'"),
    ("/bin/cat%one%two", '/bin/sh -c \'printf "%s\\n" "one" "two" | /bin/cat\''),
]


@pytest.mark.parametrize(("command", "run"), RUNS)
def test_a_command_runs_as_under_cron(root: Path, command: str, run: str) -> None:
    candidate = only(root, f"0 6 * * * {command}")
    expected = run.replace("ROOT", str(root))
    shells = {expected, expected.replace("/bin/sh", "/usr/bin/sh")}
    shown = f"{candidate.cwd}: {candidate.run}" if candidate.cwd else candidate.run
    assert {shown, shown.removeprefix(f"{root}/home: ")} & shells
    assert not candidate.left


def test_a_folder_that_is_not_there_is_named_and_its_entry_stays_where_it_is(root: Path) -> None:
    assert only(root, "0 6 * * * cd /no/where && /bin/echo x").left == "there is no folder /no/where on this machine"


def test_a_program_that_shell_text_names_and_is_not_there_is_noted(root: Path) -> None:
    found = only(root, "@reboot sleep 30 && flock /run/l /no/where/watch.sh | /bin/cat; /no/where/watch.sh")
    assert not found.left
    assert [note for note in found.notes if "/no/where" in note] == ["there is no /no/where/watch.sh on this machine"]


def test_times_zone_and_limits_are_written(root: Path) -> None:
    found = only(root, "30 17 * * mon-fri flock /run/l timeout 5m ROOT/s/run.sh >> /var/log/run.log 2>&1")
    assert (found.schedule, found.tz, found.timeout_s, found.overlap) == (
        "30 17 * * mon-fri",
        "Europe/Berlin",
        300.0,
        "queue",
    )
    assert found.catchup == "none"
    assert only(root, "CRON_TZ=Asia/Tokyo", "@daily ROOT/s/run.sh").tz == "Asia/Tokyo"
    odd = only(root, "CRON_TZ=Mars/Base", "@daily ROOT/s/run.sh")
    assert (odd.tz, odd.notes) == ("Europe/Berlin", ("CRON_TZ=Mars/Base is no time zone; taken: Europe/Berlin",))
    assert only(root, "@daily ROOT/s/run.sh", tz="UTC").tz == "UTC"
    reboot = only(root, "@reboot ROOT/s/run.sh")
    assert (reboot.schedule, reboot.on, reboot.tz) == (None, ("kernel.desk.started",), None)


def test_variables_reach_the_run_and_shorthands_do_not(root: Path) -> None:
    found = only(root, "S=ROOT/s", "LANG=C", "TZ=UTC", "MAILTO=me", "PATH=/opt:/bin", "0 6 * * * $S/run.sh")
    assert found.env == {"LANG": "C", "TZ": "UTC", "PATH": "/opt:/bin"}
    assert found.run == f"{root}/s/run.sh"


def test_cron_s_own_path_is_kept_for_what_starts_other_programs(root: Path) -> None:
    assert only(root, "0 6 * * * ROOT/s/run.sh").env == {"PATH": "/usr/bin:/bin"}
    assert only(root, "0 6 * * * ROOT/venv/bin/python ROOT/s/plain.py").env == {}


def test_a_secret_is_named_and_nowhere_copied(root: Path) -> None:
    lines = [
        f"API_TOKEN={PLANTED}",
        f"DB=postgresql://me:{PLANTED}@h/d",
        f"0 6 * * * curl -H 'Authorization: Bearer {PLANTED}' https://me:{PLANTED}2@h/",
        "0 7 * * * ROOT/s/env.py",
        f"0 8 * * * /bin/cat%key {PLANTED}4 password={PLANTED}3",
        f"0 9 * * * * token={PLANTED}",
    ]
    reading = read(root, *lines)
    proposal = offer(reading, root)
    text = appended("", list(proposal.new), title="x")
    assert {s.line for s in reading.secrets} == {1, 2, 3, 5}
    for place in (text, str(reading.problems), str(reading.secrets)):
        assert PLANTED not in place.replace(f"{PLANTED}4", "")
    curl, env, _ = reading.candidates
    assert any("CURL_TOKEN" in hold for hold in curl.holds)
    assert any("API_TOKEN" in hold for hold in env.holds)
    assert '"Authorization: Bearer ${CURL_TOKEN}"' in curl.run


def test_another_user_s_line_waits_for_a_person(root: Path) -> None:
    found = only(root, "0 6 * * * nobody-here ROOT/s/run.sh", with_user=True)
    assert found.holds == ("runs as nobody-here today; Steersman runs as ana",)
    assert only(root, "0 6 * * * ana ROOT/s/run.sh", with_user=True).holds == ()


def test_a_missing_script_is_left_as_a_comment(root: Path) -> None:
    reading = read(root, "0 6 * * * ROOT/s/gone.py", "0 7 * * * ROOT/s/run.sh")
    text = appended("", list(offer(reading, root).new), title="x")
    assert list(tomllib.loads(text)["automation"]) == ["run"]
    assert "# [automation.gone]" in text
    assert "# not adopted: there is no" in text


def test_names_are_unique_and_needs_come_with_evidence(root: Path) -> None:
    reading = read(
        root,
        "45 17 * * 1-5 ROOT/s/run.sh",
        "30 17 * * 1-5 ROOT/s/pull.py",
        "30 9 * * 1-5 ROOT/s/run.sh --again",
    )
    follower, pull, second = offer(reading, root).new
    assert [p.name for p in (follower, pull, second)] == ["run", "pull", "run-2"]
    assert (follower.needs, follower.follows) == (("pull",), True)
    assert follower.edges[0].evidence == "writes /d/p.csv at pull.py:2, read at run.sh:2"
    table = tomllib.loads(appended("", [follower, pull, second], title="x"))["automation"]
    assert "schedule" not in table["run"]
    assert table["run"]["needs"] == ["pull"]
    assert all(automation["enabled"] is False for automation in table.values())


def test_the_same_line_twice_is_proposed_once(root: Path) -> None:
    reading = read(root, "0 6 * * * ROOT/s/run.sh", "0 6 * * * ROOT/s/run.sh")
    assert len(reading.candidates) == 1
    assert [p.why for p in reading.problems] == ["the same as crontab:1; proposed once"]


def test_adopting_again_proposes_nothing(root: Path) -> None:
    lines = ["45 17 * * 1-5 ROOT/s/run.sh", "30 17 * * 1-5 ROOT/s/pull.py", "0 6 * * * ROOT/s/gone.py"]
    text = appended("[desk]\n", list(offer(read(root, *lines), root).new), title="x")
    again = offer(read(root, "# moved down", *lines), root, text)
    assert again.new == ()
    assert again.known == (("crontab:2", "run"), ("crontab:3", "pull"), ("crontab:4", "gone"))
    by_hand = f'[automation.mine]\nrun = "{root}/s/run.sh"\nschedule = "45 17 * * 1-5"\ntz = "Europe/Berlin"\n'
    assert offer(read(root, lines[0]), root, by_hand).known == (("crontab:1", "mine"),)


def test_a_name_that_is_taken_is_left_alone(root: Path) -> None:
    text = '[automation.run]\nrun = "true"\n'
    assert [p.name for p in offer(read(root, "0 6 * * * ROOT/s/run.sh"), root, text).new] == ["run-2"]
    twin = f'[automation.run]\nrun = "{root}/s/run.sh"\n'
    (found,) = offer(read(root, "0 6 * * * ROOT/s/run.sh"), root, twin).new
    assert "already runs a run.sh" in found.candidate.notes[-1]


def test_only_what_nothing_holds_is_enabled(root: Path) -> None:
    lines = [f"API_TOKEN={PLANTED}", "0 6 * * * ROOT/s/env.py", "0 7 * * * ROOT/s/run.sh"]
    reading = read(root, *lines)
    found = propose(reading.candidates, "", {}, now_ns=NOW, desk_tz="UTC", root=root, enable=True)
    assert [(p.name, p.enabled) for p in found.new] == [("env", False), ("run", True)]


def a_crontab_command(folder: Path) -> Path:
    """Put a `crontab` into `folder` that knows -l and -, and return the file it keeps; without that file -l fails."""
    kept = folder / "installed"
    script = f'#!/bin/sh\nif [ "$1" = -l ]; then cat {kept}; else cat > {kept}; fi\n'
    a_file(folder / "crontab", script, executable=True)
    return kept


def test_a_crontab_that_cannot_be_listed_is_not_replaced_by_nothing(root: Path) -> None:
    (command,) = commands(c.removal for c in read(root, "0 6 * * * ROOT/s/run.sh").candidates if c.removal)
    installed = a_crontab_command(root / "bin")
    env = {"PATH": f"{root / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", command], cwd=root, env=env, check=False, capture_output=True)
    assert done.returncode != 0
    assert not installed.exists()


def test_the_removal_command_touches_its_lines_and_no_other(root: Path) -> None:
    crontab = f"# top\n0 6 * * * {root}/s/run.sh\n0 7 * * * {root}/s/pull.py x\n0 8 * * * other\n"
    reading = read(root, *crontab.splitlines())
    (command,) = commands(c.removal for c in reading.candidates[:2] if c.removal)
    installed = a_crontab_command(root / "bin")

    def after(text: str) -> str:
        installed.write_text(text)
        env = {"PATH": f"{root / 'bin'}:{os.environ['PATH']}"}
        subprocess.run(["sh", "-c", command], cwd=root, env=env, check=True, capture_output=True)
        assert (root / "crontab.before").read_text() == text
        return installed.read_text()

    expected = crontab.replace("0 6", "# steersman: 0 6").replace("0 7", "# steersman: 0 7")
    assert after(crontab) == expected
    moved = "# one more line\n" + crontab
    assert after(moved) == moved


def test_a_lock_of_two_lines_stays_in_both(root: Path) -> None:
    lines = ("0 6 * * * flock -n /run/l ROOT/s/run.sh", "5 6 * * * flock -n /run/l ROOT/s/pull.py")
    one, two = read(root, *lines).candidates
    assert "flock -n /run/l" in one.run
    assert "flock -n /run/l" in two.run


def test_a_program_that_may_read_a_secret_is_held_and_a_plain_one_is_not(root: Path) -> None:
    a_file(root / "bin/pg_dump", "#!/bin/sh\n", executable=True)
    lines = [
        f"PGPASSWORD={PLANTED}",
        f"PATH={root}/bin:/usr/bin:/bin",
        "0 1 * * * pg_dump main | gzip > /srv/main.gz",
        "0 2 * * * find /srv -delete",
        "0 3 * * * ROOT/s/run.sh",
        "0 4 * * * test -d /srv && cat /srv/x > /srv/y",
    ]
    held = {c.label: bool(c.holds) for c in read(root, *lines).candidates}
    assert held == {"pg_dump": True, "find": False, "run": False, "cat": False}


def test_a_start_with_the_desk_gets_the_longest_limit(root: Path) -> None:
    lines = ["@reboot screen -dmS bot ROOT/s/run.sh", "@reboot ROOT/s/run.sh"]
    reading = read(root, *lines)
    assert any("goes its own way" in note for note in reading.candidates[0].notes)
    table = tomllib.loads(appended("", list(offer(reading, root).new), title="x"))["automation"]
    assert {a["timeout"] for a in table.values()} == {"7d"}


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("ROOT/s/run.sh", "run"),
        ("/bin/sh -c 'test -d /x && cat /y > /z'", "cat"),
        ('[ "$(date +\\%u)" = 7 ] && chronic find /x -delete', "find"),
        ("cat%hello", "cat"),
        ("/bin/true", "true"),
    ],
)
def test_a_line_is_named_after_what_it_does(root: Path, line: str, name: str) -> None:
    assert offer(read(root, f"0 6 * * * {line}"), root).new[0].name == name


def test_a_percent_within_quotes_is_held_because_cron_cuts_the_command_there(root: Path) -> None:
    cut, whole = read(root, '0 6 * * * echo "90% done"', "0 7 * * * cat%lines").candidates
    assert any("a % ends the command, here within a quote" in hold for hold in cut.holds)
    assert not whole.holds
