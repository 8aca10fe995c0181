"""What may be steered, within which bounds, by whom."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation

import msgspec

from steersman.kernel.durations import seconds

Value = Decimal | int | bool | str | tuple[str, ...]


class Kind(enum.Enum):
    """How a parameter's text is read. SPAN is seconds, RATIO 0..1 unless bounded otherwise."""

    DECIMAL = "decimal"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    RATIO = "ratio"
    SPAN = "span"
    TEXT = "text"
    NAMES = "names"


class Level(enum.Enum):
    """How far a controller may go alone."""

    SUGGEST = "suggest"
    VETO = "veto"
    ACT = "act"


class Loosens(enum.Enum):
    """Which direction of change takes more risk; only a person may go there."""

    UP = "up"
    DOWN = "down"
    ANY = "any"
    NEVER = "never"


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One steerable value.

    Attributes:
        name: full name, `domain.parameter`, e.g. `trading.max_notional`.
        unit: what the number counts: `USD`, `shares`, `1/min`, `ratio`, `s`; empty for names and texts.
        low, high: inclusive bounds of a number; None is open.
        default: canonical text. `None` means the operator must set it before the check that needs it can pass.
        scopes: what it may be overridden for: any of `strategy`, `instrument`, `venue`; override names read
            `trading.max_notional@strategy:trend`.
    """

    name: str
    kind: Kind
    unit: str
    summary: str
    default: str | None
    low: Decimal | None = None
    high: Decimal | None = None
    choices: tuple[str, ...] = ()
    owner: str = "operator"
    level: Level = Level.SUGGEST
    loosens: Loosens = Loosens.NEVER
    scopes: tuple[str, ...] = ()

    def parse(self, text: str) -> Value:
        """Return the value that `text` stands for.

        Raises:
            ValueError: not of this kind, or out of bounds; the message says what is allowed.
        """
        match self.kind:
            case Kind.BOOLEAN:
                if text not in ("true", "false"):
                    raise ValueError(f"found {text!r}, allowed: true or false")
                return text == "true"
            case Kind.TEXT:
                if self.choices and text not in self.choices:
                    raise ValueError(f"found {text!r}, allowed: {', '.join(self.choices)}")
                return text
            case Kind.NAMES:
                names = tuple(part.strip() for part in text.split(",") if part.strip())
                bad = [n for n in names if self.choices and n not in self.choices]
                if bad:
                    raise ValueError(f"found {bad[0]!r}, allowed: {', '.join(self.choices)}")
                return names
            case _:
                return self._number(text)

    def _number(self, text: str) -> Decimal | int:
        try:
            number = Decimal(str(seconds(text))) if self.kind is Kind.SPAN and text[-1:].isalpha() else Decimal(text)
        except (InvalidOperation, ValueError) as exc:
            raise ValueError(f"found {text!r}, allowed: {self.allowed()}") from exc
        if not number.is_finite() or (self.kind is Kind.INTEGER and number != number.to_integral_value()):
            raise ValueError(f"found {text!r}, allowed: {self.allowed()}")
        low = self.low if self.low is not None or self.kind is not Kind.RATIO else Decimal(0)
        high = self.high if self.high is not None or self.kind is not Kind.RATIO else Decimal(1)
        if (low is not None and number < low) or (high is not None and number > high):
            raise ValueError(f"found {text}, allowed: {self.allowed()}")
        return int(number) if self.kind is Kind.INTEGER else number

    def allowed(self) -> str:
        """Say in words what may be written, e.g. `a decimal from 0 to 1000000 USD`."""
        if self.kind in (Kind.BOOLEAN, Kind.TEXT, Kind.NAMES):
            return ", ".join(self.choices) or {"boolean": "true or false"}.get(self.kind.value, "text")
        low = self.low if self.low is not None or self.kind is not Kind.RATIO else Decimal(0)
        high = self.high if self.high is not None or self.kind is not Kind.RATIO else Decimal(1)
        span = {(False, False): "", (True, False): f" of at least {low}", (False, True): f" of at most {high}"}
        bounds = (
            f" from {low} to {high}"
            if low is not None and high is not None
            else span[low is not None, high is not None]
        )
        noun = {"integer": "a whole number", "span": "a span such as 90s or 5m"}.get(
            self.kind.value, f"a {self.kind.value}"
        )
        return f"{noun}{bounds} {self.unit}".rstrip()


class Catalogue:
    """Every parameter there is, by name; each domain contributes its own."""

    def __init__(self, parameters: Iterable[Parameter]) -> None:
        self._by_name: dict[str, Parameter] = {}
        for parameter in parameters:
            if parameter.name in self._by_name:
                raise ValueError(f"parameter {parameter.name} is declared twice")
            self._by_name[parameter.name] = parameter

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self._by_name.values())

    def get(self, name: str) -> Parameter | None:
        """Return the parameter that `name` (with or without an `@scope:key` override) belongs to."""
        return self._by_name.get(name.partition("@")[0])

    def names(self) -> list[str]:
        return list(self._by_name)
