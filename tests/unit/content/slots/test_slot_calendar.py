"""Times on the wall: never one that does not exist, none twice, in the desk's zone."""

from __future__ import annotations

import datetime as dt

from tests.builders_slots import an_instant, rules

from steersman.content.slots.calendar import candidates, slot_at
from steersman.kernel.clock import iso


def test_a_time_the_clocks_skip_is_not_offered() -> None:
    night = rules(tz="Europe/Berlin", hours=((0, 300),), horizon_s=86_400.0)
    offered = candidates(night, an_instant("2026-03-28T23:30"))
    assert [slot.wall[11:] for slot in offered if slot.wall.startswith("2026-03-29")] == [
        "01:00", "01:30", "03:00", "03:30", "04:00", "04:30",
    ]  # fmt: skip


def test_a_time_that_comes_twice_is_offered_once_and_is_the_first() -> None:
    night = rules(tz="Europe/Berlin", hours=((120, 180),), horizon_s=86_400.0)
    offered = candidates(night, an_instant("2026-10-24T22:00"))
    assert [(slot.wall, iso(slot.at)) for slot in offered] == [
        ("2026-10-25T02:00", "2026-10-25T00:00:00Z"),
        ("2026-10-25T02:30", "2026-10-25T00:30:00Z"),
    ]


def test_a_wall_time_keeps_its_hour_over_a_change_of_the_clocks() -> None:
    daily = rules(tz="Europe/Berlin", hours=((540, 541),), horizon_s=3 * 86_400.0)
    offered = candidates(daily, an_instant("2026-10-23T12:00"))
    assert [slot.wall[11:] for slot in offered] == ["09:00", "09:00", "09:00"]
    assert [iso(slot.at)[11:16] for slot in offered] == ["07:00", "08:00", "08:00"]


def test_hours_past_midnight_quiet_hours_weekdays_and_blackout_are_kept() -> None:
    odd = rules(
        hours=((22 * 60, 2 * 60),),
        quiet=((23 * 60, 24 * 60),),
        weekdays=frozenset({4, 5}),
        blackout=((dt.date(2026, 6, 6), dt.date(2026, 6, 6)),),
        step_min=60,
        horizon_s=7 * 86_400.0,
    )
    offered = candidates(odd, an_instant("2026-06-01T00:00"))
    # Friday the 5th by its own wall; Saturday the 6th is black; 23 h is quiet.
    assert [slot.wall for slot in offered] == ["2026-06-05T00:00", "2026-06-05T01:00", "2026-06-05T22:00"]


def test_nothing_is_offered_at_or_before_now() -> None:
    offered = candidates(rules(horizon_s=86_400.0), an_instant("2026-06-01T09:00"))
    assert offered[0].wall == "2026-06-01T09:30"
    assert offered[-1].wall == "2026-06-02T09:00"


def test_an_instant_becomes_the_slot_of_its_minute() -> None:
    slot = slot_at(an_instant("2026-06-01T09:00:42"), "America/New_York")
    assert (slot.wall, slot.spoken) == ("2026-06-01T05:00", "Mon 01 Jun 05:00")
