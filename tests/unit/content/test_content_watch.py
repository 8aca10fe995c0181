"""Watching: what is said is what changed since the last look."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.builders_content import a_checker, write_draft

from steersman.cli.content_watch import watching
from steersman.content.drafts import find_drafts
from steersman.content.qa.watch import Look, Watcher
from steersman.kernel.clock import FakeClock
from steersman.ledger.adapters.memory import create as memory_ledger


@pytest.fixture
def watcher(tmp_path: Path) -> Watcher:
    checker = a_checker(tmp_path, memory_ledger())
    return Watcher(
        root=tmp_path,
        settings=checker.settings,
        names=lambda: find_drafts(tmp_path, checker.settings),
        findings=checker.findings,
        clock=FakeClock(),
    )


def said(looks: list[Look]) -> list[tuple[str, list[str], list[str]]]:
    return [(one.report.draft, [f.excerpt for f in one.new], [f.excerpt for f in one.gone]) for one in looks]


def save(root: Path, body: str, moment: int, status: str = "ready") -> None:
    path = write_draft(root, body=body, status=status)
    os.utime(path, ns=(moment, moment))


def test_only_what_changed_is_said(watcher: Watcher, tmp_path: Path) -> None:
    save(tmp_path, "A TODO.\n", 1)
    assert said(watcher.look()) == [("content/one.md", ["TODO"], [])]
    assert watcher.look() == []
    save(tmp_path, "A TODO.\n", 2)
    assert watcher.look() == [], "saved as it was"
    save(tmp_path, "New words.\n\nA TODO.\n\nAnd the the end.\n", 3)
    assert said(watcher.look()) == [("content/one.md", ["the the"], [])]
    save(tmp_path, "Done.\n", 4)
    assert said(watcher.look()) == [("content/one.md", [], ["TODO", "the the"])]


def test_a_draft_that_breaks_is_refused_and_comes_back(watcher: Watcher, tmp_path: Path) -> None:
    save(tmp_path, "A TODO.\n", 1)
    watcher.look()
    save(tmp_path, "A TODO.\n", 2, status="nonsense")
    (look,) = watcher.look()
    assert (look.report.outcome, look.report.line) == ("refused", 3)
    save(tmp_path, "A TODO.\n", 3)
    assert said(watcher.look()) == [("content/one.md", ["TODO"], [])]
    (tmp_path / "content" / "one.md").unlink()
    assert watcher.look() == []
    save(tmp_path, "A TODO.\n", 4)
    assert said(watcher.look()) == [("content/one.md", ["TODO"], [])]


def test_the_command_reads_new_settings_and_survives_broken_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toml = tmp_path / "steersman.toml"
    toml.write_text("[content]\nbanned = []\n", encoding="utf-8")
    write_draft(tmp_path, body="Some synergy here.\n")
    versions = iter(['[content]\nbanned = ["synergy"]\n', "[content]\nfoldr = 1\n", "[content]\nbanned = []\n"])
    moments = iter(range(1, 9))

    def wait(_: float) -> bool:
        text = next(versions, None)
        if text is None:
            return True
        toml.write_text(text, encoding="utf-8")
        moment = next(moments)
        os.utime(toml, ns=(moment, moment))
        return False

    watching(tmp_path, [], 0.1, wait)
    out, err = capsys.readouterr()
    assert out.count("watching content/") == 3
    assert out.count("house/BannedPhrase") <= 1
    assert "did you mean `folder`" in err


def test_a_program_reads_one_object_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "steersman.toml").write_text("[content]\n", encoding="utf-8")
    write_draft(tmp_path, body="A TODO.\n")
    write_draft(tmp_path, "two.md", body="Fine.\n")
    watching(tmp_path, [], 0.1, lambda _: True, as_json=True)
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["draft"], one["outcome"], [f["rule"] for f in one["new"]]) for one in told] == [
        ("content/one.md", "blocked", ["Unfinished"]), ("content/two.md", "pass", []),
    ]  # fmt: skip
