"""The table as one Python function over integers: what the live path calls."""

from __future__ import annotations

import linecache
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, get_type_hints

from steersman.trading.events import CheckRow
from steersman.trading.gate.expression import CONDITIONS, Expression, conditions, fields, source
from steersman.trading.gate.facts import Facts, Limits
from steersman.trading.gate.table import CHECKS, Check
from steersman.trading.gate.wording import why

Seen = tuple[tuple[CheckRow, ...], tuple[bool, ...]]
"""Per check, in table order: its row, and whether it passed. An unknown one did not."""

_FACTS, _LIMITS = tuple(Facts.__struct_fields__), tuple(Limits.__struct_fields__)
# What the conditions read.
_CONDITIONED: Final = {*_FACTS, *_LIMITS} & set(re.findall(r"[a-z_]+", " ".join(CONDITIONS.values())))


def _nullable() -> frozenset[str]:
    hints = {**get_type_hints(Facts), **get_type_hints(Limits)}
    return frozenset(name for name, hint in hints.items() if type(None) in getattr(hint, "__args__", ()))


NULLABLE: Final = _nullable()


def _loads(expressions: list[Expression]) -> list[str]:
    """Return the lines that bring each field into a local once."""
    names = set().union(*(fields(e) for e in expressions)) | _CONDITIONED
    lines = [f"{n} = facts.{n}" for n in _FACTS if n in names and n != "quantity"]
    return lines + [f"{n} = limits.{n}" for n in _LIMITS if n in names]


def _compiled(name: str, lines: list[str], names: dict[str, Any]) -> Callable[..., Any]:
    """Return the function `name` of generated source; tracebacks show its lines."""
    text = "\n    ".join([f"def {name}(facts, limits, quantity):", *lines]) + "\n"
    file = f"<gate table: {name}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    space = dict(names)
    exec(compile(text, file, "exec"), space)  # noqa: S102 - the source is made from our own table, of no input
    made: Callable[..., Any] = space[name]
    return made


def _check_function() -> Callable[[Facts, Limits, int], Seen]:
    lines = _loads([e for c in CHECKS for e in (c.seen, c.allowed)])
    lines += [f"{name} = {text}" for name, text in CONDITIONS.items()]
    names: dict[str, Any] = {"Row": CheckRow}
    rows, passed = [], []
    for number, rule in enumerate(CHECKS):
        lines += _row_lines(number, rule, names)
        rows.append(f"r{number}")
        passed.append(f"p{number}")
    lines.append(f"return ({', '.join(rows)}), ({', '.join(passed)})")
    return _compiled("check", lines, names)


def _row_lines(number: int, rule: Check, names: dict[str, Any]) -> list[str]:
    """Return the lines that make `r<number>` and `p<number>`; what they call is put into `names`."""
    s, a, row, p = (f"{letter}{number}" for letter in "sarp")
    names[f"why{number}"] = partial(why, rule)
    known = " and ".join(f"{name} is not None" for name in (s, a)) if _can_lack(rule) else ""
    margin = {"<=": f"{a} - {s}", ">=": f"{s} - {a}", "==": f"-abs({s} - {a})"}[rule.comparison]
    lines = [f"{s} = {source(rule.seen, NULLABLE)}", f"{a} = {source(rule.allowed, NULLABLE)}"]
    if known:
        lines += [f"k{number} = {known}", f"{p} = k{number} and {s} {rule.comparison} {a}"]
        margin = f"({margin} if k{number} else None)"
    else:
        lines.append(f"{p} = {s} {rule.comparison} {a}")
    made = f'Row("{rule.code}", {p}, {s}, {a}, "{rule.unit}", {margin}, "" if {p} else why{number}({s}, {a}))'
    if rule.unit == "flag":
        # A flag that passes always looks the same: one row for all of them.
        fine = 0 if rule.comparison == "<=" else 1
        names[f"fine{number}"] = CheckRow(rule.code, True, fine, fine, rule.unit, 0, "")  # noqa: FBT003 - array-like
        made = f"fine{number} if {p} else {made}"
    return [*lines, f"{row} = {made}"]


def reads(rule: Check) -> set[str]:
    """Return the names of the facts and limits that a check reads, its conditions included."""
    return _read_by([rule.seen, rule.allowed, rule.cap])


def _read_by(expressions: Sequence[Expression | None]) -> set[str]:
    return set().union(
        *(fields(e) for e in expressions), *(_condition_reads(c) for e in expressions for c in conditions(e))
    )


def _condition_reads(name: str) -> set[str]:
    words = set(re.findall(r"[a-z_]+", CONDITIONS[name]))
    return words & {*_FACTS, *_LIMITS} | set().union(*(_condition_reads(c) for c in words & CONDITIONS.keys()))


def _can_lack(rule: Check) -> bool:
    return bool((fields(rule.seen) | fields(rule.allowed)) & NULLABLE)


def _cap_function() -> Callable[[Facts, Limits, int], int | None]:
    caps = [c.cap for c in CHECKS if c.cap is not None]
    lines = _loads(caps)
    lines += [f"{name} = {text}" for name, text in CONDITIONS.items()]
    lines.append(f"caps = ({', '.join(source(c, NULLABLE) for c in caps)})")
    lines.append("return None if None in caps else min(caps)")
    return _compiled("cap", lines, {})


def _passes_function() -> Callable[[Facts, Limits, int], tuple[bool, ...]]:
    """As `check`, without the rows: for an order that is judged a second time at another size."""
    lines = _loads([e for c in CHECKS for e in (c.seen, c.allowed)])
    lines += [f"{name} = {text}" for name, text in CONDITIONS.items()]
    passed = []
    for number, rule in enumerate(CHECKS):
        s, a = f"s{number}", f"a{number}"
        lines += [f"{s} = {source(rule.seen, NULLABLE)}", f"{a} = {source(rule.allowed, NULLABLE)}"]
        known = f"{s} is not None and {a} is not None and " if _can_lack(rule) else ""
        passed.append(f"{known}{s} {rule.comparison} {a}")
    lines.append(f"return ({', '.join(passed)})")
    return _compiled("passes", lines, {})


check: Final = _check_function()
"""`check(facts, limits, quantity)`: every row of the table for an order of `quantity`."""
passes: Final = _passes_function()
"""`passes(facts, limits, quantity)`: which rows of the table an order of `quantity` passes."""
cap: Final = _cap_function()
"""`cap(facts, limits, quantity)`: the largest quantity all size limits allow, None if one of them is not known."""
