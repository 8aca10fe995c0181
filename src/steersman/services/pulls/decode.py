"""From a body, as it came, to a table. Whatever cannot be read is a `Refused` that says where.

Only the checking process imports this: it loads polars.
"""

from __future__ import annotations

import io
import re
from typing import Any, Final

import msgspec
import polars as pl

from steersman.services.pulls.model import Schema

_HTML: Final = (b"<!doctype html", b"<html", b"<head", b"<?xml")
_QUOTED: Final = re.compile("[`'\"]")
_MAGIC: Final = {"parquet": b"PAR1", "arrow": b"ARROW1"}


class Refused(Exception):
    """The body is not what was declared; each problem in words, without quoting what may be private."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def decode(body: bytes, schema: Schema) -> pl.DataFrame:
    """Return the table in `body`; CSV and JSON columns that are declared come as they are written, to be cast later.

    Raises:
        Refused: not that format, not that charset, or not a table.
    """
    if not body.strip():
        raise Refused(f"the body is empty; allowed: {schema.format}")
    if body.lstrip()[:64].lower().startswith(_HTML):
        raise Refused(f"an HTML or XML page came; allowed: {schema.format}")
    try:
        return _binary(body, schema) if schema.format in _MAGIC else _textual(_utf8(body, schema), schema)
    except (pl.exceptions.PolarsError, OSError, ValueError, TypeError) as exc:
        # Parsers quote what they met, and that may be private: only what stands before the first quotation is kept.
        reason = _QUOTED.split(str(exc).partition("\n")[0], maxsplit=1)[0].strip()[:200] or type(exc).__name__
        raise Refused(f"cannot be read as {schema.format}: {reason}") from exc


def _binary(body: bytes, schema: Schema) -> pl.DataFrame:
    magic = _MAGIC[schema.format]
    if not body.startswith(magic) or not body.endswith(magic):
        raise Refused(f"does not begin and end as {schema.format} does: truncated, or something else")
    source = io.BytesIO(body)
    return pl.read_parquet(source) if schema.format == "parquet" else pl.read_ipc(source)


def _utf8(body: bytes, schema: Schema) -> bytes:
    try:
        text = body.decode("utf-8-sig" if schema.charset == "utf-8" else schema.charset)
    except UnicodeDecodeError as exc:
        raise Refused(
            f"byte {exc.start:,} is not {schema.charset}; allowed: {schema.charset} as declared by `charset`"
        ) from exc
    if "\0" in text:
        raise Refused("has zero bytes: not text, or another charset")
    return text.encode()


def _textual(body: bytes, schema: Schema) -> pl.DataFrame:
    if schema.format == "csv":
        return _csv(body, schema)
    rows = _json_lines(body) if schema.format == "jsonl" else _records(body, schema.records)
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise Refused(f"record {number:,} is {type(row).__name__}, allowed: an object")
    # Every row counts for the types: a column that is a whole number for the first hundred rows may be a float later.
    return pl.from_dicts(rows, infer_schema_length=None) if rows else pl.DataFrame()


def _csv(body: bytes, schema: Schema) -> pl.DataFrame:
    names = body.split(b"\n", 1)[0].decode().strip("\r").split(",")
    if len(set(names)) < len(names):
        raise Refused("two columns of the header have the same name")
    declared = {c.name: pl.String for c in schema.columns}
    overrides = {name: kind for name, kind in declared.items() if name in {n.strip('"') for n in names}}
    return pl.read_csv(io.BytesIO(body), schema_overrides=overrides, infer_schema_length=None)


def _json_lines(body: bytes) -> list[Any]:
    rows = []
    for number, line in enumerate(body.splitlines(), 1):
        if line.strip():
            try:
                rows.append(msgspec.json.decode(line))
            except msgspec.DecodeError as exc:
                raise Refused(f"line {number:,} is not JSON ({exc})") from exc
    return rows


def _records(body: bytes, path: str) -> list[Any]:
    """Return the list at `path`; `*` stands for every member of an object or list, joined."""
    here: list[Any] = [msgspec.json.decode(body)]
    walked = "the document"
    for part in path.split(".") if path else ():
        there: list[Any] = []
        for value in here:
            if part == "*" and isinstance(value, (dict, list)):
                there += list(value.values()) if isinstance(value, dict) else value
            elif isinstance(value, dict) and part in value:
                there.append(value[part])
            else:
                raise Refused(f"records: {walked} has no {part!r}; declared path: {path}")
        here, walked = there, part
    if len(here) == 1 and isinstance(here[0], list):
        return list(here[0])
    if path.endswith("*"):
        return [row for value in here for row in (value if isinstance(value, list) else [value])]
    raise Refused(f"records: {walked} is not a list; say where the list is with `records`")
