"""Changed lines, what is staged, the baseline and the hook, on real git repositories."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.builders_content import a_checker, write_draft

from steersman.content.model.baseline import Baseline, decode, encode
from steersman.content.qa import hook
from steersman.content.qa.baseline import gone, path_of, read_baseline, renewed, write_baseline
from steersman.content.qa.changed import changed_lines, only_changed
from steersman.content.qa.checker import Report
from steersman.content.qa.staged import check_staged, named, staged_names
from steersman.content.settings import QaSettings
from steersman.kernel.errors import Conflict, Misconfigured
from steersman.ledger.adapters.memory import create as memory_ledger


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false", *arguments],
        cwd=root, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"):
        monkeypatch.delenv(name, raising=False)
    git(tmp_path, "init", "-q", "-b", "main")
    return tmp_path


def commit(root: Path) -> None:
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "x")


def open_places(root: Path, reports: list[Report], revision: str = "HEAD") -> list[tuple[str, int, str, str]]:
    lines = changed_lines(root, [report.draft for report in reports], revision)
    kept = only_changed(reports, lines, lambda name: (root / name).read_bytes().decode())
    return [(f.doc, f.line, f.status, f.suppressed_by) for report in kept for f in report.findings]


def checked(root: Path, **more: Any) -> list[Report]:
    return a_checker(root, memory_ledger(), **more).check_all()


def test_only_what_stands_on_changed_lines_stays_open(repository: Path) -> None:
    write_draft(repository, body="A TODO.\n\nFine.\n\nEnd.\n")
    write_draft(repository, "two.md", body="A TODO.\n")
    commit(repository)
    write_draft(repository, body="A TODO.\n\nFine TODO.\n\nEnd.\n")
    reports = checked(repository)
    assert open_places(repository, reports) == [
        ("content/one.md", 6, "suppressed", "unchanged"),
        ("content/one.md", 8, "open", ""),
    ]
    (one,) = only_changed(
        reports, changed_lines(repository, ["content/one.md"]), lambda n: (repository / n).read_text()
    )
    assert (one.outcome, one.gates, one.suppressed) == ("blocked", 1, 1)


def test_a_renamed_draft_keeps_its_lines_and_an_untracked_one_is_new(repository: Path) -> None:
    write_draft(repository, "old.md", body="A TODO.\n\nFine.\n\nMore words of it.\n\nEnd.\n")
    commit(repository)
    git(repository, "mv", "content/old.md", "content/new name é.md")
    write_draft(repository, "new name é.md", body="A TODO.\n\nFine TODO.\n\nMore words of it.\n\nEnd.\n", slug="new")
    write_draft(repository, "fresh.md", body="A TODO.\n")
    places = open_places(repository, checked(repository))
    assert ("content/fresh.md", 6, "open", "") in places
    # The slug is a new line, so the text moved by one; only what changed is open.
    assert [p[1:3] for p in places if "new name" in p[0]] == [(7, "suppressed"), (9, "open")]


def test_a_workspace_inside_a_repository_and_lines_like_headers_of_a_diff(repository: Path) -> None:
    desk = repository / "my desk"
    write_draft(desk, body="Fine.\n\nEnd.\n")
    commit(repository)
    write_draft(desk, body="Fine.\n\n+++ content/two.md TODO\n--- a TODO\n@@ -1 +1 @@ TODO\n\nEnd.\n")
    assert [p[1:3] for p in open_places(desk, checked(desk))] == [(8, "open"), (9, "open"), (10, "open")]


def test_another_revision_and_a_repository_without_a_commit(repository: Path) -> None:
    write_draft(repository, body="A TODO.\n")
    assert [p[2] for p in open_places(repository, checked(repository))] == ["open"]
    commit(repository)
    write_draft(repository, body="A TODO.\n\nB TODO.\n")
    commit(repository)
    assert open_places(repository, checked(repository)) == []
    assert [p[1:3] for p in open_places(repository, checked(repository), "HEAD~1")] == [(6, "suppressed"), (8, "open")]


def test_outside_git_and_for_an_unknown_revision_the_message_says_what_to_do(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_draft(repository)
    commit(repository)
    for revision in ("nope", "--output=x"):
        with pytest.raises(Misconfigured, match="no revision"):
            changed_lines(repository, [], revision)
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    with pytest.raises(Misconfigured, match="not installed"):
        changed_lines(repository, [])


def test_a_folder_that_is_no_repository_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(Misconfigured, match="no git work tree"):
        changed_lines(tmp_path, [])
    with pytest.raises(Misconfigured, match="no git repository"):
        hook.install(tmp_path, changed=False)


def test_what_is_staged_is_checked_and_not_the_file(repository: Path) -> None:
    settings = QaSettings()
    write_draft(repository, body="A TODO.\n")
    write_draft(repository, "broken.md", status="nonsense")
    (repository / "content" / "README.md").write_text("# No draft\n", encoding="utf-8")
    git(repository, "add", "-A")
    write_draft(repository, body="All fixed by now.\n")
    write_draft(repository, "later.md", body="Not staged TODO.\n")
    names = staged_names(repository, settings)
    assert names == ["content/broken.md", "content/one.md"]
    checker = a_checker(repository, ledger := memory_ledger())
    broken, one = check_staged(repository, settings, names, checker.findings)
    assert (broken.outcome, broken.line) == ("refused", 3)
    assert [(f.line, f.excerpt) for f in one.findings] == [(6, "TODO")]
    assert list(ledger.read()) == []
    assert named(repository, names, [Path("content/one.md")]) == ["content/one.md"]


def test_the_baseline_holds_what_was_there_and_tells_what_is_gone(repository: Path) -> None:
    write_draft(repository, body="A TODO.\n\nB TODO there.\n")
    write_draft(repository, "two.md", body="A TODO.\n")
    path = path_of(repository, "content")
    baseline = renewed(Baseline(), checked(repository), ["content/one.md", "content/two.md"])
    write_baseline(path, baseline)
    assert read_baseline(path) == baseline
    assert "there" not in path.read_text(encoding="utf-8"), "no text of a draft"
    # The text above moved, one finding went, one came.
    write_draft(repository, body="New words.\n\nB TODO there.\n\nC TODO.\n")
    reports = a_checker(repository, memory_ledger(), baseline=baseline).check_all()
    assert [(f.line, f.status, f.reason) for f in reports[0].findings] == [
        (8, "suppressed", "baseline"), (10, "open", ""),
    ]  # fmt: skip
    assert {name: len(entries) for name, entries in gone(baseline, reports).items()} == {"content/one.md": 1}
    again = renewed(baseline, reports[:1], ["content/one.md"])
    assert list(again.findings) == ["content/one.md"], "a draft that is no more is pruned"
    assert len(again.findings["content/one.md"]) == 2
    assert decode(encode(again)) == again
    assert encode(again) == encode(decode(encode(again)))


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b'{"version": 2}', b'{"findings": {"a": ["x"]}}', b'{"other": 1}', b"\xff", b"[" * 9000],
    ids=range(7),
)
def test_a_damaged_baseline_is_refused_and_never_taken_as_empty(raw: bytes) -> None:
    with pytest.raises(Misconfigured) as caught:
        decode(raw)
    assert "--write-baseline" in caught.value.fix


def test_the_hook_is_ours_alone(repository: Path) -> None:
    path, written = hook.install(repository, changed=False)
    assert written
    assert os.access(path, os.X_OK)
    assert hook.install(repository, changed=False) == (path, False)
    assert "--changed" in hook.install(repository, changed=True)[0].read_text(encoding="utf-8")
    assert hook.remove(repository) == (path, True)
    assert hook.remove(repository) == (path, False)
    path.write_text("#!/bin/sh\nexec mine\n", encoding="utf-8")
    with pytest.raises(Conflict, match="somebody else"):
        hook.install(repository, changed=False)
    with pytest.raises(Conflict, match="somebody else"):
        hook.remove(repository)
    assert path.read_text(encoding="utf-8") == "#!/bin/sh\nexec mine\n"


def test_the_hook_goes_where_git_looks_and_names_the_workspace(repository: Path) -> None:
    git(repository, "config", "core.hooksPath", "my hooks")
    desk = repository / "a desk"
    desk.mkdir()
    path, _ = hook.install(desk, changed=False)
    assert path.resolve() == (repository / "my hooks" / "pre-commit").resolve()
    assert "--dir 'a desk'" in path.read_text(encoding="utf-8")
