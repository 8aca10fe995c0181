"""The gate's answer to one signal: all checks, always, and what follows from them."""

from __future__ import annotations

from itertools import compress
from operator import not_
from typing import Final, Literal

import msgspec

from steersman.trading.events import CheckRow
from steersman.trading.gate.facts import Facts, Limits
from steersman.trading.gate.scalar import cap, check, passes
from steersman.trading.gate.table import CHECKS, CODES, TABLE_DIGEST
from steersman.trading.gate.wording import amount

Outcome = Literal["accept", "adjust", "hold", "reject"]
_ADJUSTABLE: Final = frozenset(c.code for c in CHECKS if c.cap is not None)
_ASKING: Final = frozenset(c.code for c in CHECKS if c.asks)
_SIZED: Final = _ADJUSTABLE | _ASKING


class Judgement(msgspec.Struct, frozen=True, kw_only=True, gc=False):
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
    rows, passed = check(facts, limits, facts.quantity)
    failed = _failed(passed)
    if not failed:
        return _judgement("accept", facts.quantity, rows, failed, "all checks passed", limits)
    against = [row for row in rows if not row.ok]
    reasons = "; ".join([row.why for row in against])
    # What is known does not depend on the size: what is lacking now still is after a cut.
    lacks = None in [row.margin for row in against]
    if _ASKING.issuperset(failed) and not lacks:
        return _judgement("hold", facts.quantity, rows, failed, reasons, limits)
    quantity = _smaller(facts, limits, failed) if limits.allow_adjust else 0
    if quantity > 0:
        left = _failed(passes(facts, limits, quantity))
        cut = f"{reasons}; cut to {amount(quantity)}"
        if not left:
            return _judgement("adjust", quantity, rows, failed, cut, limits)
        if _ASKING.issuperset(left) and not lacks:
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


def _failed(passed: tuple[bool, ...]) -> tuple[str, ...]:
    # Nearly always all pass, and `in` finds that without a loop of ours.
    return () if False not in passed else tuple(compress(CODES, map(not_, passed)))


def _smaller(facts: Facts, limits: Limits, failed: tuple[str, ...]) -> int:
    """Return the largest whole number of lots that the size limits allow, 0 if size is not all that is wrong."""
    if not _SIZED.issuperset(failed) or not facts.lot:
        return 0
    largest = cap(facts, limits, facts.quantity)
    if largest is None:
        return 0
    quantity = min(largest, facts.quantity)
    return quantity - quantity % facts.lot
