"""Cron as Airflow reads it, against cron(8), which Steersman follows. Pure.

Airflow 3.3.2 reads cron with croniter. The integration tests ask Airflow itself and pin what is said here.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from steersman.automation.model.schedule import as_cron

MOST_LINES: Final = 12

_LAST_OF_MONTH = re.compile(r"([0-7])L", re.IGNORECASE)


def lines_for_airflow(schedule: str) -> tuple[str, ...]:
    """Return the cron lines with which Airflow starts when we do, but for the days the clock is changed.

    Raises:
        ValueError: Airflow cannot be told; says what.
    """
    lines = as_cron(schedule, MOST_LINES)
    if lines is None:
        raise ValueError(f"in cron it would take seconds, several days, or more than {MOST_LINES} lines")
    return tuple(map(as_airflow_reads_it, lines))


def as_airflow_reads_it(schedule: str) -> str:
    """Return the line with which Airflow starts when cron(8) would, but for the days the clock is changed.

    Raises:
        ValueError: Airflow cannot be told; says what.
    """
    minute, hour, day, month, weekday = schedule.split()
    if "W" in day.upper():
        raise ValueError(f"Airflow knows no working days of a month ({day})")
    for one, other in ((day, weekday), (weekday, day)):
        if one.startswith("*/") and other != "*":
            # cron(8): a field that begins with * narrows the other; croniter lets either do.
            raise ValueError(f"day {day} and weekday {weekday} must both hold, and in Airflow either would do")
    weekday = _LAST_OF_MONTH.sub(lambda found: f"L{int(found.group(1)) % 7}", weekday)
    return f"{minute} {hour} {day} {month} {weekday}"


def strays(schedule: str, tz: str) -> bool:
    """Say whether Airflow may start at another time than cron(8) on the days the clock is changed.

    A start in the hour that is missing in spring comes up to an hour later than cron(8) has it, and one in the hour
    that comes twice in autumn comes the second time instead of the first. What runs in every hour is not touched.
    """
    zone = ZoneInfo(tz)
    offsets = {datetime(2026, month, 15, tzinfo=zone).utcoffset() for month in range(1, 13)}
    return len(offsets) > 1 and any(line.split()[1] != "*" for line in as_cron(schedule, MOST_LINES) or ())
