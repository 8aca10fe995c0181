"""Deployments on a Prefect 3 server."""

from __future__ import annotations

from pathlib import Path

from steersman.automation.adapters.prefect.settings import PrefectSettings
from steersman.kernel.clock import Clock
from steersman.kernel.errors import Unavailable
from steersman.ledger import Ledger


class PrefectEngine:
    """Deployments on a Prefect 3 server."""

    name = "prefect"


def create(
    *, root: Path, ledger: Ledger, clock: Clock, settings: PrefectSettings | None = None, actor: str = "desk"
) -> PrefectEngine:
    """Return an engine for the workspace at `root`."""
    raise Unavailable("not there yet", fix="use the embedded engine")
