"""Airflow itself, in its own environment: asked by its command line, never imported."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from steersman.automation.runner.lock import FileLock
from steersman.kernel.errors import Unavailable

_VERSION: Final = "from importlib.metadata import version; print(version('apache-airflow'))"
_ANSWER_S: Final = 120.0
_MIGRATE_S: Final = 600.0


class Unreadable(msgspec.Struct, frozen=True, kw_only=True):
    """A DAG file that Airflow could not read; `error` is the last line of its traceback."""

    file: str
    error: str


class Installation:
    """One Airflow, with a database of ours for what we only try: nobody's production is touched by a run by hand."""

    def __init__(self, python: Path, state: Path) -> None:
        """Name it.

        Args:
            python: interpreter of its environment.
            state: folder for its files; made when needed.
        """
        self._python = python
        self._state = state

    def version(self) -> str:
        """Return Airflow's version.

        Raises:
            Unavailable: that Python has no Airflow, or is none.
        """
        return self._said([str(self._python), "-I", "-c", _VERSION], dict(os.environ), _ANSWER_S).strip()

    def import_errors(self, folder: Path) -> list[Unreadable]:
        """Let Airflow read the DAGs in `folder` and return what it could not; none is run.

        Raises:
            Unavailable: Airflow did not answer; says what it said.
        """
        home = self._state / "check"
        self.prepare(home)
        said = self._said(
            self.command("dags", "list-import-errors", "--local", "--output", "json"),
            private_environment(home, folder),
            _ANSWER_S,
            # It ends with 1 when it has found some.
            well=(0, 1),
        )
        return _errors(said)

    def prepare(self, home: Path) -> None:
        """Make `home` an AIRFLOW_HOME with a database of its own, a copy of one that is migrated once per version.

        Raises:
            Unavailable: it could not be migrated.
        """
        template = self._template()
        home.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(template, home / "airflow.db")
        # What the last process did not bring into the file, if it was killed.
        with suppress(FileNotFoundError):
            shutil.copyfile(f"{template}-wal", home / "airflow.db-wal")

    def command(self, *words: str) -> list[str]:
        """Return the command line of `airflow WORDS`."""
        return [str(self._python), "-m", "airflow", *words]

    def trigger(self, dag_id: str, run_id: str, conf: Mapping[str, str], home: Path | None) -> None:
        """Start a DAG of the Airflow that lives in `home`; one that was started under this `run_id` is left alone.

        Raises:
            Unavailable: it was not started; says what Airflow said.
        """
        env = {**os.environ, **_QUIET, **({"AIRFLOW_HOME": str(home)} if home else {})}
        words = ("dags", "trigger", dag_id, "--run-id", run_id, "--conf", msgspec.json.encode(conf).decode())
        try:
            self._said(self.command(*words), env, _ANSWER_S)
        except Unavailable as exc:
            if "already exists" not in exc.message and "DagRunAlreadyExists" not in exc.message:
                raise

    def _template(self) -> Path:
        version = self.version()
        home = self._state / f"template-{re.sub(r'[^0-9A-Za-z.]', '_', version)}"
        made, database = home / "migrated", home / "airflow.db"
        if made.is_file() and database.is_file():
            return database
        lock = FileLock(self._state / "template.lock")
        if not lock.acquire(str(os.getpid())):
            raise Unavailable("another process prepares Airflow's database", fix="try again in half a minute")
        try:
            if not made.is_file():
                home.mkdir(parents=True, exist_ok=True)
                env = private_environment(home, home / "dags")
                self._said(self.command("db", "migrate"), env, _MIGRATE_S)
                made.touch()
        finally:
            lock.release()
        return database

    def _said(self, command: list[str], env: dict[str, str], timeout_s: float, *, well: tuple[int, ...] = (0,)) -> str:
        """Run a command of Airflow's and return its standard output."""
        try:
            done = subprocess.run(
                command,
                env=env,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired as exc:
            raise Unavailable(
                f"`{_words(command)}` gave no answer in {timeout_s:g} s", fix="look at the machine's load"
            ) from exc
        except OSError as exc:
            raise Unavailable(
                f"{self._python} could not be started: {exc.strerror}", fix="correct `python` in [engine]"
            ) from exc
        if done.returncode not in well:
            last = " / ".join([line for line in (done.stderr + done.stdout).splitlines() if line.strip()][-3:])
            raise Unavailable(
                f"`{_words(command)}` ended with {done.returncode}: {last[-400:]}",
                fix="run it by hand, or make Airflow's environment anew",
            )
        return done.stdout


_QUIET: Final = {
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "SCARF_ANALYTICS": "false",
    "DO_NOT_TRACK": "1",
    "PYTHONWARNINGS": "ignore",
}


def private_environment(home: Path, dags: Path) -> dict[str, str]:
    """Return the environment of an Airflow that knows only `home` and `dags`: settings of another are left out."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW") and k not in ("PYTHONHOME", "PYTHONPATH")}
    return {
        **env,
        **_QUIET,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    }


def _errors(said: str) -> list[Unreadable]:
    """Return the errors in what Airflow printed: a list as JSON, sometimes after lines of its log.

    Raises:
        Unavailable: there is no such list.
    """
    begin = said.find("[{") if "[{" in said else said.rfind("[]")
    try:
        rows = msgspec.json.decode(said[max(begin, 0) :].strip(), type=list[dict[str, str]])
    except msgspec.DecodeError as exc:
        raise Unavailable(
            f"Airflow's list of import errors cannot be read: {said.strip()[-200:] or 'it is empty'}",
            fix="run it by hand",
        ) from exc
    return [
        Unreadable(
            file=Path(row.get("filepath", row.get("filename", "?"))).name,
            error=(row.get("error", row.get("stacktrace", "")).strip().splitlines() or ["?"])[-1],
        )
        for row in rows
    ]


def _words(command: list[str]) -> str:
    return " ".join(["airflow", *command[3:5]]) if "airflow" in command else Path(command[0]).name
