"""Times on the wall: what they are where the clocks change, and when they cannot be read any more."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from steersman.content.model.walltime import instant_again, resolve
from steersman.kernel.clock import iso


@pytest.mark.parametrize(
    ("wall", "tz", "how", "at"),
    [
        ("2026-07-01T09:00", "Europe/Berlin", "plain", "2026-07-01T07:00:00Z"),
        ("2026-12-01T09:00", "Europe/Berlin", "plain", "2026-12-01T08:00:00Z"),
        ("2026-03-29T02:30", "Europe/Berlin", "skipped", "2026-03-29T01:30:00Z"),
        ("2026-10-25T02:30", "Europe/Berlin", "twice", "2026-10-25T00:30:00Z"),
        ("2026-10-04T02:15", "Australia/Lord_Howe", "skipped", "2026-10-03T15:45:00Z"),
        ("2011-12-30T12:00", "Pacific/Apia", "skipped", "2011-12-30T22:00:00Z"),
    ],
)
def test_a_wall_time_is_the_instant_the_zone_says(wall: str, tz: str, how: str, at: str) -> None:
    found = resolve(dt.datetime.fromisoformat(wall), ZoneInfo(tz))
    assert (found.how, iso(found.at)) == (how, at)
    assert iso(instant_again(wall, tz, 7)) == at


@pytest.mark.parametrize(
    ("wall", "tz"),
    [("nonsense", "Europe/Berlin"), ("2026-07-01T09:00", "Mars/Base"), ("2026-07-01T09:00", "../../etc/passwd")],
)
def test_what_cannot_be_resolved_again_stays_as_it_was(wall: str, tz: str) -> None:
    assert instant_again(wall, tz, 7) == 7
