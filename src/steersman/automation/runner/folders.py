"""Where runs keep their files: `.steersman/runs/<automation>/<run_id>/{attempt-N.log,artifacts/}`; how many stay."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

MAX_ARTIFACTS_LISTED = 200
CANCEL = "cancel"


class Folders:
    """The files of all runs of one workspace."""

    def __init__(self, root: Path, state: Path) -> None:
        self._root = root
        self.runs = state / "runs"

    def of(self, automation: str, run_id: str) -> Path:
        return self.runs / automation / run_id

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
        return self.of(automation, run_id) / f"attempt-{attempt}.log"

    def cancel_file(self, automation: str, run_id: str) -> Path:
        """Return the file whose existence asks the run to end, from whichever process."""
        return self.of(automation, run_id) / CANCEL

    def ask_to_end(self, automation: str, run_id: str) -> None:
        """Ask a run to end; one that has not begun yet is asked before it does."""
        file = self.cancel_file(automation, run_id)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()

    def artifacts(self, automation: str, run_id: str) -> tuple[str, ...]:
        """Return the artifacts a run left, relative to the workspace, sorted; the first 200 of them.

        A link is no artifact, also in place of the folder: what it leads to is not the run's.
        """
        folder = self.of(automation, run_id) / "artifacts"
        if folder.is_symlink():
            return ()
        files = sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink())
        return tuple(self.relative(p) for p in files[:MAX_ARTIFACTS_LISTED])

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
            shutil.rmtree(folder / old, ignore_errors=True)
