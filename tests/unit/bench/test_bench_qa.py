"""The bench of the first pass says what it could not measure, and compares with the right engine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from steersman.bench import qa
from steersman.bench.row import Row
from steersman.content.replay.run import Alarm, Hit, Played


def played(name: str, met: int, alarms: int) -> Played:
    hits = [Hit(commit=str(n), at=0.9, kind="spelling", confidence=0.8 if n < met else None) for n in range(100)]
    return Played(
        name=name,
        hits=tuple(hits),
        alarms=tuple(Alarm(at=0.9, confidence=0.8, rule="r") for _ in range(alarms)),
        words=((0.9, 1000),),
    )


def targets(*all_: Played) -> dict[str, Row]:
    rows = qa._rows("x", all_)
    return {row.metric: row for row in rows if row.target is not None and "mistakes" in row.metric}


def test_without_data_every_figure_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEERSMAN_DATA", str(tmp_path))
    monkeypatch.setattr(qa, "_recheck", list)
    rows = qa.run()
    assert [(row.value, row.met) for row in rows] == [(None, None)] * 2
    assert all("STEERSMAN_DATA" in row.note for row in rows)


@pytest.mark.parametrize(
    ("met", "alarms", "is_met"), [(78, 10, (True, True)), (77, 10, (False, True)), (80, 11, (True, False))]
)
def test_ours_is_held_against_the_engine_that_finds_more(met: int, alarms: int, is_met: tuple[bool, bool]) -> None:
    found = targets(
        played("harper alone", 70, 5),
        played("LanguageTool rules alone", 80, 20),
        played("steersman, deep", met, alarms),
    )
    recall, flags = found.values()
    assert recall.compared_with == flags.compared_with == "LanguageTool rules alone"
    assert (recall.met, flags.met) == is_met


def test_of_two_engines_that_find_as_much_the_quieter_is_the_better() -> None:
    found = targets(
        played("harper alone", 80, 30), played("LanguageTool rules alone", 80, 20), played("steersman", 80, 11)
    )
    assert [row.met for row in found.values()] == [True, False]


def test_codespell_is_asked_once_and_its_words_are_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from steersman.bench import peer_venv, prose

    class Peer:
        def run(self, script: str, path: Path) -> dict[str, list[tuple[str, list[str]]]]:
            lines = path.read_text(encoding="utf-8").splitlines()
            return {str(n): [("teh", ["the"])] * line.count("teh") for n, line in enumerate(lines) if "teh" in line}

    monkeypatch.setattr(peer_venv, "codespell", Peer)
    path = tmp_path / "x_edits.jsonl"
    row = {
        "committed_at": "2024-01-01T00:00:00Z",
        "commit": "c",
        "before": "😀 teh and\u2028teh",
        "after": "x",
        "edits": [],
    }
    path.write_text(json.dumps({**row, "edits": [{"start": 2, "end": 5, "old": "teh", "new": "the"}]}) + "\n")
    from steersman.content.replay.corpus import read_corpus

    flags = prose.Codespell(read_corpus(path)).flags("c", str(row["before"]))
    assert [(f.start, f.end, f.suggestions) for f in flags] == [(2, 5, ("the",)), (10, 13, ("the",))]
