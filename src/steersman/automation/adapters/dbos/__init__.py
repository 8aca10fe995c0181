"""DBOS on PostgreSQL: the embedded engine's work shared out among worker processes."""

from steersman.automation.adapters.dbos.engine import DbosEngine, create

__all__ = ["DbosEngine", "create"]
