"""systemd's calendar events in cron's words, and those cron has no words for."""

from __future__ import annotations

import pytest

from steersman.automation.adopt.calendar import CannotSay, CronTime, merge, to_cron
from steersman.automation.model.schedule import check_cron

SAID = {
    "minutely": "* * * * *",
    "hourly": "0 * * * *",
    "daily": "0 0 * * *",
    "weekly": "0 0 * * mon",
    "monthly": "0 0 1 * *",
    "yearly": "0 0 1 1 *",
    "quarterly": "0 0 1 1,4,7,10 *",
    "semiannually": "0 0 1 1,7 *",
    "Mon..Fri *-*-* 09:00:00": "0 9 * * mon-fri",
    "*:0/15": "*/15 * * * *",
    "*:00/15:00": "*/15 * * * *",
    "09:30": "30 9 * * *",
    "9..17:00": "0 9-17 * * *",
    "9,12,17:30": "30 9,12,17 * * *",
    "*-*-1,15 04:00": "0 4 1,15 * *",
    "*-*~01 23:00": "0 23 L * *",
    "Sat,Sun 10:00": "0 10 * * sat,sun",
    "Fri..Sun 10:00": "0 10 * * fri,sat,sun",
    "Mon..Sun 10:00": "0 10 * * *",
    "Monday 10:00": "0 10 * * mon",
    "Mon *-*-1..7 08:00": "0 8 * * mon#1",
    "Sun": "0 0 * * sun",
    "*-*-* 02:00/20:00": "*/20 2 * * *",
    "*-*-* 02:05/20:00": "5-59/20 2 * * *",
    "12-24 18:00": "0 18 24 12 *",
    "*-1..3-* 07:00": "0 7 * 1-3 *",
}
UNSAID = {
    "*:*:0/30": "within a minute",
    "2027-01-01 00:00": "names a year",
    "*-*~03 00:00": "end of the month",
    "Fri *-*-13 08:00": "match both",
    "Mon..Fri *-*-1..7 08:00": "match both",
    "25:00": "not a number from 0 to 23",
    "Funday 10:00": "not a weekday",
    "sometimes": "not a weekday",
    "10:00 *-*-*": "not read",
    "*:0/0": "above 0",
}


@pytest.mark.parametrize(("event", "schedule"), SAID.items())
def test_a_calendar_event_is_said_as_a_schedule_the_scheduler_takes(event: str, schedule: str) -> None:
    assert to_cron(event).schedule == schedule
    assert check_cron(schedule) == ""


@pytest.mark.parametrize(("event", "why"), UNSAID.items())
def test_what_cron_cannot_say_is_named(event: str, why: str) -> None:
    with pytest.raises(CannotSay, match=why):
        to_cron(event)


def test_a_zone_and_dropped_seconds_are_kept_apart() -> None:
    found = to_cron("Mon..Fri *-*-* 09:00:30 America/New_York")
    assert (found.schedule, found.tz) == ("0 9 * * mon-fri", "America/New_York")
    assert "second 0" in found.note


def test_times_that_differ_in_one_field_are_one_schedule() -> None:
    times = [to_cron("09:00"), to_cron("17:00"), to_cron("12:30"), to_cron("Mon 09:00")]
    assert [t.schedule for t in merge(times)] == ["0 9,17 * * *", "30 12 * * *", "0 9 * * mon"]
    assert merge([CronTime(schedule="0 9 * * *", tz="UTC"), CronTime(schedule="0 9 * * *")]) == [
        CronTime(schedule="0 9 * * *", tz="UTC"),
        CronTime(schedule="0 9 * * *"),
    ]
