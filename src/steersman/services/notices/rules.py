"""Which events are told, in which words, and which ones say that it is over. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from steersman.ledger import Event
from steersman.ledger.patterns import EventPattern
from steersman.services.notices import wording
from steersman.services.notices.events import OWN
from steersman.services.notices.model import RANK, Repeated, Severity, Telling
from steersman.services.notices.wording import clean, filled

__all__ = ["Chosen", "Reader", "Repeated", "Rule", "Wanted"]

Chosen = Literal["off", "info", "warn", "critical"]
_REASONS = ("problem", "problems", "reason", "error", "why", "what", "status")


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of thing that is told unless somebody says otherwise; texts as `wording.filled` takes them.

    Attributes:
        about: what it is about, for people who choose.
        on: the events that raise it.
        subject: tells one such thing from another: equal subjects are told together.
        ends: the events that say it is over, with the same `subject`; `over` is what is said then, empty: nothing.
        hushed_by: `rule/subject` of what, once told and not over, makes this no news: its cause, or the same in other
            words.
    """

    name: str
    about: str
    on: tuple[EventPattern, ...]
    severity: Severity
    subject: str
    first: str
    why: str = ""
    do: str = ""
    page: str = ""
    ends: tuple[EventPattern, ...] = ()
    over: str = ""
    repeated: Repeated | None = None
    hushed_by: tuple[str, ...] = ()


class Wanted(EventPattern, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An event that somebody wants to be told beyond the rules, or more loudly than they say."""

    severity: Severity = "warn"


class Reader:
    """Reads events as one target wants to be told of them."""

    def __init__(
        self,
        rules: Sequence[Rule],
        *,
        wanted: Sequence[Wanted] = (),
        defaults: bool = True,
        severity: Mapping[str, Chosen] | None = None,
        least: Severity = "info",
        tz: str = "UTC",
    ) -> None:
        """Set up.

        Args:
            wanted: events to tell in any case; without `defaults` these alone, in the words of the rules that fit.
            severity: rule -> another severity, or `off`.
            least: what is less than this is not told.
        """
        self._rules = rules
        self._wanted = wanted
        self._defaults = defaults
        self._severity = severity or {}
        self._least = least
        self._tz = tz
        patterns = [p for rule in rules for p in (*rule.on, *rule.ends)]
        self.types = tuple(dict.fromkeys(p.event for p in (*patterns, *wanted)))
        self._of_type: dict[str, tuple[list[Rule], list[Rule], list[Wanted]]] = {}

    def chosen(self, rule: Rule) -> Chosen:
        """Return how severe the target takes `rule`; `off` if it is not told of it."""
        found: Chosen = self._severity.get(rule.name, rule.severity)
        return found if self._defaults and found != "off" and RANK[found] >= RANK[self._least] else "off"

    def read(self, event: Event) -> list[Telling]:
        """Return what `event` says: at most one thing that is told, and what it ends."""
        if event.type.startswith(OWN):
            return []
        raising, ending, wanted = self._fitting(event.type)
        data: dict[str, object] | None = None
        found: list[Telling] = []
        rule = next((r for r in raising if any(p.matches(event) for p in r.on)), None)
        want = next((w for w in wanted if w.matches(event)), None)
        severity = want.severity if want is not None else (self.chosen(rule) if rule is not None else "off")
        if severity != "off" and RANK[severity] >= RANK[self._least]:
            data = _data(event)
            found.append(self._raised(rule, event, data, severity) if rule else self._plain(event, data, severity))
        for ended in ending:
            if ended is not rule and any(p.matches(event) for p in ended.ends):
                data = _data(event) if data is None else data
                found.append(self._over(ended, event, data))
        return found

    def _fitting(self, kind: str) -> tuple[list[Rule], list[Rule], list[Wanted]]:
        """Return what may be raised, and ended, by events of a type; worked out once for each type."""
        found = self._of_type.get(kind)
        if found is None:
            found = self._of_type[kind] = (
                [r for r in self._rules if any(p.wants(kind) for p in r.on)],
                [r for r in self._rules if any(p.wants(kind) for p in r.ends)],
                [w for w in self._wanted if w.wants(kind)],
            )
        return found

    def _raised(self, rule: Rule, event: Event, data: Mapping[str, object], severity: Severity) -> Telling:
        say = _Sayer(data, self._tz)
        return Telling(
            rule=rule.name,
            subject=say(rule.subject),
            severity=severity,
            first=say(rule.first),
            why=say(rule.why),
            do=wording.command(rule.do, data, self._tz),
            page=wording.page(rule.page, data, self._tz),
            at=event.recorded_at,
            pos=event.pos,
            can_end=bool(rule.ends),
            repeated=rule.repeated,
            hushed_by=tuple(say(key) for key in rule.hushed_by),
        )

    def _plain(self, event: Event, data: Mapping[str, object], severity: Severity) -> Telling:
        """Return what is said of an event that no rule has words for: its type, what it is about, its reason."""
        why = next((str(data[name]) for name in _REASONS if data.get(name)), "")
        return Telling(
            rule=event.type,
            subject=clean(event.stream),
            severity=severity,
            first=f"{event.type.replace('.', ' ').replace('_', ' ')}: {clean(event.stream)}",
            why=clean(why),
            do=f"steersman ledger tail --types {event.type}",
            at=event.recorded_at,
            pos=event.pos,
        )

    def _over(self, rule: Rule, event: Event, data: Mapping[str, object]) -> Telling:
        say = _Sayer(data, self._tz)
        return Telling(
            rule=rule.name,
            subject=say(rule.subject),
            severity=rule.severity,
            first=say(rule.over),
            page=wording.page(rule.page, data, self._tz),
            at=event.recorded_at,
            pos=event.pos,
            ends=True,
        )


class _Sayer:
    def __init__(self, data: Mapping[str, object], tz: str) -> None:
        self._data = data
        self._tz = tz

    def __call__(self, template: str) -> str:
        return filled(template, self._data, self._tz)


def _data(event: Event) -> dict[str, object]:
    """Return the fields of an event; data that is no JSON object has none."""
    try:
        found = msgspec.json.decode(event.data)
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}
