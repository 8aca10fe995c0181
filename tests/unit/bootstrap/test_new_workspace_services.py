"""The commented sections for logins, data and content in a new workspace are what the product takes."""

from __future__ import annotations

from pathlib import Path

from steersman.bootstrap.sample import make_empty
from steersman.bootstrap.workspace import load_workspace


def take_marks_away(file: Path, section: str) -> None:
    """Make the examples of one section live, as somebody does who removes the # before each."""
    head, mark, rest = file.read_text(encoding="utf-8").partition(f"# --- {section}")
    title, _, body = rest.partition("\n")
    section, next_mark, tail = body.partition("\n# --- ")
    live = "\n".join(line.removeprefix("# ") for line in section.splitlines())
    file.write_text(f"{head}{mark}{title}\n{live}{next_mark}{tail}", encoding="utf-8")


def test_the_commented_login_and_pull_work_once_the_marks_are_taken_away(tmp_path: Path) -> None:
    make_empty(tmp_path)
    take_marks_away(tmp_path / "steersman.toml", "logins and data")
    workspace = load_workspace(tmp_path)
    assert list(workspace.providers) == ["vendor"]
    assert workspace.pulls.pulls["quotes"].provider == "vendor"


def test_the_commented_review_channels_slots_and_models_work_once_the_marks_are_taken_away(tmp_path: Path) -> None:
    make_empty(tmp_path)
    take_marks_away(tmp_path / "steersman.toml", "content")
    workspace = load_workspace(tmp_path)
    assert sorted(workspace.content.channels) == ["blog", "site"]
    assert workspace.content.qa.packs == ("plain",)
    assert workspace.content.review.required
    assert workspace.content.slots.automatic
    assert list(workspace.ai.models) == ["local"]


def test_the_folder_of_a_site_is_left_out_of_the_repository_around_it(tmp_path: Path) -> None:
    make_empty(tmp_path)
    assert "/site/" in (tmp_path / ".gitignore").read_text(encoding="utf-8").splitlines()
