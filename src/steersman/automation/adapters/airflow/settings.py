"""`[engine]` with `kind = "airflow"`."""

from __future__ import annotations

from steersman.automation.settings import EngineSettings


class AirflowSettings(EngineSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """DAG files for Apache Airflow."""

    kind: str = "airflow"
