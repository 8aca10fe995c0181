"""Cron in a time zone, on ordinary days and on the two days a year when the clock is changed."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.builders_automation import an_automation

from steersman.automation.model.schedule import check_cron, starts, why_not
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
