"""Runs that many events, or a backfill, ask for within one second: each is a run of its own."""

from __future__ import annotations

from uuid import UUID

from steersman.automation.model.cycle import event_key
from steersman.automation.model.outcome import run_id

SECOND = 1_764_500_400_000_000_000
STORM = 20_000


def test_a_storm_of_events_within_one_second_has_an_id_for_each() -> None:
    cycles = [(SECOND + n, f"{event_key(UUID(int=n))}/{SECOND + n}") for n in range(STORM)]
    assert len({run_id("job", at, cycle) for at, cycle in cycles}) == STORM


def test_a_backfill_of_a_thousand_starts_a_second_has_an_id_for_each() -> None:
    asked = [(SECOND + n, f"backfill/{n}/{SECOND + n}") for n in range(STORM)]
    assert len({run_id("job", at, cycle) for at, cycle in asked}) == STORM
