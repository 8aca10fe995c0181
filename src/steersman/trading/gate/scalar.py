"""The table as one Python function over integers: what the live path calls."""

from __future__ import annotations

import linecache
from collections.abc import Callable
from typing import Any, Final, get_type_hints

from steersman.trading.gate.expression import CONDITIONS, Expression, fields, source
from steersman.trading.gate.facts import Facts, Limits
from steersman.trading.gate.table import CHECKS

Seen = tuple[tuple[int | None, ...], tuple[int | None, ...], tuple[bool, ...]]
"""Per check, in table order: what was seen, what is allowed, whether it passed. An unknown one did not."""

_FACTS, _LIMITS = tuple(Facts.__struct_fields__), tuple(Limits.__struct_fields__)


def _nullable() -> frozenset[str]:
    hints = {**get_type_hints(Facts), **get_type_hints(Limits)}
    return frozenset(name for name, hint in hints.items() if type(None) in getattr(hint, "__args__", ()))


NULLABLE: Final = _nullable()


def _loads(expressions: list[Expression]) -> list[str]:
    """Return the lines that bring each field into a local once."""
    names = set().union(*(fields(e) for e in expressions)) | {"direction", "position", "quantity", "allow_short"}
    lines = [f"{n} = facts.{n}" for n in _FACTS if n in names and n != "quantity"]
    return lines + [f"{n} = limits.{n}" for n in _LIMITS if n in names]


def _compiled(name: str, lines: list[str]) -> Callable[..., Any]:
    """Return the function `name` of generated source; tracebacks show its lines."""
    text = "\n    ".join([f"def {name}(facts, limits, quantity):", *lines]) + "\n"
    file = f"<gate table: {name}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    space: dict[str, Any] = {}
    exec(compile(text, file, "exec"), space)  # noqa: S102 - the source is made from our own table, of no input
    made: Callable[..., Any] = space[name]
    return made


def _check_function() -> Callable[[Facts, Limits, int], Seen]:
    lines = _loads([e for c in CHECKS for e in (c.seen, c.allowed)])
    lines += [f"{name} = {text}" for name, text in CONDITIONS.items()]
    seen, allowed, passed = [], [], []
    for number, check in enumerate(CHECKS):
        lines.append(f"s{number} = {source(check.seen, NULLABLE)}")
        lines.append(f"a{number} = {source(check.allowed, NULLABLE)}")
        known = f"s{number} is not None and a{number} is not None and "
        passed.append(f"{known}s{number} {check.comparison} a{number}")
        seen.append(f"s{number}")
        allowed.append(f"a{number}")
    # Flags come as bool; `+` makes them numbers, as they are stored.
    lines.append(f"return ({', '.join(seen)}), ({', '.join(allowed)}), ({', '.join(passed)})")
    return _compiled("check", lines)


def _cap_function() -> Callable[[Facts, Limits, int], int | None]:
    caps = [c.cap for c in CHECKS if c.cap is not None]
    lines = _loads(caps)
    lines += [f"{name} = {text}" for name, text in CONDITIONS.items()]
    lines.append(f"caps = ({', '.join(source(c, NULLABLE) for c in caps)})")
    lines.append("return None if None in caps else min(caps)")
    return _compiled("cap", lines)


check: Final = _check_function()
"""`check(facts, limits, quantity)`: every row of the table for an order of `quantity`."""
cap: Final = _cap_function()
"""`cap(facts, limits, quantity)`: the largest quantity all size limits allow, None if one of them is not known."""
