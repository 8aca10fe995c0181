"""What holds for every crontab: printed entries read the same, and starts agree with a look at every minute."""

from __future__ import annotations

import shlex
import tomllib
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from steersman.automation.adopt.cron_fields import CronFields, read_fields
from steersman.automation.adopt.crontab import CronEntry, print_entry, read_crontab
from steersman.automation.adopt.from_crontab import read_entries
from steersman.automation.adopt.machine import Machine
from steersman.automation.adopt.manifest_text import appended
from steersman.automation.adopt.proposal import propose
from steersman.automation.model.schedule import starts
from steersman.kernel.clock import to_ns

MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]


def numbers(low: int, high: int, names: list[str] | None = None, base: int = 0) -> st.SearchStrategy[str]:
    def said(n: int) -> st.SearchStrategy[str]:
        index = n - base
        named = names is not None and 0 <= index < len(names)
        return st.sampled_from([str(n), names[index]]) if named and names else st.just(str(n))

    one = st.integers(low, high).flatmap(said)
    span = st.tuples(st.integers(low, high), st.integers(low, high)).map(sorted).map(lambda p: f"{p[0]}-{p[1]}")
    step = st.integers(1, high)
    part = st.one_of(
        one, span, st.tuples(span, step).map(lambda p: f"{p[0]}/{p[1]}"), step.map(lambda s: f"*/{s}"), st.just("*")
    )
    return st.lists(part, min_size=1, max_size=3).map(",".join)


def fields() -> st.SearchStrategy[str]:
    minute = st.one_of(st.integers(0, 59).map(str), numbers(0, 59))
    hour = st.one_of(st.integers(0, 23).map(str), numbers(0, 23))
    return st.tuples(minute, hour, numbers(1, 31), numbers(1, 12, MONTHS, 1), numbers(0, 7, DAYS)).map(" ".join)


WORDS = st.text(st.characters(min_codepoint=32, max_codepoint=0x24F, exclude_categories=["Cc", "Cs"]), max_size=30)


def commands() -> st.SearchStrategy[str]:
    # A backslash before a percent sign cannot be written in a crontab: cron takes it for an escape.
    return (
        WORDS.map(lambda t: t.replace("\\", "/").replace("\u00a0", " ").replace("\u0085", ""))
        .map(str.strip)
        .filter(lambda t: bool(t) and t[0].isalpha() and t.isprintable())
    )


@st.composite
def entries(draw: st.DrawFn) -> CronEntry:
    lines = draw(st.lists(commands(), max_size=3))
    return CronEntry(
        file="crontab",
        line=1,
        when=read_fields(draw(fields())).text,
        user=draw(st.sampled_from([None, "root", "www-data"])),
        command=draw(commands()),
        stdin="\n".join(lines) + "\n" if lines else None,
        silent=draw(st.booleans()),
    )


@given(entry=entries())
def test_a_printed_entry_is_read_as_the_same_entry(entry: CronEntry) -> None:
    found = read_crontab(print_entry(entry) + "\n", with_user=entry.user is not None)
    assert found.entries == (entry,)
    assert not found.remarks


@given(text=st.text(max_size=200))
def test_no_line_is_lost_whatever_the_text(text: str) -> None:
    found = read_crontab(text)
    lines = [
        number
        for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1)
        if (bare := line.removesuffix("\r").strip(" \t")) and not bare.startswith("#")
    ]
    placed = [e.line for e in found.entries] + [v.line for v in found.variables] + [u.line for u in found.unread]
    assert sorted(placed) == lines


SHELL = (
    "cd /x| && |; ||'|\"|$X|$(a|`b`|flock -n /l |timeout 5m |sh -c |> |2>&1|%|\\%|\\|&|(|)|{|}|a.py|env A=b "
    "|--token=zz|<<E|*|é|#|nice -n 5 |. |export |for i in|; do|done|$((|~/x|!|[["
)
PIECES = st.sampled_from(SHELL.split("|"))


@settings(deadline=None)
@given(line=st.lists(PIECES, min_size=1, max_size=12).map("".join))
def test_whatever_a_line_holds_the_proposal_is_a_manifest_that_loads(line: str) -> None:
    here = Path(__file__).parent
    machine = Machine(user="ana", home=here, zone="UTC", workspace=here)
    reading = read_entries([read_crontab(f"@daily {line}\n")], machine)
    found = propose(reading.candidates, "", {}, now_ns=10**18, desk_tz="UTC", root=here)
    assert len(found.new) + len(reading.problems) >= 1
    tables = tomllib.loads(appended("", list(found.new), title="x")).get("automation", {})
    ready = [p.candidate for p in found.new if not p.candidate.left]
    assert [table["run"] for table in tables.values()] == [c.run for c in ready]
    assert all(shlex.split(c.run) for c in ready)


# Lord Howe, whose clock moves by half an hour, is left out: the scheduler's library jumps over the half hour that comes
# twice, and starts an hourly job once less there.
ZONES = {
    "Europe/Berlin": datetime(2026, 3, 20, tzinfo=UTC),
    "America/New_York": datetime(2026, 10, 23, tzinfo=UTC),
    "Pacific/Chatham": datetime(2026, 3, 27, tzinfo=UTC),
    "UTC": datetime(2026, 2, 20, tzinfo=UTC),
}
SPAN = timedelta(days=16)


@cache
def walls(name: str) -> list[tuple[datetime, datetime]]:
    """Return each minute of real time with what the clock on the wall shows."""
    zone, start = ZoneInfo(name), ZONES[name]
    minutes = (start + timedelta(minutes=n) for n in range(1, int(SPAN.total_seconds() // 60)))
    return [(at, at.astimezone(zone).replace(tzinfo=None)) for at in minutes]


@cache
def instants(name: str) -> list[tuple[datetime, datetime]]:
    """Return each minute a calendar has with when it is: the first time it comes, or the end of the gap it is in."""
    first: dict[datetime, datetime] = {}
    for at, wall in walls(name):
        first.setdefault(wall, at)
    wall, last = min(first), max(first)
    found = []
    while wall <= last:
        there = wall
        while there not in first:
            there += timedelta(minutes=1)
        found.append((first[there], wall))
        wall += timedelta(minutes=1)
    return found


def by_every_minute(said: CronFields, name: str) -> list[datetime]:
    """Look at every minute: of real time for jobs with `*` in minute or hour, of the calendar for the others."""
    looked_at = walls(name) if said.wild_time or name == "UTC" else instants(name)
    return sorted(
        {
            at
            for at, wall in looked_at
            if wall.minute in said.minutes
            and wall.hour in said.hours
            and said.on_day(wall.day, wall.month, wall.isoweekday() % 7)
        }
    )


@settings(deadline=None, max_examples=60)
@given(text=fields(), name=st.sampled_from(sorted(ZONES)))
def test_starts_agree_with_a_look_at_every_minute_over_a_change_of_the_clock(text: str, name: str) -> None:
    said = read_fields(text)
    end = to_ns(ZONES[name] + SPAN - timedelta(hours=2))
    expected = [at for found in by_every_minute(said, name) if (at := to_ns(found)) < end]
    # The scheduler may look long for a start beyond the span, years away: only asked for where one must be near.
    near = len(said.months) == 12 and not said.day_and
    found = starts(said.text, name, to_ns(ZONES[name])) if expected else iter(())
    first = list(islice(found, len(expected) + near * bool(expected)))
    assert [at for at in first if at < end] == expected
