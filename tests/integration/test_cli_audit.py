"""`steersman auto audit`: findings, costs from recorded runs, a patch that applies, exit codes."""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from steersman.automation.events import RUN_STARTED
from steersman.bench.audit_corpus import write_out
from steersman.bootstrap.desk import open_desk
from steersman.bootstrap.sample import make_empty
from steersman.cli.main import run
from steersman.kernel.clock import SystemClock
from steersman.ledger import new_event
from steersman.services.events import DATA_PULLED

HOUR = 3_600_000_000_000
FORECAST = "https://api.skyfield-data.com/v1/forecast?lat=40.71&lon=-74.01&hourly=temperature"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with the weather scripts: one ran 48 times in two days, one 8 times."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "desk"
    make_empty(root)
    write_out("weather", root / "automations")
    with (root / "steersman.toml").open("a", encoding="utf-8") as file:
        file.write('\n[automation.gas]\nrun = "automations/pull_forecast.py"\nretries = 2\n')
        file.write('[automation.days]\nrun = "automations/degree_days.py"\n')
    opened = open_desk(root)
    now = SystemClock().now_ns()
    for number in range(48):
        started(opened, f"f{number}", "gas", "automations/pull_forecast.py", now - 48 * HOUR + number * HOUR)
    for number in range(8):
        started(opened, f"d{number}", "days", "automations/degree_days.py", now - 8 * HOUR + number * HOUR)
    pulled(opened, now)
    opened.close()
    return root


def started(desk: Any, run_id: str, name: str, command: str, at: int) -> None:
    data = {
        "run_id": run_id,
        "automation": name,
        "cause": "schedule",
        "attempt": 1,
        "pid": 1,
        "boot_id": "b",
        "scheduled_at": None,
        "lateness_s": None,
        "command": command,
        "log": "",
        "at": at,
    }
    desk.ledger.append([new_event(RUN_STARTED, stream=f"run/{run_id}", data=data, actor="t", now_ns=at)])


def pulled(desk: Any, at: int) -> None:
    data: dict[str, object] = {
        "pull": "ad hoc",
        "key": "k",
        "source": FORECAST,
        "etag": "",
        "size_bytes": 10,
        "upstream_bytes": 1000,
        "rows": None,
        "content_hash": "",
        "schema_version": "",
        "checks": {},
        "upstream_calls": 1,
        "revalidated": False,
        "why": "cold",
        "waited": 0,
        "took_ms": 1.0,
        "who": "t",
        "run_id": "",
        "at": at,
    }
    desk.ledger.append([new_event(DATA_PULLED, stream="pull/x", data=data, actor="t", now_ns=at)])


def audit(*arguments: object) -> int:
    return run("auto", ["audit", *map(str, arguments)])


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_costs_come_from_recorded_runs_or_are_unknown(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit(desk / "automations", "--json") == 1
    report = said(capsys)
    costs = {f["place"]["file"]: f["cost"] for f in report["findings"] if f["code"] == "PULL_REPEATED"}
    assert costs["pull_forecast.py"]["calls_per_day"] == pytest.approx(24, rel=0.01)
    assert costs["degree_days.py"]["calls_per_day"] == pytest.approx(4, rel=0.01)
    assert costs["pull_forecast.py"]["bytes_per_day"] == pytest.approx(24_000, rel=0.01)
    assert costs["pull_forecast.py"]["wall_s_per_day"] is None
    assert costs["storage.py"] is None, "a script that never ran costs nobody knows what"
    assert report["summary"]["savings"] == {"logins_per_day": None, "calls_per_day": pytest.approx(4, rel=0.01)}


def test_retries_of_the_manifest_count(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    audit(desk / "automations", "--json", "--only", "no_retry")
    found = {f["place"]["file"]: f["declare"] for f in said(capsys)["findings"]}
    assert "pull_forecast.py" not in found
    assert found["degree_days.py"] == "# [automation.days] is declared already. Add to it:\n# retries = 2\n"


def test_only_what_costs_enough_is_shown_if_asked(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    audit(desk / "automations", "--json", "--min-cost", "10")
    assert {f["place"]["file"] for f in said(capsys)["findings"]} == {"pull_forecast.py"}


def test_the_page_is_grouped_by_cost_and_fits_80_columns(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit(desk / "automations") == 1
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "with an edit" in lines[0]
    assert lines[1] == "sharing would save about 4 calls a day; seconds: not measured per call"
    assert next(line for line in lines if ": " in line and line[0].isupper()).startswith("PULL_REPEATED: ")
    assert any("pull_forecast.py:11  24 calls/day, 0.0 MB/day · edit ready" in line for line in lines)


def test_markdown_has_the_figures_first_and_shows_signs_as_they_are(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (desk / "automations" / "od|d *name*.sh").write_text("curl https://h.example/a\n", encoding="utf-8")
    assert audit(desk / "automations", "--format", "md") == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "# Audit of the scripts in automations"
    assert "- sharing would save about 4 calls a day; seconds: not measured per call" in lines
    odd = [line for line in lines if line.startswith("| od\\|d \\*name\\*.sh:1 |")]
    assert len(odd) == 2
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in odd} == {5}, "a sign in a name starts no cell"


def test_the_page_shows_who_asks_for_what_and_no_secret_and_loads_nothing(tmp_path: Path) -> None:
    secrets = write_out("ledgerbooks", tmp_path / "s") + write_out("equities", tmp_path / "s")
    shutil.copy(tmp_path / "s" / "reconcile.py", tmp_path / "s" / "<b>&amp;.py")
    assert audit(tmp_path / "s", "--html", tmp_path / "audit.html") == 1
    text = (tmp_path / "audit.html").read_text(encoding="utf-8")
    assert 'aria-label="reconcile.py:18, edit ready"' in text
    assert "<b>&amp;.py" not in text
    assert "&lt;b&gt;&amp;amp;.py" in text
    assert not [s for s in secrets if s in text]
    assert not re.search(r"<(script|link|img|iframe)|url\(|src=|href=", text)


def test_a_page_that_cannot_be_written_is_wrong_usage(tmp_path: Path, capfd: Any) -> None:
    (tmp_path / "a.sh").write_text("curl https://h.example/a\n", encoding="utf-8")
    assert audit(tmp_path, "--html", tmp_path / "nowhere" / "audit.html") == 2
    assert "nowhere/audit.html cannot be written" in "".join("".join(capfd.readouterr()).split("\n"))


def test_fix_writes_a_patch_and_what_to_declare_and_changes_no_script(
    desk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scripts = desk / "automations"
    before = {p.name: p.read_bytes() for p in scripts.iterdir()}
    assert audit(scripts, "--fix", "--json") == 1
    assert said(capsys)["written"] == ["audit.patch", "audit.toml"]
    assert {p.name: p.read_bytes() for p in scripts.iterdir()} == before
    for name in ("audit.patch", "audit.toml"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    patch = (tmp_path / "audit.patch").read_bytes()
    subprocess.run(["git", "apply", "-"], input=patch, cwd=scripts, check=True, capture_output=True, timeout=60)
    assert 'pull("forecast")' in (scripts / "pull_forecast.py").read_text(encoding="utf-8")
    with (desk / "steersman.toml").open("a", encoding="utf-8") as file:
        pulls = (tmp_path / "audit.toml").read_text(encoding="utf-8").split("[automation.")[0]
        file.write(pulls)
    assert audit(scripts, "--json", "--only", "PULL_REPEATED") == 0


def test_secrets_stand_in_the_patch_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    monkeypatch.chdir(tmp_path)
    secrets = write_out("filings", tmp_path / "s") + write_out("equities", tmp_path / "s")
    assert audit("s", "--fix") == 1
    assert audit("s", "--json") == 1
    shown = "".join(capfd.readouterr())
    assert not [s for s in secrets if s in shown]
    assert [s for s in secrets if s in (tmp_path / "audit.patch").read_text(encoding="utf-8")]
    assert not [s for s in secrets if s in (tmp_path / "audit.toml").read_text(encoding="utf-8")]


def test_nothing_found_exits_0_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.py").write_text("print(1)\n", encoding="utf-8")
    assert audit(tmp_path) == 0
    assert capsys.readouterr().out == "nothing found in 1 scripts; 0 not read\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere is not a folder"),
        ([".", "--only", "NOPE"], "there is no finding 'NOPE'"),
        ([".", "--format", "pdf"], "there is no format 'pdf'"),
        ([".", "--dir", "."], "no steersman.toml"),
        ([".", "--min-cost", "-1"], "min-cost"),
        ([], "DIR"),
    ],
)
def test_wrong_usage_exits_2_and_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    # A `--dir` that is the current folder is the default: a workspace there is welcome, not needed.
    if "--dir" in arguments:
        arguments = [".", "--dir", str(tmp_path)]
    assert audit(*arguments) == 2
    assert message in "".join(capfd.readouterr())


def test_a_folder_without_scripts_is_not_called_clean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit(tmp_path) == 0
    assert "there are no scripts in" in " ".join(capsys.readouterr().out.split())
