"""The table over a Polars frame: the same rows, the same answers, a million signals at once. For replays only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from steersman.trading.gate.expression import fits_64_bits, vector, vector_conditions
from steersman.trading.gate.facts import Facts, Limits
from steersman.trading.gate.table import CHECKS

if TYPE_CHECKING:
    import polars as pl

_AT_ONCE: Final = 200_000
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
    judged = asked.with_columns(_first_outcome(), quantity_allowed=pl.col("quantity"))
    smaller = judged.with_row_index("row").filter(pl.col("outcome") == "cut")
    if smaller.height:
        again = (
            smaller.lazy()
            .with_columns(quantity=_smaller())
            .filter(pl.col("quantity") > 0)
            .with_columns(_passes())
            .with_columns(_second_outcome())
            .select("row", second="outcome", cut="quantity")
            .collect()
        )
        judged = (
            judged.with_row_index("row")
            .join(again, on="row", how="left", maintain_order="left")
            .with_columns(
                outcome=pl.when(pl.col("outcome") == "cut")
                .then(pl.col("second").fill_null("reject"))
                .otherwise(pl.col("outcome")),
                quantity_allowed=pl.coalesce("cut", "quantity_allowed"),
            )
            .drop("row", "second", "cut")
        )
    allowed = pl.when(pl.col("outcome") == "reject").then(0).otherwise(pl.col("quantity_allowed"))
    return judged.with_columns(quantity_allowed=allowed).drop("lacks")


def _literal(name: str, value: object) -> pl.Expr:
    import polars as pl  # as above

    return pl.lit(value, dtype=pl.Int64 if value is None else None).alias(name)


def _passes() -> list[pl.Expr]:
    """Return `ok_<CODE>` for each check, and `lacks`: a fact or limit of the checks that ask was not known."""
    import polars as pl  # as above

    conditions = vector_conditions()
    made, lacking = [], []
    for check in CHECKS:
        wide = not (fits_64_bits(check.seen) and fits_64_bits(check.allowed))
        seen, allowed = (vector(side, conditions, wide=wide) for side in (check.seen, check.allowed))
        ok = {"<=": seen <= allowed, ">=": seen >= allowed, "==": seen == allowed}[check.comparison]
        made.append(ok.fill_null(value=False).alias(f"ok_{check.code}"))
        if check.asks:
            lacking.append(ok.is_null())
    return [*made, pl.any_horizontal(lacking).alias("lacks")]


def _others(*, asks: bool, cap: bool) -> pl.Expr:
    """Return whether all checks pass, those that ask and those with a cap left out as said."""
    import polars as pl  # as above

    names = [f"ok_{c.code}" for c in CHECKS if not (asks and c.asks) and not (cap and c.cap is not None)]
    return pl.all_horizontal(names)


def _first_outcome() -> pl.Expr:
    import polars as pl  # as above

    return (
        pl.when(_others(asks=False, cap=False))
        .then(pl.lit("accept"))
        .when(_others(asks=True, cap=False) & ~pl.col("lacks"))
        .then(pl.lit("hold"))
        .when(_others(asks=True, cap=True) & pl.col("allow_adjust"))
        .then(pl.lit("cut"))
        .otherwise(pl.lit("reject"))
        .alias("outcome")
    )


def _second_outcome() -> pl.Expr:
    import polars as pl  # as above

    return (
        pl.when(_others(asks=False, cap=False))
        .then(pl.lit("adjust"))
        .when(_others(asks=True, cap=False) & ~pl.col("lacks"))
        .then(pl.lit("hold"))
        .otherwise(pl.lit("reject"))
        .alias("outcome")
    )


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
