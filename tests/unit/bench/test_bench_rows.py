"""Rows of measurements: targets judged the right way round, turns interleaved, nothing missed left out."""

from __future__ import annotations

import json
import sys
from types import ModuleType

import pytest

from steersman.bench.measure import in_turns, on_disk, row_of
from steersman.bench.row import Row, not_measured
from steersman.cli import bench as cli
from steersman.cli.main import run
from steersman.kernel.errors import Unavailable

KEYS = {"bench", "metric", "value", "unit", "target", "met", "compared_with", "runs", "low", "high", "note"}


def test_turns_alternate_and_the_first_of_each_is_dropped() -> None:
    calls: list[str] = []

    def turn(name: str) -> float:
        calls.append(name)
        return float(len(calls))

    turns = in_turns(lambda: turn("ours"), lambda: turn("peer"), rounds=2)
    assert calls == ["ours", "peer"] * 3
    assert (turns.ours, turns.peer) == ([3.0, 5.0], [4.0, 6.0])
    assert turns.ratios == [3 / 4, 5 / 6]


@pytest.mark.parametrize(
    ("values", "at_most", "at_least", "met"),
    [
        ([1.0, 2.0, 9.0], 2.0, None, True),
        ([1.0, 2.1, 9.0], 2.0, None, False),
        ([1.0, 20.0, 30.0], None, 20.0, True),
        ([1.0, 19.0, 30.0], None, 20.0, False),
        ([1.0], None, None, None),
    ],
)
def test_the_median_is_held_against_the_target(
    values: list[float], at_most: float | None, at_least: float | None, met: bool | None
) -> None:
    row = row_of("b", "m", values, "x", at_most=at_most, at_least=at_least)
    assert row.met is met
    assert row.target == (at_most or at_least)
    assert (row.low, row.high, row.runs) == (min(values), max(values), len(values))


def test_scratch_files_are_gone_afterwards() -> None:
    with on_disk() as folder:
        (folder / "f").write_text("x")
    assert not folder.exists()


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three benches: one met, one missed, one that cannot run here."""
    missed = Row(
        bench="slow", metric="a figure with a long name " * 3, value=31.4159, unit="x", target=3.0, met=False,
        compared_with="the peer it was measured against, in full words", runs=5, low=29.0, high=1234.5,
    )  # fmt: skip
    met = Row(bench="fast", metric="m", value=0.0012, unit="ms", target=2.0, met=True)

    def gone() -> list[Row]:
        raise Unavailable("the peer is not here", fix="install it")

    def modules(**runs: object) -> None:
        for name, function in runs.items():
            module = ModuleType(f"steersman.bench.{name}")
            module.run = function  # type: ignore[attr-defined]
            monkeypatch.setitem(sys.modules, f"steersman.bench.{name}", module)

    modules(fast=lambda: [met], slow=lambda: [missed], absent=gone)
    monkeypatch.setattr(cli, "BENCHES", ("fast", "slow", "absent"))


@pytest.mark.usefixtures("measured")
def test_a_missed_target_and_an_absent_peer_are_rows_and_the_exit_code_is_0(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("bench", ["--json"]) == 0
    out, err = capsys.readouterr()
    rows = json.loads(out)
    assert all(set(row) == KEYS for row in rows)
    assert [(row["bench"], row["met"]) for row in rows] == [("fast", True), ("slow", False), ("absent", None)]
    assert rows[2]["value"] is None
    assert "the peer is not here" in rows[2]["note"]
    assert "bench slow (2 of 3)" in err


@pytest.mark.usefixtures("measured")
def test_the_table_fits_80_columns_and_shows_what_was_missed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run("bench", []) == 0
    out, _ = capsys.readouterr()
    assert max(map(len, out.splitlines())) <= 80
    assert "MISSED" in out
    assert "1 of 2 targets met" in out
    assert "not measured" in " ".join(out.split())


@pytest.mark.usefixtures("measured")
def test_one_bench_can_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("bench", ["slow", "slow", "--json"]) == 0
    assert [row["bench"] for row in json.loads(capsys.readouterr().out)] == ["slow"]


def test_an_unknown_bench_is_wrong_usage_and_names_the_choices(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("bench", ["gate", "nope"]) == 2
    err = capsys.readouterr().err
    assert "'nope'" in err
    assert "gate, commit, group, wake, replay, order, auto, pull, audit, qa, slots, start" in err


def test_a_figure_that_cannot_be_had_says_why() -> None:
    row = not_measured("b", "m", "x", 3.0, "no such program")
    assert (row.value, row.met, row.note, row.runs) == (None, None, "no such program", 0)
