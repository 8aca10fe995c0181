"""The gate's answer to one signal: all checks, always, and what follows from them."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from steersman.trading.events import CheckRow
from steersman.trading.gate.facts import Facts, Limits
from steersman.trading.gate.scalar import asks, cap, check
from steersman.trading.gate.table import CHECKS, TABLE_DIGEST
from steersman.trading.gate.wording import amount

Outcome = Literal["accept", "adjust", "hold", "reject"]
_SIZE, _ASK = "size", "ask"
# What a failed check may come to besides a refusal.
_KIND: Final = {c.code: _ASK if c.asks else _SIZE for c in CHECKS if c.asks or c.cap is not None}


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
    rows, against = check(facts, limits, facts.quantity)
    if not against:
        return _judgement("accept", facts.quantity, rows, (), "all checks passed", limits)
    failed = tuple([row.code for row in against])
    reasons = "; ".join([row.why for row in against])
    kinds = {_KIND.get(code) for code in failed}
    if None in kinds:
        return _judgement("reject", 0, rows, failed, reasons, limits)
    if _SIZE not in kinds and not _lacks(against):
        return _judgement("hold", facts.quantity, rows, failed, reasons, limits)
    quantity = _smaller(facts, limits, failed) if limits.allow_adjust else 0
    if quantity > 0:
        cut = f"{reasons}; cut to {amount(quantity)}"
        if _ASK not in kinds or not asks(facts, limits, quantity):
            return _judgement("adjust", quantity, rows, failed, cut, limits)
        if not _lacks(against):
            return _judgement("hold", quantity, rows, failed, cut, limits)
    return _judgement("reject", 0, rows, failed, reasons, limits)


def _lacks(against: list[CheckRow]) -> bool:
    """Say whether something is not known. What is lacking now still is after a cut."""
    return None in [row.margin for row in against]


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


def _smaller(facts: Facts, limits: Limits, failed: tuple[str, ...]) -> int:
    """Return the largest whole number of lots that the size limits allow, 0 if that is not known."""
    if not facts.lot:
        return 0
    largest = cap(facts, limits, failed)
    return 0 if largest is None else largest - largest % facts.lot
