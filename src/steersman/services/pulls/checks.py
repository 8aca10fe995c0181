"""The checks of a table against its schema: everything that is wrong is said at once, and what passed is said too.

Only the checking process imports this: it loads polars.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Final

import msgspec
import polars as pl

from steersman.services.pulls.decode import Refused
from steersman.services.pulls.model import Column, Schema

_TYPES: Final[dict[str, pl.DataType]] = {
    "text": pl.String(),
    "int": pl.Int64(),
    "float": pl.Float64(),
    "bool": pl.Boolean(),
    "date": pl.Date(),
    "datetime": pl.Datetime("ns", "UTC"),
}
# 1.4826 times the median absolute deviation estimates the standard deviation of a normal distribution.
# Source: Iglewicz and Hoaglin, How to Detect and Handle Outliers (1993), the modified z-score.
_MAD_TO_SIGMA: Final = 1.4826
_ROUNDING: Final = 1e-9
_BOOLS: Final = {"true": True, "false": False, "1": True, "0": False}
_NS: Final = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1000, "ns": 1}
_INT64: Final = 2**63 - 1


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """A table that passed, in its declared types, and what each check found."""

    frame: pl.DataFrame
    checks: dict[str, str]


def check(frame: pl.DataFrame, schema: Schema) -> Checked:
    """Return `frame` in its declared types.

    Raises:
        Refused: names every column, row (counted from 1, without a header) and bound that does not fit.
    """
    names, problems = [c.name for c in schema.columns], []
    missing = [n for n in names if n not in frame.columns]
    extra = [n for n in frame.columns if n not in names] if names else []
    if missing:
        problems.append(
            f"columns missing: {', '.join(missing)}; found: {', '.join(map(repr, frame.columns[:20])) or 'none'}"
        )
    if extra and schema.extra_columns == "refuse":
        problems.append(f"columns that are not declared: {', '.join(map(repr, extra[:20]))}")
    if not schema.rows_min <= frame.height <= (schema.rows_max if schema.rows_max is not None else frame.height):
        most = "" if schema.rows_max is None else f" to {schema.rows_max:,}"
        problems.append(f"found {frame.height:,} rows, allowed: {schema.rows_min:,}{most or ' or more'}")
    if missing:
        raise Refused(*problems)
    checks = {"rows": f"{frame.height:,}", "columns": f"{len(names)} declared, {len(extra)} more"}
    typed, wrong = _typed(frame, schema)
    if problems or wrong:
        raise Refused(*problems, *wrong)
    for column in schema.columns:
        problems += _of_column(typed, column, schema.group_by, checks)
    problems += _together(typed, schema, checks)
    if problems:
        raise Refused(*problems)
    keep = [*names, *(extra if schema.extra_columns == "keep" else [])] if names else typed.columns
    return Checked(frame=typed.select(keep), checks=checks)


def _typed(frame: pl.DataFrame, schema: Schema) -> tuple[pl.DataFrame, list[str]]:
    problems = []
    for column in schema.columns:
        before = frame[column.name]
        try:
            after = _cast(before, column)
        except (pl.exceptions.PolarsError, OverflowError) as exc:
            # Without the parser's words, which may quote a value.
            why = type(exc).__name__
            problems.append(f"column {column.name}: found {before.dtype}, allowed: {column.type} ({why})")
            continue
        lost = (after.is_null() & before.is_not_null()).arg_true()
        if len(lost):
            problems.append(f"column {column.name}: not readable as {column.type} {_where(len(lost), lost[0] + 1)}")
        frame = frame.with_columns(after)
    return frame, problems


def _cast(series: pl.Series, column: Column) -> pl.Series:
    """Return `series` in the declared type; what cannot be read becomes null."""
    kind = _TYPES[column.type]
    if column.epoch:
        return _instants(series, column)
    if series.dtype == pl.String:
        return _from_text(series.str.strip_chars(), column)
    if column.type == "int" and series.dtype.is_float():
        whole = series.is_finite() & (series == series.floor()) & (series.abs() < _INT64)
        return series.set(~whole.fill_null(value=False), None).cast(kind, strict=False)
    if column.type in ("date", "datetime") and series.dtype.is_numeric():
        return pl.Series(series.name, [None] * len(series), dtype=kind)  # a number is an instant only with `epoch`
    if column.type == "datetime" and isinstance(series.dtype, pl.Datetime) and series.dtype.time_zone is None:
        return series.dt.replace_time_zone("UTC").cast(kind)
    if column.type == "text" and series.dtype.is_nested():
        return pl.Series(series.name, [None] * len(series), dtype=kind)
    return series.cast(kind, strict=False)


def _from_text(series: pl.Series, column: Column) -> pl.Series:
    if column.type == "bool":
        return series.str.to_lowercase().replace_strict(_BOOLS, default=None, return_dtype=pl.Boolean)
    if column.type == "date":
        return series.str.to_date(column.format or "%Y-%m-%d", strict=False)
    if column.type == "datetime":
        return _from_iso(series) if not column.format else _zoned(series, column.format)
    return series.cast(_TYPES[column.type], strict=False)


def _from_iso(series: pl.Series) -> pl.Series:
    """Read ISO 8601; without an offset it is UTC."""
    texts = series.str.replace(r"[zZ]$", "+00:00").str.replace(" ", "T", literal=True)
    texts = texts.str.replace(r"^(\d{4}-\d{2}-\d{2})$", "${1}T00:00:00")
    texts = texts.str.replace(r"(T[0-9:.]+)$", "${1}+00:00").str.replace(r"T(\d{2}:\d{2})([+-])", "T${1}:00${2}")
    return texts.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="ns", time_zone="UTC", strict=False)


def _zoned(series: pl.Series, format: str) -> pl.Series:
    zoned = "%z" in format or "%:z" in format
    found = series.str.to_datetime(format, time_unit="ns", time_zone="UTC" if zoned else None, strict=False)
    return found if zoned else found.dt.replace_time_zone("UTC")


def _instants(series: pl.Series, column: Column) -> pl.Series:
    scale, most = _NS[column.epoch], _INT64 // _NS[column.epoch]
    numbers = series.cast(pl.Float64 if column.epoch == "s" and series.dtype != pl.Int64 else pl.Int64, strict=False)
    numbers = numbers.set((numbers.abs() > most).fill_null(value=False), None)
    instants = (numbers * scale).cast(pl.Int64).cast(pl.Datetime("ns", "UTC"))
    return instants.dt.date() if column.type == "date" else instants


def _of_column(frame: pl.DataFrame, column: Column, group_by: tuple[str, ...], checks: dict[str, str]) -> list[str]:
    series = frame[column.name]
    found = [*_nulls(series, column), *_bounds(series, column), *_members(series, column)]
    found += [*_order(frame, column, group_by), *_gaps(frame, column, group_by), *_outliers(frame, column, group_by)]
    if not found:
        checks[column.name] = _passed(series, column)
    return [f"column {column.name}: {problem}" for problem in found]


def _first(mask: pl.Series) -> tuple[int, int]:
    """Return how many rows of `mask` are true, and the first one's number."""
    rows = mask.fill_null(value=False).arg_true()
    return len(rows), int(rows[0]) + 1 if len(rows) else 0


def _where(count: int, row: int) -> str:
    return f"in row {row:,}" if count == 1 else f"in {count:,} rows, the first is row {row:,}"


def _nulls(series: pl.Series, column: Column) -> Iterator[str]:
    count, row = _first(series.is_null())
    if count and not column.nullable:
        yield f"empty {_where(count, row)}; allowed: never (or nullable = true)"
    if column.type == "float":
        count, row = _first(~series.is_finite())
        if count:
            yield f"NaN or infinite {_where(count, row)}; allowed: finite numbers"


def _bounds(series: pl.Series, column: Column) -> Iterator[str]:
    for bound, word in ((column.minimum, "min"), (column.maximum, "max")):
        if bound is None:
            continue
        limit = _limit(bound, column)
        count, row = _first(series < limit if word == "min" else series > limit)
        if count:
            side = "below" if word == "min" else "above"
            yield f"{side} {word} = {bound} {_where(count, row)}: {series[row - 1]}"


def _limit(bound: int | float | str, column: Column) -> int | float | date | datetime:
    if not isinstance(bound, str):
        return bound
    if column.type == "date":
        return date.fromisoformat(bound)
    limit: datetime = _from_iso(pl.Series([bound]))[0]
    return limit


def _members(series: pl.Series, column: Column) -> Iterator[str]:
    if column.values:
        count, row = _first(~series.cast(pl.String).is_in(list(column.values)))
        if count:
            yield f"none of {', '.join(column.values[:10])} {_where(count, row)}"
    if column.unique:
        count, row = _first(series.is_duplicated() & series.is_not_null())
        if count:
            yield f"not unique {_where(count, row)}"


def _within(expression: pl.Expr, group_by: tuple[str, ...]) -> pl.Expr:
    return expression.over(list(group_by)) if group_by else expression


def _steps(frame: pl.DataFrame, column: Column, group_by: tuple[str, ...]) -> pl.Series:
    """Return how far each row is from the one before it in its group: seconds, or units of a number."""
    value = pl.col(column.name)
    numbers = value.cast(pl.Datetime("ns")).cast(pl.Int64) / 1e9 if column.type in ("date", "datetime") else value
    return frame.select(_within(numbers.diff(), group_by).alias("step"))["step"]


def _order(frame: pl.DataFrame, column: Column, group_by: tuple[str, ...]) -> Iterator[str]:
    if column.monotonic == "no":
        return
    steps = _steps(frame, column, group_by)
    count, row = _first(steps <= 0 if column.monotonic == "increasing" else steps < 0)
    if count:
        word = "not after" if column.monotonic == "increasing" else "before"
        yield f"{word} the row above it {_where(count, row)}: {frame[column.name][row - 1]}"


def _gaps(frame: pl.DataFrame, column: Column, group_by: tuple[str, ...]) -> Iterator[str]:
    if column.max_gap_s:
        steps = _steps(frame, column, group_by).abs()
        count, row = _first(steps > column.max_gap_s)
        if count:
            yield f"a gap of {steps[row - 1]:g}, allowed: {column.max_gap_s:g}, before {_where(count, row)[3:]}"


def _outliers(frame: pl.DataFrame, column: Column, group_by: tuple[str, ...]) -> Iterator[str]:
    if not column.outlier:
        return
    value = pl.col(column.name).cast(pl.Float64)
    judged = value if column.outlier_of == "level" else _within(value.pct_change(), group_by)
    rows = frame.select(*group_by, judged.alias("_judged")).with_columns(
        _within(pl.col("_judged").median(), group_by).alias("_middle")
    )
    away = (pl.col("_judged") - pl.col("_middle")).abs()
    spread = _within(away.median(), group_by) * _MAD_TO_SIGMA
    # A spread of nothing but rounding (more than half of the values alike) judges nothing: whatever is different would
    # be infinitely far.
    z = rows.select(pl.when(spread > pl.col("_middle").abs() * _ROUNDING).then(away / spread).alias("z"))["z"]
    count, row = _first((z > column.outlier) & z.is_finite())
    if count:
        what = "value" if column.outlier_of == "level" else "change"
        yield f"an outlying {what} {_where(count, row)}: robust z {z[row - 1]:.1f}, allowed: {column.outlier:g}"


def _passed(series: pl.Series, column: Column) -> str:
    said = [column.type, f"{series.null_count():,} empty" if column.nullable else "none empty"]
    if column.type in ("int", "float", "date", "datetime") and len(series):
        said.append(f"{series.min()!s} to {series.max()!s}")
    said += [
        word
        for word, on in (("unique", column.unique), (column.monotonic.replace("_", " "), column.monotonic != "no"))
        if on
    ]
    if column.max_gap_s:
        said.append(f"gaps up to {column.max_gap_s:g}")
    if column.outlier:
        said.append(f"robust z up to {column.outlier:g}")
    return ", ".join(said)


def _together(frame: pl.DataFrame, schema: Schema, checks: dict[str, str]) -> list[str]:
    if not schema.unique:
        return []
    named = " + ".join(schema.unique)
    count, row = _first(frame.select(schema.unique).is_duplicated())
    if count:
        return [f"{named}: not unique {_where(count, row)}"]
    checks[f"unique {named}"] = "unique"
    return []
