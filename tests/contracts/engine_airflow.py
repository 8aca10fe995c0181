"""The Airflow engine held to the contract: a real Airflow in an environment of its own, its database migrated once."""

from __future__ import annotations

import atexit
import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from steersman.automation import Engine
from steersman.automation.adapters.airflow import create
from steersman.automation.adapters.airflow.installation import Installation
from steersman.automation.adapters.airflow.settings import AirflowSettings
from steersman.bench import peer_venv
from steersman.bootstrap.desk import Desk
from steersman.bootstrap.engines import manifest_of
from steersman.kernel.errors import Unavailable


@cache
def airflow_python() -> Path:
    """Return the interpreter that has Airflow, installed if it is not yet.

    Raises:
        Unavailable: it cannot be installed here.
    """
    return peer_venv.airflow().python


@cache
def _migrated() -> Path:
    """Return a state folder whose database is migrated: ten seconds that every workspace would cost."""
    state = Path(tempfile.mkdtemp(prefix="airflow-"))
    atexit.register(shutil.rmtree, state, ignore_errors=True)
    Installation(airflow_python(), state).prepare(state / "once")
    shutil.rmtree(state / "once")
    return state


def missing() -> str:
    """Return why there is no Airflow here; empty if there is one."""
    try:
        _migrated()
    except Unavailable as exc:
        return f"Airflow cannot be used here: {exc.message}"
    return ""


def prepared(root: Path) -> Path:
    """Give the workspace at `root` what a first run would make there; return Airflow's interpreter."""
    shutil.copytree(_migrated(), root / ".steersman" / "airflow", dirs_exist_ok=True)
    return airflow_python()


class AirflowHarness:
    """A cycle is one `airflow dags test`, whose tasks start `steersman auto exec`."""

    kind = "airflow"

    def needs(self) -> str:
        return missing()

    @contextlib.contextmanager
    def running(self, desk: Desk) -> Iterator[Engine]:
        root = desk.workspace.root
        settings = AirflowSettings(python=str(prepared(root)))
        engine = create(root=root, ledger=desk.ledger, clock=desk.clock, settings=settings)
        try:
            engine.start(manifest_of(desk.workspace), schedules=False)
            yield engine
        finally:
            engine.close()


HARNESS = AirflowHarness()
