"""`[engine]` with `kind = "dbos"`."""

from __future__ import annotations

from steersman.automation.settings import EngineSettings


class DbosSettings(EngineSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """DBOS on PostgreSQL: the same engine for several workers."""

    kind: str = "dbos"
