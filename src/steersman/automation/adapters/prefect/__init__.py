"""Deployments on a Prefect 3 server."""

from steersman.automation.adapters.prefect.engine import PrefectEngine, create

__all__ = ["PrefectEngine", "create"]
