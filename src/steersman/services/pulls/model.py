"""What a pull is: where it comes from, how long it is good, what it must look like. Values only."""

from __future__ import annotations

import re
from typing import Final, Literal

import msgspec

Format = Literal["csv", "json", "jsonl", "parquet", "arrow", "bytes"]
ColumnType = Literal["text", "int", "float", "bool", "date", "datetime"]
ParamType = Literal["text", "int", "float", "bool", "date"]
Charset = Literal["utf-8", "latin-1", "cp1252", "utf-16"]
Monotonic = Literal["no", "increasing", "not_decreasing"]
Extra = Literal["refuse", "keep", "drop"]
Epoch = Literal["", "s", "ms", "us", "ns"]

AD_HOC: Final = "ad hoc"
"""How pulls of plain addresses are called together, in events and in the status."""

_RATE: Final = re.compile(r"(\d+)\s*/\s*(s|sec|min|h|hour|day)")
_PERIODS: Final = {"s": 1, "sec": 1, "min": 60, "h": 3600, "hour": 3600, "day": 86_400}
MOST_CALLS: Final = 10_000


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """`calls` requests at most in any stretch of `period_s` seconds."""

    calls: int
    period_s: int


class Param(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter of a pull; `default` is canonical text, None when it must be given."""

    type: ParamType = "text"
    default: str | None = None


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """What one column must be.

    Attributes:
        minimum, maximum: bounds that are still allowed; numbers, or ISO text for dates and times.
        values: the only ones allowed, as text; empty: any.
        max_gap_s: seconds (for numbers: units) two neighbours may be apart, in their order within a group.
        outlier: largest robust z allowed, |x - median| / (1.4826 MAD) within a group; 0: not judged.
        outlier_of: level judges the values, change their relative change from one row to the next.
        format: how text is read as a date or time (strftime); empty: ISO 8601. `epoch`: the unit of numbers that are
            instants.
    """

    name: str
    type: ColumnType
    minimum: int | float | str | None = None
    maximum: int | float | str | None = None
    nullable: bool = False
    unique: bool = False
    values: tuple[str, ...] = ()
    monotonic: Monotonic = "no"
    max_gap_s: float = 0.0
    outlier: float = 0.0
    outlier_of: Literal["level", "change"] = "level"
    format: str = ""
    epoch: Epoch = ""


class Schema(msgspec.Struct, frozen=True, kw_only=True):
    """What a whole table must be; nothing declared, nothing checked but that it can be read.

    Attributes:
        unique: columns that together name a row; `group_by`: columns within whose values order, gaps and outliers are
            judged (one series per symbol).
        records: path to the list of records in JSON, e.g. `data.bars`; `*` stands for every member.
    """

    format: Format
    charset: Charset = "utf-8"
    records: str = ""
    columns: tuple[Column, ...] = ()
    extra_columns: Extra = "keep"
    rows_min: int = 0
    rows_max: int | None = None
    unique: tuple[str, ...] = ()
    group_by: tuple[str, ...] = ()


class Pull(msgspec.Struct, frozen=True, kw_only=True):
    """One declared pull, checked. Spans in seconds, sizes in bytes.

    Attributes:
        url: with `{param}` placeholders after the host; empty when `command` (words, with placeholders) makes the data.
        headers: values may be references (`env:NAME`, `file:PATH`), looked up when asked.
        ttl_s: fresh that long; then for `stale_while_revalidate_s` served while one refresh goes on behind, and for
            `stale_if_error_s` (counted from the end of `ttl_s`) if upstream fails.
        timeout_s: for one request (or the command), from its start to its last byte.
    """

    name: str
    url: str = ""
    command: tuple[str, ...] = ()
    method: Literal["GET", "POST"] = "GET"
    body: str = ""
    params: dict[str, Param] = {}
    headers: dict[str, str] = {}
    provider: str = ""
    shape: Schema
    ttl_s: float
    stale_while_revalidate_s: float = 0.0
    stale_if_error_s: float = 0.0
    timeout_s: float = 30.0
    retries: int = 2
    rate: Rate | None = None
    max_bytes: int = 64_000_000
    http_cache: bool = False

    @property
    def is_frame(self) -> bool:
        """Whether the data becomes a table."""
        return self.shape.format != "bytes"


class CacheSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[cache]`: what the stored data may take, shared rates, and which hosts may be asked without being declared.

    Attributes:
        budget_bytes: of frames in memory; never more than half of what is free there. `disk_budget_bytes`: of those
            that lie in the workspace because memory has no room.
        rates: by provider or host, shared by every pull that asks there.
        ad_hoc: hosts whose addresses may be pulled without a declaration.
    """

    budget_bytes: int = 512_000_000
    disk_budget_bytes: int = 2_000_000_000
    rates: dict[str, Rate] = {}
    ad_hoc: tuple[str, ...] = ()


def rate(text: str) -> Rate:
    """Return the rate of e.g. `60/min` (s, min, h, day).

    Raises:
        ValueError: not a count and a unit, or a count outside 1 to 10,000.
    """
    found = _RATE.fullmatch(text.strip())
    if not found or not 1 <= int(found.group(1)) <= MOST_CALLS:
        raise ValueError(
            f"{text!r} is not a rate: write e.g. 5/s, 60/min or 1000/h, with a count from 1 to {MOST_CALLS:,}"
        )
    return Rate(calls=int(found.group(1)), period_s=_PERIODS[found.group(2)])
