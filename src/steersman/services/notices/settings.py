"""`[notify.NAME]`: who is told, of what, how loudly and how often; each kind adds fields beside its adapter."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from steersman.kernel import references
from steersman.kernel.durations import bad_span, seconds
from steersman.kernel.toml_file import TomlFile
from steersman.services.notices.events import OWN
from steersman.services.notices.model import RANK, Severity
from steersman.services.notices.quiet import Quiet, parse_quiet
from steersman.services.notices.rules import Chosen, Wanted

SECTION: Final = "notify"
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}")
LEAST_PER_HOUR: Final = 4
_SCRIPTS: Final = "script."
EventTypes = Mapping[str, frozenset[str] | None]
"""Type -> the fields of its data; None: not known."""


class HeartbeatSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[notify.NAME.heartbeat]`: an address that is asked while all is well, so that others notice when it is not.

    Attributes:
        url: where the address is: `env:NAME` or `file:PATH`; whoever knows it could pretend to be us.
        every: span between two beats.
    """

    url: str
    every: str = "5m"
    timeout: str = "10s"

    @property
    def every_s(self) -> float:
        return seconds(self.every)

    @property
    def timeout_s(self) -> float:
        return seconds(self.timeout)


class NotifierSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every target may say.

    Attributes:
        kind: the adapter.
        events: types or patterns to be told of beyond the rules; a pattern may have a `severity`.
        defaults: False: of `events` alone.
        severity: rule -> info, warn, critical or off.
        min_severity: what is less is not told.
        per_hour: messages in any hour, at most; a quarter of them is kept for what is critical.
        quiet: hours in the desk's time zone in which only what is critical is told.
        timeout: span for one attempt.
    """

    kind: str
    events: tuple[str | Wanted, ...] = ()
    defaults: bool = True
    severity: dict[str, Chosen] = {}
    min_severity: Severity = "warn"
    per_hour: int = 20
    quiet: str = ""
    timeout: str = "10s"
    heartbeat: HeartbeatSettings | None = None

    @property
    def wanted(self) -> tuple[Wanted, ...]:
        return tuple(Wanted(event=one) if isinstance(one, str) else one for one in self.events)

    @property
    def quiet_hours(self) -> Quiet | None:
        return parse_quiet(self.quiet) if self.quiet else None

    @property
    def timeout_s(self) -> float:
        return seconds(self.timeout)

    def problems(self, root: Path) -> Iterator[tuple[str, str, str]]:
        """Yield (field, what was found and what is allowed, fix) for each value that cannot be used."""
        yield from ()


def read(
    file: TomlFile,
    root: Path,
    notifier_type: Callable[[str], type[NotifierSettings]],
    rules: Callable[[], Collection[str]],
    types: Callable[[], EventTypes] | None = None,
) -> dict[str, NotifierSettings]:
    """Decode and check `[notify.*]`; addresses are not looked up yet.

    Args:
        rules: gives the names that `severity` may speak of.
        types: gives the types of events there are, with the fields of each; None: any may be named.

    Raises:
        Misconfigured: names file, line, field, what was found and what is allowed; never quotes an address.
    """
    declared = file.get(SECTION)
    if declared is None:
        return {}
    if not isinstance(declared, Mapping):
        raise file.error((SECTION,), "found no table; allowed: [notify.NAME]", fix="write [notify.phone]")
    return {name: _one(file, root, name, raw, notifier_type, rules, types) for name, raw in declared.items()}


def _one(
    file: TomlFile,
    root: Path,
    name: str,
    raw: object,
    notifier_type: Callable[[str], type[NotifierSettings]],
    rules: Callable[[], Collection[str]],
    types: Callable[[], EventTypes] | None,
) -> NotifierSettings:
    here = (SECTION, name)
    if not _NAME.fullmatch(name):
        raise file.error(
            here, "a name is a small letter, then small letters, digits, - or _ (40 at most)", fix="rename it"
        )
    if not isinstance(raw, Mapping):
        # What stands there may be an address with a token in it: it is not quoted.
        raise file.error(here, "found a value; allowed: a table", fix=f"write [notify.{name}] with kind = ...")
    _refuse_odd_secrets(file, here, raw)
    _refuse_odd_severities(file, here, raw)
    found = file.section(here, file.kind_type(here, notifier_type, "apprise"))
    for field, problem, fix in (*_problems(found, rules, types), *found.problems(root)):
        raise file.error((*here, *field.split("/")), problem, fix=fix)
    return found


def _refuse_odd_secrets(file: TomlFile, here: tuple[str, ...], raw: Mapping[str, object]) -> None:
    """Refuse what is no reference before anything can quote it: whoever forgets `env:` has written the secret."""
    beat = raw.get("heartbeat")
    tables: tuple[tuple[tuple[str, ...], Mapping[str, object]], ...] = ((here, raw),)
    if isinstance(beat, Mapping):
        tables += (((*here, "heartbeat"), beat),)
    for path, table in tables:
        for field in ("url", "secret"):
            value = table.get(field)
            if value is None:
                continue
            wrong = references.problem(value) if isinstance(value, str) else "found no text; allowed: a reference"
            if wrong:
                raise file.error((*path, field), wrong, fix=references.FIX)


def _refuse_odd_severities(file: TomlFile, here: tuple[str, ...], raw: Mapping[str, object]) -> None:
    chosen = raw.get("severity")
    values: dict[tuple[str, ...], object] = {("min_severity",): raw.get("min_severity", "warn")}
    if isinstance(chosen, Mapping):
        values |= {("severity", str(rule)): value for rule, value in chosen.items()}
    for path, value in values.items():
        allowed = (*RANK,) if path == ("min_severity",) else ("off", *RANK)
        if value not in allowed:
            fix = f'write {path[-1]} = "critical" if it may wake somebody'
            raise file.error((*here, *path), f"found {value!r}; allowed: {', '.join(allowed)}", fix=fix)


def _bad_events(wanted: Sequence[Wanted], types: Callable[[], EventTypes] | None) -> Iterator[tuple[str, str, str]]:
    for one in wanted:
        if not one.is_type:
            yield (
                "events",
                f"found {one.event!r}; allowed: a type of event, such as policy.halt.set, or trading.*",
                "steersman notify rules lists what is told already",
            )
        elif one.event.startswith(OWN):
            yield "events", f"{one.event!r} speaks of telling, which would not end", "steersman notify list says it"
        elif types is not None and not one.event.startswith(_SCRIPTS):
            yield from _unknown_event(one, types())


def _unknown_event(one: Wanted, types: EventTypes) -> Iterator[tuple[str, str, str]]:
    """Yield what is wrong with an event that nothing here writes, or a condition on a field that it never has."""
    meant = [fields for kind, fields in types.items() if one.wants(kind)]
    if not meant:
        near = difflib.get_close_matches(one.event, types, n=3, cutoff=0.5)
        fix = f"did you mean {' or '.join(near)}?" if near else "scripts write events of their own as script.*"
        yield "events", f"there is no event {one.event!r}", fix
    for field in one.where:
        if meant and all(fields is not None and field.partition(".")[0] not in fields for fields in meant):
            known = sorted(set[str]().union(*(fields for fields in meant if fields is not None)))
            near = difflib.get_close_matches(field, known, n=1)
            fix = f"did you mean {near[0]}?" if near else "take the condition out"
            yield "events", f"{one.event} has no field {field!r}; it has: {', '.join(known)}", fix


def _problems(
    settings: NotifierSettings, rules: Callable[[], Collection[str]], types: Callable[[], EventTypes] | None
) -> Iterator[tuple[str, str, str]]:
    yield from _bad_events(settings.wanted, types)
    for name in settings.severity:
        if name not in (there := rules()):
            near = difflib.get_close_matches(name, there, n=1)
            yield (
                "severity",
                f"there is no rule {name!r}; allowed: {', '.join(sorted(there))}",
                f"did you mean {near[0]}?" if near else "steersman notify rules explains them",
            )
    if not settings.defaults and not settings.events:
        yield "defaults", "without the rules and without `events` nothing is ever told", "add events = [...]"
    if not LEAST_PER_HOUR <= settings.per_hour <= 1000:
        yield "per_hour", f"found {settings.per_hour}, allowed: {LEAST_PER_HOUR} to 1000", "write per_hour = 20"
    if settings.quiet:
        try:
            parse_quiet(settings.quiet)
        except ValueError as exc:
            yield "quiet", str(exc), 'write quiet = "22:00-07:00"'
    yield from bad_span("timeout", settings.timeout, 0.1, 30, "10s")
    if settings.heartbeat is not None:
        beat = settings.heartbeat
        yield from (_inside("heartbeat", *one) for one in bad_span("every", beat.every, 10, 86_400, "5m"))
        yield from (_inside("heartbeat", *one) for one in bad_span("timeout", beat.timeout, 0.1, 30, "10s"))


def _inside(table: str, field: str, problem: str, fix: str) -> tuple[str, str, str]:
    return f"{table}/{field}", problem, fix
