"""DBOS on PostgreSQL: the same engine for several workers."""

from steersman.automation.adapters.dbos.engine import DbosEngine, create

__all__ = ["DbosEngine", "create"]
