"""Folders of runs that something else lies in the way of, or that a script has replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from steersman.automation.runner.disk import used_bytes
from steersman.automation.runner.folders import Folders


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    folders = Folders(tmp_path, tmp_path / ".steersman")
    folders.runs.mkdir(parents=True)
    (folders.runs / "job").touch()
    with pytest.raises(OSError, match="artifacts cannot be made: ") as refused:
        folders.open("job", "job-1")
    assert str(refused.value.strerror).startswith("the folder .steersman/runs/job/job-1/artifacts cannot be made: ")


def test_what_a_link_in_place_of_the_artifacts_leads_to_is_neither_listed_nor_counted(tmp_path: Path) -> None:
    folders = Folders(tmp_path, tmp_path / ".steersman")
    artifacts = folders.open("job", "job-1")
    (artifacts / "chart.svg").write_bytes(b"x" * 10_000)
    assert folders.artifacts("job", "job-1") == (".steersman/runs/job/job-1/artifacts/chart.svg",)
    assert used_bytes(artifacts) >= 10_000
    (artifacts / "chart.svg").unlink()
    artifacts.rmdir()
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "key").write_bytes(b"x" * 10_000)
    artifacts.symlink_to(tmp_path / "precious")
    assert folders.artifacts("job", "job-1") == ()
    assert used_bytes(artifacts) == 0
