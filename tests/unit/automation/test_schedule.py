"""Cron in a time zone, on ordinary days and on the two days a year when the clock is changed."""

from __future__ import annotations

from datetime import datetime
from itertools import islice, pairwise, takewhile
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders_automation import an_automation

from steersman.automation.model.schedule import as_cron, check_cron, latest, starts, why_not
from steersman.kernel.clock import iso, to_ns

NEW_YORK = "America/New_York"


def local(text: str, tz: str = NEW_YORK) -> int:
    return to_ns(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(tz)))


def first(expression: str, after: int, count: int, tz: str = NEW_YORK) -> list[str]:
    return [iso(at) for at in islice(starts(expression, tz, after), count)]


def test_a_time_is_read_in_its_zone() -> None:
    assert first("30 16 * * mon-fri", local("2026-11-20T17:00"), 1) == ["2026-11-23T21:30:00Z"]


def test_a_fixed_time_inside_the_spring_gap_runs_once_right_after_it() -> None:
    # 2026-03-08: 02:00 becomes 03:00 in New York.
    assert first("30 2 * * *", local("2026-03-07T12:00"), 2) == ["2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"]


def test_two_fixed_times_inside_the_gap_are_one_start() -> None:
    assert first("15,45 2 * * *", local("2026-03-07T12:00"), 2) == ["2026-03-08T07:00:00Z", "2026-03-09T06:15:00Z"]


def test_a_fixed_time_that_comes_twice_in_autumn_runs_once() -> None:
    # 2026-11-01: 02:00 becomes 01:00 in New York.
    assert first("30 1 * * *", local("2026-10-31T12:00"), 2) == ["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"]


def test_every_half_hour_follows_real_time_through_the_repeated_hour() -> None:
    got = first("*/30 * * * *", local("2026-11-01T00:45"), 5)
    assert got == [f"2026-11-01T{t}:00Z" for t in ("05:00", "05:30", "06:00", "06:30", "07:00")]


def test_a_start_is_strictly_after_the_instant_asked_about() -> None:
    at = local("2026-06-01T09:00")
    assert next(starts("0 9 * * *", NEW_YORK, at)) == local("2026-06-02T09:00")


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("* * * *", "this one has 4"),
        ("0 0 9 * * *", "this one has 6"),
        ("61 * * * *", "bad minute"),
        ("0 25 * * *", "bad hour"),
        ("0 9 * * funday", "bad day-of-week"),
        ("0 9 31 2 *", "bad day-of-month"),
        ("0 9 * * 5-1", "bad day-of-week"),
        ("3-3/5 * * * *", "'3-3/5' is a range of one with a step: write 3"),
        ("", "this one has 0"),
    ],
)
def test_a_bad_schedule_is_explained(expression: str, says: str) -> None:
    assert says in check_cron(expression)


def test_a_good_schedule_has_nothing_to_explain() -> None:
    assert check_cron("*/15 9-17 * * mon-fri") == ""


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"schedule": "* * * * *"}, ""),
        ({"schedule": "* * * * *", "enabled": False}, "disabled (enabled = false)"),
        ({"needs": ("a", "b")}, "starts after a and b"),
        ({"on": ("policy.halt.set",)}, "starts on policy.halt.set"),
        ({}, "starts by hand: steersman auto run job"),
    ],
)
def test_what_will_not_start_by_the_clock_says_why(fields: dict[str, Any], says: str) -> None:
    assert why_not(an_automation(**fields)) == says


# -- several lines, intervals ----------------------------------------------------------------------------------------


def test_lines_together_start_at_each_of_their_times_and_once_where_they_agree() -> None:
    got = first("0 9 * * *; 0 9,12 * * sat", local("2026-06-05T10:00", "UTC"), 4, "UTC")
    assert got == ["2026-06-06T09:00:00Z", "2026-06-06T12:00:00Z", "2026-06-07T09:00:00Z", "2026-06-08T09:00:00Z"]


def test_an_interval_counts_from_midnight_and_begins_anew_each_day() -> None:
    got = first("every 7h", local("2026-06-05T20:00", "UTC"), 3, "UTC")
    assert got == ["2026-06-05T21:00:00Z", "2026-06-06T00:00:00Z", "2026-06-06T07:00:00Z"]


def test_a_day_that_a_country_left_out_has_no_start_of_its_own() -> None:
    apia = "Pacific/Apia"  # 30 December 2011 never was there
    found = first("every 24h", local("2011-12-28T12:00", apia), 3, apia)
    assert found == ["2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"]


def test_an_interval_follows_real_time_on_the_days_the_clock_is_changed() -> None:
    spring = list(
        takewhile(lambda at: at < local("2026-03-09T00:00"), starts("every 90m", NEW_YORK, local("2026-03-07T23:59")))
    )
    autumn = list(
        takewhile(lambda at: at < local("2026-11-02T00:00"), starts("every 90m", NEW_YORK, local("2026-10-31T23:59")))
    )
    assert (len(spring), len(autumn)) == (16, 17)
    assert {b - a for a, b in pairwise(spring)} == {b - a for a, b in pairwise(autumn)} == {5_400_000_000_000}
    assert (spring[0], autumn[0]) == (local("2026-03-08T00:00"), local("2026-11-01T00:00"))


def test_a_midnight_that_the_clock_jumps_over_is_the_instant_of_the_jump() -> None:
    # 2026-03-29, Beirut: 00:00 becomes 01:00.
    assert first("every 12h", local("2026-03-28T13:00", "Asia/Beirut"), 2, "Asia/Beirut") == [
        "2026-03-28T22:00:00Z",
        "2026-03-29T10:00:00Z",
    ]


def test_days_are_counted_so_that_no_restart_shifts_them() -> None:
    every_second = first("every 2d", local("2026-06-05T13:00", "UTC"), 3, "UTC")
    assert every_second == first("every 2d", local("2026-06-05T13:00", "UTC") - 1, 3, "UTC")
    assert [at[8:10] for at in every_second] in (["06", "08", "10"], ["07", "09", "11"])


@pytest.mark.parametrize(
    ("schedule", "lines"),
    [
        ("every 90m", ("30 1,4,7,10,13,16,19,22 * * *", "0 0,3,6,9,12,15,18,21 * * *")),
        ("every 15m", ("0,15,30,45 * * * *",)),
        ("every 24h", ("0 0 * * *",)),
        ("every 30s", None),
        ("every 2d", None),
        ("every 13m", None),
        ("0 9 * * *; 0 12 * * sat", ("0 9 * * *", "0 12 * * sat")),
    ],
)
def test_an_interval_is_told_to_those_who_know_cron_only(schedule: str, lines: tuple[str, ...] | None) -> None:
    found = as_cron(schedule, 12)
    assert (found and set(found)) == (lines and set(lines))
    if found and schedule.startswith("every"):
        after = local("2026-06-05T13:00", "UTC")
        assert first("; ".join(found), after, 40, "UTC") == first(schedule, after, 40, "UTC")


SCHEDULES = (
    "*/7 * * * *",
    "30 2 * * *; 0 */3 * * sun",
    "15,45 1-3 * * *",
    "every 90m",
    "every 25m",
    "every 3d",
    "0 0 29 2 *",
)
ZONES = (NEW_YORK, "UTC", "Australia/Lord_Howe", "Asia/Beirut", "America/Santiago")


@given(
    schedule=st.sampled_from(SCHEDULES),
    tz=st.sampled_from(ZONES),
    begin=st.integers(min_value=0, max_value=365 * 24 * 60),
    minutes=st.integers(min_value=0, max_value=3 * 24 * 60),
    keep=st.integers(min_value=1, max_value=30),
)
def test_the_last_starts_looked_for_backwards_are_those_found_forwards(
    schedule: str, tz: str, begin: int, minutes: int, keep: int
) -> None:
    after = local("2026-01-01T00:00", "UTC") + begin * 60_000_000_000
    until = after + minutes * 60_000_000_000
    forwards = list(takewhile(lambda at: at <= until, starts(schedule, tz, after)))
    assert latest(schedule, tz, after, until, keep) == forwards[-keep:]
