"""`[engine]` with `kind = "airflow"`: where Airflow is, where it reads DAGs, what it is to call."""

from __future__ import annotations

import re
import shlex
import sys
from datetime import date
from pathlib import Path
from typing import Final, Self

from steersman.automation.settings import EngineSettings
from steersman.kernel.toml_file import TomlFile

_PREFIX: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_EARLIEST: Final = date(2024, 1, 1)


class AirflowSettings(EngineSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Apache Airflow 3, in an environment of its own.

    Attributes:
        python: interpreter of the environment that Airflow is installed in; runs by hand and checks need it, an export
            does not.
        dags: folder that Airflow reads DAGs from; what `start` exports to and `status` looks at.
        home: AIRFLOW_HOME of the Airflow that reads `dags`, to trigger DAGs there; empty: as Airflow itself finds it.
        prefix: begins the names of files and DAGs; empty: the name of the workspace's folder.
        command: what starts `steersman` where tasks run; empty: this installation.
        workspace: the workspace where tasks run; empty: this one.
        start_date: no start before this day is made up for; must be given where an automation has `catchup = "all"`.
    """

    kind: str = "airflow"
    python: str = ""
    dags: str = ""
    home: str = ""
    prefix: str = ""
    command: str = ""
    workspace: str = ""
    start_date: str = ""

    def interpreter(self, root: Path) -> Path | None:
        """Return Airflow's Python, relative paths below the workspace; None if none is named."""
        return _below(root, self.python)

    def folder(self, root: Path) -> Path | None:
        """Return the folder of DAGs; None if none is named."""
        return _below(root, self.dags)

    def words(self) -> tuple[str, ...]:
        """Return the words that start `steersman` where tasks run."""
        return tuple(shlex.split(self.command)) or (sys.executable, "-m", "steersman.cli")

    def begins(self, root: Path) -> str:
        """Return what the names of files and DAGs begin with."""
        return self.prefix or re.sub(r"[^a-z0-9_-]+", "-", root.name.lower()).strip("-_")[:40] or "desk"

    def first_day(self) -> date:
        return date.fromisoformat(self.start_date) if self.start_date else _EARLIEST

    def checked(self, file: TomlFile, path: tuple[str, ...], root: Path) -> Self:
        super().checked(file, path, root)
        for field, (wrong, fix) in self._problems(root).items():
            raise file.error((*path, field), wrong, fix=fix)
        return self

    def _problems(self, root: Path) -> dict[str, tuple[str, str]]:
        """Return what is wrong by field: the words, then what to do."""
        found: dict[str, tuple[str, str]] = {}
        python, folder = self.interpreter(root), self.folder(root)
        if python is not None and not python.is_file():
            found["python"] = f"there is no file {python}", "name the python in the bin folder of Airflow's environment"
        if folder is not None and not folder.is_dir():
            found["dags"] = f"there is no folder {folder}", "name the folder that Airflow reads DAGs from, or make it"
        if self.prefix and not _PREFIX.fullmatch(self.prefix):
            found["prefix"] = f"found {self.prefix!r}; allowed: small letters, digits, - and _", 'write e.g. "desk"'
        if self.workspace and not self.workspace.startswith("/"):
            found["workspace"] = f"found {self.workspace!r}; allowed: a path from /", 'write e.g. "/srv/desk"'
        if wrong := _bad_command(self.command):
            found["command"] = wrong, 'write e.g. command = "/opt/steersman/bin/steersman"'
        if wrong := _bad_date(self.start_date):
            found["start_date"] = wrong, 'write e.g. start_date = "2026-12-01"'
        return found


def _below(root: Path, text: str) -> Path | None:
    return root / Path(text).expanduser() if text else None


def _bad_command(text: str) -> str:
    try:
        shlex.split(text)
    except ValueError as exc:
        return f"not a command line ({exc})"
    return ""


def _bad_date(text: str) -> str:
    try:
        if text:
            date.fromisoformat(text)
    except ValueError:
        return f"found {text!r}, which is not a day"
    return ""
