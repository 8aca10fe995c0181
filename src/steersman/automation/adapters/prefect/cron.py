"""How Prefect reads cron on the days the clock is changed, against cron(8), which Steersman follows. Pure.

Prefect 3.8.8 leaves out the hour that comes twice in autumn, also for jobs that follow real time, and starts a job of
the hour that is missing in spring an hour early (`30 2 * * *` runs at 01:30); cron(8) runs it right after the gap. The
integration tests ask Prefect itself and pin this.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from steersman.automation.model.manifest import Automation
from steersman.automation.model.schedule import as_cron
from steersman.kernel.clock import utc
from steersman.kernel.errors import Misconfigured

MOST_LINES = 12
_DAYS_AHEAD = 400


def lines_for_prefect(automation: Automation, now_ns: int) -> list[tuple[str, str]]:
    """Return cron expressions, each with a time zone, with which Prefect starts when we do; none without a schedule.

    Raises:
        Misconfigured: Prefect cannot be told.
    """
    if automation.schedule is None:
        return []
    lines = as_cron(automation.schedule, MOST_LINES)
    if lines is None:
        raise Misconfigured(
            f"{automation.name}: {automation.schedule!r} would take seconds, several days, or more than {MOST_LINES}"
            " lines in cron, which is what Prefect is told",
            fix='write another interval, e.g. every = "30m", or keep it on the embedded engine',
        )
    return [as_prefect_reads_it(line, automation.tz, now_ns) for line in lines]


def as_prefect_reads_it(schedule: str, tz: str, now_ns: int) -> tuple[str, str]:
    """Return the cron expression and time zone to give to Prefect so that it starts when cron(8) would.

    What runs in every hour of every day follows real time: said in UTC it does so on Prefect too.
    """
    _, hour, *days = schedule.split()
    if hour == "*" and set(days) == {"*"} and _whole_hours(tz, now_ns):
        return schedule, "UTC"
    return schedule, tz


def strays(automation: Automation, now_ns: int) -> str:
    """Say on which days of the next 400 Prefect and cron(8) may start `automation` at different times; empty if never.

    Named are the days on which a start falls into an hour that is missing or comes twice.
    """
    if automation.schedule is None or not automation.enabled:
        return ""
    days: set[datetime] = set()
    for line in as_cron(automation.schedule, MOST_LINES) or ():
        schedule, tz = as_prefect_reads_it(line, automation.tz, now_ns)
        days |= {day for day in _changes(tz, now_ns) if _meets(schedule, ZoneInfo(tz), day)}
    return " and ".join(f"{day:%Y-%m-%d}" for day in sorted(days)[:2])


def _whole_hours(tz: str, now_ns: int) -> bool:
    zone = ZoneInfo(tz)
    offsets = {_offset(zone, utc(now_ns).replace(tzinfo=None) + timedelta(days=d)) for d in range(0, _DAYS_AHEAD, 7)}
    return all(offset % timedelta(hours=1) == timedelta() for offset in offsets)


def _changes(tz: str, now_ns: int) -> list[datetime]:
    """Return the (naive, local) days on which the zone's offset changes."""
    zone = ZoneInfo(tz)
    first = utc(now_ns).astimezone(zone).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
    days = [first + timedelta(days=n) for n in range(_DAYS_AHEAD)]
    return [day for day in days if _offset(zone, day) != _offset(zone, day + timedelta(days=1))]


def _offset(zone: ZoneInfo, local: datetime) -> timedelta:
    return local.replace(tzinfo=zone).utcoffset() or timedelta()


def _meets(schedule: str, zone: ZoneInfo, day: datetime) -> bool:
    """Say whether a start of `schedule` falls on a time of `day` that does not exist or exists twice."""
    for local in CronSim(schedule, day - timedelta(minutes=1)):
        if local >= day + timedelta(days=1):
            return False
        # Both kinds are told by fold: the two readings of such a time differ.
        if _offset(zone, local.replace(fold=0)) != _offset(zone, local.replace(fold=1)):
            return True
    return False
