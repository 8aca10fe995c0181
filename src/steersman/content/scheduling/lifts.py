"""What choosing slots has brought, from what was scheduled and what was observed."""

from __future__ import annotations

from typing import cast

from steersman.content.scheduling.scheduler import PLANNED, Scheduler
from steersman.content.slots.lift import Lift, Outcome, lift
from steersman.content.slots.model import How


def lifts(own: Scheduler, channel: str, *, usual: str = "") -> list[Lift]:
    """Return what choosing slots has brought on a channel: against any allowed slot, and against the usual time."""
    age_s = own.history.age(channel)
    seen = {one.key: one for one in own.history.observations(channel, age_s)}
    outcomes = []
    for entry in own.standing.entries(channel):
        slot, observed = entry.scheduled, seen.get(entry.key)
        # A slot that a person chose says nothing about how ours are chosen.
        if slot is None or observed is None or slot.how not in PLANNED:
            continue
        outcomes.append(
            Outcome(
                key=entry.key,
                type=slot.type,
                at=observed.published_at,
                wall=slot.wall,
                how=cast(How, slot.how),
                propensity=slot.propensity,
                at_best=slot.at_best,
                candidates=slot.candidates,
                informed=slot.expected is not None,
                engagement=float(observed.engagement),
            )
        )
    model = own.model(channel)
    found = [lift(outcomes, model)]
    return [*found, lift(outcomes, model, usual=usual)] if usual else found
