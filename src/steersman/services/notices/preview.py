"""What would have been told: the rules and the storm over what has happened, as if every message had arrived."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from zoneinfo import ZoneInfo

import msgspec

from steersman.kernel.clock import utc
from steersman.ledger import Event
from steersman.services.notices.model import Message
from steersman.services.notices.rules import Reader
from steersman.services.notices.storm import HOUR_NS, Limits, State, Storm


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What a target would have got.

    Attributes:
        days: day on the desk's clocks -> messages.
        rules: rule -> happenings that were told, and messages about it alone or together with others.
        busiest_hour: messages in the worst hour.
        in_quiet: messages within the quiet hours: what would have woken somebody.
        happenings: how many things there were to tell.
    """

    target: str
    messages: int
    happenings: int
    days: dict[str, int]
    rules: dict[str, int]
    busiest_hour: int
    in_quiet: int
    told: tuple[Told, ...]


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One message that would have been sent at `at` (ns)."""

    at: int
    severity: str
    first: str


def preview(reader: Reader, limits: Limits, events: Iterable[Event], *, since_ns: int, until_ns: int) -> Preview:
    """Return what would have been told of `events`, which are in order.

    Args:
        since_ns, until_ns: the time that is tried out; what still waits at its end is not counted.
    """
    storm = Storm(State(), limits)
    sent: list[tuple[int, Message]] = []
    now, happenings = since_ns, 0
    for event in events:
        sent += _pass(storm, now, event.recorded_at)
        now = max(now, event.recorded_at)
        for telling in reader.read(event):
            happenings += not telling.ends
            storm.take(telling, now)
        sent += _sent(storm, now)
    sent += _pass(storm, now, until_ns)
    return _summary(limits, sent, happenings)


def _pass(storm: Storm, begin: int, end: int) -> Iterator[tuple[int, Message]]:
    """Let time pass, and yield what is sent meanwhile."""
    now = begin
    while (now := storm.wakes_at(now)) <= end:
        storm.tick(now)
        yield from _sent(storm, now)


def _sent(storm: Storm, now: int) -> Iterator[tuple[int, Message]]:
    while (message := storm.next(now)) is not None:
        storm.arrived(message, now)
        yield now, message


def _summary(limits: Limits, sent: list[tuple[int, Message]], happenings: int) -> Preview:
    zone = ZoneInfo(limits.tz)
    days: dict[str, int] = {}
    rules: dict[str, int] = {}
    busiest = 0
    times = [at for at, _ in sent]
    begin = 0
    for n, (at, message) in enumerate(sent):
        day = f"{utc(at).astimezone(zone):%Y-%m-%d}"
        days[day] = days.get(day, 0) + 1
        for rule in dict.fromkeys(key.partition("/")[0] for key in message.keys):
            rules[rule] = rules.get(rule, 0) + 1
        while times[begin] <= at - HOUR_NS:
            begin += 1
        busiest = max(busiest, n - begin + 1)
    quiet = limits.quiet
    return Preview(
        target=limits.target,
        messages=len(sent),
        happenings=happenings,
        days=days,
        rules=dict(sorted(rules.items(), key=lambda item: -item[1])),
        busiest_hour=busiest,
        in_quiet=sum(quiet.covers(at, limits.tz) for at in times) if quiet is not None else 0,
        told=tuple(Told(at=at, severity=m.severity, first=m.first) for at, m in sent),
    )
