"""`steersman ledger` on a workspace: what it prints, what it exits with, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import apsw
import polars as pl
import pytest

from steersman.bootstrap.desk import open_desk
from steersman.bootstrap.sample import make_empty
from steersman.cli import ledger as commands
from steersman.cli.main import run
from steersman.ledger import new_event

NOW = 1_700_000_000_000_000_000


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty workspace with 30 events: every third about `b`."""
    monkeypatch.setenv("COLUMNS", "80")
    make_empty(tmp_path)
    desk = open_desk(tmp_path)
    for n in range(30):
        what = "test.b.used" if n % 3 == 2 else "test.a.made"
        data = {"n": n, "long": "x" * 200}
        desk.ledger.append([new_event(what, stream=f"s/{'y' * 60}", data=data, actor="t", now_ns=NOW)])
    desk.close()
    return tmp_path


def ledger(workspace: Path, *arguments: str) -> int:
    return run("ledger", [*arguments, "--dir", str(workspace)])


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_tail_shows_the_latest_within_80_columns(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ledger(workspace, "tail", "-n", "3") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[::2]] == ["28", "29", "30"]
    assert max(map(len, lines)) <= 80


def test_tail_of_some_types_is_the_latest_of_those_as_cloud_events(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ledger(workspace, "tail", "--types", "test.b.*", "-n", "2", "--json") == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(e["pos"], e["type"], e["data"]["n"]) for e in found] == [(27, "test.b.used", 26), (30, "test.b.used", 29)]


def test_following_prints_what_was_there_and_then_what_comes(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = open_desk(workspace)
    shown: list[int] = []

    def show(event: Any) -> str:
        shown.append(event.pos)
        if len(shown) == 2:
            desk.ledger.append([new_event("test.b.used", stream="s", data={"n": 30}, actor="t", now_ns=NOW)])
        if event.pos == 31:
            raise KeyboardInterrupt
        return str(event.pos)

    monkeypatch.setattr(commands, "_shown", show)
    assert ledger(workspace, "tail", "--follow", "--types", "test.b.*", "-n", "2") == 130
    desk.close()
    assert shown == [27, 30, 31]


def test_an_empty_ledger_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_empty(tmp_path)
    assert ledger(tmp_path, "tail") == 0
    assert "steersman up" in capsys.readouterr().out
    assert ledger(tmp_path, "stats") == 0
    assert "steersman up" in capsys.readouterr().out
    assert ledger(tmp_path, "anchor") == 0
    assert "the ledger is empty" in capsys.readouterr().out
    assert ledger(tmp_path, "verify") == 0


def test_verify_checks_all_three_or_those_named(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ledger(workspace, "anchor", "--json") == 0
    assert said(capsys)["pos"] == 30
    assert ledger(workspace, "verify", "--json") == 0
    found = said(capsys)
    assert (found["ok"], found["chain"]["events"], found["anchor"]["anchors"]) == (True, 30, 1)
    assert found["links"]["ok"]
    assert ledger(workspace, "verify", "--anchor", "--json") == 0
    assert set(said(capsys)) == {"ok", "anchor"}


def test_verify_in_pieces_covers_everything_and_shows_progress(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "_STEP", 7)
    assert ledger(workspace, "verify", "--chain", "--json") == 0
    out, shown = capsys.readouterr()
    assert json.loads(out)["chain"]["events"] == 30
    assert "28 of 30 events verified" in shown


def damaged(workspace: Path, sql: str) -> None:
    connection = apsw.Connection(str(workspace / ".steersman" / "ledger.db"))
    connection.execute(f"DROP TRIGGER events_never_change; DROP TRIGGER events_never_go; {sql}")
    connection.close()


def test_a_changed_event_fails_with_its_position(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "_STEP", 7)
    damaged(workspace, "UPDATE events SET actor = 'x' WHERE pos = 17")
    assert ledger(workspace, "verify", "--json") == 1
    found = said(capsys)
    assert (found["ok"], found["chain"]["ok"], found["chain"]["first_bad"]) == (False, False, 17)
    assert ledger(workspace, "verify") == 1
    assert "event 17 was changed" in " ".join(capsys.readouterr().out.split())


def test_a_cut_tail_fails_by_the_anchor_alone(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ledger(workspace, "anchor")
    damaged(workspace, "DELETE FROM events WHERE pos > 20")
    capsys.readouterr()
    assert ledger(workspace, "verify", "--json") == 1
    found = said(capsys)
    assert (found["chain"]["ok"], found["anchor"]["ok"]) == (True, False)
    assert "10 events are gone" in found["anchor"]["problem"]


def test_export_writes_the_chosen_range(workspace: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    chosen = ("--from", "5", "--to", "25", "--types", "test.b.used", "--out", str(out), "--json")
    assert ledger(workspace, "export", *chosen) == 0
    assert said(capsys)["events"] == 7
    assert [json.loads(line)["pos"] for line in out.read_text().splitlines()] == [6, 9, 12, 15, 18, 21, 24]
    assert ledger(workspace, "export", "--format", "parquet", *chosen) == 0
    assert pl.read_parquet(out)["pos"].to_list() == [6, 9, 12, 15, 18, 21, 24]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("export", "--format", "xml", "--out", "x"), 2, "cloudevents or parquet"),
        (("export", "--out", "nowhere/x"), 2, "a folder that exists"),
        (("query", "DELETE FROM main.events"), 1, "only reading"),
        (("query", "SELECT nope FROM events"), 2, "no such column"),
        (("query",), 2, ""),
    ],
)
def test_wrong_usage_is_refused_with_a_way_on(
    workspace: Path,
    arguments: tuple[str, ...],
    code: int,
    says: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(workspace)
    assert ledger(workspace, *arguments) == code
    assert says in capsys.readouterr().err


def test_a_query_answers_as_rows_of_names_and_values(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sql = "SELECT type, max(data ->> '$.n') AS last FROM events GROUP BY type ORDER BY type"
    assert ledger(workspace, "query", sql, "--json") == 0
    assert said(capsys)["rows"] == [{"type": "test.a.made", "last": 28}, {"type": "test.b.used", "last": 29}]
    assert ledger(workspace, "query", "SELECT pos FROM events", "-n", "2") == 0
    assert "only the first 2" in capsys.readouterr().err


def test_stats_count_by_type(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ledger(workspace, "stats", "--json") == 0
    found = said(capsys)
    assert {t["type"]: t["events"] for t in found["types"]} == {"test.a.made": 20, "test.b.used": 10}
    assert ledger(workspace, "stats") == 0
    assert "30 events in 1 streams" in capsys.readouterr().out
