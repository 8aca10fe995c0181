"""DAG files for Apache Airflow."""

from steersman.automation.adapters.airflow.engine import AirflowEngine, create

__all__ = ["AirflowEngine", "create"]
