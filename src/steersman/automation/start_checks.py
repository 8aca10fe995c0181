"""Refusals of what may start an automation: schedule, interval, jitter, events; each with its line."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Container, Mapping
from typing import Final, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from steersman.automation.model.schedule import BETWEEN, check_cron, check_every, every, shortest_gap_s
from steersman.kernel.durations import seconds
from steersman.kernel.toml_file import TomlFile
from steersman.ledger.patterns import EventPattern, pattern

EventTypes = Mapping[str, frozenset[str] | None]
"""Type of event -> the fields of its data, None where they are not known."""
REFERENCE_NS: Final = 1_767_225_600_000_000_000
"""1 January 2026: what a file may say does not depend on the day."""
_OWN: Final = "automation"
_RUNS: Final = "automation.run."
_SCRIPTS: Final = "script."
_EXAMPLE: Final = 'write e.g. "*/15 * * * mon-fri" (minute hour day month weekday)'
LONGEST_JITTER_S: Final = 3600.0
_LONGEST_DEBOUNCE_S: Final = 3600.0


class Written(Protocol):
    """What a table says about starts, as it was written."""

    @property
    def schedule(self) -> str | tuple[str, ...] | None: ...
    @property
    def every(self) -> str | None: ...
    @property
    def tz(self) -> str | None: ...
    @property
    def jitter(self) -> str: ...
    @property
    def debounce(self) -> str: ...
    @property
    def on(self) -> tuple[str | EventPattern, ...]: ...


def in_one_text(written: Written) -> str | None:
    """Return what `schedule` or `every` says as `Automation.schedule` has it, unchecked; None for neither."""
    if written.every is not None:
        return every(written.every.strip())
    return written.schedule if isinstance(written.schedule, str | None) else BETWEEN.join(written.schedule)


def schedule(file: TomlFile, here: tuple[str, ...], written: Written) -> str | None:
    """Return the schedule in one text (model/schedule.py), None if no clock starts it."""
    if written.every is not None:
        if written.schedule is not None:
            raise file.error((*here, "every"), "stands beside `schedule`", fix="write one of the two")
        if problem := check_every(written.every):
            raise file.error((*here, "every"), problem, fix='write e.g. every = "90m"')
        return in_one_text(written)
    if written.schedule is None:
        return None
    lines = (written.schedule,) if isinstance(written.schedule, str) else written.schedule
    if not lines:
        raise file.error((*here, "schedule"), "is empty", fix=f"take it out, or {_EXAMPLE}")
    for line in lines:
        if problem := check_cron(line):
            raise file.error((*here, "schedule"), f"{problem}; found {line!r}", fix=_EXAMPLE)
    return in_one_text(written)


def zone(file: TomlFile, here: tuple[str, ...], tz: str | None, default: str) -> str:
    """Return the time zone."""
    if tz is None:
        return default
    try:
        return ZoneInfo(tz).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise file.error(
            (*here, "tz"), f"no such time zone: {tz!r}", fix='write e.g. "America/New_York" or "UTC"'
        ) from exc


def jitter_s(file: TomlFile, here: tuple[str, ...], text: str, schedule: str | None, tz: str) -> float:
    """Return the seconds of `jitter`: it must end before the next start is due."""
    found = _span(file, (*here, "jitter"), text, LONGEST_JITTER_S)
    if not found:
        return 0.0
    if schedule is None:
        raise file.error((*here, "jitter"), "is there without a schedule", fix="take it out, or write a schedule")
    gap = shortest_gap_s(schedule, tz, REFERENCE_NS)
    if found >= gap:
        raise file.error(
            (*here, "jitter"),
            f"found {text}, and starts come {gap:g} s after each other; allowed: less than that",
            fix="make it shorter",
        )
    return found


def debounce_s(file: TomlFile, here: tuple[str, ...], text: str, has_events: bool) -> float:
    """Return the seconds of `debounce`."""
    found = _span(file, (*here, "debounce"), text, _LONGEST_DEBOUNCE_S)
    if found and not has_events:
        raise file.error((*here, "debounce"), "is there without `on`", fix="take it out, or name events in `on`")
    return found


def _span(file: TomlFile, path: tuple[str, ...], text: str, most_s: float) -> float:
    try:
        found = seconds(text)
    except ValueError as exc:
        raise file.error(path, str(exc), fix="write e.g. 30s or 2m") from exc
    if not 0 <= found <= most_s:
        raise file.error(path, f"found {text}, allowed: 0s to {most_s / 60:g}m", fix=f"change {path[-1]}")
    return found


def events(
    file: TomlFile,
    here: tuple[str, ...],
    written: tuple[str | EventPattern, ...],
    automations: Container[str] = (),
    types: Callable[[], EventTypes] | None = None,
) -> tuple[EventPattern, ...]:
    """Return the events that start it, refused if such an event can never come.

    Args:
        automations: those declared, whose runs' events may be named.
        types: the types of events there are; None: any may be named.
    """
    found = tuple(map(pattern, written))
    for one in found:
        if not one.is_type:
            raise file.error(
                (*here, "on"),
                f"{one.event!r} is no type of event; allowed: e.g. policy.halt.set, or trading.order.* for all of them",
                fix="small letters with dots between",
            )
        if () in one.where.values():
            raise file.error((*here, "on"), f"{one}: no value fits an empty list", fix="name the values it may have")
        if one.event.split(".")[0] == _OWN:
            _check_own(file, here, one, automations)
        if types is not None and not one.event.startswith(_SCRIPTS):
            _check_known(file, here, one, types())
    return found


def _check_own(file: TomlFile, here: tuple[str, ...], one: EventPattern, automations: Container[str]) -> None:
    """Refuse events of runs that do not say whose: that of its own run would start it again, for ever."""
    path = (*here, "on")
    if one.event in ("automation.*", "automation"):
        raise file.error(
            path,
            f"{one.event!r} is everything that automations do, its own runs too",
            fix='write e.g. { event = "automation.run.finished", where = { automation = "NAME", status = "failed" } }',
        )
    if not one.event.startswith(_RUNS):
        return
    named = one.where.get("automation")
    names = named if isinstance(named, tuple) else (named,)
    if not named or not all(isinstance(name, str) for name in names):
        raise file.error(
            path,
            f"{one.event!r} comes from its own runs too; allowed: with the names of others",
            fix=f'write {{ event = "{one.event}", where = {{ automation = "NAME" }} }}; `needs` runs after another one',
        )
    for name in names:
        if name not in automations:
            declared = [n for n in automations if isinstance(n, str)] if isinstance(automations, Mapping) else []
            near = difflib.get_close_matches(str(name), declared, n=1)
            raise file.error(
                path,
                f"waits for events of {name!r}, which is not declared; declared: {', '.join(declared) or 'none'}",
                fix=f"did you mean {near[0]}?" if near else f"add [automation.{name}] or take it out",
            )


def _check_known(file: TomlFile, here: tuple[str, ...], one: EventPattern, types: EventTypes) -> None:
    """Refuse a type that nothing here writes, and a condition on a field that such an event never has."""
    exact = one.event in types
    meant = [types[one.event]] if exact else [fields for kind, fields in types.items() if one.wants(kind)]
    if not meant:
        near = difflib.get_close_matches(one.event, types, n=3, cutoff=0.5)
        raise file.error(
            (*here, "on"),
            f"there is no event {one.event!r}",
            fix=f"did you mean {' or '.join(near)}?" if near else "scripts write events of their own as script.*",
        )
    for field in one.where:
        if all(fields is not None and field.split(".")[0] not in fields for fields in meant):
            known = sorted(set[str]().union(*(fields for fields in meant if fields is not None)))
            near = difflib.get_close_matches(field, known, n=1)
            raise file.error(
                (*here, "on"),
                f"{one.event} has no field {field!r}; it has: {', '.join(known) or 'none'}",
                fix=f"did you mean {near[0]}?" if near else "take the condition out",
            )
