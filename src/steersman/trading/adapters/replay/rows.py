"""One row of a file as a bar, or the reason why it is none."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from steersman.kernel.clock import to_ns
from steersman.kernel.errors import Misconfigured
from steersman.trading.model.bar import Bar
from steersman.trading.sources import parquet

COLUMNS: Final = ("date", "open", "high", "low", "close", "volume")
_FINEST: Final = -9
_SHOWN: Final = 200
_MOST_ROWS: Final = 2_000_000
Line = tuple[int, Mapping[str, str]]


def lines(path: Path) -> Iterator[Line]:
    """Yield (line number, column -> text) of a CSV or Parquet file.

    Raises:
        Misconfigured: not there, not readable, or a column is missing.
    """
    if not path.is_file():
        raise Misconfigured(
            f"there are no prices at {path}",
            fix="run the automation that writes them (the sample desk: steersman auto run pull_prices)",
        )
    return _parquet(path) if path.suffix == ".parquet" else _csv(path)


def _csv(path: Path) -> Iterator[Line]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        reader = csv.reader(file)
        header = [name.strip().lower() for name in next(reader, [])]
        _check_columns(path, header)
        while True:
            try:
                row = next(reader, None)
            except csv.Error as exc:  # e.g. a field without end; the next line is read again
                row = [str(exc)] * len(header)
            if row is None:
                return
            if row:
                yield reader.line_num, dict(zip(header, row, strict=False))


def _parquet(path: Path) -> Iterator[Line]:
    # In a process of its own: frames stay out of the core, and a damaged file cannot take it down.
    try:
        table = parquet.read(path.read_bytes(), most=_MOST_ROWS)
    except parquet.Unreadable as exc:
        raise Misconfigured(f"{path.name}: no Parquet that can be read: {exc}", fix="write it anew") from exc
    if table.count > _MOST_ROWS:
        raise Misconfigured(f"{path.name}: {table.count:,} rows, allowed: {_MOST_ROWS:,}", fix="split it, or use CSV")
    _check_columns(path, [name.lower() for name in table.columns])
    for number, row in enumerate(table.rows, start=1):
        yield number, {name.lower(): "" if value is None else str(value) for name, value in row.items()}


def _check_columns(path: Path, header: list[str]) -> None:
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise Misconfigured(
            f"{path.name}:1: no column {', '.join(missing)}; found: {', '.join(header) or 'nothing'}",
            fix=f"the first line must name {', '.join(COLUMNS)}",
        )


class Reading:
    """Turns rows of one feed into bars."""

    def __init__(self, *, close_time: time, tz: str) -> None:
        self._close_time = close_time
        self._zone = ZoneInfo(tz)

    def at(self, text: str) -> tuple[date, int]:
        """Return the day of a row and the instant (ns) at which its bar is known.

        Raises:
            ValueError: neither a date nor a time.
        """
        if len(text) == 10:  # YYYY-MM-DD
            day = date.fromisoformat(text)
            moment = datetime.combine(day, self._close_time, self._zone)
        else:
            moment = datetime.fromisoformat(text)
            moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=self._zone)
            day = moment.astimezone(self._zone).date()
        return day, to_ns(moment.astimezone(UTC))

    def bar(self, instrument: str, at: int, row: Mapping[str, str]) -> Bar:
        """Return the bar of a row.

        Raises:
            ValueError: says what is wrong with which column.
        """
        open_, high, low, close = (_price(name, row.get(name, "")) for name in COLUMNS[1:5])
        volume = _number("volume", row.get("volume", ""))
        if volume < 0:
            raise ValueError(f"volume is negative: {volume}")
        if high < low:
            raise ValueError(f"high {high} is below low {low}")
        if not (low <= open_ <= high and low <= close <= high):
            raise ValueError(f"open {open_} or close {close} lies outside {low} to {high}")
        return Bar(instrument=instrument, at=at, open=open_, high=high, low=low, close=close, volume=volume)

    def validated(self, instrument: str, at: int, row: Mapping[str, str]) -> Bar:
        """Return the bar of a row that `bar` made one of before: nothing is asked about it again."""
        open_, high, low, close, volume = (Decimal(row[name].strip()) for name in COLUMNS[1:])
        return Bar(instrument=instrument, at=at, open=open_, high=high, low=low, close=close, volume=volume)


def _price(name: str, text: str) -> Decimal:
    price = _number(name, text)
    if price <= 0:
        raise ValueError(f"{name} is {'zero' if price == 0 else 'negative'}: {price}")
    return price


def _number(name: str, text: str) -> Decimal:
    try:
        number = Decimal(text.strip())
    except InvalidOperation as exc:
        raise ValueError(f"{name} is not a number: {text[:40]!r}") from exc
    if not number.is_finite():
        raise ValueError(f"{name} is {number}")
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and (exponent < _FINEST or number.adjusted() > 9):
        raise ValueError(f"{name} is finer than a billionth or larger than a billion: {text[:40]!r}")
    return number


def shown(row: Mapping[str, str]) -> str:
    """Return a row as the operator would recognise it, cut to what an event may carry."""
    return ",".join(row.values())[:_SHOWN]
