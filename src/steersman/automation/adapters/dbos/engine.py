"""DBOS on PostgreSQL: the same engine for several workers."""

from __future__ import annotations

from pathlib import Path

from steersman.automation.adapters.dbos.settings import DbosSettings
from steersman.kernel.clock import Clock
from steersman.kernel.errors import Unavailable
from steersman.ledger import Ledger


class DbosEngine:
    """DBOS on PostgreSQL: the same engine for several workers."""

    name = "dbos"


def create(
    *, root: Path, ledger: Ledger, clock: Clock, settings: DbosSettings | None = None, actor: str = "desk"
) -> DbosEngine:
    """Return an engine for the workspace at `root`."""
    raise Unavailable("not there yet", fix="use the embedded engine")
