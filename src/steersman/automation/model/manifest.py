"""The manifest: what may run, when, and after what."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Literal

import msgspec

from steersman.automation.model.across import Across
from steersman.automation.model.blackout import Blackout, Calendar, Days
from steersman.automation.model.params import Value
from steersman.automation.model.window import Window
from steersman.ledger.patterns import EventPattern

Overlap = Literal["skip", "queue", "cancel"]
Catchup = Literal["latest", "none", "all"]
Outside = Literal["skip", "wait"]
Backoff = Literal["none", "fixed", "exponential"]


class Automation(msgspec.Struct, frozen=True, kw_only=True):
    """One script or command, declared.

    Attributes:
        run: command line, relative to the workspace; `steersman ...` is this installation's own command.
        cwd: the folder it runs in, absolute or in the workspace; empty: the workspace.
        schedule: cron lines or an interval, read in `tz` (model/schedule.py); None: starts by hand, by an event, or
            after what it needs.
        jitter_s: how much later than its schedule it may begin; how much it is depends on its name only.
        needs: automations that must succeed first, in the same cycle.
        on: events that start it.
        debounce_s: seconds without a further such event after which one start stands for all of them; 0: one for each.
        timeout_s: seconds until its whole process group is ended.
        deadline_s: seconds after a start was due by which it must have succeeded, or somebody is told; None: whenever.
        retries: further attempts after the first.
        backoff_s: wait before the first retry; `backoff` says how it grows.
        window: hours of the week in which it may start; `outside` says whether a start at another time is dropped or
            waits for the next opening.
        blackout: times in which it must not start, whatever the window says.
        resources: tokens of `[resources]` it holds while a process of it runs, over all engines.
        catchup: what becomes of starts that nobody was there for: the latest one, none, or all of them.
        approve: a person must approve each run that no person asked for, within `approve_within_s`.
        params: parameters with their defaults.
        credentials, pulls: logins and data it uses; it does not start while one of those logins wants a person.
        log_limit_bytes: output kept on disk per attempt; the rest is counted.
        artifact_limit_bytes: a run that leaves more is ended.
        keep_runs: folders (logs, artifacts) kept; older ones are deleted. Events stay.
    """

    name: str
    run: str
    cwd: str = ""
    schedule: str | None = None
    tz: str = "UTC"
    jitter_s: float = 0.0
    needs: tuple[str, ...] = ()
    on: tuple[EventPattern, ...] = ()
    debounce_s: float = 0.0
    timeout_s: float = 3600.0
    deadline_s: float | None = None
    retries: int = 0
    backoff: Backoff = "exponential"
    backoff_s: float = 5.0
    overlap: Overlap = "skip"
    window: Window | None = None
    outside: Outside = "skip"
    blackout: tuple[Blackout, ...] = ()
    resources: dict[str, int] = {}
    catchup: Catchup = "latest"
    approve: bool = False
    approve_within_s: float = 86_400.0
    params: dict[str, Value] = {}
    credentials: tuple[str, ...] = ()
    pulls: tuple[str, ...] = ()
    enabled: bool = True
    env: dict[str, str] = {}
    log_limit_bytes: int = 1 << 20
    artifact_limit_bytes: int = 1 << 30
    keep_runs: int = 50


class UnknownNeed(ValueError):
    """`automation` needs a name that nobody declared."""

    def __init__(self, automation: str, need: str) -> None:
        super().__init__(f"{automation} needs {need!r}, which is not declared")
        self.automation = automation
        self.need = need


class Cycle(ValueError):
    """Automations need each other in a circle; `path` names it in full, first name repeated last."""

    def __init__(self, path: tuple[str, ...]) -> None:
        super().__init__(" -> ".join(path))
        self.path = path


class Ring(ValueError):
    """Automations start each other without end; `path` names the circle, its first member being started by an event.

    Attributes:
        path: each is started by, or needs, the one after it; first name repeated last.
    """

    def __init__(self, path: tuple[str, ...]) -> None:
        super().__init__(" -> ".join(path))
        self.path = path


class Manifest:
    """Declared automations with their order; immutable.

    `order` lists every name after all it needs, ties in the order of declaration. `resources` says how many tokens of
    each there are; `calendars` holds those that blackouts name.
    """

    def __init__(
        self,
        automations: Iterable[Automation] = (),
        *,
        resources: Mapping[str, int] | None = None,
        calendars: Mapping[str, Calendar] | None = None,
        over_machines: Collection[str] = (),
        across: Across | None = None,
    ) -> None:
        """Sort `automations`.

        Args:
            over_machines: resources that are counted over all machines, by `across`.

        Raises:
            UnknownNeed: a need that is not declared.
            Cycle: needs that close a circle.
            Ring: needs and events of automations that close one together.
        """
        by_name = {a.name: a for a in automations}
        for automation in by_name.values():
            for need in automation.needs:
                if need not in by_name:
                    raise UnknownNeed(automation.name, need)
        self._by_name: Mapping[str, Automation] = MappingProxyType(by_name)
        self.order: tuple[str, ...] = _sorted(by_name)
        _refuse_rings(by_name)
        self.resources: Mapping[str, int] = MappingProxyType(dict(resources or {}))
        self.calendars: Mapping[str, Calendar] = MappingProxyType(dict(calendars or {}))
        self.over_machines, self.across = frozenset(over_machines), across

    def __iter__(self) -> Iterator[Automation]:
        return (self._by_name[name] for name in self.order)

    def __len__(self) -> int:
        return len(self._by_name)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __getitem__(self, name: str) -> Automation:
        return self._by_name[name]

    def get(self, name: str) -> Automation | None:
        return self._by_name.get(name)

    def dependants(self, name: str) -> tuple[str, ...]:
        """Return who needs `name` directly, in order."""
        return tuple(n for n in self.order if name in self._by_name[n].needs)

    def digest(self) -> str:
        """Return sha256 over the declarations: equal manifests, equal digest."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        return _sha256(self.declared())

    def declared(self) -> dict[str, str]:
        """Return a short digest of each declaration by name; `[resources]` and `[calendar]` are all of these.

        What differs between two manifests differs here.
        """
        days = {name: calendar.days if isinstance(calendar, Days) else {} for name, calendar in self.calendars.items()}
        counted = {n: [a, "over machines"] if n in self.over_machines else a for n, a in self.resources.items()}
        shared = {"[resources]": counted, "[calendar]": days}
        each = {name: _sha256(self._by_name[name])[:16] for name in sorted(self._by_name)}
        return each | {name: _sha256(what)[:16] for name, what in shared.items()}


def plan_cycle(manifest: Manifest, roots: Iterable[str], *, needs: bool = True, dependants: bool = False) -> list[str]:
    """Return who runs in the cycle that `roots` start, each after all it needs.

    Args:
        roots: names that were triggered (by schedule, event or hand).
        needs: bring in, transitively, what the roots need.
        dependants: bring in who has no trigger of its own (no schedule, no event) and whose needs are all in the
            cycle: such an automation runs whenever what it needs has run.
    """
    members = set(roots)
    if needs:
        members |= _closure(manifest, members)
    if dependants:
        for name in manifest.order:
            automation = manifest[name]
            follows = automation.needs and not automation.schedule and not automation.on and automation.enabled
            if follows and members.issuperset(automation.needs):
                members.add(name)
    return [name for name in manifest.order if name in members]


def made_up_for(manifest: Manifest, name: str) -> bool:
    """Say whether every missed start of `name` is made up for: its `catchup` is all, or that of what it follows."""
    return any(manifest[member].catchup == "all" for member in _closure(manifest, [name]))


def _closure(manifest: Manifest, names: Iterable[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(manifest[name].needs)
    return found


def _sorted(by_name: Mapping[str, Automation]) -> tuple[str, ...]:
    try:
        return _after(by_name, lambda name: by_name[name].needs)
    except _Circle as exc:
        raise Cycle((*exc.path, exc.path[0])) from None


def _after(names: Iterable[str], before: Callable[[str], Iterable[str]]) -> tuple[str, ...]:
    """Return all names, each after those `before` it; however long a chain is.

    Raises:
        _Circle: some are before each other.
    """
    done: dict[str, None] = {}
    for first in names:
        path = {first: iter(before(first))} if first not in done else {}
        while path:
            name, rest = next(reversed(path.items()))
            one = next((other for other in rest if other not in done), None)
            if one is None:
                done[name] = None
                del path[name]
            elif one in path:
                here = list(path)
                raise _Circle(tuple(here[here.index(one) :]))
            else:
                path[one] = iter(before(one))
    return tuple(done)


class _Circle(ValueError):
    """Names that come before each other, each before the one that stands before it."""

    def __init__(self, path: tuple[str, ...]) -> None:
        super().__init__(path)
        self.path = path


def _sha256(what: object) -> str:
    return hashlib.sha256(msgspec.json.encode(what, order="deterministic")).hexdigest()


def started_by(automation: Automation) -> tuple[str, ...]:
    """Return the automations whose events start this one, as far as `where` names them."""
    named: dict[str, None] = {}
    for pattern in automation.on:
        value = pattern.where.get("automation") if pattern.event.startswith("automation.") else None
        for name in value if isinstance(value, tuple) else (value,):
            if isinstance(name, str):
                named[name] = None
    return tuple(named)


def _refuse_rings(by_name: Mapping[str, Automation]) -> None:
    def before(name: str) -> Iterable[str]:
        return (n for n in (*by_name[name].needs, *started_by(by_name[name])) if n in by_name)

    try:
        _after(by_name, before)
    except _Circle as exc:
        ring = exc.path
        turn = next(n for n, one in enumerate(ring) if ring[(n + 1) % len(ring)] in started_by(by_name[one]))
        ring = ring[turn:] + ring[:turn]
        raise Ring((*ring, ring[0])) from None
