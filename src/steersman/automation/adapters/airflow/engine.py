"""DAG files for Apache Airflow."""

from __future__ import annotations

from pathlib import Path

from steersman.automation.adapters.airflow.settings import AirflowSettings
from steersman.kernel.clock import Clock
from steersman.kernel.errors import Unavailable
from steersman.ledger import Ledger


class AirflowEngine:
    """DAG files for Apache Airflow."""

    name = "airflow"


def create(
    *, root: Path, ledger: Ledger, clock: Clock, settings: AirflowSettings | None = None, actor: str = "desk"
) -> AirflowEngine:
    """Return an engine for the workspace at `root`."""
    raise Unavailable("not there yet", fix="use the embedded engine")
