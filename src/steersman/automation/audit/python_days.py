"""Days that are counted from today: the same day, however a script spells it."""

from __future__ import annotations

import ast
import re
from typing import Final

from steersman.automation.audit.python_module import Module

_TODAY: Final = re.compile(
    r"^(datetime\.)?(date\.today|datetime\.(now|today|utcnow))$|^pandas\.Timestamp\.(today|now|utcnow)$"
)
_KEEPS: Final = ("isoformat", "strftime", "date", "format", "normalize", "astimezone", "replace")
_DEEPEST: Final = 8


def day_of(module: Module, node: ast.expr | None, depth: int = 0) -> int | None:
    """Return how many days after today an expression is; None when it is no day, or not counted from today."""
    if node is None or depth > _DEEPEST:
        return None
    match node:
        case ast.Name() if (value := module.value_of(node)) is not None:
            return day_of(module, value, depth + 1)
        case ast.Call() if _TODAY.match(module.resolve(node.func).name):
            return 0
        case ast.Call(func=ast.Name(id="str"), args=[inner]):
            return day_of(module, inner, depth + 1)
        case ast.Call(func=ast.Attribute(attr=attr, value=owner)) if attr in _KEEPS:
            return day_of(module, owner, depth + 1)
        case ast.BinOp(op=ast.Sub() | ast.Add() as op, left=left, right=ast.Call() as span):
            start, days = day_of(module, left, depth + 1), _days(module, span)
            if start is None or days is None:
                return None
            return start - days if isinstance(op, ast.Sub) else start + days
        case _:
            return None


def _days(module: Module, span: ast.Call) -> int | None:
    if module.resolve(span.func).name.rpartition(".")[2] != "timedelta":
        return None
    given = next((k.value for k in span.keywords if k.arg == "days"), span.args[0] if span.args else None)
    weeks = next((k.value for k in span.keywords if k.arg == "weeks"), None)
    match given or weeks:
        case ast.Constant(value=int() as number):
            return number * (1 if given is not None else 7)
        case _:
            return None
