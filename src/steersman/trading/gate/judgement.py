"""The gate's answer to one signal: all checks, always, and what follows from them."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal

import msgspec

from steersman.kernel.fixed import from_nano
from steersman.trading.events import CheckRow
from steersman.trading.gate.facts import Facts, Limits
from steersman.trading.gate.scalar import Seen, cap, check
from steersman.trading.gate.table import CHECKS, CODES, TABLE_DIGEST, Check

Outcome = Literal["accept", "adjust", "hold", "reject"]
_PLAIN: Final = ("flag", "count")
_ADJUSTABLE: Final = frozenset(c.code for c in CHECKS if c.cap is not None)
_ASKING: Final = frozenset(c.code for c in CHECKS if c.asks)


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What may be sent, and why.

    Attributes:
        quantity: billionths of a unit that may be sent (`hold`: once approved); 0 after `reject`.
        rows: every check for the order as asked, in table order.
        failed: codes of those that did not pass.
        why: one sentence with the numbers that decided.
    """

    outcome: Outcome
    quantity: int
    rows: tuple[CheckRow, ...]
    failed: tuple[str, ...]
    why: str
    policy_version: int
    table: str


def judge(facts: Facts, limits: Limits) -> Judgement:
    """Run every check on `facts` and return the outcome.

    Rejects if a check fails that a smaller order would not pass or that lacks a fact; cuts the quantity to the binding
    size limit where policy allows; asks a person when only that is missing.
    """
    found = check(facts, limits, facts.quantity)
    failed = _failed(found)
    rows = _rows(found)
    if not failed:
        return _judgement("accept", facts.quantity, rows, failed, "all checks passed", limits)
    reasons = "; ".join(row.why for row in rows if not row.ok)
    if _ASKING.issuperset(failed) and not _lacks(found):
        return _judgement("hold", facts.quantity, rows, failed, reasons, limits)
    quantity = _smaller(facts, limits, failed) if limits.allow_adjust else 0
    if quantity > 0:
        again = check(facts, limits, quantity)
        left = _failed(again)
        cut = f"{reasons}; cut to {_amount(quantity)}"
        if not left:
            return _judgement("adjust", quantity, rows, failed, cut, limits)
        if _ASKING.issuperset(left) and not _lacks(again):
            return _judgement("hold", quantity, rows, failed, cut, limits)
    return _judgement("reject", 0, rows, failed, reasons, limits)


def _judgement(
    outcome: Outcome, quantity: int, rows: tuple[CheckRow, ...], failed: tuple[str, ...], why: str, limits: Limits
) -> Judgement:
    return Judgement(
        outcome=outcome,
        quantity=quantity,
        rows=rows,
        failed=failed,
        why=why,
        policy_version=limits.policy_version,
        table=TABLE_DIGEST,
    )


def _failed(found: Seen) -> tuple[str, ...]:
    passed = found[2]
    # Nearly always all pass, and `in` finds that without a loop of ours.
    return () if False not in passed else tuple(code for code, ok in zip(CODES, passed, strict=True) if not ok)


def _lacks(found: Seen) -> bool:
    return None in found[0] or None in found[1]


def _smaller(facts: Facts, limits: Limits, failed: tuple[str, ...]) -> int:
    """Return the largest whole number of lots that the size limits allow, 0 if size is not all that is wrong."""
    if not (_ADJUSTABLE | _ASKING).issuperset(failed) or not facts.lot:
        return 0
    largest = cap(facts, limits, facts.quantity)
    if largest is None:
        return 0
    quantity = min(largest, facts.quantity)
    return quantity - quantity % facts.lot


def _rows(found: Seen) -> tuple[CheckRow, ...]:
    return tuple(map(_row, CHECKS, *found))


def _row(rule: Check, seen: int | None, allowed: int | None, ok: bool) -> CheckRow:
    margin = None
    if seen is not None and allowed is not None:
        margin = seen - allowed if rule.comparison == ">=" else allowed - seen
        if rule.comparison == "==":
            margin = -abs(margin)
        seen, allowed, margin = int(seen), int(allowed), int(margin)
    return CheckRow(rule.code, ok, seen, allowed, rule.unit, margin, "" if ok else _why(rule, seen, allowed))


def _why(rule: Check, seen: int | None, allowed: int | None) -> str:
    if allowed is None:
        return f"{rule.code}: missing: its limit is not set in policy"
    if seen is None:
        return f"{rule.code}: missing: {rule.on_missing or 'a fact it needs is not known'}"
    if rule.unit == "flag":
        return f"{rule.code}: not so: {rule.meaning[0].lower()}{rule.meaning[1:].rstrip('.')}"
    beyond = {"<=": ">", ">=": "<", "==": "is not"}[rule.comparison]
    shown, limit = (str(v) if rule.unit in _PLAIN else _amount(v) for v in (seen, allowed))
    unit = "" if rule.unit in (*_PLAIN, "ratio", "currency") else f" {rule.unit}"
    return f"{rule.code}: {shown}{unit} {beyond} {limit}{unit}"


def _amount(nano: int) -> str:
    """Return billionths as people read them: 15,230 or 0.052, at most four decimals."""
    value = from_nano(nano)
    return f"{value.quantize(Decimal('0.0001')).normalize():,f}" if abs(nano) < 10**18 else f"{value:,f}"
