"""`[pull.NAME.schema.COLUMN]`: what each column must be, refused with its line when it makes no sense."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

from steersman.kernel.durations import seconds
from steersman.kernel.errors import Misconfigured
from steersman.kernel.toml_file import TomlFile
from steersman.services.pulls.model import Column, Monotonic, Schema
from steersman.services.pulls.tables import ColumnTable, PullTable

_ORDERED: Final = ("int", "float", "date", "datetime")
_NUMBERS: Final = ("int", "float")
_TIMES: Final = ("date", "datetime")


def read_schema(file: TomlFile, here: tuple[str, ...], table: PullTable) -> Schema:
    """Return what the table of the pull at `here` must look like.

    Raises:
        Misconfigured: names file, line, field, what was found and what is allowed.
    """
    path = (*here, "schema")
    raw = file.get(*path)
    if raw is not None and not isinstance(raw, Mapping):
        raise file.error(path, f"found {raw!r}, allowed: tables [{'.'.join(path)}.COLUMN]", fix="write such a table")
    columns = tuple(_column(file, (*path, name), name) for name in raw or {})
    _check_whole(file, here, table, [c.name for c in columns])
    return Schema(
        format=table.format,
        charset=table.charset,
        records=table.records,
        columns=columns,
        extra_columns=table.extra_columns,
        rows_min=table.rows_min,
        rows_max=table.rows_max,
        unique=table.unique,
        group_by=table.group_by,
    )


def _check_whole(file: TomlFile, here: tuple[str, ...], table: PullTable, declared: list[str]) -> None:
    def wrong(field: str, problem: str, fix: str) -> Misconfigured:
        return file.error((*here, field), problem, fix=fix)

    if table.format == "bytes" and (declared or table.unique or table.group_by or table.rows_min or table.rows_max):
        raise wrong("format", "bytes have no rows and columns to check", "name a format, or take the schema out")
    if table.records and table.format != "json":
        raise wrong("records", f"only json has a path to its records, not {table.format}", "take records out")
    if table.charset != "utf-8" and table.format not in ("csv", "json", "jsonl"):
        raise wrong("charset", f"{table.format} has no charset", "take charset out")
    if table.extra_columns != "keep" and not declared:
        raise wrong("extra_columns", "without a schema every column is extra", "declare the columns first")
    for field in ("unique", "group_by"):
        for name in getattr(table, field):
            if name not in declared:
                raise wrong(
                    field,
                    f"{name!r} is not in the schema; declared: {', '.join(declared) or 'none'}",
                    f"declare [{'.'.join(here)}.schema.{name}]",
                )
    if table.rows_min < 0 or (table.rows_max is not None and table.rows_max < table.rows_min):
        raise wrong(
            "rows_min",
            f"found {table.rows_min} to {table.rows_max}, allowed: 0 <= rows_min <= rows_max",
            "change rows_min or rows_max",
        )


def _column(file: TomlFile, path: tuple[str, ...], name: str) -> Column:
    table = file.section(path, ColumnTable)
    rules = (
        ("min", table.min is not None, _ORDERED),
        ("max", table.max is not None, _ORDERED),
        ("monotonic", table.monotonic not in (False, "no"), _ORDERED),
        ("max_gap", table.max_gap not in ("", 0), _ORDERED),
        ("outlier", bool(table.outlier), _NUMBERS),
        ("format", bool(table.format), _TIMES),
        ("epoch", bool(table.epoch), _TIMES),
    )
    for field, is_set, kinds in rules:
        if is_set and table.type not in kinds:
            raise file.error(
                (*path, field),
                f"means nothing for {table.type}; allowed for: {', '.join(kinds)}",
                fix=f"take {field} out, or change the type",
            )
    if table.outlier < 0:
        raise file.error((*path, "outlier"), f"found {table.outlier}, allowed: 0 or more", fix="write e.g. outlier = 8")
    return Column(
        name=name,
        type=table.type,
        minimum=_bound(file, (*path, "min"), table.min, table.type),
        maximum=_bound(file, (*path, "max"), table.max, table.type),
        nullable=table.nullable,
        unique=table.unique,
        values=tuple(("true" if v else "false") if isinstance(v, bool) else str(v) for v in table.values),
        monotonic=_monotonic(table.monotonic),
        max_gap_s=_gap(file, (*path, "max_gap"), table),
        outlier=float(table.outlier),
        outlier_of=table.outlier_of,
        format=table.format,
        epoch=table.epoch,
    )


def _monotonic(value: bool | Monotonic) -> Monotonic:
    if isinstance(value, bool):
        return "increasing" if value else "no"
    return value


def _bound(
    file: TomlFile, path: tuple[str, ...], value: int | float | str | None, kind: str
) -> int | float | str | None:
    if value is None:
        return None
    if kind in _NUMBERS:
        if isinstance(value, str):
            raise file.error(path, f"found {value!r}, allowed: a number", fix="take the quotes off")
        return value
    try:
        return (date if kind == "date" else datetime).fromisoformat(str(value)).isoformat()
    except ValueError as exc:
        raise file.error(path, f"found {value!r}, allowed: ISO 8601 text", fix='write e.g. "2020-01-01"') from exc


def _gap(file: TomlFile, path: tuple[str, ...], table: ColumnTable) -> float:
    if table.max_gap == "":
        return 0.0
    try:
        gap = float(table.max_gap) if table.type in _NUMBERS else seconds(str(table.max_gap))
    except ValueError as exc:
        raise file.error(path, str(exc), fix="write e.g. 4d for times, a number for numbers") from exc
    if gap <= 0:
        raise file.error(path, f"found {table.max_gap}, allowed: more than 0", fix="change max_gap")
    return gap
