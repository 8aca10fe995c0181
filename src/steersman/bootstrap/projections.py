"""Every read model of a workspace, gathered from the domains."""

from __future__ import annotations

from steersman.automation.projections import PROJECTIONS as AUTOMATION
from steersman.bootstrap.workspace import Workspace
from steersman.content.projections import PROJECTIONS as CONTENT
from steersman.feedback import metrics
from steersman.feedback.settings import validate
from steersman.ledger.projections import Projection
from steersman.ledger.rollups import Rollups
from steersman.services.credentials.projections import PROJECTIONS as CREDENTIALS
from steersman.services.pulls.history import PROJECTIONS as PULL_HISTORY
from steersman.services.pulls.projections import PROJECTIONS as PULLS
from steersman.trading.projections import PROJECTIONS as TRADING


def projections(workspace: Workspace) -> tuple[Projection, ...]:
    """Return the projections, with the rollups that the workspace's KPIs are made from."""
    kpis = validate(workspace.file, workspace.kpis)
    return (*TRADING, *CONTENT, *AUTOMATION, *CREDENTIALS, *PULLS, *PULL_HISTORY, Rollups(metrics(kpis)))
