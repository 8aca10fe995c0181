"""The table over a Polars frame: the same rows, the same answers, a million signals at once. For replays only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from steersman.trading.gate.expression import fits_64_bits, vector, vector_conditions
from steersman.trading.gate.facts import Facts, Limits
from steersman.trading.gate.table import CHECKS, Check

if TYPE_CHECKING:
    import polars as pl

_AT_ONCE: Final = 200_000
_ACCEPT, _ADJUST, _HOLD, _CUT, _REJECT = range(5)
# A cut that was not put in again left nothing to send.
_OUTCOMES: Final = {_ACCEPT: "accept", _ADJUST: "adjust", _HOLD: "hold", _CUT: "reject", _REJECT: "reject"}
_COLUMNS: Final = (*Facts.__struct_fields__, *Limits.__struct_fields__)


def judge_frame(frame: pl.DataFrame, limits: Limits | None = None) -> pl.DataFrame:
    """Return `frame` with `ok_<CODE>` per check, `outcome` and `quantity_allowed`.

    Args:
        frame: one row per signal, a column per field of `Facts`, in the same units.
        limits: for all rows; a column of the frame with the name of a limit wins.

    Raises:
        ValueError: a column is missing.
    """
    import polars as pl  # never in the process that trades

    if frame.height > _AT_ONCE:
        # In pieces that use the same memory again: much of the cost of a million rows at once was fresh pages.
        return pl.concat([judge_frame(piece, limits) for piece in frame.iter_slices(_AT_ONCE)])
    from_policy = {} if limits is None else msgspec.structs.asdict(limits)
    absent = [name for name in _COLUMNS if name not in frame.columns and name not in from_policy]
    if absent:
        raise ValueError(f"the frame has no column {', '.join(absent)}")
    added = [_literal(name, value) for name, value in from_policy.items() if name not in frame.columns]
    # Lazy, so that what several checks read (the order's value, the position afterwards) is computed once.
    asked = frame.lazy().with_columns(added).with_columns(_passes()).collect()
    judged = asked.with_columns(_outcomes()).with_row_index("row")
    smaller = judged.filter(pl.col("outcome") == _CUT).lazy().with_columns(quantity=_smaller())
    # As in the scalar form: what passed a larger order passes this one, but for what asks a person.
    again = smaller.filter(pl.col("quantity") > 0).with_columns(_asked_again()).select("row", "outcome", "quantity")
    outcome, quantity = _with(judged["outcome"], judged["quantity"], again.collect())
    return judged.drop("row", "lacks").with_columns(
        outcome=outcome.replace_strict(_OUTCOMES, return_dtype=pl.String),
        quantity_allowed=pl.when(outcome < _CUT).then(quantity).otherwise(0),
    )


def _with(outcome: pl.Series, quantity: pl.Series, again: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
    """Return both columns with the rows of `again` put in."""
    rows = again["row"]
    return outcome.scatter(rows, again["outcome"]), quantity.clone().scatter(rows, again["quantity"])


def _literal(name: str, value: object) -> pl.Expr:
    import polars as pl  # as above

    return pl.lit(value, dtype=pl.Int64 if value is None else None).alias(name)


def _passes() -> list[pl.Expr]:
    """Return `ok_<CODE>` for each check, and `lacks`: a fact or limit of the checks that ask was not known."""
    import polars as pl  # as above

    conditions = vector_conditions()
    made, lacking = [], []
    for check in CHECKS:
        ok = _ok(check, conditions)
        made.append(ok.fill_null(value=False).alias(f"ok_{check.code}"))
        if check.asks:
            lacking.append(ok.is_null())
    return [*made, pl.any_horizontal(lacking).alias("lacks")]


def _ok(check: Check, conditions: dict[str, pl.Expr]) -> pl.Expr:
    """Return whether a check passes; null where something is not known."""
    wide = not (fits_64_bits(check.seen) and fits_64_bits(check.allowed))
    seen, allowed = (vector(side, conditions, wide=wide) for side in (check.seen, check.allowed))
    passes: pl.Expr = {"<=": seen.le, ">=": seen.ge, "==": seen.eq}[check.comparison](allowed)
    return passes


def _all(*, asks: bool, cap: bool) -> pl.Expr:
    """Return whether all checks pass that ask, or that have a cap, or neither."""
    import polars as pl  # as above

    return pl.all_horizontal([f"ok_{c.code}" for c in CHECKS if c.asks == asks and (c.cap is not None) == cap])


def _outcomes() -> pl.Expr:
    import polars as pl  # as above

    plain, sized, small = (_all(asks=asks, cap=cap) for asks, cap in ((False, False), (False, True), (True, False)))
    return (
        pl.when(plain & sized & small)
        .then(_ACCEPT)
        .when(plain & sized & ~pl.col("lacks"))
        .then(_HOLD)
        .when(plain & pl.col("allow_adjust"))
        .then(_CUT)
        .otherwise(_REJECT)
        .cast(pl.Int8)
        .alias("outcome")
    )


def _asked_again() -> pl.Expr:
    import polars as pl  # as above

    conditions = vector_conditions()
    small = pl.all_horizontal([_ok(check, conditions) for check in CHECKS if check.asks])
    outcome = pl.when(small).then(_ADJUST).when(~pl.col("lacks")).then(_HOLD).otherwise(_REJECT)
    return outcome.cast(pl.Int8).alias("outcome")


def _smaller() -> pl.Expr:
    """Return the largest whole number of lots that all size limits allow; null or 0 where there is none."""
    import polars as pl  # as above

    conditions = vector_conditions()
    asked = pl.col("quantity").cast(pl.Int128)
    # What passes as it is needs no cut.
    caps = [
        pl.when(pl.col(f"ok_{c.code}")).then(asked).otherwise(vector(c.cap, conditions))
        for c in CHECKS
        if c.cap is not None
    ]
    known = pl.all_horizontal([cap.is_not_null() for cap in caps])
    least = pl.min_horizontal([*caps, asked])
    lot = pl.col("lot").cast(pl.Int128)
    return pl.when(known).then((least - least % lot).cast(pl.Int64))
