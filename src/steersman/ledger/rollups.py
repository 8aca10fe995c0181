"""Hourly sums of the numbers in events: what KPIs and charts read instead of the events.

A read model (rebuildable): one row per metric, key and hour with count, sum, extremes and a sketch for quantiles.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import groupby
from typing import Any, Final

import msgspec

from steersman.ledger.event import Event
from steersman.ledger.periods import Period, start_of
from steersman.ledger.projections import Database
from steersman.ledger.sketch import Sketch, merge, quantile, share_above, slot_of
from steersman.ledger.type_filter import TypeFilter

_HOUR_NS: Final = 3_600_000_000_000
_SHAPE: Final = b"rollup table, shape 1"
_SELECT: Final = "SELECT start_ns, count, total, low, high, sketch FROM rollup WHERE metric = ?"
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(dict[int, int]).decode
_json = msgspec.json.Decoder().decode


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """Which number of which events to sum up.

    Attributes:
        name: what to ask `series` for.
        type: event type, `trading.*` allowed.
        field: dotted path of a number, or of text that is one (Decimal); None counts 1 per event. An event without a
            number there is left out.
        by: dotted path whose text is the row's key; without it, or without text there, the key is empty.
        where: dotted path -> text it must have.
    """

    name: str
    type: str
    field: str | None = None
    by: str | None = None
    where: dict[str, str] = {}


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """The values of one period together; `low` and `high` are 0 when `count` is."""

    start_ns: int
    count: int
    total: float
    low: float
    high: float
    sketch: Sketch

    def quantile(self, q: float) -> float:
        """Return the `q` quantile (0..1) within 1 % of itself.

        Raises:
            ValueError: there are no values.
        """
        return min(max(quantile(self.sketch, q), self.low), self.high)

    def share_above(self, x: float) -> float:
        """Return the part (0..1) of the values above `x`; exact for 0, else within 1 % of `x`.

        Raises:
            ValueError: there are no values.
        """
        return share_above(self.sketch, x)


def series(
    db: Database,
    metric: str,
    *,
    key: str | None = None,
    since_ns: int | None = None,
    until_ns: int | None = None,
    bucket: Period = "hour",
) -> list[Bucket]:
    """Return the periods with values of `metric`, in order.

    Args:
        key: only this key; None takes all together.
        since_ns, until_ns: hours that begin in `[hour of since_ns, until_ns)`.
    """
    sql = _SELECT
    bound: list[object] = [metric]
    for condition, value in (
        ("key = ?", key),
        ("start_ns >= ?", None if since_ns is None else _hour(since_ns)),
        ("start_ns < ?", until_ns),
    ):
        if value is not None:
            sql += f" AND {condition}"
            bound.append(value)
    hours = [
        Bucket(start_ns=start, count=n, total=total, low=low, high=high, sketch=_unpack(sketch))
        for start, n, total, low, high, sketch in db.execute(f"{sql} ORDER BY start_ns, key", bound)
    ]
    grouped = groupby(hours, key=lambda hour: start_of(hour.start_ns, bucket))
    return [msgspec.structs.replace(merged(group), start_ns=start) for start, group in grouped]


def merged(buckets: Iterable[Bucket]) -> Bucket:
    """Return all values together; `start_ns` is that of the first bucket, 0 when there is none."""
    filled = [bucket for bucket in buckets if bucket.count]
    return Bucket(
        start_ns=min((bucket.start_ns for bucket in filled), default=0),
        count=sum(bucket.count for bucket in filled),
        total=math.fsum(bucket.total for bucket in filled),
        low=min((bucket.low for bucket in filled), default=0.0),
        high=max((bucket.high for bucket in filled), default=0.0),
        sketch=merge(bucket.sketch for bucket in filled),
    )


class Rollups:
    """The projection that keeps `metrics`; with other metrics it is another version, and so is rebuilt."""

    name = "rollup"

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = tuple(_Reader(metric) for metric in metrics)
        self._wanting: dict[str, list[_Reader]] = {}
        said = msgspec.json.encode(sorted(metrics, key=lambda m: m.name), order="deterministic")
        self.version = int.from_bytes(sha256(_SHAPE + said).digest()[:6])
        self.types: tuple[str, ...] = tuple(sorted({metric.type for metric in metrics}))

    def create(self, db: Database) -> None:
        db.execute(
            """CREATE TABLE IF NOT EXISTS rollup(
               metric TEXT NOT NULL, key TEXT NOT NULL, start_ns INTEGER NOT NULL, count INTEGER NOT NULL,
               total REAL NOT NULL, low REAL NOT NULL, high REAL NOT NULL, sketch BLOB NOT NULL,
               PRIMARY KEY(metric, key, start_ns)) WITHOUT ROWID"""
        )

    def drop(self, db: Database) -> None:
        db.execute("DROP TABLE IF EXISTS rollup")

    def handle(self, db: Database, event: Event) -> None:
        self.handle_all(db, (event,))

    def handle_all(self, db: Database, events: Sequence[Event]) -> None:
        """Add `events`: each row is read and written once, however many of them it sums up."""
        cells: dict[tuple[str, str, int], _Cell] = {}
        for event in events:
            readers = self._readers(event.type)
            data = _json(event.data)
            start = _hour(_at(event, data))
            for reader in readers:
                found = reader.read(data)
                if found is None:
                    continue
                where = (reader.name, found[0], start)
                if where not in cells:
                    cells[where] = _Cell.load(db, where)
                cells[where].add(found[1])
        db.executemany(
            "INSERT OR REPLACE INTO rollup VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (*where, cell.count, cell.total, cell.low, cell.high, _pack(cell.sketch))
                for where, cell in cells.items()
            ],
        )

    def _readers(self, type_: str) -> list[_Reader]:
        if type_ not in self._wanting:
            self._wanting[type_] = [reader for reader in self._metrics if reader.wants(type_)]
        return self._wanting[type_]


class _Cell:
    """A row being summed up. Values are added one by one, so a rebuild rounds as the first build did."""

    __slots__ = ("count", "high", "low", "sketch", "total")

    def __init__(self, count: int, total: float, low: float, high: float, sketch: Sketch) -> None:
        self.count, self.total, self.low, self.high, self.sketch = count, total, low, high, sketch

    @classmethod
    def load(cls, db: Database, where: tuple[str, str, int]) -> _Cell:
        for _, count, total, low, high, sketch in db.execute(f"{_SELECT} AND key = ? AND start_ns = ?", where):
            return cls(count, total, low, high, _unpack(sketch))
        return cls(0, 0.0, math.inf, -math.inf, {})

    def add(self, value: float) -> None:
        slot = slot_of(value)
        self.count += 1
        self.total += value
        self.low = min(self.low, value)
        self.high = max(self.high, value)
        self.sketch[slot] = self.sketch.get(slot, 0) + 1


class _Reader:
    """Finds a metric's key and value in an event's decoded data."""

    def __init__(self, metric: Metric) -> None:
        self.name = metric.name
        self.wants = TypeFilter((metric.type,))
        self._field = None if metric.field is None else metric.field.split(".")
        self._by = None if metric.by is None else metric.by.split(".")
        self._where = [(path.split("."), text) for path, text in metric.where.items()]

    def read(self, data: object) -> tuple[str, float] | None:
        """Return key and value, or None when the event says nothing about this metric."""
        for path, text in self._where:
            if _text(_look(data, path)) != text:
                return None
        value = 1.0 if self._field is None else _number(_look(data, self._field))
        if value is None:
            return None
        return ("" if self._by is None else _text(_look(data, self._by)) or ""), value


def _look(data: Any, path: Sequence[str]) -> object:
    """Return what `path` leads to in decoded JSON, None where it leads nowhere."""
    for step in path:
        if not isinstance(data, dict):
            return None
        data = data.get(step)
    return data


def _number(value: object) -> float | None:
    """Return a finite number, also from text as Decimals are written; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (str, int, float)) else None


def _at(event: Event, data: object) -> int:
    """Return the instant in the event's own domain: a replayed bar is as old as it says."""
    at = data.get("at") if isinstance(data, dict) else None
    sound = isinstance(at, int) and not isinstance(at, bool) and 0 < at < 1 << 62
    return at if sound else event.recorded_at  # type: ignore[return-value]  # `sound` says it is an int


def _hour(at_ns: int) -> int:
    return at_ns - at_ns % _HOUR_NS
