"""Timers and services as they lie in folders, and what is proposed for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.unit.automation.adopt.machines import a_file, a_machine

from steersman.automation.adopt.candidate import Candidate, Reading
from steersman.automation.adopt.from_systemd import default_folders, read_timers
from steersman.automation.adopt.manifest_text import appended
from steersman.automation.adopt.proposal import propose
from steersman.automation.adopt.removal import commands
from steersman.automation.adopt.service import systemd_seconds
from steersman.automation.adopt.units import read_unit
from steersman.automation.settings import AutomationSettings, validate
from steersman.kernel.toml_file import TomlFile

PLANTED = "hunter2hunter2"


@pytest.fixture
def units(tmp_path: Path) -> Path:
    a_file(tmp_path / "s/run.sh", "#!/bin/sh\ntrue\n", executable=True)
    return tmp_path / "home/.config/systemd/user"


def unit_pair(units: Path, name: str, timer: str, service: str = "") -> None:
    script = units.parents[3] / "s/run.sh"
    a_file(units / f"{name}.timer", f"[Timer]\n{timer}\n")
    body = service or f"ExecStart={script}"
    a_file(units / f"{name}.service", f"[Service]\nType=oneshot\n{body.replace('RUN', str(script))}\n")


def read(units: Path) -> Reading:
    root = units.parents[3]
    return read_timers([units], a_machine(root))


def only(units: Path, timer: str, service: str = "") -> Candidate:
    unit_pair(units, "job", timer, service)
    (candidate,) = read(units).candidates
    return candidate


def test_a_calendar_timer_becomes_a_schedule(units: Path) -> None:
    found = only(units, "OnCalendar=Mon..Fri *-*-* 09:00:00\nPersistent=true")
    assert (found.schedule, found.tz, found.catchup) == ("0 9 * * mon-fri", "Europe/Berlin", "latest")
    assert found.run == f"{units.parents[3]}/s/run.sh"
    assert found.where == "job.timer:2"
    assert found.overlap == "skip"
    assert commands([found.removal] if found.removal else []) == ["systemctl --user disable --now job.timer"]


def test_a_timer_without_persistent_catches_nothing_up(units: Path) -> None:
    assert only(units, "OnCalendar=daily UTC").catchup == "none"


def test_several_times_are_one_schedule_where_they_can_be(units: Path) -> None:
    assert only(units, "OnCalendar=09:00\nOnCalendar=17:00").schedule == "0 9,17 * * *"


def test_several_times_are_lines_of_one_schedule_and_zones_are_several_automations(units: Path) -> None:
    unit_pair(units, "job", "OnCalendar=09:00\nOnCalendar=17:30\nOnCalendar=17:45 UTC")
    assert [(c.schedule, c.tz) for c in read(units).candidates] == [
        ("0 9 * * *; 30 17 * * *", "Europe/Berlin"),
        ("45 17 * * *", "UTC"),
    ]


def test_an_empty_value_takes_back_what_stood_before(units: Path) -> None:
    assert only(units, "OnCalendar=09:00\nOnCalendar=\nOnCalendar=10:00").schedule == "0 10 * * *"


def test_what_cron_cannot_say_is_left_with_its_reason(units: Path) -> None:
    assert "within a minute" in only(units, "OnCalendar=*:*:0/10").left
    assert "allowed is 10 s to 24 h, or whole days" in only(units, "OnUnitActiveSec=36h").left


def test_a_step_that_divides_neither_hour_nor_day_is_an_interval_and_a_random_delay_is_jitter(units: Path) -> None:
    found = only(units, "OnUnitActiveSec=45min\nRandomizedDelaySec=2min")
    assert (found.schedule, found.jitter_s) == ("every 45m", 120.0)
    assert only(units, "OnUnitActiveSec=1min\nRandomizedDelaySec=2min").jitter_s == 0


def test_spans_that_divide_the_hour_or_the_day_follow_the_clock(units: Path) -> None:
    found = only(units, "OnUnitActiveSec=15min\nRandomizedDelaySec=30s")
    assert found.schedule == "*/15 * * * *"
    assert any("the clock does" in note for note in found.notes)
    assert any("RandomizedDelaySec=30s" in note for note in found.notes)
    assert only(units, "OnUnitActiveSec=6h").schedule == "0 */6 * * *"
    assert only(units, "OnUnitActiveSec=1d").schedule == "0 0 * * *"


def test_a_start_with_the_machine_is_one_with_the_desk(units: Path) -> None:
    found = only(units, "OnBootSec=2min")
    assert (found.schedule, found.on) == (None, ("kernel.desk.started",))


def test_folder_variables_limits_and_retries_are_carried(units: Path) -> None:
    folder = units.parents[3] / "s"
    service = (
        f'WorkingDirectory={folder}\nEnvironment=A=1 "B=2 3"\nEnvironment=H=%h/x\nExecStart=RUN --a ${{A}} %h\n'
        "TimeoutStartSec=5min 30s\nRestart=on-failure\nRestartSec=10\nStartLimitBurst=3\nNice=10\nMemoryMax=1G"
    )
    found = only(units, "OnCalendar=daily", service)
    home = units.parents[2]
    assert (found.cwd, found.run) == (str(folder), f"nice -n 10 {folder}/run.sh --a 1 {home}")
    assert {k: found.env[k] for k in "ABH"} == {"A": "1", "B": "2 3", "H": f"{home}/x"}
    assert (found.timeout_s, found.retries, found.backoff, found.backoff_s) == (330.0, 2, "fixed", 10.0)
    assert any("MemoryMax" in note for note in found.notes)


def test_several_commands_run_one_after_the_other(units: Path) -> None:
    found = only(units, "OnCalendar=daily", "ExecStartPre=-/bin/echo x\nExecStart=RUN\nExecStart=RUN two")
    run = f"{units.parents[3]}/s/run.sh"
    assert f"{{ /bin/echo x || true; }} && {run} && {run} two" in found.run


def test_secrets_of_a_unit_stay_where_they_are(units: Path) -> None:
    service = f'Environment="API_TOKEN={PLANTED}" A=1\nExecStart=RUN --token {PLANTED}2 $API_TOKEN'
    unit_pair(units, "job", "OnCalendar=daily", service)
    reading = read(units)
    assert PLANTED not in str(reading)
    assert {s.variable for s in reading.secrets} == {"API_TOKEN", "JOB_TOKEN"}
    assert any("API_TOKEN" in hold for hold in reading.candidates[0].holds)


def test_a_file_of_variables_is_read_at_the_start_and_not_copied(units: Path, tmp_path: Path) -> None:
    secret = a_file(tmp_path / "s/job.env", f"API_TOKEN={PLANTED}\n")
    found = only(units, "OnCalendar=daily", f"EnvironmentFile={secret}\nExecStart=RUN $API_TOKEN")
    assert PLANTED not in str(found)
    assert f"set -a; . {secret}; set +a; " in found.run
    assert '"$API_TOKEN"' in found.run


def test_another_user_s_service_waits_for_a_person(units: Path) -> None:
    assert (
        only(units, "OnCalendar=daily", "User=nobody-here\nExecStart=RUN").holds[-1].startswith("runs as nobody-here")
    )
    system = units.parents[3] / "etc"
    unit_pair(units, "job", "OnCalendar=daily")
    system.mkdir()
    for file in units.iterdir():
        file.rename(system / file.name)
    (found,) = read_timers([system], a_machine(units.parents[3])).candidates
    assert found.holds == ("runs as root today; Steersman runs as ana",)
    assert commands([found.removal] if found.removal else []) == ["sudo systemctl disable --now job.timer"]


def test_drop_ins_change_a_unit(units: Path) -> None:
    unit_pair(units, "job", "OnCalendar=09:00")
    a_file(units / "job.timer.d/time.conf", "[Timer]\nOnCalendar=\nOnCalendar=11:00\n")
    assert [c.schedule for c in read(units).candidates] == ["0 11 * * *"]


def test_units_that_cannot_be_adopted_are_named(units: Path) -> None:
    a_file(units / "alone.timer", "[Timer]\nOnCalendar=daily\n")
    a_file(units / "many@.timer", "[Timer]\nOnCalendar=daily\n")
    unit_pair(units, "never", "AccuracySec=1s")
    a_file(units / "server.service", "[Service]\nExecStart=/bin/server\n")
    (units / "off.timer").symlink_to("/dev/null")
    reading = read(units)
    assert reading.candidates == ()
    said = {p.where: p.why for p in reading.problems}
    assert "no ExecStart" in said["alone.timer"]
    assert "template" in said["many@.timer"]
    assert "no time" in said["never.timer"]
    assert "masked" in said["off.timer"]
    assert "no timer" in said["server.service"]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    machine = a_machine(tmp_path)
    assert read_timers([tmp_path / "none"], machine).problems[0].why == "there is no such folder"
    assert all(folder.is_dir() for folder in default_folders(machine))


def test_units_are_read_with_continued_lines_and_comments() -> None:
    text = "# c\n[Service]\nExecStart=a \\\n  b \\\n; not this\n  c\n\n;d\nX = 1 \nnot a setting\n"
    unit = read_unit(text, name="x.service", file=Path("x.service"))
    assert unit.last("Service", "ExecStart") == "a b c"
    assert unit.line("Service", "ExecStart") == 3
    assert unit.last("Service", "X") == "1"


def test_spans_are_read_as_systemd_writes_them() -> None:
    said = {"90": 90.0, "5min 20s": 320.0, "1h30m": 5400.0, "2 weeks": 1_209_600.0, "infinity": None, "1 moon": None}
    assert {text: systemd_seconds(text) for text in said} == said


def test_what_is_written_is_read_back_with_its_folder_lines_interval_and_jitter(units: Path, tmp_path: Path) -> None:
    folder = units.parents[3] / "s"
    service = f"WorkingDirectory={folder}\nExecStart=RUN --a"
    unit_pair(units, "lines", "OnCalendar=09:00\nOnCalendar=17:30\nRandomizedDelaySec=2min", service)
    unit_pair(units, "often", "OnUnitActiveSec=45min", service)

    def proposed(text: str) -> list[Any]:
        declared = TomlFile(text, name="t").section(("automation",), dict[str, AutomationSettings])
        return list(propose(read(units).candidates, text, declared, now_ns=0, desk_tz="UTC", root=tmp_path).new)

    text = appended("", proposed(""), title="adopted")
    file = TomlFile(text, name="t")
    found = validate(file, file.section(("automation",), dict[str, AutomationSettings]), tmp_path)
    assert (found["lines"].schedule, found["lines"].jitter_s) == ("0 9 * * *; 30 17 * * *", 120)
    assert found["often"].schedule == "every 45m"
    assert {a.cwd for a in found} == {str(folder)}
    without_marks = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    assert proposed(text) == proposed(without_marks) == []
