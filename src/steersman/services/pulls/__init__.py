"""Data pulls: asked for once, checked once, kept as immutable files that every process reads without a copy."""

from __future__ import annotations

from pathlib import Path

from steersman.kernel.clock import Clock
from steersman.ledger import Ledger
from steersman.services.commons import Commons, SharedSettings
from steersman.services.ports import Credentials
from steersman.services.pulls.model import Pull
from steersman.services.pulls.puller import Puller
from steersman.services.pulls.settings import PullSettings

__all__ = ["Pull", "PullSettings", "Puller", "create"]


def create(
    *,
    root: Path,
    state: Path,
    settings: PullSettings,
    credentials: Credentials,
    ledger: Ledger,
    clock: Clock,
    commons: Commons | None = None,
    shared: SharedSettings | None = None,
) -> Puller:
    """Return the pulls of the workspace at `root`.

    Args:
        state: `Workspace.services`; locks, records, rates and quarantine lie in it, and frames that memory has no room
            for.
        commons: what `shared` names; None: this machine shares with nobody. Closed by whoever opened it.
        ledger: where pulls and reads are told; while it takes nothing, data is served and the events wait.
    """
    return Puller(root, state, settings, credentials, ledger, clock, commons=commons, shared=shared)
