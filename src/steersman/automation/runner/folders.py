"""Where runs keep their files: `.steersman/runs/<automation>/<run_id>/{attempt-N.log,artifacts/}`; how many stay."""

from __future__ import annotations

import heapq
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

MAX_ARTIFACTS_LISTED = 200
CANCEL = "cancel"


class Folders:
    """The files of all runs of one workspace."""

    def __init__(self, root: Path, state: Path) -> None:
        self._root = root
        self.runs = state / "runs"

    def of(self, automation: str, run_id: str) -> Path:
        return self.runs.joinpath(automation, run_id)

    def open(self, automation: str, run_id: str) -> Path:
        """Make the folders of a run and return the one for its artifacts.

        Raises:
            OSError: they cannot be made; `strerror` names which, and why.
        """
        artifacts = self.of(automation, run_id) / "artifacts"
        try:
            artifacts.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise OSError(exc.errno, f"the folder {self.relative(artifacts)} cannot be made: {exc.strerror}") from exc
        return artifacts

    def log(self, automation: str, run_id: str, attempt: int) -> Path:
        return self.runs.joinpath(automation, run_id, f"attempt-{attempt}.log")

    def cancel_file(self, automation: str, run_id: str) -> Path:
        """Return the file whose existence asks the run to end, from whichever process."""
        return self.runs.joinpath(automation, run_id, CANCEL)

    def ask_to_end(self, automation: str, run_id: str) -> None:
        """Ask a run to end; one that has not begun yet is asked before it does."""
        file = self.cancel_file(automation, run_id)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()

    def artifacts(self, automation: str, run_id: str) -> tuple[str, ...]:
        """Return the artifacts a run left, relative to the workspace, sorted; the first 200 of them.

        A link is no artifact, also in place of the folder: what it leads to is not the run's. Bytes of a name that are
        not UTF-8 are written `\\xff`; what lies deeper than the kernel takes a path (4,096 bytes) is left out.
        """
        found = heapq.nsmallest(MAX_ARTIFACTS_LISTED, _files(self.of(automation, run_id) / "artifacts"))
        return tuple(_text(self.relative(path)) for path in found)

    def relative(self, path: Path) -> str:
        """Return `path` as events name it: relative to the workspace, with `/`."""
        return path.relative_to(self._root).as_posix()

    def prune(self, automation: str, keep: int, *, spare: str) -> None:
        """Delete the folders of all but `keep` runs: that of the run `spare` and the latest others; ids sort by time.

        Call while no other run of the automation can be under way.
        """
        folder = self.runs / automation
        with os.scandir(folder) as entries:
            others = sorted(e.name for e in entries if e.name != spare and e.is_dir(follow_symlinks=False))
        for old in others[: max(0, len(others) - (keep - 1))]:
            _remove(folder / old)


def _files(folder: Path) -> Iterator[Path]:
    """Yield the plain files below `folder`, which is not followed if it is a link."""
    waiting = [] if folder.is_symlink() else [os.fspath(folder)]
    while waiting:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    yield Path(entry.path)


def _text(name: str) -> str:
    return os.fsencode(name).decode("utf-8", errors="backslashreplace")


def _remove(folder: Path) -> None:
    """Delete a folder, however deep a script made it; what cannot be deleted stays."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except RecursionError:
        with suppress(OSError):
            _flatten(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _flatten(folder: Path) -> None:
    """Bring every folder below `folder` up to just below it, by paths that are never long."""
    flat = Path(tempfile.mkdtemp(dir=folder))
    waiting, number = [entry.path for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)], 0
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False) and entry.path != os.fspath(flat):
                    number += 1
                    waiting.append(os.fspath(Path(entry.path).rename(flat / str(number))))
