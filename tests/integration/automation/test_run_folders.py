"""Folders of runs that something else lies in the way of, or that a script has replaced."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from steersman.automation.runner.disk import used_bytes
from steersman.automation.runner.folders import Folders
from steersman.automation.runner.inflight import Inflight


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


def test_names_that_are_not_text_are_listed_so_that_they_can_be_told(tmp_path: Path) -> None:
    folders = Folders(tmp_path, tmp_path / ".steersman")
    artifacts = folders.open("job", "job-1")
    Path(os.fsdecode(os.fsencode(artifacts) + b"/\xff.csv")).touch()
    (artifacts / "\u202egnp.exe\U0001f600").touch()
    os.mkfifo(artifacts / "pipe")
    listed = folders.artifacts("job", "job-1")
    assert [path.rpartition("/")[2] for path in listed] == ["\u202egnp.exe\U0001f600", "\\xff.csv"]
    assert msgspec.json.decode(msgspec.json.encode(listed), type=tuple[str, ...]) == listed


def deep(folder: Path, levels: int) -> None:
    """Make folders within folders, and a file in the last, by paths no longer than one name."""
    at = os.open(folder, os.O_DIRECTORY)
    for _ in range(levels):
        os.mkdir("d" * 50, dir_fd=at)
        below = os.open("d" * 50, os.O_DIRECTORY, dir_fd=at)
        os.close(at)
        at = below
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=at))
    os.close(at)


def test_folders_deeper_than_any_path_break_neither_the_list_nor_what_clears_away(tmp_path: Path) -> None:
    folders = Folders(tmp_path, tmp_path / ".steersman")
    artifacts = folders.open("job", "job-1")
    (artifacts / "chart.svg").touch()
    deep(artifacts, 1500)
    assert [Path(path).name for path in folders.artifacts("job", "job-1")] == ["chart.svg"]
    folders.open("job", "job-2")
    folders.prune("job", 1, spare="job-2")
    assert [entry.name for entry in (folders.runs / "job").iterdir()] == ["job-2"]


def test_a_marker_that_lost_its_content_with_the_power_counts_as_no_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    inflight = Inflight(tmp_path)
    inflight.intend(run_id="job-1", automation="job", attempt=1, log="", began_at=1, may_retry=False)
    (tmp_path / "job-2.1.json").write_bytes(b"")
    assert list(inflight.orphans()) == []
    assert inflight.count() == 1, "the one of this process, which lives"
    assert "job-2.1.json is damaged" in caplog.text
