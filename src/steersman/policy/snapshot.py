"""The policy in force, frozen: what one decision reads, start to end."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from steersman.policy.parameter import Catalogue, Value


class Snapshot:
    """All values of one policy version, parsed once; cheap to read, impossible to change."""

    __slots__ = ("_overrides", "_values", "version")

    def __init__(self, *, version: int, values: Mapping[str, str], catalogue: Catalogue) -> None:
        """Parse `values` (full name, optionally `@scope:key`, to canonical text); absent ones take their default.

        Raises:
            ValueError: unknown name, or a text its parameter refuses.
        """
        self.version = version
        self._values: dict[str, Value | None] = {
            p.name: None if p.default is None else p.parse(p.default) for p in catalogue
        }
        self._overrides: dict[str, Value] = {}
        for name, text in values.items():
            parameter = catalogue.get(name)
            if parameter is None:
                raise ValueError(f"unknown policy parameter {name}")
            parsed = parameter.parse(text)
            if "@" in name:
                self._overrides[name] = parsed
            else:
                self._values[name] = parsed

    def get(self, name: str, **scope: str) -> Value | None:
        """Return the value of `name`, the most specific override first: strategy, then instrument, then venue.

        None means "never set and no default": a check that needs it must deny.
        """
        for kind in ("strategy", "instrument", "venue"):
            key = scope.get(kind)
            if key is not None:
                found = self._overrides.get(f"{name}@{kind}:{key}")
                if found is not None:
                    return found
        return self._values[name]

    def decimal(self, name: str, **scope: str) -> Decimal | None:
        """Return a numeric value as Decimal, None if unset."""
        value = self.get(name, **scope)
        if value is None:
            return None
        if isinstance(value, bool | str | tuple):
            raise TypeError(f"{name} is not a number")
        return Decimal(value)

    def flag(self, name: str, **scope: str) -> bool:
        """Return a boolean value; an unset one is False."""
        return self.get(name, **scope) is True

    def names(self, name: str, **scope: str) -> tuple[str, ...]:
        """Return a list-of-names value; an unset one is empty."""
        value = self.get(name, **scope)
        return value if isinstance(value, tuple) else ()
