"""All recorded signals judged at once under other limits, on the facts that were recorded."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from steersman.trading.gate.facts import Limits
from steersman.trading.gate.frame import judge_frame
from steersman.trading.gate.table import CODES
from steersman.trading.whatif.alternative import Policies, Scope
from steersman.trading.whatif.history import FACTS

if TYPE_CHECKING:
    import polars as pl

_AT_ONCE: Final = 100_000
_LIMITS: Final = tuple(name for name in Limits.__struct_fields__ if name != "policy_version")


def judge_again(verdicts: pl.DataFrame, scopes: Sequence[Scope], policies: Policies) -> pl.DataFrame:
    """Return `outcome_then`, `sent_then` and `failed_then` (bits) for each row of `verdicts`, in its order.

    Exact for every row up to the first that differs from what was recorded: nothing before it was touched.
    """
    import polars as pl  # frames stay out of the process that trades

    limits = [policies.limits(scope, tried=True) for scope in scopes]
    counted = recounted(verdicts, scopes, policies)
    # In pieces, of which only the answers are kept: the memory of one serves the next.
    return pl.concat([_judged(piece, limits) for piece in counted.iter_slices(_AT_ONCE)])


def _judged(verdicts: pl.DataFrame, limits: Sequence[Limits]) -> pl.DataFrame:
    import polars as pl  # as above

    judged = judge_frame(verdicts.select(*FACTS, *_columns(verdicts["scope"], limits)), limits[0])
    return judged.select(
        outcome_then="outcome",
        sent_then=pl.col("quantity_allowed").cast(pl.Int64),
        failed_then=_bits(judged),
    )


def codes_of(bits: int) -> tuple[str, ...]:
    """Return the codes of the checks that a mask of `failed` names."""
    return tuple(code for number, code in enumerate(CODES) if bits >> number & 1)


def bits_of(codes: Sequence[str]) -> int:
    """Return the mask of some checks."""
    return sum(1 << CODES.index(code) for code in codes)


def recounted(verdicts: pl.DataFrame, scopes: Sequence[Scope], policies: Policies) -> pl.DataFrame:
    """Return `verdicts` with repeated contents counted again for strategies whose duplicate window is another one."""
    import polars as pl  # as above

    windows = [policies.window_ns(scope, tried=True) for scope in scopes]
    other = {n for n, scope in enumerate(scopes) if windows[n] != policies.window_ns(scope, tried=False)}
    if not other:
        return verdicts
    counts: list[int] = []
    came: dict[tuple[object, ...], deque[int]] = defaultdict(deque)
    longest = max((windows[n] or 0 for n in other), default=0)
    columns = ("scope", "strategy", "instrument", "direction", "quantity", "at", "repeated_content")
    for scope, strategy, instrument, direction, quantity, at, recorded in verdicts.select(columns).iter_rows():
        before = came[strategy, instrument, direction, quantity]
        while before and before[0] <= at - longest:
            before.popleft()
        approved = scopes[scope].approved
        window = windows[scope]
        again = scope in other and not approved
        counts.append(sum(1 for when in before if window is not None and when > at - window) if again else recorded)
        if not approved:
            before.append(at)
    return verdicts.with_columns(pl.Series("repeated_content", counts, dtype=pl.Int64))


def _columns(scope: pl.Series, limits: Sequence[Limits]) -> list[pl.Series]:
    """Return the limits that differ between scopes, per row; what all have in common is said once, and is cheaper."""
    import polars as pl  # as above

    made = []
    for name in _LIMITS:
        values = [getattr(limit, name) for limit in limits]
        if len(set(values)) > 1:
            kind = pl.Boolean if isinstance(next(v for v in values if v is not None), bool) else pl.Int64
            made.append(pl.Series(name, values, dtype=kind).gather(scope))
    return made


def _bits(judged: pl.DataFrame) -> pl.Expr:
    """Return the mask of failed checks; most checks fail nowhere, and cost nothing."""
    import polars as pl  # as above

    always = judged.select(pl.col(f"ok_{code}").all() for code in CODES).row(0)
    failing = [n for n, passes in enumerate(always) if not passes]
    bits = [pl.when(pl.col(f"ok_{CODES[n]}")).then(0).otherwise(1 << n) for n in failing]
    return pl.sum_horizontal([pl.lit(0, dtype=pl.Int64), *bits]).cast(pl.Int64)
