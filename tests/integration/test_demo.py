"""The sample desk, whole, as a newcomer runs it: real bars, real scripts, a real git repository."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from steersman.bootstrap.desk import open_desk


def steersman(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "steersman.cli", *arguments], capture_output=True, text=True, check=False
    )
    assert not check or done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    """Run the demo once; return its folder, what it printed as JSON, and what it showed meanwhile."""
    folder = tmp_path_factory.mktemp("demo") / "desk"
    done = steersman("demo", "--once", "--json", "--dir", str(folder))
    return folder, json.loads(done.stdout), done.stderr


def test_the_result_has_the_promised_keys_and_shows_progress(demo: tuple[Path, dict[str, Any], str]) -> None:
    _, result, shown = demo
    assert set(result) == {
        "bars", "signals", "verdicts", "orders", "fills", "journal_entries", "runs", "drafts", "findings", "published",
        "kpis", "ledger", "decisions_digest", "seconds", "rss_mb",
    }  # fmt: skip
    assert "pull_prices" in shown
    assert " of " in shown


def test_the_counts_are_what_the_ledger_holds(demo: tuple[Path, dict[str, Any], str]) -> None:
    folder, result, _ = demo
    desk = open_desk(folder)
    try:
        events = [(e.type, msgspec.json.decode(e.data)) for e in desk.ledger.read()]
    finally:
        desk.close()
    types = Counter(kind for kind, _ in events)
    outcomes = Counter(data["outcome"] for kind, data in events if kind == "trading.verdict.given")
    assert result["signals"] == types["trading.signal.received"] == sum(result["verdicts"].values()) > 50
    assert result["verdicts"] == {name: outcomes[name] for name in ("accept", "adjust", "hold", "reject")}
    assert min(result["verdicts"].values()) > 0, "the sample desk shows every kind of verdict"
    assert result["orders"] == types["trading.order.submitted"]
    assert result["fills"] == types["trading.order.filled"] > 0
    assert result["journal_entries"] == types["journal.entry.written"] >= result["signals"]
    assert result["runs"] == {"succeeded": types["automation.run.finished"], "failed": 0}
    assert result["findings"] == types["content.finding.raised"] > 0
    assert result["published"] == types["content.post.published"] == 2
    assert result["drafts"] == 3
    assert len([v for v in result["kpis"].values() if v is not None]) >= 12
    assert result["ledger"] == {
        "events": len(events),
        "head": result["ledger"]["head"],
        "verified": True,
        "problems": [],
    }


def test_the_ledger_verifies_from_outside(demo: tuple[Path, dict[str, Any], str]) -> None:
    folder, result, _ = demo
    verified = json.loads(steersman("ledger", "verify", "--chain", "--links", "--json", "--dir", str(folder)).stdout)
    assert verified["ok"] is True
    assert result["ledger"]["head"] in json.dumps(verified)


def test_scripts_left_what_they_promise(demo: tuple[Path, dict[str, Any], str]) -> None:
    folder, _, _ = demo
    assert sorted(p.name for p in (folder / "data").glob("*.csv")) == ["AAPL.csv", "GOOG.csv", "IBM.csv", "MSFT.csv"]
    assert next((folder / ".steersman" / "runs" / "make_chart").rglob("prices.png")).stat().st_size > 10_000
    assert len(list((folder / "backups").glob("ledger-*.db"))) == 1
    log = subprocess.run(["git", "log", "--format=%B"], cwd=folder / "site", capture_output=True, text=True, check=True)
    assert log.stdout.count("Steersman-Key:") == 2


@pytest.mark.parametrize(
    "command",
    [
        ("status",), ("doctor",), ("kpi", "list"), ("policy", "list"), ("policy", "history"), ("auto", "list"),
        ("auto", "graph"), ("content", "list"), ("signal", "list"), ("order", "list"), ("journal", "list"),
        ("inbox", "list", "--all"), ("ledger", "stats"), ("venue", "list"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_every_reading_command_answers_as_a_table_and_as_json(
    demo: tuple[Path, dict[str, Any], str], command: tuple[str, ...]
) -> None:
    where = ("--dir", str(demo[0]))
    assert steersman(*command, *where).stdout.strip()
    assert json.loads(steersman(*command, *where, "--json").stdout)


def test_the_tail_of_the_ledger_is_one_json_object_a_line(demo: tuple[Path, dict[str, Any], str]) -> None:
    folder, result, _ = demo
    lines = steersman("ledger", "tail", "--limit", "5", "--json", "--dir", str(folder)).stdout.splitlines()
    assert len(lines) == 5
    assert json.loads(lines[-1])["pos"] == result["ledger"]["events"]


def test_a_second_run_decides_the_same_and_keeps_the_first(demo: tuple[Path, dict[str, Any], str]) -> None:
    folder, result, _ = demo
    again = json.loads(steersman("demo", "--once", "--json", "--dir", str(folder)).stdout)
    assert again["decisions_digest"] == result["decisions_digest"]
    assert {k: again[k] for k in ("bars", "signals", "verdicts", "orders", "fills")} == {
        k: result[k] for k in ("bars", "signals", "verdicts", "orders", "fills")
    }
    assert (folder.with_name("desk.previous") / ".steersman" / "ledger.db").is_file()
