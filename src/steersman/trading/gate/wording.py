"""What a failed check says: the numbers that decided, or what is missing."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from steersman.trading.gate.table import Check

_BEYOND: Final = {"<=": ">", ">=": "<", "==": "is not"}
_UNSAID: Final = ("ratio", "currency")
_EXACT: Final = 10**18


class Words:
    """The sentences of one check, prepared: they are said on the path an order waits for."""

    def __init__(self, rule: Check) -> None:
        self._no_limit = f"{rule.code}: missing: its limit is not set in policy"
        self._no_fact = f"{rule.code}: missing: {rule.on_missing or 'a fact it needs is not known'}"
        self._flag = f"{rule.code}: {rule.otherwise}" if rule.unit == "flag" else None
        self._code = f"{rule.code}: "
        self._is_count = rule.unit == "count"
        unit = "" if rule.unit in (*_UNSAID, "count") else f" {rule.unit}"
        self._beyond = f"{unit} {_BEYOND[rule.comparison]} "
        self._unit = unit

    def why(self, seen: int | None, allowed: int | None) -> str:
        """Return what decided, in numbers, or what is missing."""
        if allowed is None:
            return self._no_limit
        if seen is None:
            return self._no_fact
        if self._flag is not None:
            return self._flag
        if self._is_count:
            return f"{self._code}{seen}{self._beyond}{allowed}"
        return f"{self._code}{amount(seen)}{self._beyond}{_limit(allowed)}{self._unit}"


def amount(nano: int) -> str:
    """Return billionths as people read them: 15,230 or 0.052, at most four decimals."""
    if nano % 1_000_000_000 == 0:
        return f"{nano // 1_000_000_000:,}"
    if -_EXACT < nano < _EXACT:
        # Three times as quick; below a billion the error of a float is far behind the fourth decimal.
        text = f"{nano / 1_000_000_000:,.4f}".rstrip("0")
        return text if text[-1] != "." else text[:-1].replace("-0", "0")
    whole, rest = divmod((abs(nano) + 50_000) // 100_000, 10_000)
    decimals = f".{rest:04d}".rstrip("0") if rest else ""
    return f"{'-' if nano < 0 else ''}{whole:,}{decimals}"


_limit: Final = lru_cache(maxsize=256)(amount)
"""A limit is said again and again, what it is held against hardly ever."""
