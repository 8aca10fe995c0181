"""`steersman replay` on the ledger of the sample desk, traded on real bars."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from steersman.bootstrap.core import Core
from steersman.bootstrap.desk import open_desk
from steersman.bootstrap.sample import make_sample, sample_folder
from steersman.bootstrap.workspace import load_workspace
from steersman.cli.main import run
from steersman.trading import events as e

IN_FORCE = """
[policy.trading]
max_notional = 25000
max_position = 20000
max_gross = 80000
approval_notional = 22000
[policy.trading.strategy.reversion]
approval_notional = 12000
"""


def traded(folder: Path) -> Path:
    """Trade the workspace to the end of its feed, as its core does."""
    core = Core(load_workspace(folder))
    try:
        core.trade(threading.Event())
    finally:
        core.close()
    return folder


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sample desk with its bars, traded once."""
    folder = tmp_path_factory.mktemp("replay") / "desk"
    make_sample(folder)
    script = folder / "automations" / "pull_prices.py"
    environ = {**os.environ, "STEERSMAN_WORKSPACE": str(folder)}
    subprocess.run([sys.executable, str(script)], cwd=folder, env=environ, check=True, capture_output=True)
    (folder / "in_force.toml").write_text(IN_FORCE, encoding="utf-8")
    return traded(folder)


def replayed(capsys: pytest.CaptureFixture[str], desk: Path, policy: str, *arguments: str) -> Any:
    assert run("replay", ["--policy", str(desk / policy), "--json", "--dir", str(desk), *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def events_of(folder: Path, kind: str, data: type[Any]) -> list[Any]:
    opened = open_desk(folder)
    try:
        return [msgspec.json.decode(event.data, type=data) for event in opened.ledger.read(types=(kind,))]
    finally:
        opened.close()


def test_the_policy_in_force_changes_nothing(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = replayed(capsys, desk, "in_force.toml")
    marks = events_of(desk, e.ACCOUNT_MARKED, e.AccountMarked)
    assert report["signals"] == report["decided_anew"] > 300
    assert (report["changed"], report["changes"], report["checks"]) == (0, [], [])
    assert (report["other_table"], report["without_facts"], report["marks_off"]) == (0, 0, 0)
    assert report["before"] == report["after"]
    assert Decimal(report["after"]["equity"]) == marks[-1].equity
    assert [Decimal(point[2]) for point in report["curve"]] == [mark.equity for mark in marks]


@pytest.mark.parametrize(("policy", "largest_gap"), [("tight.toml", Decimal(20)), ("loose.toml", Decimal(200))])
def test_the_example_policies_are_replayed_as_a_real_run_under_them_goes(
    desk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], policy: str, largest_gap: Decimal
) -> None:
    report = replayed(capsys, desk, f"policies/{policy}")
    really = tmp_path / "really"
    shutil.copytree(desk, really, ignore=shutil.ignore_patterns(".steersman"))
    tried = (sample_folder() / "policies" / policy).read_text(encoding="utf-8")
    text = (really / "steersman.toml").read_text(encoding="utf-8")
    (really / "steersman.toml").write_text(_with(text, tried), encoding="utf-8")
    traded(really)
    found = [v.outcome for v in events_of(really, e.VERDICT_GIVEN, e.VerdictGiven)]
    assert report["verdicts_after"] == {name: found.count(name) for name in ("accept", "adjust", "hold", "reject")}
    assert report["changed"] > 100
    # What differs is the jitter of the simulated slippage of orders that were never sent.
    marks = events_of(really, e.ACCOUNT_MARKED, e.AccountMarked)
    gaps = [abs(Decimal(p[2]) - mark.equity) for p, mark in zip(report["curve"], marks, strict=True)]
    assert max(gaps) < largest_gap
    assert report["bars_used"] == ["AAPL", "GOOG", "IBM", "MSFT"]


def _with(text: str, tried: str) -> str:
    """Return steersman.toml with the values of a policy file: keys of a section that are there are replaced."""
    for section, body in re.findall(r"^(\[policy[^\]]*\])$(.*?)(?=^\[|\Z)", tried, flags=re.MULTILINE | re.DOTALL):
        head, found, rest = text.partition(f"{section}\n")
        assert found, section
        own, mark, after = rest.partition("\n[")
        lines = [line for line in body.splitlines() if "=" in line and not line.startswith("#")]
        names = {line.partition("=")[0].strip() for line in lines}
        kept = [line for line in own.splitlines() if line.partition("=")[0].strip() not in names]
        text = head + found + "\n".join([*lines, *kept]) + mark + after
    return text


def test_the_terminal_form_fits_80_columns_and_says_what_is_a_model(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run("replay", ["--policy", str(desk / "policies/tight.toml"), "--dir", str(desk)]) == 0
    out = capsys.readouterr().out
    assert max(len(line) for line in out.splitlines()) <= 80
    flat = " ".join(out.split())
    for part in ("as recorded", "would have been", "a model", "Blocked and shrunk orders are exact", "MAX_NOTIONAL"):
        assert part in flat
    assert "more: --json lists all of them" in flat
    assert re.search(r"took [\d.]+ CPU-s: reading", flat)


def test_a_span_is_given_in_days_of_the_desk(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = replayed(capsys, desk, "policies/tight.toml", "--from", "2008-01-01", "--to", "2008-12-31")
    verdicts = events_of(desk, e.VERDICT_GIVEN, e.VerdictGiven)
    begin, end = 1_199_163_600 * 10**9, 1_230_786_000 * 10**9  # midnight in New York
    assert report["decided_anew"] == sum(1 for v in verdicts if begin <= v.at < end) > 0
    assert min(change["at"] for change in report["changes"]) >= begin
    assert (report["from_day"], report["to_day"]) == ("2008-01-01", "2008-12-31")


def test_the_page_stands_alone(desk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "report.html"
    report = replayed(capsys, desk, "policies/tight.toml", "--html", str(page))
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"<script|src=|href=|url\(|@import|https?://", text)
    assert "default-src 'none'" in text
    assert text.count("<polyline") == 4
    assert f"<dd>{report['changed']:,}</dd>" in text
    assert text.count("<li><p class=muted>") == 50


def test_what_is_wrong_is_wrong_usage_and_named(desk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = tmp_path / "wrong.toml"
    for text, said in (
        ("[policy.trading]\nmax_qty = -1\n", "wrong.toml:2: policy.trading.max_qty: found -1, allowed"),
        ("[policy.trading]\n", "names no limit: nothing would change"),
        ("[strategy.x]\nfile = 'a'\n", "wrong.toml:1: strategy: found [strategy]"),
    ):
        wrong.write_text(text, encoding="utf-8")
        assert run("replay", ["--policy", str(wrong), "--dir", str(desk)]) == 2
        assert said in capsys.readouterr().err
    tight = str(desk / "policies/tight.toml")
    for day in (["--from", "2008-13-01"], ["--from", "2009-01-01", "--to", "2008-01-01"], ["--to", "soon"]):
        assert run("replay", ["--policy", tight, "--dir", str(desk), *day]) == 2
    assert run("replay", ["--policy", tight, "--dir", str(desk), "--html", str(tmp_path)]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_from_the_defaults_an_empty_file_is_a_question(
    desk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (desk / "nothing.toml").write_text("[policy.trading]\n", encoding="utf-8")
    report = replayed(capsys, desk, "nothing.toml", "--defaults")
    assert report["defaults"] is True
    assert report["changed"] > 0


def test_without_its_bars_a_replay_says_so_and_uses_the_prices_of_the_ledger(
    desk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(desk, bare, ignore=shutil.ignore_patterns("*.csv", "core.sock"))
    assert run("replay", ["--policy", str(bare / "policies/tight.toml"), "--json", "--dir", str(bare)]) == 0
    captured = capsys.readouterr()
    assert "the ledger's prices are used" in captured.err
    report = json.loads(captured.out)
    assert (report["bars_used"], report["stale_marks"] > 0) == ([], True)
    assert "valued at an older price" in report["note"]


def test_a_desk_that_decided_nothing_has_nothing_to_replay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_sample(tmp_path / "desk")
    policy = str(tmp_path / "desk/policies/tight.toml")
    assert run("replay", ["--policy", policy, "--dir", str(tmp_path / "desk")]) == 1
    assert "the ledger holds no verdict yet" in capsys.readouterr().err
