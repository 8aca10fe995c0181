"""The cycle a run belongs to: what it needed, what it led to, what else started with it, and how each ended."""

from __future__ import annotations

import msgspec

from steersman.automation import Manifest
from steersman.automation.control import cycles
from steersman.automation.control.cycles import Member
from steersman.ledger.projections import Database


class Around(msgspec.Struct, frozen=True, kw_only=True):
    """What a run stands between: what it `needed`, what it `led_to`, the `others` of its cycle, and `repeats` of it."""

    needed: tuple[Member, ...] = ()
    led_to: tuple[Member, ...] = ()
    others: tuple[Member, ...] = ()
    repeats: tuple[Member, ...] = ()


def around(db: Database, manifest: Manifest, run_id: str, automation: str) -> Around:
    """Read the cycle of a run, told apart by what the manifest in force says about needs."""
    run = cycles.find(db, run_id)
    if run is None:
        return Around()
    repeats = cycles.repeated_by(db, run_id)
    apart = {run_id, *(member.run_id for member in repeats)}
    there = cycles.latest(m for m in cycles.members(db, run) if m.run_id not in apart)
    declared = manifest.get(automation)
    needs = declared.needs if declared is not None else ()
    after = manifest.dependants(automation)
    found = there.values()
    return Around(
        needed=tuple(m for m in found if m.automation in needs),
        led_to=tuple(m for m in found if m.automation in after),
        others=tuple(m for m in found if m.automation not in needs and m.automation not in after),
        repeats=tuple(repeats),
    )
