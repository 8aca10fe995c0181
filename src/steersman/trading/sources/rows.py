"""From bytes to rows of named values: JSON, lines of JSON, CSV and Parquet. Whatever comes in, a refusal comes out."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal, NoReturn

from steersman.trading.sources import parquet
from steersman.trading.sources.decode import FIELDS, Row
from steersman.trading.sources.fields import Number
from steersman.trading.sources.problem import NotASignal, nearest, shown, unreadable

Format = Literal["json", "jsonl", "csv", "parquet"]
SUFFIXES: Final[dict[str, Format]] = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
}
MAX_LINE_BYTES: Final = 64 << 10
MAX_FILE_BYTES: Final = 64 << 20
MAX_PARQUET_ROWS: Final = 100_000
_MAX_ID: Final = 120
_SPLIT: Final = "split the file"


class _Twice(ValueError):
    """A name that stands twice in one JSON object: nobody can say which one is meant."""


def json_value(raw: bytes, *, place: str = "", key: tuple[str, ...] = ()) -> object:
    """Return the JSON value of `raw`, its numbers as text (`fields.Number`).

    Raises:
        NotASignal: not UTF-8, not JSON, nested too deeply, or an object that names a field twice.
    """
    fix = "send one JSON object per signal, as `steersman signal schema` shows"
    try:
        text = raw.decode("utf-8-sig")
        return json.loads(text, parse_int=Number, parse_float=Number, parse_constant=Number, object_pairs_hook=_object)
    except UnicodeDecodeError as exc:
        found = raw.decode("utf-8", "replace")
        raise unreadable(
            f"byte {exc.start} is not UTF-8", fix="save it as UTF-8", place=place, found=found, key=key
        ) from exc
    except json.JSONDecodeError as exc:
        what = f"not JSON: {exc.msg} at line {exc.lineno}, column {exc.colno}"
        raise unreadable(what, fix=fix, place=place, found=text, key=key) from exc
    except _Twice as exc:
        what = f"the field {shown(str(exc))} stands twice"
        raise unreadable(what, fix="leave one of them", place=place, found=text, key=key) from exc
    except RecursionError as exc:
        raise unreadable("nested too deeply", fix=fix, place=place, found=text, key=key) from exc


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        raise _Twice(counts.most_common(1)[0][0])
    return found


def json_rows(raw: bytes, *, most: int) -> list[Row | NotASignal]:
    """Return the rows of one JSON object, or of a list of 1 to `most`.

    Raises:
        NotASignal: it cannot be read at all, is neither, or the list has another length.
    """
    value = json_value(raw)
    if isinstance(value, dict):
        return [Row(values=value)]
    if not isinstance(value, list):
        raise unreadable(f"found {shown(value)}, allowed: an object or a list of objects", fix="send a JSON object")
    if not 0 < len(value) <= most:
        raise unreadable(f"found a list of {len(value):,}, allowed: 1 to {most:,}", fix="send fewer at a time")
    return [_row(item, place=f"item {n}") for n, item in enumerate(value, start=1)]


def _row(value: object, **origin: Any) -> Row | NotASignal:
    if isinstance(value, dict):
        return Row(values=value, **origin)
    return unreadable(
        f"found {shown(value)}, allowed: an object",
        fix='write {"signal_id": ..., ...}',
        place=origin["place"],
        key=origin.get("key", ()),
    )


class LineReader:
    """Reads the lines of one JSONL or CSV source; `file` names it in places and identities ("": it has no name)."""

    def __init__(self, file: str, form: Literal["jsonl", "csv"], *, columns: tuple[str, ...] = ()) -> None:
        """Start at the first line, or behind a CSV header that was read before as `columns`."""
        self.file = file
        self.columns = columns
        self._form = form

    def row(self, line: int, raw: bytes, *, doubt: str = "") -> Row | NotASignal | None:
        """Return the row of a line; None for an empty line and for the header of a CSV.

        Raises:
            NotASignal: this is the header of a CSV, and no row below it can be read.
        """
        content = raw.strip(b"\r\n")
        if line == 1:
            content = content.removeprefix(b"\xef\xbb\xbf")
        if not content.strip():
            return None
        key = (self.file, str(line), digest(content)) if self.file else ()
        origin: dict[str, Any] = {"place": f"{self.file}:{line}" if self.file else f"line {line}", "key": key}
        try:
            if len(content) > MAX_LINE_BYTES:
                raise unreadable(
                    f"a line of {len(content):,} bytes, allowed: {MAX_LINE_BYTES:,}", fix="shorten it", **origin
                )
            if self._form == "csv":
                values = self._csv(content, origin)
                if values is None:
                    return None
            else:
                values = json_value(content, **origin)
        except NotASignal as exc:
            if self._form == "csv" and not self.columns:
                raise
            return exc
        return _row(values, **origin, signal_id=identity(*key) if key else "", doubt=doubt)

    def _csv(self, content: bytes, origin: dict[str, Any]) -> object | None:
        cells = _cells(content, origin)
        if not self.columns:
            self.columns = _header(cells, origin)
            return None
        if len(cells) != len(self.columns):
            raise unreadable(
                f"{len(cells)} cells, the header has {len(self.columns)}",
                fix="give every column a cell; leave it empty where there is no value",
                found=",".join(cells),
                **origin,
            )
        return {name: cell for name, cell in zip(self.columns, cells, strict=True) if cell}


def _cells(content: bytes, origin: dict[str, Any]) -> list[str]:
    try:
        text = content.decode("utf-8")
        return [cell.strip() for cell in next(csv.reader([text], strict=True))]
    except UnicodeDecodeError as exc:
        found = content.decode("utf-8", "replace")
        raise unreadable(f"byte {exc.start} is not UTF-8", fix="save it as UTF-8", found=found, **origin) from exc
    except (csv.Error, StopIteration) as exc:
        raise unreadable(
            f"not CSV: {exc}", fix="quote a cell with commas; a cell may not span lines", found=text, **origin
        ) from exc


def _header(cells: list[str], origin: dict[str, Any]) -> tuple[str, ...]:
    for cell in cells:
        if cell not in FIELDS:
            raise unreadable(
                f"unknown column {shown(cell)}; allowed: {', '.join(FIELDS)}",
                fix=nearest(cell, FIELDS, "name the columns in the first line, separated by commas"),
                found=",".join(cells),
                **origin,
            )
        if cells.count(cell) > 1:
            raise unreadable(f"the column {cell!r} stands twice", fix="leave one of them", **origin)
    return tuple(cells)


def lines_of(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of `raw` with their numbers, from 1."""
    return enumerate(io.BytesIO(raw), start=1)


def file_rows(raw: bytes, form: Format, *, file: str, most: int = MAX_PARQUET_ROWS) -> Iterator[Row | NotASignal]:
    """Yield the rows of a whole file.

    Raises:
        NotASignal: no row of it can be read.
    """
    if len(raw) > MAX_FILE_BYTES:
        raise unreadable(f"{len(raw):,} bytes, allowed: {MAX_FILE_BYTES:,}", fix=_SPLIT, place=file)
    if form == "json":
        yield from json_rows(raw, most=most)
    elif form == "parquet":
        yield from parquet_rows(raw, file=file)
    else:
        reader = LineReader(file, form)
        for line, content in lines_of(raw):
            row = reader.row(line, content)
            if row is not None:
                yield row


def parquet_rows(raw: bytes, *, file: str, doubt: str = "") -> Iterator[Row | NotASignal]:
    """Yield the rows of a Parquet file, in order; a missing value is a field that is not given.

    Raises:
        NotASignal: not a Parquet file, too many rows, or a column that is no field of a signal.
    """
    table = _table(raw, file)
    origin: dict[str, Any] = {"place": file, "key": (file, "columns", digest(raw))}
    _header(list(table.columns), origin)
    return _frame_rows(table.rows, file, doubt)


def _frame_rows(rows: Iterable[dict[str, Any]], file: str, doubt: str) -> Iterator[Row]:
    for number, values in enumerate(rows, start=1):
        content = json.dumps(values, sort_keys=True, default=str).encode()
        key = (file, str(number), digest(content))
        yield Row(values=values, place=f"{file}:{number}", key=key, signal_id=identity(*key), doubt=doubt)


def _table(raw: bytes, file: str) -> parquet.Table:
    def refuse(what: str, fix: str) -> NoReturn:
        raise unreadable(what, fix=fix, place=file, key=(file, "whole", digest(raw)))

    try:
        table = parquet.read(raw, most=MAX_PARQUET_ROWS)
    except parquet.Unreadable as exc:
        refuse(f"no Parquet that can be read: {exc}", "write it anew; `steersman signal schema` names the columns")
    if table.count > MAX_PARQUET_ROWS:
        refuse(f"{table.count:,} rows, allowed: {MAX_PARQUET_ROWS:,}", _SPLIT)
    return table


def digest(content: bytes) -> str:
    """Return the first 16 characters of the sha256 of `content`."""
    return hashlib.sha256(content).hexdigest()[:16]


def identity(file: str, line: str, content: str) -> str:
    """Return the signal_id of a row that has none: the file, the line, and the digest of what stands there."""
    plain = f"{file}:{line}:{content}"
    if len(plain) <= _MAX_ID and plain.isprintable() and plain == plain.strip():
        return plain
    return f"{digest(file.encode('utf-8', 'replace'))}:{line}:{content}"
