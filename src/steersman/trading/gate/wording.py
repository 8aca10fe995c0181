"""What a failed check says: the numbers that decided, or what is missing."""

from __future__ import annotations

from typing import Final

from steersman.trading.gate.table import Check

_BEYOND: Final = {"<=": ">", ">=": "<", "==": "is not"}
_UNSAID: Final = ("ratio", "currency")


def why(rule: Check, seen: int | None, allowed: int | None) -> str:
    if allowed is None:
        return f"{rule.code}: missing: its limit is not set in policy"
    if seen is None:
        return f"{rule.code}: missing: {rule.on_missing or 'a fact it needs is not known'}"
    if rule.unit == "flag":
        return f"{rule.code}: {rule.otherwise}"
    if rule.unit == "count":
        return f"{rule.code}: {seen} {_BEYOND[rule.comparison]} {allowed}"
    unit = "" if rule.unit in _UNSAID else f" {rule.unit}"
    return f"{rule.code}: {amount(seen)}{unit} {_BEYOND[rule.comparison]} {amount(allowed)}{unit}"


def amount(nano: int) -> str:
    """Return billionths as people read them: 15,230 or 0.052, at most four decimals."""
    if nano % 1_000_000_000 == 0:
        return f"{nano // 1_000_000_000:,}"
    whole, rest = divmod((abs(nano) + 50_000) // 100_000, 10_000)
    decimals = f".{rest:04d}".rstrip("0") if rest else ""
    return f"{'-' if nano < 0 else ''}{whole:,}{decimals}"
