"""The table as Python functions over integers: what the live path calls.

Each is compiled twice. The quick form takes it that every fact it meets is known: one that is not raises, and the whole
form, which asks of each value whether it is known, answers instead. Both come from the same table.
"""

from __future__ import annotations

import linecache
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, get_type_hints

from steersman.trading.events import CheckRow
from steersman.trading.gate.expression import CONDITIONS, Apply, Expression, Field, conditions, fields, parts, source
from steersman.trading.gate.facts import Facts, Limits
from steersman.trading.gate.table import CHECKS, Check
from steersman.trading.gate.wording import Words

Seen = tuple[tuple[CheckRow, ...], list[CheckRow]]
"""The row of each check, in table order; and those that did not pass: an unknown one did not."""

_FACTS, _LIMITS = tuple(Facts.__struct_fields__), tuple(Limits.__struct_fields__)
_UNKNOWN: Final = (TypeError, ZeroDivisionError)
"""What the quick form raises: an operand is None, or a step of a price is zero."""


def _nullable() -> frozenset[str]:
    hints = {**get_type_hints(Facts), **get_type_hints(Limits)}
    return frozenset(name for name, hint in hints.items() if type(None) in getattr(hint, "__args__", ()))


NULLABLE: Final = _nullable()
_NOT_ALWAYS: Final = {"bid", "ask", "source_price", "stop_price"}
"""Facts that are None without anything lacking: only read where a condition says that they are there."""


def reads(rule: Check) -> set[str]:
    """Return the names of the facts and limits that a check reads, its conditions included."""
    return _read_by([rule.seen, rule.allowed, rule.cap])


def _read_by(expressions: Sequence[Expression | None]) -> set[str]:
    named = set().union(*(conditions(e) for e in expressions))
    return set().union(*(fields(e) for e in expressions), *(_condition_reads(name) for name in named))


def _condition_reads(name: str) -> set[str]:
    words = set(re.findall(r"[a-z_]+", CONDITIONS[name]))
    return words & {*_FACTS, *_LIMITS} | set().union(*(_condition_reads(c) for c in words & CONDITIONS.keys()))


def _compiled(name: str, lines: Iterable[str], names: dict[str, Any]) -> Callable[..., Any]:
    """Return the function `name` of generated source; tracebacks show its lines."""
    text = "\n    ".join([f"def {name}(facts, limits, quantity):", *lines]) + "\n"
    file = f"<gate table: {name}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    space = dict(names)
    exec(compile(text, file, "exec"), space)  # noqa: S102 - the source is made from our own table, of no input
    made: Callable[..., Any] = space[name]
    return made


class _Source:
    """Python source of some expressions of the table, in one of the two forms."""

    def __init__(self, expressions: Sequence[Expression], *, quick: bool) -> None:
        self._expressions = expressions
        self._nullable = frozenset[str]() if quick else NULLABLE
        self._named: dict[Expression, str] = {}
        self._quick = quick

    def head(self) -> list[str]:
        """Return the lines that bring each field into a local, the conditions, and what several expressions need."""
        names = _read_by(self._expressions)
        lines = [f"{n} = facts.{n}" for n in _FACTS if n in names and n != "quantity"]
        lines += [f"{n} = limits.{n}" for n in _LIMITS if n in names]
        used = self._conditions()
        lines += [f"{name} = {text}" for name, text in CONDITIONS.items() if name in used]
        if self._quick:
            flags = sorted(names & NULLABLE & _flags(self._expressions))
            lines += [f"if {name} is None: raise TypeError" for name in flags]
            lines += self._common()
        return lines

    def text(self, expression: Expression) -> str:
        return source(expression, self._nullable, self._named)

    def _conditions(self) -> set[str]:
        used = set().union(*(conditions(e) for e in self._expressions))
        return used | {w for c in used for w in re.findall(r"[a-z_]+", CONDITIONS[c]) if w in CONDITIONS}

    def _common(self) -> list[str]:
        found = (part for e in self._expressions for part in parts(e))
        count = Counter(part for part in found if isinstance(part, Apply) and not fields(part) & _NOT_ALWAYS)
        lines = []
        # Smaller ones first: what they are part of is said with their names.
        for part in sorted((p for p, n in count.items() if n > 1), key=lambda p: sum(1 for _ in parts(p))):
            lines.append(f"_{len(self._named)} = {self.text(part)}")
            self._named[part] = f"_{len(self._named)}"
        return lines


def _flags(expressions: Iterable[Expression]) -> set[str]:
    return {part.name for e in expressions for part in parts(e) if isinstance(part, Field) and part.flag}


def _check_function(*, quick: bool) -> Callable[[Facts, Limits, int], Seen]:
    text = _Source([e for c in CHECKS for e in (c.seen, c.allowed)], quick=quick)
    lines = [*text.head(), "failed = []"]
    names: dict[str, Any] = {"Row": CheckRow}
    for number, rule in enumerate(CHECKS):
        lines += _row_lines(number, rule, text, names, quick=quick)
    rows = ", ".join(f"r{number}" for number in range(len(CHECKS)))
    return _compiled("check", [*lines, f"return ({rows}), failed"], names)


def _row_lines(number: int, rule: Check, text: _Source, names: dict[str, Any], *, quick: bool) -> list[str]:
    """Return the lines that make `r<number>` and note a failure; what they call is put into `names`."""
    s, a, row = (f"{letter}{number}" for letter in "sar")
    names[f"no{number}"] = _failing(rule)
    lines = [f"{s} = {text.text(rule.seen)}", f"{a} = {text.text(rule.allowed)}"]
    margin = {"<=": f"{a} - {s}", ">=": f"{s} - {a}", "==": "0"}[rule.comparison]
    fine = f'Row("{rule.code}", True, {s}, {a}, "{rule.unit}", {margin}, "")'
    if rule.unit == "flag":
        # A flag that passes always looks the same: one row for all of them.
        passing = 0 if rule.comparison == "<=" else 1
        names[f"fine{number}"] = CheckRow(rule.code, True, passing, passing, rule.unit, 0, "")  # noqa: FBT003 - array-like
        fine = f"fine{number}"
    return [
        *lines,
        f"if {_passes(rule, s, a, quick=quick)}: {row} = {fine}",
        f"else: {row} = no{number}({s}, {a}); failed.append({row})",
    ]


def _passes(rule: Check, seen: str, allowed: str, *, quick: bool) -> str:
    can_lack = not quick and bool((fields(rule.seen) | fields(rule.allowed)) & NULLABLE)
    known = f"{seen} is not None and {allowed} is not None and " if can_lack else ""
    return f"{known}{seen} {rule.comparison} {allowed}"


def _failing(rule: Check) -> Callable[[int | None, int | None], CheckRow]:
    """Return the function that makes a row of `rule` which did not pass."""
    code, unit, words = rule.code, rule.unit, Words(rule)
    at_most = rule.comparison == "<="

    def row(seen: int | None, allowed: int | None) -> CheckRow:
        margin = None
        if seen is not None and allowed is not None:
            # Of an equality that fails, the distance: both are flags.
            margin = allowed - seen if at_most else seen - allowed
        return CheckRow(code, False, seen, allowed, unit, margin, words.why(seen, allowed))  # noqa: FBT003 - array-like

    return row


def _cap_function(expression: Expression, *, quick: bool) -> Callable[[Facts, Limits, int], int | None]:
    text = _Source([expression], quick=quick)
    return _compiled("cap", [*text.head(), f"return {text.text(expression)}"], {})


def _asks_function() -> Callable[[Facts, Limits, int], tuple[str, ...]]:
    asking = [c for c in CHECKS if c.asks]
    text = _Source([e for c in asking for e in (c.seen, c.allowed)], quick=False)
    lines = [*text.head(), "failed = []"]
    for number, rule in enumerate(asking):
        s, a = f"s{number}", f"a{number}"
        lines += [f"{s} = {text.text(rule.seen)}", f"{a} = {text.text(rule.allowed)}"]
        lines.append(f'if not ({_passes(rule, s, a, quick=False)}): failed.append("{rule.code}")')
    return _compiled("asks", [*lines, "return tuple(failed)"], {})


_quick_check, _whole_check = (_check_function(quick=quick) for quick in (True, False))
_caps: Final = {
    c.code: tuple(_cap_function(c.cap, quick=quick) for quick in (True, False)) for c in CHECKS if c.cap is not None
}


def check(facts: Facts, limits: Limits, quantity: int) -> Seen:
    """Return every row of the table for an order of `quantity`, and what failed."""
    try:
        return _quick_check(facts, limits, quantity)
    except _UNKNOWN:
        return _whole_check(facts, limits, quantity)


asks: Final = _asks_function()
"""`asks(facts, limits, quantity)`: the codes that still ask a person about an order of `quantity`, which a cut made.

A check that passes a larger order passes this one: it is an exit if that was one, or has become one, or ends nearer to
zero. So nothing else has to be looked at again.
"""


def cap(facts: Facts, limits: Limits, failed: Iterable[str]) -> int | None:
    """Return the largest quantity that passes the size limits of `failed`, at most what was asked; None: not known."""
    largest = facts.quantity
    for code in failed:
        if code in _caps:
            quick, whole = _caps[code]
            try:
                found = quick(facts, limits, facts.quantity)
            except _UNKNOWN:
                found = whole(facts, limits, facts.quantity)
            if found is None:
                return None
            largest = min(largest, found)
    return largest
