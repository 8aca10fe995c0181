"""The commented sections for logins and data in a new workspace are what the product takes."""

from __future__ import annotations

from pathlib import Path

from steersman.bootstrap.sample import make_empty
from steersman.bootstrap.workspace import load_workspace


def test_the_commented_login_and_pull_work_once_the_marks_are_taken_away(tmp_path: Path) -> None:
    make_empty(tmp_path)
    file = tmp_path / "steersman.toml"
    head, mark, rest = file.read_text(encoding="utf-8").partition("# --- logins and data")
    title, _, body = rest.partition("\n")
    section, next_mark, tail = body.partition("\n# --- ")
    live = "\n".join(line.removeprefix("# ") for line in section.splitlines())
    file.write_text(f"{head}{mark}{title}\n{live}{next_mark}{tail}", encoding="utf-8")
    workspace = load_workspace(tmp_path)
    assert list(workspace.providers) == ["vendor"]
    assert workspace.pulls.pulls["quotes"].provider == "vendor"
