"""Windows, blackouts and what they make of the starts to come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders_automation import an_automation

from steersman.automation import Manifest
from steersman.automation.calendars import CalendarSettings, builtin, find, read
from steersman.automation.model.blackout import Days, blackout_reason, parse_blackout
from steersman.automation.model.times import closed_reason, opens_again
from steersman.automation.model.upcoming import upcoming
from steersman.automation.model.window import parse_window
from steersman.kernel.clock import iso, to_ns
from steersman.kernel.errors import Misconfigured
from steersman.kernel.toml_file import TomlFile

NEW_YORK = "America/New_York"


def local(text: str, tz: str = NEW_YORK) -> int:
    return to_ns(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(tz)).astimezone(UTC))


@pytest.mark.parametrize(
    ("window", "at", "is_open"),
    [
        ("09:00-17:30", "2026-11-30T09:00", True),
        ("09:00-17:30", "2026-11-30T17:29:59", True),
        ("09:00-17:30", "2026-11-30T17:30", False),
        ("09:00-17:30", "2026-11-30T08:59:59", False),
        ("mon-fri 09:00-17:30", "2026-11-28T12:00", False),
        ("mon-fri 09:00-17:30, sat 10:00-12:00", "2026-11-28T11:00", True),
        ("mon,wed 09:00-17:30", "2026-12-01T12:00", False),
        ("22:00-06:00", "2026-11-30T23:00", True),
        ("22:00-06:00", "2026-11-30T05:59", True),
        ("22:00-06:00", "2026-11-30T06:00", False),
        # Friday's night ends on Saturday morning, and Sunday's begins only in the evening.
        ("fri 22:00-06:00", "2026-11-28T03:00", True),
        ("fri 22:00-06:00", "2026-11-27T03:00", False),
        ("sun-mon 22:00-06:00", "2026-12-01T03:00", True),
        ("00:00-24:00", "2026-11-30T23:59", True),
        # 15 March 2026 follows the night on which New York's clocks jump; the window is about the clock on the wall.
        ("02:00-03:30", "2026-03-08T03:15", True),
    ],
)
def test_a_window_is_open_at_its_hours_on_the_clock_of_its_zone(window: str, at: str, is_open: bool) -> None:
    assert parse_window(window).is_open(local(at), NEW_YORK) is is_open


@pytest.mark.parametrize(
    ("window", "after", "opens"),
    [
        ("mon-fri 09:00-17:30", "2026-11-27T18:00", "2026-11-30T09:00"),
        ("mon-fri 09:00-17:30", "2026-11-30T08:00", "2026-11-30T09:00"),
        ("22:00-06:00", "2026-11-30T07:00", "2026-11-30T22:00"),
        # The clock jumps from 02:00 to 03:00 on this day.
        ("sun 02:30-03:30", "2026-03-08T01:00", "2026-03-08T03:30"),
        # And passes 01:30 twice on this one: the first time counts.
        ("sun 01:30-01:45", "2026-11-01T00:30", "2026-11-01T01:30"),
    ],
)
def test_the_next_opening_is_found_also_where_the_clock_jumps(window: str, after: str, opens: str) -> None:
    found = parse_window(window).next_opening(local(after), NEW_YORK)
    assert found is not None
    assert iso(found) == iso(local(opens))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("9-5", "'9-5' is no window"),
        ("25:00-26:00", "time of day that does not exist"),
        ("09:60-10:00", "time of day that does not exist"),
        ("09:00-09:00", "opens and closes at the same minute"),
        ("funday 09:00-10:00", "'funday' is no day"),
        ("", "is empty"),
    ],
)
def test_a_window_that_cannot_be_read_is_explained(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_window(text)


@given(
    opens=st.integers(0, 1439),
    closes=st.integers(1, 1440),
    days=st.sets(st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), min_size=1),
    minutes=st.integers(0, 60 * 24 * 400),
    tz=st.sampled_from(["UTC", NEW_YORK, "Europe/Berlin", "Australia/Lord_Howe"]),
)
def test_an_opening_is_later_and_nothing_is_open_before_it(
    opens: int, closes: int, days: set[str], minutes: int, tz: str
) -> None:
    if opens == closes:
        return
    window = parse_window(
        f"{','.join(sorted(days))} {opens // 60:02}:{opens % 60:02}-{closes // 60:02}:{closes % 60:02}"
    )
    after = to_ns(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes))
    found = window.next_opening(after, tz)
    assert found is not None
    assert after < found <= after + 9 * 86_400 * 10**9
    if not window.is_open(after, tz):
        step = max((found - after) // 50, 1)
        assert not any(window.is_open(at, tz) for at in range(after, found, step))


@pytest.mark.parametrize(
    ("blackout", "at", "covers"),
    [
        ("2026-12-24", "2026-12-24T00:00", True),
        ("2026-12-24", "2026-12-24T23:59:59", True),
        ("2026-12-24", "2026-12-25T00:00", False),
        ("2026-12-24..2026-12-26", "2026-12-26T23:00", True),
        ("2026-12-24T13:00..2026-12-26T09:00", "2026-12-24T12:59", False),
        ("2026-12-24T13:00..2026-12-26T09:00", "2026-12-26T08:59", True),
        ("us-holidays", "2026-11-26T10:00", True),
        ("us-holidays", "2026-11-27T10:00", False),
        ("nyse-holidays", "2026-12-25T10:00", True),
        ("XNYS", "2026-04-03T10:00", True),
        ("de-by-holidays", "2026-01-06T10:00", True),
        ("de-holidays", "2026-01-06T10:00", False),
    ],
)
def test_a_blackout_covers_its_days_on_the_clock_of_the_automation(blackout: str, at: str, covers: bool) -> None:
    parsed = parse_blackout(blackout)
    calendars = {parsed.calendar: find(parsed.calendar, {})} if parsed.calendar else {}
    why = blackout_reason((parsed,), calendars, local(at), NEW_YORK)
    assert why.startswith(f"blackout {blackout}") is covers


@pytest.mark.parametrize("text", ["2026-13-01", "24.12.2026", "2026-12-26..2026-12-24", "2026-12-24..", "us holidays"])
def test_a_blackout_that_cannot_be_read_is_explained(text: str) -> None:
    with pytest.raises(ValueError, match=r"no blackout|ends before"):
        parse_blackout(text)


def test_a_calendar_nobody_knows_is_refused_with_what_there_is() -> None:
    assert builtin("zz-holidays") is None
    with pytest.raises(Misconfigured, match=r"there is no calendar 'moon'; declared: releases; built in: us-holidays"):
        find("moon", {"releases": Days({})})


ICS = """BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//x//y//EN\r
BEGIN:VEVENT\r
UID:1\r
DTSTART;VALUE=DATE:20261224\r
DTEND;VALUE=DATE:20261227\r
SUMMARY:Closed\r
END:VEVENT\r
BEGIN:VEVENT\r
UID:2\r
DTSTART:20261231T120000Z\r
DTEND:20270101T000000Z\r
SUMMARY:Early close\r
END:VEVENT\r
{more}END:VCALENDAR\r
"""
RULE = "BEGIN:VEVENT\r\nUID:3\r\nDTSTART:20261231T120000Z\r\nRRULE:FREQ=YEARLY\r\nSUMMARY:Yearly\r\nEND:VEVENT\r\n"


def test_an_icalendar_file_gives_the_days_its_events_touch(tmp_path: Path) -> None:
    (tmp_path / "closed.ics").write_text(ICS.format(more=""), newline="")
    found = read(TomlFile("", name="t"), tmp_path, {"c": CalendarSettings(file="closed.ics", dates=("2026-07-04",))})
    assert found["c"] == Days(
        {
            "2026-07-04": "c",
            "2026-12-24": "Closed",
            "2026-12-25": "Closed",
            "2026-12-26": "Closed",
            "2026-12-31": "Early close",
        }
    )


@pytest.mark.parametrize(
    ("settings", "text", "says"),
    [
        (CalendarSettings(file="c.ics"), None, "cannot be read"),
        (CalendarSettings(file="c.ics"), "<html>", "is not an iCalendar file"),
        (CalendarSettings(file="c.ics"), ICS.format(more=RULE), r"repeats by a rule \(Yearly\)"),
        (CalendarSettings(dates=("24.12.",)), None, "'24.12.' is no date"),
    ],
)
def test_a_calendar_that_cannot_be_read_is_refused_with_its_line(
    settings: CalendarSettings, text: str | None, says: str, tmp_path: Path
) -> None:
    if text is not None:
        (tmp_path / "c.ics").write_text(text, newline="")
    file = TomlFile('[calendar.c]\nfile = "c.ics"\ndates = ["24.12."]\n', name="steersman.toml")
    with pytest.raises(Misconfigured, match=rf"steersman.toml:[23]: .*{says}"):
        read(file, tmp_path, {"c": settings})


def test_starts_that_will_not_happen_are_told_together_and_do_not_count() -> None:
    job = an_automation(
        schedule="0 * * * *",
        tz=NEW_YORK,
        window=parse_window("mon-fri 09:00-11:00"),
        blackout=(parse_blackout("2026-12-01"),),
    )
    found = upcoming(Manifest([job]), local("2026-11-30T09:30"), 3)
    assert [(iso(c.at)[5:16], c.count, c.why) for c in found] == [
        ("11-30T15:00", 1, ""),
        ("11-30T16:00", 13, "outside its window mon-fri 09:00-11:00 America/New_York"),
        ("12-01T05:00", 24, "blackout 2026-12-01"),
        ("12-02T05:00", 9, "outside its window mon-fri 09:00-11:00 America/New_York"),
        ("12-02T14:00", 1, ""),
        ("12-02T15:00", 1, ""),
    ]


def test_a_start_that_waits_for_its_window_comes_when_it_opens() -> None:
    job = an_automation(schedule="0 3 * * *", window=parse_window("09:00-10:00"), outside="wait", approve=True)
    (first,) = upcoming(Manifest([job]), local("2026-11-30T00:00", "UTC"), 1)
    assert (iso(first.at)[:16], first.note) == (
        "2026-11-30T09:00",
        "due before, outside its window 09:00-10:00 UTC; when job is approved",
    )


def test_the_next_starts_of_all_come_in_order() -> None:
    manifest = Manifest(
        [
            an_automation("hourly", schedule="0 * * * *"),
            an_automation("daily", schedule="30 1 * * *"),
            an_automation("off", schedule="* * * * *", enabled=False),
            an_automation("by-hand"),
        ]
    )
    got = upcoming(manifest, local("2026-06-01T00:00", "UTC"), 4)
    assert [(c.automation, iso(c.at)[11:16]) for c in got] == [
        ("hourly", "01:00"),
        ("daily", "01:30"),
        ("hourly", "02:00"),
        ("hourly", "03:00"),
    ]


def test_a_schedule_that_is_blacked_out_for_ever_is_not_looked_at_for_ever() -> None:
    job = an_automation(schedule="* * * * *", blackout=(parse_blackout("2000-01-01..2199-12-31"),))
    (only,) = upcoming(Manifest([job]), local("2026-06-01T00:00", "UTC"), 4)
    assert only.count == 20_000


def test_a_blackout_inside_a_window_is_waited_out() -> None:
    job = an_automation(window=parse_window("mon-fri 09:00-10:00"), blackout=(parse_blackout("2026-11-30"),))
    manifest = Manifest([job])
    at = local("2026-11-29T12:00", "UTC")
    opens = opens_again(manifest, job, at)
    assert opens is not None
    assert iso(opens)[:16] == "2026-12-01T09:00"
    assert closed_reason(manifest, job, local("2026-11-30T09:30", "UTC")) == "blackout 2026-11-30"


@pytest.mark.parametrize(
    ("window", "blackout", "after", "opens"),
    [
        # The window has opened long before the blackout ends: that is when it starts, not the day after.
        ("09:00-17:30", ("2026-12-24T08:00..2026-12-24T12:00",), "2026-12-24T09:30", "2026-12-24T12:00"),
        ("09:00-17:30", ("2026-12-24T08:00..2026-12-24T20:00",), "2026-12-24T09:30", "2026-12-25T09:00"),
        ("09:00-17:30", ("2026-12-24", "us-holidays"), "2026-12-24T09:30", "2026-12-26T09:00"),
        (None, ("2026-12-24T08:00..2026-12-24T12:07",), "2026-12-24T09:30", "2026-12-24T12:07"),
        (None, ("us-holidays",), "2026-12-25T09:30", "2026-12-26T00:00"),
        # On the day the clocks go back, 01:30 comes twice: the first time the blackout is over already.
        (None, ("2026-11-01T00:00..2026-11-01T01:30",), "2026-11-01T00:30", "2026-11-01T01:30"),
        (None, (), "2026-12-24T09:30", None),
    ],
)
def test_what_is_closed_opens_when_window_and_blackouts_both_allow_it(
    window: str | None, blackout: tuple[str, ...], after: str, opens: str | None
) -> None:
    parsed = tuple(map(parse_blackout, blackout))
    calendars = {b.calendar: find(b.calendar, {}) for b in parsed if b.calendar}
    job = an_automation(tz=NEW_YORK, window=parse_window(window) if window else None, blackout=parsed)
    found = opens_again(Manifest([job], calendars=calendars), job, local(after))
    assert (found and iso(found)) == (opens and iso(local(opens)))
