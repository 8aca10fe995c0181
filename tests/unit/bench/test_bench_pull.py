"""What bench `pull` says when something is missing here, and that a cold key is counted for real."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from steersman.bench import pull, pull_machines, pull_reader
from steersman.bench.pull_reader import Way


def test_without_a_redis_server_the_row_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    (row,) = pull._against_redis(lambda: 1.0, tmp_path / "frame.arrow", "by polars")
    assert (row.value, row.met) == (None, None)
    assert "apt-get install redis-server" in row.note


def test_every_way_of_reading_finds_the_same_sum(tmp_path: Path) -> None:
    arrow, text = tmp_path / "f.arrow", tmp_path / "f.json"
    pull_reader._make(str(arrow), str(text), 1000, 5)
    sums = [
        pull_reader.read(Way(kind="arrow", place=str(arrow))),
        pull_reader.read(Way(kind="mapped", place=str(arrow))),
        pull_reader.read(Way(kind="json", place=str(text))),
        pull_reader.read(Way(kind="polars_json", place=str(text))),
    ]
    assert sums == pytest.approx([sums[0]] * 4)
    assert sums[0] == pytest.approx(1000 * 3 + 1.0001 * 499_500)


def test_small_ratios_keep_their_digits() -> None:
    row = pull._row("by polars", [0.0012345, 0.002, 0.001], "x", at_most=1 / 500, compared_with="JSON")
    assert (row.value, row.low, row.high, row.met) == (0.001234, 0.001, 0.002, True)


def test_without_a_redis_server_no_figure_of_several_machines_is_made_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    rows = pull_machines.rows(tmp_path)
    assert len(rows) == 4
    assert all((row.value, row.met) == (None, None) and "apt-get install redis-server" in row.note for row in rows)


def test_the_busiest_second_is_found_wherever_it_begins() -> None:
    second = 1_000_000_000
    assert pull_machines._most_within_a_second([0, second // 2, second - 1, second, second + second // 4]) == 4
    assert pull_machines._most_within_a_second([0, second]) == 1
