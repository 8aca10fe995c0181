"""`content check`, `fix` and `hook` on a real workspace in a real repository."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from tests.builders_cli import Said
from tests.builders_content import write_draft


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("STEERSMAN_DIR", "STEERSMAN_RUN_ID", "GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "steersman.toml").write_text("[content]\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def content(capsys: pytest.CaptureFixture[str]) -> Said:
    return Said(capsys, "content")


def git(root: Path, *arguments: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false", *arguments],
        cwd=root, capture_output=True, text=True, check=check, env={**os.environ, **environment},
    )  # fmt: skip


def test_every_form_says_the_same_findings(desk: Path, content: Said) -> None:
    write_draft(desk, body="I recieve 🎉 it, and a TODO.\n")
    findings = content.json("check")
    assert content("check", "--format", "json") == 1
    assert json.loads(content.out) == findings
    assert content("check", "--format", "github") == 1
    assert len(content.out.splitlines()) == len(findings) == 2
    assert content("check", "--format", "sarif") == 1
    results = json.loads(content.out)["runs"][0]["results"]
    places = [(r["locations"][0]["physicalLocation"]["region"]["startLine"], r["level"]) for r in results]
    assert places == [(f["line"], "error") for f in findings]
    assert content("check", "--format", "github", "--json") == 2
    assert "take one of them" in content.err


def test_changed_and_baseline_count_what_they_set_aside(desk: Path, content: Said) -> None:
    write_draft(desk, body="A TODO.\n\nB TODO.\n")
    assert content("check", "--changed") == 2
    assert "git init" in content.err
    git(desk, "init", "-q")
    git(desk, "add", "-A")
    git(desk, "commit", "-q", "-m", "x")
    assert content("check", "--changed") == 0
    assert "no draft changed" in content.out
    write_draft(desk, body="A TODO.\n\nB TODO.\n\nC TODO.\n")
    assert content("check", "--changed") == 1
    assert "2 findings on lines that did not change" in content.out
    assert content.out.count("house/Unfinished") == 1
    assert content("check", "--since", "nope") == 2
    assert content("check", "--write-baseline") == 0
    assert "content/_baseline.json: 3 findings, 0 pruned" in content.out
    assert content("check") == 0
    assert [f["suppressed_by"] for f in content.json("check")] == ["baseline"] * 3
    write_draft(desk, body="A TODO.\n\nB TODO.\n\nC TODO.\n\nD TODO.\n")
    assert content("check") == 1
    write_draft(desk, body="A TODO.\n")
    assert content("check") == 0
    assert "2 findings of the baseline gone" in content.out
    assert content("check", "--write-baseline", "--changed") == 2


def test_fix_shows_then_writes_then_takes_back(desk: Path, content: Said) -> None:
    path = write_draft(desk, body="It was the the end, and a TODO.\n")
    before = path.read_bytes()
    assert content("fix") == 1, "a gate is left"
    assert "-It was the the end" in content.out
    assert "+It was the end" in content.out
    assert "--apply writes it" in content.out
    assert path.read_bytes() == before
    assert content("fix", "--apply") == 1
    assert b"It was the end" in path.read_bytes()
    (outcome,) = content.json("fix")
    assert (outcome["fixed"], outcome["diff"], len(outcome["left"])) == (0, "", 1)
    assert content("fix", "--undo") == 0
    assert "content/one.md" in content.out
    assert content("fix", "--undo", "content/one.md") == 0
    assert path.read_bytes() == before
    assert content("fix", "--ask") == 2, "nobody is there to ask"
    assert content("fix", "--undo", "--apply") == 2


def test_fix_names_a_draft_it_cannot_read(desk: Path, content: Said) -> None:
    write_draft(desk).write_bytes("---\ntitle: x\n---\n".encode("utf-16"))
    assert content("fix") == 1
    assert "UTF-16" in content.out
    assert "iconv" in content.out


def test_a_commit_is_stopped_by_what_is_staged_and_goes_once_it_is_right(desk: Path, content: Said) -> None:
    git(desk, "init", "-q")
    inner = desk / "my desk"
    inner.mkdir()
    (desk / "steersman.toml").rename(inner / "steersman.toml")
    assert content("hook", "install", "--dir", str(inner)) == 0
    assert "--staged --dir 'my desk'" in content.out.replace("\n", " ")
    path = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    write_draft(inner, body="A TODO.\n")
    git(desk, "add", "-A")
    write_draft(inner, body="Fixed in the file alone.\n")
    stopped = git(desk, "commit", "-m", "x", check=False, **path)
    assert stopped.returncode == 1
    assert "house/Unfinished" in stopped.stdout + stopped.stderr
    # `commit -a` hands the hook an index of its own, by a path that counts from the top of the work tree.
    assert git(desk, "commit", "-q", "-a", "-m", "x", check=False, **path).returncode == 0
    assert git(desk, "rev-list", "--count", "HEAD").stdout.strip() == "1"
    assert content("hook", "remove", "--dir", str(inner)) == 0


def test_mdx_and_markdown_are_drafts_too_and_a_large_one_says_what_to_set(desk: Path, content: Said) -> None:
    write_draft(desk, "a.mdx", body="import X from 'teh'\n\nWords {recieve.teh} here.\n")
    write_draft(desk, "b.markdown", body="A TODO.\n")
    write_draft(desk, "c.md", body="Some plain words here.\n\n" * 30_000)
    assert content("check") == 1
    assert "content/a.mdx  pass" in content.out
    assert "content/b.markdown  blocked" in content.out
    assert "max_size_kb = 704" in content.out.replace("\n", " ")


def test_the_hooks_for_the_pre_commit_framework_run_what_exists(content: Said) -> None:
    import yaml

    hooks = yaml.safe_load((Path(__file__).parents[2] / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert {hook["id"] for hook in hooks} == {"steersman-content", "steersman-content-changed"}
    content("check", "--help")
    for hook in hooks:
        assert hook["entry"].startswith("steersman content check ")
        assert all(option in content.out for option in hook["entry"].split()[3:])


def test_a_hook_file_is_executable_by_its_owner(desk: Path, content: Said) -> None:
    git(desk, "init", "-q")
    (data,) = [content.json("hook", "install")]
    assert data["written"]
    assert stat.S_IMODE(Path(data["path"]).stat().st_mode) & stat.S_IXUSR


def test_a_draft_named_from_the_repository_finds_its_workspace(
    tmp_path: Path, content: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("STEERSMAN_DIR", "STEERSMAN_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    for name in ("blog", "notes"):
        write_draft(tmp_path / name, body="I recieve it.\n")
        (tmp_path / name / "steersman.toml").write_text("[content]\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert content("check", "blog/content", "--format", "github") == 1
    assert content.out.startswith("::error file=blog/content/one.md,line=6,")
    assert content("check", "blog/content", "notes/content") == 2
    assert "several workspaces" in content.err
    assert content("check", "nothing.md") == 2
    assert "no steersman.toml" in content.err


def test_what_git_is_needed_for_says_that_there_is_no_repository(desk: Path, content: Said) -> None:
    write_draft(desk, body="Well.\n")
    for option in ("--staged", "--changed"):
        assert content("check", option) == 2
        assert "is in no git work tree" in content.err


def test_a_category_and_a_channel_that_are_none_are_wrong_usage(desk: Path, content: Said) -> None:
    write_draft(desk, body="I recieve it.\n")
    assert content("fix", "--category", "speling") == 2
    assert "no finding is called 'speling'" in content.err
    assert content("engagement", "list", "--channel", "nowhere") == 2
    assert "there is no channel 'nowhere'" in content.err


def test_what_a_fix_leaves_keeps_its_reason(desk: Path, content: Said) -> None:
    write_draft(desk, body="I recieve the the news befor noon.\n")
    assert content("fix", "--apply") == 1
    assert "new after the fix" not in content.out
    assert "harper/SpellCheck: 3 suggestions" in content.out
    assert "next: steersman content fix --ask" in content.out
