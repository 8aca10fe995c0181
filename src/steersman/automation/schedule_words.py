"""A schedule as people say it."""

from __future__ import annotations

from cronsim import CronSim

from steersman.kernel.clock import utc


def spoken(schedule: str) -> str:
    """Return a schedule in words, e.g. `every 15th minute from 09:00 through 16:59 on Monday through Friday`.

    Args:
        schedule: cron lines with `; ` between them, or an interval that is words already (`every 90m`).
    """
    return "; and ".join(_line(line) for line in schedule.split("; "))


def _line(line: str) -> str:
    if len(line.split()) != 5:
        return line
    said = CronSim(line, utc(0)).explain()
    return said[:1].lower() + said[1:]
