"""Posts to times: what waits for a slot, where the planner puts it, and what the ledger holds of that."""

from steersman.content.scheduling.scheduler import Proposal, Scheduler, Unplaced, Waiting
from steersman.content.scheduling.standing import Standing

__all__ = ["Proposal", "Scheduler", "Standing", "Unplaced", "Waiting"]
