"""One field at a time: numbers exactly as written, names that can be read, instants with an offset."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Final, TypeVar

import msgspec

from steersman.kernel.fixed import from_nano, to_nano
from steersman.trading.sources.problem import nearest, shown

E = TypeVar("E", bound=Enum)

LARGEST: Final = Decimal(10) ** 9
_PLACES: Final = 9
_NUMBER_CHARS: Final = 60
_NUMBER: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,6})?", re.ASCII)
_COMMA: Final = re.compile(r"[+-]?\d+,\d+", re.ASCII)
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_EXAMPLE: Final = "2026-11-25T14:30:00Z"


class Number(str):
    """A number as it was written: kept as text, so that 0.1 stays a tenth, and told apart from quoted text."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class BadField(Exception):
    """One field cannot be used. Says what was found and what is allowed, and the fix."""

    def __init__(self, what: str, *, fix: str) -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix


def number(value: object, *, low: Decimal | None = Decimal(0), high: Decimal = LARGEST) -> Decimal:
    """Return an exact number: above `low` (None: from -`high`), at most `high`, at most nine decimals.

    Takes numbers and text of numbers; a binary float counts as its shortest text.

    Raises:
        BadField: anything else.
    """
    found = _decimal(value)
    if abs(found) > high or (low is not None and found <= low):
        allowed = f"{-high:,f} to {high:,f}" if low is None else f"above {low}, at most {high:,f}"
        raise BadField(f"found {shown(value)}, allowed: {allowed}", fix="correct the number")
    if _decimals(found) > _PLACES:
        raise BadField(f"found {shown(value)}, allowed: at most nine decimals", fix="round it to what the venue takes")
    return from_nano(to_nano(found))


def _decimal(value: object) -> Decimal:
    """Return a finite number exactly as written."""
    text = _number_text(value)
    if text.strip().lower().lstrip("+-") in ("nan", "inf", "infinity"):
        raise BadField(f"found {text.strip()}, allowed: a finite number", fix="leave the field out if it has no value")
    if len(text) > _NUMBER_CHARS or not _NUMBER.fullmatch(text):
        hint = f"write {text.replace(',', '.')}" if _COMMA.fullmatch(text) else 'write e.g. 12.5 or "12.5"'
        raise BadField(f"found {shown(text)}, allowed: a number", fix=hint)
    return Decimal(text)


def _number_text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise BadField(f"found {shown(value)}, a {kind_of(value)}; allowed: a number", fix='write e.g. 12.5 or "12.5"')
    if isinstance(value, str):
        return str(value)
    return format(value, "f") if isinstance(value, Decimal) and value.is_finite() else str(value)


def _decimals(found: Decimal) -> int:
    """Return how many decimals a finite number needs."""
    _, digits, exponent = found.as_tuple()
    if not found:
        return 0
    zeros = 0
    while zeros < len(digits) and digits[-1 - zeros] == 0:
        zeros += 1
    return max(0, -(int(exponent) + zeros))


def ratio(value: object) -> float:
    """Return a number from 0 to 1, both included.

    Raises:
        BadField: anything else.
    """
    found = _decimal(value)
    if not 0 <= found <= 1:
        raise BadField(f"found {shown(value)}, allowed: 0 to 1", fix="write a share, e.g. 0.8")
    return float(found)


def name(value: object, *, longest: int = 120) -> str:
    """Return text of 1 to `longest` characters that can be read and printed, without spaces around it.

    Raises:
        BadField: anything else.
    """
    found = _text(value)
    if not 0 < len(found) <= longest:
        raise BadField(f"found {len(found)} characters, allowed: 1 to {longest}", fix="shorten it, or give it a value")
    if not found.isprintable() or found != found.strip():
        raise BadField(
            f"found {shown(found)}, allowed: printable characters without spaces around them", fix="clean it up"
        )
    return found


def note(value: object, *, longest: int = 500) -> str:
    """Return free text of at most `longest` characters; line breaks and tabs are allowed, other controls are not.

    Raises:
        BadField: anything else.
    """
    found = _text(value)
    if len(found) > longest:
        raise BadField(f"found {len(found)} characters, allowed: at most {longest}", fix="shorten it")
    if not all(c.isprintable() or c in "\n\t\u00a0" for c in found):
        raise BadField(f"found {shown(found)}, allowed: printable characters and line breaks", fix="clean it up")
    return found


def _text(value: object) -> str:
    if isinstance(value, Number) or not isinstance(value, str):
        raise BadField(f"found {shown(value)}, a {kind_of(value)}; allowed: text", fix=f'write "{str(value)[:40]}"')
    return str(value)


def choice(value: object, kind: type[E]) -> E:
    """Return the member of `kind` that `value` names exactly.

    Raises:
        BadField: none does; names the nearest.
    """
    names = [str(member.value) for member in kind]
    if isinstance(value, str) and not isinstance(value, Number) and value in names:
        return kind(str(value))
    raise BadField(
        f"found {shown(value)}, allowed: {', '.join(names)}",
        fix=nearest(str(value).lower(), names, f"write one of {', '.join(names)}"),
    )


def instant(value: object) -> datetime:
    """Return an instant between 1970 and 2200 in UTC, from ISO 8601 text with an offset or an aware datetime.

    Raises:
        BadField: anything else; without an offset nobody knows when it was.
    """
    found = value
    if isinstance(value, str) and not isinstance(value, Number):
        try:
            found = msgspec.convert(str(value), datetime)
        except msgspec.ValidationError:
            found = value
    if not isinstance(found, datetime):
        raise BadField(f"found {shown(value)}, allowed: ISO 8601 with an offset", fix=f'write e.g. "{_EXAMPLE}"')
    if found.tzinfo is None:
        raise BadField(
            f"found {shown(str(value))}, which has no offset from UTC; allowed: ISO 8601 with an offset",
            fix=f'add Z or +01:00, e.g. "{_EXAMPLE}"',
        )
    if not _EARLIEST <= found < _LATEST:
        raise BadField(f"found {shown(str(value))}, allowed: 1970 to 2199", fix=f'write e.g. "{_EXAMPLE}"')
    return found.astimezone(UTC)


def kind_of(value: object) -> str:
    """Return what JSON calls the type of `value`."""
    if isinstance(value, Number | int | float | Decimal) and not isinstance(value, bool):
        return "number"
    named = {bool: "boolean", str: "text", dict: "object", list: "list"}
    return named.get(type(value), type(value).__name__)
