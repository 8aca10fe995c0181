"""What the first pass says of a draft now, in its own words: the ledger holds findings without the draft's."""

from __future__ import annotations

import threading
from pathlib import Path

from steersman.bootstrap.content import checker
from steersman.bootstrap.desk import Desk
from steersman.bootstrap.pieces import said_now
from steersman.console.acts import PERSON
from steersman.content.model.finding import Finding
from steersman.content.qa.baseline import path_of
from steersman.content.qa.checker import DraftChecker


class FirstPass:
    """Engines that are kept between looks: the first one costs a second, each further one some milliseconds."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lock = threading.Lock()
        self._kept: tuple[object, DraftChecker] | None = None

    def words(self, name: str) -> dict[str, Finding]:
        """Return the findings of the draft as it is on disk, by fingerprint; records nothing."""
        with self._lock:
            return said_now(self._desk, name, self._checker)

    def _checker(self) -> DraftChecker:
        version = self._version()
        if self._kept is None or self._kept[0] != version:
            self._kept = version, checker(self._desk, actor=PERSON)
        return self._kept[1]

    def _version(self) -> object:
        """Return what changes when the words, baseline or styles that the engines were made with do."""
        root, qa = self._desk.workspace.root, self._desk.workspace.content.qa
        files = (root / qa.vocabulary, path_of(root, qa.folder), *(root / name for name in qa.packs))
        return tuple(_changed(path) for path in files)


def _changed(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
