"""When a post goes out: what slots are expected to bring, which are allowed, what is left to chance, what it proved."""

from steersman.content.slots.forecast import Forecast, fit
from steersman.content.slots.model import Expected, Observation, Placed, Slot, Taken, WaitingPost

__all__ = ["Expected", "Forecast", "Observation", "Placed", "Slot", "Taken", "WaitingPost", "fit"]
