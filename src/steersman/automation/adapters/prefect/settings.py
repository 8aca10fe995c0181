"""`[engine]` with `kind = "prefect"`."""

from __future__ import annotations

from steersman.automation.settings import EngineSettings


class PrefectSettings(EngineSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Deployments on a Prefect 3 server."""

    kind: str = "prefect"
