"""Operating runs as a person types it: pause, resume, cancel, rerun, backfill, show."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.builders_automation import PYTHON, wait_for
from tests.builders_cli import Said

from steersman.automation.control.cancelling import Wish, ask
from steersman.automation.control.underway import Register
from steersman.automation.runner.folders import Folders
from steersman.bootstrap.desk import open_desk

TOML = """
[desk]
name = "night"
tz = "America/New_York"

[automation.first]
run = "sh -c 'echo {scheduled_at}'"

[automation.second]
run = "sh -c 'test -e ok'"
needs = ["first"]
params = { days = 5 }

[automation.third]
run = "sh -c 'echo $STEERSMAN_SCHEDULED_AT; echo three > $STEERSMAN_ARTIFACTS/three.txt'"
needs = ["second"]

[automation.daily]
run = "sh -c 'echo {scheduled_date} >> days; test {scheduled_date} != 2026-11-03 || test -e ok'"
schedule = "30 1 * * *"

[automation.slow]
run = "sh -c 'sleep 300 & wait'"
schedule = "0 6 * * *"
retries = 2
backoff = "none"
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "steersman.toml").write_text(TOML, encoding="utf-8")
    return tmp_path


@pytest.fixture
def auto(root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Said:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("STEERSMAN_DIR", str(root))
    return Said(capsys, "auto")


def runs_of(root: Path, name: str) -> list[str]:
    folder = root / ".steersman/runs" / name
    return sorted(p.name for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []


def said(root: Path, *types: str) -> list[dict[str, Any]]:
    desk = open_desk(root)
    try:
        return [
            {"type": e.type, "actor": e.actor, "after": e.causation_id, "id": e.id, **msgspec.json.decode(e.data)}
            for e in desk.ledger.read(types=types)
        ]
    finally:
        desk.close()


# -- pauses ----------------------------------------------------------------------------------------------------------


def test_a_person_is_refused_what_is_paused_and_told_both_ways_out(auto: Said, root: Path) -> None:
    assert auto("pause", "first", "--reason", "the  vendor\nis \x1b[31mdown") == 0
    assert "first: paused\n" in auto.out
    assert auto("run", "first") == 1
    assert "first is paused by person:cli since" in auto.err
    assert ": the vendor is [31mdown" in auto.err
    assert "steersman auto resume first; or, to run it this once all the same, add --anyway" in auto.err
    assert auto("run", "second") == 1
    assert "second needs first, which is paused" in auto.err
    assert auto("run", "first", "--anyway") == 0
    assert auto("resume", "first") == 0
    assert auto("run", "first") == 0
    assert [e["type"] for e in said(root, "automation.paused", "automation.resumed")] == [
        "automation.paused",
        "automation.resumed",
    ]


def test_what_a_run_led_to_goes_on_under_its_beginning(auto: Said, root: Path) -> None:
    assert auto("run", "third") == 1
    assert auto("show", runs_of(root, "second")[0]) == 0
    lines = [line.rstrip() for line in auto.out.splitlines()]
    begun = next(i for i, line in enumerate(lines) if line.startswith("led to  third-"))
    assert lines[begun + 1].startswith(" " * len("led to  ")), auto.out
    assert "\n  why         ended with exit code 1" in auto.out


def test_what_is_paused_shows_in_every_list(auto: Said) -> None:
    assert auto("pause", "--all", "--for", "2h") == 0
    for command in (("list",), ("next",), ("show", "daily")):
        assert auto(*command) == 0
        assert "paused with all others" in " ".join(auto.out.split()), command
        assert "America/New_York" in auto.out
        assert "UTC" not in auto.out, "times are told on the desk's clocks"
    assert auto.json("list")[0]["paused"].startswith("paused with all others by person:cli")
    assert auto("resume", "daily") == 0
    assert auto.json("list")[3]["paused"] == ""
    assert auto("resume", "--all") == 0
    assert auto("resume", "--all") == 1
    assert "nothing is paused" in auto.err


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("pause",), "nothing is named"),
        (("pause", "first", "--all"), "NAME and --all are two different things"),
        (("pause", "frist"), "did you mean first?"),
        (("pause", "first", "--until", "2001-01-01"), "would have ended at 2001-01-01T05:00:00Z already"),
        (("pause", "first", "--until", "soon"), "'soon' is no time"),
        (("pause", "first", "--until", "25:00"), "'25:00' is no time"),
        (("pause", "first", "--for", "0s"), "allowed is more than 0"),
        (("pause", "first", "--for", "2h", "--until", "06:00"), "two different ends"),
        (("pause", "first", "--reason", "x" * 501), "the reason has 501 characters, allowed: 500"),
        (("resume", "first"), "first is not paused"),
        (("cancel", "first"), "nothing of first is under way or waits"),
        (("cancel", "nobody"), "there is no automation or run 'nobody'"),
        (("rerun", "nobody"), "there is no run 'nobody'"),
        (("cancel", "frist"), "fix: did you mean first?"),
        (("show", "frist"), "fix: did you mean first?"),
        (("logs", "frist"), "fix: did you mean first?"),
        (("rerun", "first"), "name one by its id: `steersman auto show first` lists the latest"),
        (("engine", "export", "x"), "steersman auto engine export FOLDER --engine airflow"),
        (("show", "\u202e\U0001f984" * 300), "there is no automation or run"),
        (("backfill", "first", "--from", "2026-11-01", "--to", "2026-11-02"), "first has no schedule"),
        (("backfill", "daily", "--from", "yesterday", "--to", "2026-11-02"), "--from 'yesterday': allowed is"),
        (("backfill", "daily", "--from", "2026-11-03", "--to", "2026-11-02"), "is before --from"),
        (("backfill", "daily", "--from", "2026-11-01T02:00", "--to", "2026-11-01T03:00"), "had no start from"),
        (("backfill", "daily", "--from", "2020-01-01", "--to", "2026-11-02", "--yes"), "add --yes --starts 2498"),
        (("backfill", "daily", "--from", "2026-11-01", "--to", "2026-11-02"), "nobody is there to ask"),
        (("backfill", "daily", "--from", "2026-11-01", "--to", "2026-11-02", "--starts", "3"), "there are 2"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_reason(auto: Said, words: tuple[str, ...], problem: str) -> None:
    assert auto(*words) in (1, 2)
    assert problem in auto.err
    assert "fix: " in auto.err


# -- cancel ----------------------------------------------------------------------------------------------------------


@contextmanager
def slow_elsewhere(root: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that was told `words`, with a process of `slow` under way; it outlives no test that fails."""
    command = [PYTHON, "-m", "steersman.cli", "auto", *words]
    living = Register(root / ".steersman/runs/.underway").living
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as other:
        try:
            wait_for(lambda: any(not run.waits for run in living("slow")), timeout_s=60)
            yield other
        finally:
            other.kill()


def test_a_run_of_another_process_is_ended_and_says_by_whom(auto: Said, root: Path) -> None:
    with slow_elsewhere(root, "run", "slow", "--json") as other:
        assert auto("show", "slow") == 0
        assert "under way: slow-" in auto.out
        assert auto("pause", "slow") == 0
        assert "goes on to its end\nto end it: steersman auto cancel RUN_ID" in auto.out
        assert auto("cancel", "slow", "--reason", "runs amok") == 0
        printed = other.communicate(timeout=60)[0]
    (run_id,) = runs_of(root, "slow")
    assert f"{run_id}: cancelled by person:cli: runs amok" in auto.out
    ended = json.loads(printed)[0]
    assert (other.returncode, ended["status"], ended["attempts"]) == (1, "cancelled", 1)
    assert [(e["actor"], e["reason"]) for e in said(root, "automation.run.cancel_requested")] == [
        ("person:cli", "runs amok")
    ]
    assert auto("cancel", run_id) == 1
    assert f"{run_id} is over: cancelled: cancelled by person:cli: runs amok" in auto.err


def test_who_asked_first_to_end_a_run_stands(root: Path) -> None:
    folders = Folders(root, root / ".steersman")
    for by in ("person:a", "person:b"):
        ask(folders, "first", "first-1", Wish(by=by, reason="", at=1))
    assert msgspec.json.decode(folders.cancel_file("first", "first-1").read_bytes())["by"] == "person:a"


# -- rerun -----------------------------------------------------------------------------------------------------------


def test_a_rerun_repeats_what_failed_and_what_was_skipped_because_of_it(auto: Said, root: Path) -> None:
    assert auto("run", "third") == 1
    before = {name: runs_of(root, name) for name in ("first", "second", "third")}
    (second,) = before["second"]
    (root / "ok").touch()
    assert auto("rerun", second) == 0
    assert "done before: first" in auto.err
    assert [len(runs_of(root, n)) for n in ("first", "second", "third")] == [1, 2, 1]
    starts = said(root, "automation.run.started")
    assert [(s["automation"], s["cause"]) for s in starts[2:]] == [("second", "rerun"), ("third", "rerun")]
    assert {s["repeats"] for s in starts[2:]} == {second, *(s["run_id"] for s in said(root, "automation.run.skipped"))}
    ended = next(e for e in said(root, "automation.run.finished") if e["run_id"] == second)
    assert starts[2]["after"] == ended["id"]
    assert starts[0]["stands_for"] == starts[2]["stands_for"] == starts[3]["stands_for"]
    assert auto("rerun", second) == 1
    assert "all of it succeeded: first, second, third" in auto.err
    assert auto("rerun", second, "--from-start") == 0
    assert [len(runs_of(root, n)) for n in ("first", "second", "third")] == [2, 3, 2]
    assert auto("show", second) == 0
    assert auto.out.count("repeated by  second-") == 1


def test_a_rerun_has_the_parameters_of_the_run_it_repeats(auto: Said, root: Path) -> None:
    assert auto("run", "second", "--param", "days=9") == 1
    (root / "ok").touch()
    assert auto("rerun", runs_of(root, "second")[0]) == 0
    assert [s["params"] for s in said(root, "automation.run.started") if s["automation"] == "second"] == [
        {"days": "9"}
    ] * 2
    text = (root / "steersman.toml").read_text().replace("params = { days = 5 }\n", "")
    (root / "steersman.toml").write_text(text)
    assert auto("rerun", runs_of(root, "second")[0], "--from-start") == 1
    assert "ran with parameters that second no longer has" in auto.err


# -- backfill --------------------------------------------------------------------------------------------------------

SPAN = ("daily", "--from", "2026-10-31", "--to", "2026-11-03", "--yes")


def test_a_backfill_runs_each_start_in_order_and_goes_on_where_it_stopped(auto: Said, root: Path) -> None:
    assert auto("backfill", *SPAN, "--dry-run") == 0
    assert "4 starts from Sat 31 Oct 00:00 to Tue 03 Nov 23:59 America/New_York" in " ".join(auto.out.split())
    assert runs_of(root, "daily") == []
    assert auto("backfill", *SPAN) == 1
    assert "3 of 4 done, 1 failed" in auto.out
    assert (root / "days").read_text().split() == ["2026-10-31", "2026-11-01", "2026-11-02", "2026-11-03"]
    (root / "ok").touch()
    assert auto("backfill", *SPAN) == 0
    assert "done before, not repeated: 3" in auto.out
    assert (root / "days").read_text().split()[4:] == ["2026-11-03"]
    assert auto("backfill", *SPAN) == 0
    assert "nothing is left to do" in auto.out
    # 1 November has the hour from one to two twice: a fixed time runs once (cron(8)), and says which of them it is.
    starts = [s for s in said(root, "automation.run.started") if s["automation"] == "daily"]
    assert [s["scheduled_at"] for s in starts[:2]] == [1793424600_000000000, 1793511000_000000000]
    assert {(s["cause"], s["lateness_s"]) for s in starts} == {("backfill", None)}


def test_a_backfill_gives_up_on_what_fails_each_time(auto: Said, root: Path) -> None:
    text = (root / "steersman.toml").read_text()
    (root / "steersman.toml").write_text(text.replace("test {scheduled_date} != 2026-11-03", "false"))
    assert auto("backfill", "daily", "--from", "2026-10-01", "--to", "2026-10-31", "--yes", "--failures", "2") == 1
    assert len(runs_of(root, "daily")) == 2
    assert "stopped: 2 failed in a row" in auto.out
    found = auto.json("backfill", "daily", "--from", "2026-10-01", "--to", "2026-10-31", "--dry-run")
    assert (len(found["starts"]), found["done_before"]) == (31, 0)


def test_several_starts_at_once_overlap_only_if_asked_for(auto: Said, root: Path) -> None:
    body = """run = "sh -c 'mkdir busy.$STEERSMAN_RUN_ID; sleep 0.3; ls -d busy.* | wc -l >> most; rmdir busy.*'" """
    text = (root / "steersman.toml").read_text()
    (root / "steersman.toml").write_text(text + f'[automation.wide]\n{body}\nschedule = "0 1 * * *"\nkeep_runs = 1\n')
    span = ("wide", "--from", "2026-11-01", "--to", "2026-11-04", "--yes")
    assert auto("backfill", *span, "--max-parallel", "4") in (0, 1)
    assert max(map(int, (root / "most").read_text().split())) > 1
    (root / "most").unlink()
    assert auto("backfill", *span, "--again") == 0
    assert set((root / "most").read_text().split()) == {"1"}


def test_ctrl_c_ends_a_backfill_and_leaves_the_rest_to_the_next_one(auto: Said, root: Path) -> None:
    with slow_elsewhere(root, "backfill", "slow", *SPAN[1:]) as other:
        assert auto("backfill", "slow", *SPAN[1:]) == 1
        assert f"another process (pid {other.pid}) makes up for slow already" in auto.err
        other.send_signal(signal.SIGINT)
        printed = other.communicate(timeout=60)[0]
    assert "stopped: what was under way is ended and will be repeated" in printed
    assert "0 of 4 done, 4 left" in printed
    assert other.returncode == 1
    assert [e["status"] for e in said(root, "automation.run.finished")] == ["cancelled"]


# -- show ------------------------------------------------------------------------------------------------------------


def test_a_run_is_shown_with_what_it_needed_what_it_led_to_and_what_it_left(auto: Said, root: Path) -> None:
    (root / "ok").touch()
    assert auto("run", "third") == 0
    second, third = runs_of(root, "second")[0], runs_of(root, "third")[0]
    found = auto.json("show", second)
    assert [m["automation"] for m in found["needs"] + found["led_to"]] == ["first", "third"]
    assert [a["exit_code"] for a in found["attempts"]] == [0]
    found = auto.json("show", third)
    assert [(Path(a["path"]).name, a["size_bytes"]) for a in found["artifacts"]] == [("three.txt", 6)]
    found = auto.json("show", "third")
    assert (found["summary"]["success_ratio"], found["needed_by"], found["declared"]["needs"]) == (1.0, [], ["second"])
    assert auto("show", third) == 0
    assert "three.txt (0 kB)" in " ".join(auto.out.split()).replace("artifacts/ ", "artifacts/")
