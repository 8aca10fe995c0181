"""`steersman content accept`, `reject`, `learn` and `bench`, as they are typed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.builders_content import write_draft

from steersman.cli.main import run


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "steersman.toml").write_text("[content]\ngates = []\nvocabulary_posts = 2\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    capsys.readouterr()
    assert run(*_split(arguments)) == code
    out = capsys.readouterr()
    return json.loads(out.out) if "--json" in arguments else out.out + out.err


def _split(arguments: tuple[str, ...]) -> tuple[str, list[str]]:
    return arguments[0], list(arguments[1:])


def test_a_rejected_finding_is_suppressed_and_its_rule_is_listed(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_draft(desk, body="A TODO.\n")
    (finding,) = said(capsys, "content", "check", "--json")
    done = said(capsys, "content", "reject", finding["fingerprint"][:6], "--json")
    assert (done["verdict"], done["rule"], done["rejected"]) == ("rejected", finding["rule"], 1)
    (again,) = said(capsys, "content", "check", "--json")
    assert (again["status"], again["reason"][:20]) == ("suppressed", "rejected by a person")
    (row,) = said(capsys, "content", "learn", "--json")
    assert (row["rule"], row["type"], row["accepted"], row["rejected"], row["state"]) == (
        finding["rule"], "post", 0, 1, "speaks",
    )  # fmt: skip
    said(capsys, "content", "accept", finding["fingerprint"])
    (again,) = said(capsys, "content", "check", "--json")
    assert again["status"] == "open"


def test_a_rule_is_silenced_by_the_operator_and_comes_back_with_a_reset(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_draft(desk, body="A TODO.\n")
    (finding,) = said(capsys, "content", "check", "--json")
    assert "silenced" in said(capsys, "content", "learn", "--silence", finding["rule"])
    (finding,) = said(capsys, "content", "check", "--json")
    assert finding["status"] == "suppressed"
    assert "silenced by the operator" in finding["reason"]
    said(capsys, "content", "learn", "--reset", finding["rule"])
    (finding,) = said(capsys, "content", "check", "--json")
    assert finding["status"] == "open"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("reject", "zz"), "is no fingerprint"),
        (("accept", "abcdef"), "no finding has the fingerprint abcdef"),
        (("learn", "--silence", "Nonsense"), "no finding was ever of a rule 'Nonsense'"),
        (("bench", "nowhere"), "there is no nowhere"),
        (("bench", "."), "no history to replay"),
    ],
)
def test_what_is_not_there_is_refused_in_words(
    desk: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    capsys.readouterr()
    assert run("content", list(arguments)) != 0
    told = capsys.readouterr().err
    assert message in " ".join(told.split())
    assert "fix:" in told


def test_a_repository_is_replayed_without_a_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    def git(*arguments: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=A", "-c", "user.email=a@b.c", *arguments], check=True, capture_output=True
        )

    git("init", "-q")
    for text in ("This is teh text of it, and it stays.\n", "This is the text of it, and it stays.\n"):
        (tmp_path / "a.md").write_text(text, encoding="utf-8")
        git("add", "-A")
        git("commit", "-q", "-m", "m")
    found = said(capsys, "content", "bench", ".", "--no-peers", "--json")
    assert (found["rounds"], found["edits"], found["published_words"]) == (1, 1, 9)
    ours = next(s for s in found["scores"] if s["name"] == "steersman" and s["part"] == "all")
    assert ours["recall"]["mistakes"]["value"] == 1.0
    assert ours["exact"]["value"] == 1.0
    assert not (tmp_path / "steersman.toml").exists()
