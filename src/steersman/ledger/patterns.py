"""Which happenings somebody waits for: a type of event, and what its data must say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from steersman.ledger.event import Event
from steersman.ledger.type_filter import TypeFilter

Scalar = str | int | float | bool
_TYPE: Final = re.compile(r"[a-z]+(\.[a-z_]+)*(\.\*)?")


class EventPattern(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`event = "automation.run.finished", where = { status = ["failed", "timed_out"] }`.

    Attributes:
        event: a type, or `domain.*` for all that begin so.
        where: field of the event's data (`a.b` for a field within) -> the value it must have, or a list of which it
            must be one. A field that is not there fits nothing.
    """

    event: str
    where: dict[str, Scalar | tuple[Scalar, ...]] = {}

    def __str__(self) -> str:
        said = ", ".join(f"{field} = {_words(wanted)}" for field, wanted in self.where.items())
        # Words for terminals and pictures: no value that was written down may steer one, or break the other.
        said = "".join(c if c.isprintable() else "\ufffd" for c in said)
        return f"{self.event} where {said}" if said else self.event

    @property
    def is_type(self) -> bool:
        """Whether `event` can be the type of an event, or the beginning of some."""
        return _TYPE.fullmatch(self.event) is not None

    def wants(self, kind: str) -> bool:
        """Say whether an event of type `kind` may be meant."""
        return TypeFilter([self.event])(kind)

    def matches(self, event: Event) -> bool:
        """Say whether `event` is meant; data that is no JSON object has no fields."""
        return self.wants(event.type) and (not self.where or self._fits(event.data))

    def _fits(self, data: bytes) -> bool:
        try:
            said = msgspec.json.decode(data)
        except msgspec.DecodeError:
            return False
        return all(_is_one_of(_field(said, field), wanted) for field, wanted in self.where.items())


def pattern(written: str | EventPattern) -> EventPattern:
    """Return what was written, a bare type being a pattern without conditions."""
    return EventPattern(event=written) if isinstance(written, str) else written


def _field(data: object, path: str) -> object:
    """Return the value at `path`, None where there is none."""
    for part in path.split("."):
        if not isinstance(data, Mapping) or part not in data:
            return None
        data = data[part]
    return data


def _is_one_of(value: object, wanted: Scalar | tuple[Scalar, ...]) -> bool:
    options = wanted if isinstance(wanted, tuple) else (wanted,)
    # True equals 1 in Python; a flag and a number are different things to who writes them.
    return any(value == option and isinstance(value, bool) == isinstance(option, bool) for option in options)


def _words(wanted: Scalar | tuple[Scalar, ...]) -> str:
    options = wanted if isinstance(wanted, tuple) else (wanted,)
    return " or ".join(str(option).lower() if isinstance(option, bool) else str(option) for option in options)
