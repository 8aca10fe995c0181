"""What a failed check says: the numbers that decided, or what is missing."""

from __future__ import annotations

from typing import Final

from steersman.trading.gate.table import Check

_PLAIN: Final = ("flag", "count")


def why(rule: Check, seen: int | None, allowed: int | None) -> str:
    if allowed is None:
        return f"{rule.code}: missing: its limit is not set in policy"
    if seen is None:
        return f"{rule.code}: missing: {rule.on_missing or 'a fact it needs is not known'}"
    if rule.unit == "flag":
        return f"{rule.code}: {rule.otherwise}"
    beyond = {"<=": ">", ">=": "<", "==": "is not"}[rule.comparison]
    shown, limit = (str(v) if rule.unit in _PLAIN else amount(v) for v in (seen, allowed))
    unit = "" if rule.unit in (*_PLAIN, "ratio", "currency") else f" {rule.unit}"
    return f"{rule.code}: {shown}{unit} {beyond} {limit}{unit}"


def amount(nano: int) -> str:
    """Return billionths as people read them: 15,230 or 0.052, at most four decimals."""
    whole, rest = divmod((abs(nano) + 50_000) // 100_000, 10_000)
    decimals = f".{rest:04d}".rstrip("0") if rest else ""
    return f"{'-' if nano < 0 else ''}{whole:,}{decimals}"
