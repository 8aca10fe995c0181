from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from tests.builders_desk import TOML, settings_of

from steersman.kernel.clock import to_ns
from steersman.kernel.errors import Misconfigured
from steersman.trading.model.blackout import Blackout


def blackout(root: Path, text: str) -> Blackout:
    """Return the one blackout that `text`, the body of its table, declares."""
    (root / "strategies").mkdir(exist_ok=True)
    (root / "strategies" / "swing.py").touch()
    (found,) = settings_of(root, f"{TOML}[blackout.quiet]\n{text}\n").blackouts
    return found


def covered(found: Blackout, *times: str, instrument: str = "AAA") -> list[bool]:
    return [found.covers(instrument, to_ns(datetime.fromisoformat(time))) for time in times]


def test_a_window_of_two_instants_covers_its_start_and_not_its_end(tmp_path: Path) -> None:
    found = blackout(tmp_path, 'reason = "earnings"\nstart = 2025-01-30T21:00:00Z\nend = 2025-01-31T10:00:00-05:00')
    assert covered(found, "2025-01-30T20:59:59Z", "2025-01-30T21:00:00Z") == [False, True]
    assert covered(found, "2025-01-31T14:59:59Z", "2025-01-31T15:00:00Z") == [True, False]


def test_a_window_names_the_instruments_it_is_for_or_is_for_all(tmp_path: Path) -> None:
    times = "start = 2025-01-30T21:00:00Z\nend = 2025-01-31T15:00:00Z"
    one = blackout(tmp_path, f'reason = "earnings"\ninstruments = ["AAA"]\n{times}')
    assert covered(one, "2025-01-31T00:00Z") + covered(one, "2025-01-31T00:00Z", instrument="BBB") == [True, False]
    every = blackout(tmp_path, f'reason = "move"\n{times}')
    assert covered(every, "2025-01-31T00:00Z", instrument="BBB") == [True]


def test_a_weekly_window_follows_the_clocks_of_its_zone_through_summer_time(tmp_path: Path) -> None:
    found = blackout(
        tmp_path, 'reason = "open"\ndays = ["fri", "mon"]\nfrom = 09:30:00\nto = 09:45:00\ntz = "America/New_York"'
    )
    # Clocks went an hour forward on Sunday, 10 March 2024.
    assert covered(found, "2024-03-08T14:30Z", "2024-03-08T14:44:59Z", "2024-03-08T14:45Z") == [True, True, False]
    assert covered(found, "2024-03-11T13:30Z", "2024-03-11T14:30Z") == [True, False]
    assert covered(found, "2024-03-12T13:30Z") == [False], "a Tuesday"


def test_a_window_that_the_change_of_clocks_skips_or_shows_twice(tmp_path: Path) -> None:
    found = blackout(
        tmp_path, 'reason = "night"\ndays = ["sun"]\nfrom = 01:30:00\nto = 02:30:00\ntz = "America/New_York"'
    )
    # 02:00 became 03:00 on 10 March 2024: only the first half hour took place.
    assert covered(found, "2024-03-10T06:30Z", "2024-03-10T06:59Z", "2024-03-10T07:00Z") == [True, True, False]
    # 02:00 became 01:00 on 3 November 2024: 01:30 to 02:00 took place twice, 01:00 to 01:30 is no part of it.
    times = ("2024-11-03T05:30Z", "2024-11-03T05:59Z", "2024-11-03T06:15Z", "2024-11-03T06:30Z", "2024-11-03T07:29Z")
    assert covered(found, *times) == [True, True, False, True, True]


def test_a_window_over_midnight_belongs_to_the_day_it_begins_on(tmp_path: Path) -> None:
    found = blackout(tmp_path, 'reason = "roll"\ndays = ["fri"]\nfrom = 22:00:00\nto = 02:00:00')
    times = ("2024-03-08T21:59Z", "2024-03-08T22:00Z", "2024-03-09T01:59Z", "2024-03-09T02:00Z", "2024-03-08T01:00Z")
    assert covered(found, *times) == [False, True, True, False, False]


def test_without_times_a_window_is_the_whole_day(tmp_path: Path) -> None:
    found = blackout(tmp_path, 'reason = "rest"\ndays = ["sun"]')
    times = ("2024-03-09T23:59:59Z", "2024-03-10T00:00Z", "2024-03-10T23:59:59Z", "2024-03-11T00:00Z")
    assert covered(found, *times) == [False, True, True, False]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('reason = "x"\nstart = 2025-01-30T21:00:00Z', r":\d+: blackout.quiet: `end` is missing; allowed: start"),
        ('reason = "x"', r":\d+: blackout.quiet: `start` is missing"),
        ("days = []", r"`reason` is missing"),
        ('reason = " "\ndays = ["mon"]', r":20: blackout.quiet.reason: is empty"),
        ('reason = "x"\ndays = []', r":21: blackout.quiet.days: found nothing, allowed: mon, tue"),
        ('reason = "x"\ndays = ["monday"]', r":21: blackout.quiet.days: found 'monday', allowed: mon, tue"),
        ('reason = "x"\ndays = ["mon"]\ntz = "Mars/Base"', r":22: blackout.quiet.tz: found 'Mars/Base', no such"),
        ('reason = "x"\nstart = 2025-01-30T21:00:00\nend = 2025-01-31T00:00:00Z', r":21: .*start: found .* no offset"),
        ('reason = "x"\nstart = 2025-01-30T21:00:00Z\nend = 2025-01-30T20:00:00Z', r":22: .*end: found .* not after"),
        ('reason = "x"\nstart = 2025-01-30T21:00:00Z\nend = 2025-01-31T00:00:00Z\nto = 10:00:00', r":23: .*to: says"),
        ('reason = "x"\ndays = ["mon"]\nend = 2025-01-31T00:00:00Z', r":22: .*end: says nothing beside `days`"),
        ('reason = "x"\ndays = ["mon"]\ninstruments = ["AAB"]', r":22: .*no instrument 'AAB' is declared"),
        ('reason = "x"\ndays = ["mon"]\nuntil = 10:00:00', r"unknown field; allowed here: .*from"),
    ],
)  # fmt: skip
def test_a_window_that_cannot_be_is_refused_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(Misconfigured, match=told) as refused:
        blackout(tmp_path, text)
    assert refused.value.fix
