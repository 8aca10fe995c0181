"""When a post goes out: what slots are expected to bring, which are allowed, what is left to chance, what it proved."""

from steersman.content.slots.calendar import candidates
from steersman.content.slots.constraints import Constraints, constraints_of
from steersman.content.slots.forecast import Forecast, fit
from steersman.content.slots.heatmap import heatmap
from steersman.content.slots.importing import read_engagement
from steersman.content.slots.lift import Lift, Outcome, lift
from steersman.content.slots.model import Expected, Observation, Placed, Slot, Taken, WaitingPost
from steersman.content.slots.planner import NoPlan, Plan, plan

__all__ = [
    "Constraints",
    "Expected",
    "Forecast",
    "Lift",
    "NoPlan",
    "Observation",
    "Outcome",
    "Placed",
    "Plan",
    "Slot",
    "Taken",
    "WaitingPost",
    "candidates",
    "constraints_of",
    "fit",
    "heatmap",
    "lift",
    "plan",
    "read_engagement",
]
