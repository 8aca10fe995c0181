"""The default engine: DBOS in this process, on a SQLite file of its own."""

from steersman.automation.adapters.embedded.engine import EmbeddedEngine, create

__all__ = ["EmbeddedEngine", "create"]
