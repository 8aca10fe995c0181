"""Prefect's reading of cron on the days the clock is changed, and what we make of it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders_automation import an_automation

from steersman.automation.adapters.prefect.cron import as_prefect_reads_it, strays
from steersman.automation.model.schedule import starts

NOW = 1_799_000_000_000_000_000  # January 2027
ZONES = ("America/New_York", "Europe/Berlin", "Australia/Sydney", "Asia/Tokyo", "UTC")


@given(minute=st.sampled_from(["0", "*", "*/15", "7,37", "*/7"]), tz=st.sampled_from(ZONES), day=st.integers(0, 364))
def test_what_runs_every_hour_said_in_utc_starts_when_cron_would(minute: str, tz: str, day: int) -> None:
    expression, after = f"{minute} * * * *", NOW + day * 86_400_000_000_000
    schedule, zone = as_prefect_reads_it(expression, tz, NOW)
    assert zone == "UTC"
    ours = list(itertools.islice(starts(expression, tz, after), 40))
    assert list(itertools.islice(starts(schedule, zone, after), 40)) == ours


@pytest.mark.parametrize(
    ("schedule", "tz"),
    [
        ("0 9 * * *", "America/New_York"),
        ("*/15 * * * mon-fri", "America/New_York"),
        ("0 */2 * * *", "Europe/Berlin"),
        ("0 * * * *", "Asia/Kolkata"),
        ("0 * * * *", "Australia/Lord_Howe"),
    ],
)
def test_other_schedules_keep_their_zone(schedule: str, tz: str) -> None:
    assert as_prefect_reads_it(schedule, tz, NOW) == (schedule, tz)


@pytest.mark.parametrize(
    ("schedule", "tz", "days"),
    [
        ("30 2 * * *", "America/New_York", "2027-03-14"),
        ("30 1 * * *", "America/New_York", "2027-11-07"),
        ("0 9 * * *", "America/New_York", ""),
        ("*/15 9-16 * * mon-fri", "America/New_York", ""),
        ("15 */2 * * *", "America/New_York", "2027-03-14"),
        ("0,30 */1 * * sun", "Europe/Berlin", "2027-03-28 and 2027-10-31"),
        ("0 * * * *", "America/New_York", ""),
        ("30 2 * * *", "Asia/Tokyo", ""),
    ],
)
def test_the_days_on_which_the_two_may_differ_are_named(schedule: str, tz: str, days: str) -> None:
    assert strays(an_automation(schedule=schedule, tz=tz), NOW) == days


def test_what_no_schedule_starts_never_differs() -> None:
    assert strays(an_automation(), NOW) == ""
    assert strays(an_automation(schedule="30 2 * * *", tz="America/New_York", enabled=False), NOW) == ""
