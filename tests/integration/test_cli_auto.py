"""`steersman auto` and the inbox as an operator types them: what is said, how wide, with which exit code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from steersman.bootstrap.desk import open_desk
from steersman.bootstrap.sample import make_empty
from steersman.cli.main import run
from steersman.kernel.clock import SystemClock
from steersman.ledger import new_event
from steersman.policy.approvals import HOLD_REQUESTED, ApprovalRequested, approval_stream

NEVER = """
[automation.never]
run = "/bin/echo hello"
window = "sun 03:00-03:01"
schedule = "0 3 * * sun"

[automation.hand]
run = "/bin/echo a-line-of-a-script"
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "80")
    make_empty(tmp_path / "desk")
    with (tmp_path / "desk" / "steersman.toml").open("a", encoding="utf-8") as file:
        file.write(NEVER)
    return tmp_path / "desk"


def typed(root: Path, capfd: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = run(words[0], [*words[1:], "--dir", str(root)])
    said = capfd.readouterr()
    return code, said.out, said.err


def test_an_automation_outside_its_window_says_how_to_run_it_all_the_same(
    root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, _, said = typed(root, capfd, "auto", "run", "never")
    assert (code, "add --anyway" in said) == (1, True)
    assert typed(root, capfd, "auto", "run", "never", "--anyway")[0] == 0


def test_the_heading_of_a_log_fits_the_terminal(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert typed(root, capfd, "auto", "run", "hand")[0] == 0
    code, log, heading = typed(root, capfd, "auto", "logs", "hand")
    assert (code, log) == (0, "a-line-of-a-script\n")
    name, figures = heading.splitlines()
    assert name.endswith("attempt 1 · succeeded · exit 0")
    assert re.match(r"\d+\.\d\d s, CPU ", figures)


def test_a_file_that_cannot_be_written_is_an_error_in_words(
    root: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, _, said = typed(root, capfd, "auto", "graph", "--svg", str(tmp_path / "nowhere" / "g.svg"))
    assert code == 1
    assert said.startswith(f"steersman: {tmp_path}/nowhere/g.svg: No such file or directory\n  fix: ")


def test_a_graph_of_long_names_is_not_broken_in_the_middle_of_them(
    root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    long, longer = "fundamentals_quarterly_restated_exchange", "portfolio_attribution_by_sector_currency"
    with (root / "steersman.toml").open("a", encoding="utf-8") as file:
        file.write(f'[automation.{long}]\nrun = "true"\n[automation.{longer}]\nrun = "true"\nneeds = ["{long}"]\n')
    code, out, _ = typed(root, capfd, "auto", "graph")
    lines = [line.rstrip() for line in out.splitlines()]
    assert code == 0
    assert lines[lines.index(f"└─ {longer}  never ran") + 1] == f"       starts after {long}"
    assert max(map(len, lines)) <= 80


def test_a_picture_is_a_file_of_its_own_and_only_a_file_can_be_opened(
    root: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert typed(root, capfd, "auto", "graph", "--svg", str(tmp_path / "g.svg"))[0] == 0
    assert "<style>" in (tmp_path / "g.svg").read_text(encoding="utf-8")
    code, _, said = typed(root, capfd, "auto", "graph", "--open")
    assert (code, "add --svg" in said) == (2, True)


def test_nothing_scheduled_is_not_taken_for_nothing_declared(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = root / "steersman.toml"
    file.write_text(file.read_text(encoding="utf-8").replace('schedule = "0 3', 'enabled = false\nschedule = "0 3'))
    out = typed(root, capfd, "auto", "next")[1]
    assert out.startswith("nothing starts by the clock\n")
    assert "add schedule" not in out


def test_a_run_that_waits_for_a_person_is_readable_in_80_columns(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    now = SystemClock().now_ns()
    desk = open_desk(root)
    asked = ApprovalRequested(
        approval_id="run/pay-20261130T132600Z-77b8ea",
        kind="run",
        subject="pay-20261130T132600Z-77b8ea",
        what="run pay: env -C /srv/desk/scripts /bin/echo paid",
        why="approve = true in [automation.pay]; started by schedule",
        expires_at=now + 3_600_000_000_000,
        at=now,
    )
    stream = approval_stream(asked.approval_id)
    desk.ledger.append([new_event(HOLD_REQUESTED, stream=stream, data=asked, actor="t", now_ns=now)])
    desk.close()
    code, out, _ = typed(root, capfd, "inbox", "list")
    first, what, why, *_ = out.splitlines()
    assert code == 0
    assert first.startswith(f"{asked.approval_id}  until ")
    assert first.endswith(" UTC")
    assert (what, why) == (f"  {asked.what}", f"  why: {asked.why}")


def test_the_log_of_a_run_that_never_had_a_process_says_why(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with (root / "steersman.toml").open("a", encoding="utf-8") as file:
        file.write('\n[automation.gone]\nrun = "automations/gone.sh"\n')
    assert typed(root, capfd, "auto", "run", "gone")[0] == 1
    for options in ((), ("--follow",)):
        code, out, said = typed(root, capfd, "auto", "logs", "gone", *options)
        assert (code, out) == (2, "")
        assert "never had a process, so it printed nothing" in said
        assert "there is no file automations/gone.sh" in said


def test_what_a_run_left_can_be_copied(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    name = "a-name-as-long-as-a-name-may-be-for-runs"
    script = root / "automations" / "report.sh"
    script.write_text('echo \'::result {"rows": 3, "ok": true}\'\nexit 3\n')
    with (root / "steersman.toml").open("a", encoding="utf-8") as file:
        file.write(f'\n[automation.{name}]\nrun = "automations/report.sh"\n')
    _, out, said = typed(root, capfd, "auto", "run", name)
    assert f'result    {name}: {{"rows":3,"ok":true}}' in out.splitlines()
    (command,) = [line.partition("steersman ")[2] for line in said.splitlines() if "all of it" in line]
    assert typed(root, capfd, *command.split())[1].startswith("::result")


@pytest.mark.parametrize("group", ["auto", "auto adopt", "auto engine", "auth", "inbox", "serve"])
def test_no_summary_of_a_command_is_cut_off(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, group: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    noun, *more = group.split()
    assert run(noun, [*more, "--help"]) == 0
    shown = capfd.readouterr().out
    assert "..." not in shown.partition("Commands:")[2]
    assert max(map(len, shown.splitlines())) <= 80


def test_the_list_names_a_script_that_is_not_there(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with (root / "steersman.toml").open("a", encoding="utf-8") as file:
        file.write('[automation.gone]\nrun = "automations/gone.py"\n')
    code, out, said = typed(root, capfd, "auto", "list")
    assert (code, "gone" in out) == (0, True)
    assert "automation.gone.run: there is no file automations/gone.py" in " ".join(said.split())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--at", str(1 << 63)), "allowed: 0 to 9223372036854775807"),
        (("--at", "-1"), "the start is due at -1 ns since 1970 UTC"),
        (("--at", "5", "--members", "never"), "hand is no member of its cycle; members: never"),
        (("--at", "5", "--roots", "never"), "never is no member of its cycle; members: hand"),
        (("--at", "5", "--members", "hnd,hand"), "there is no automation 'hnd'"),
        (("--at", "5", "--cause", "whim"), "--cause 'whim': allowed is schedule, manual, needs, event"),
    ],
    ids=["too late", "before 1970", "not a member", "root that is no member", "not declared", "cause"],
)
def test_a_run_that_no_cycle_can_have_is_refused_and_leaves_no_trace(
    options: tuple[str, ...], says: str, root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, _, said = typed(root, capfd, "auto", "exec", "hand", "--cycle", "x", *options)
    assert (code, says in said) == (2, True)
    assert typed(root, capfd, "auto", "list")[0] == 0
    assert "has not run yet" in typed(root, capfd, "auto", "logs", "hand")[2]
