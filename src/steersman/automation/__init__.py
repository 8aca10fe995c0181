"""Scripts declared once: schedules, needs, limits; run by an engine behind a port."""

from steersman.automation.model.manifest import Automation, Manifest, plan_cycle
from steersman.automation.model.outcome import Progress, RunOutcome
from steersman.automation.ports import Engine, OnProgress
from steersman.automation.settings import AutomationSettings, validate

__all__ = [
    "Automation",
    "AutomationSettings",
    "Engine",
    "Manifest",
    "OnProgress",
    "Progress",
    "RunOutcome",
    "plan_cycle",
    "validate",
]
