"""The tables of steersman.toml as they are written; settings.py checks them and says what they mean."""

from __future__ import annotations

from typing import Literal

import msgspec

from steersman.services.pulls.model import Charset, ColumnType, Epoch, Extra, Format, Monotonic, ParamType

Scalar = str | int | float | bool


class ParamTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A parameter with a type; without `default` it must be given."""

    type: ParamType = "text"
    default: Scalar | None = None


class ColumnTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table `[pull.NAME.schema.COLUMN]`."""

    type: ColumnType
    min: int | float | str | None = None
    max: int | float | str | None = None
    nullable: bool = False
    unique: bool = False
    values: tuple[Scalar, ...] = ()
    monotonic: bool | Monotonic = False
    max_gap: str | int | float = ""
    outlier: int | float = 0
    outlier_of: Literal["level", "change"] = "level"
    format: str = ""
    epoch: Epoch = ""


class PullTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table `[pull.NAME]` without its schema; spans as `90s`, sizes as `64MB`, rates as `60/min`."""

    url: str = ""
    command: str = ""
    method: Literal["GET", "POST"] = "GET"
    body: str = ""
    idempotent: bool = False
    params: dict[str, ParamTable | Scalar] = {}
    headers: dict[str, str] = {}
    provider: str = ""
    format: Format = "csv"
    charset: Charset = "utf-8"
    records: str = ""
    ttl: str = "5m"
    stale_while_revalidate: str = "0s"
    stale_if_error: str = "0s"
    timeout: str = "30s"
    retries: int = 2
    rate: str = ""
    max_bytes: str = "64MB"
    http_cache: bool = False
    rows_min: int = 0
    rows_max: int | None = None
    extra_columns: Extra = "keep"
    unique: tuple[str, ...] = ()
    group_by: tuple[str, ...] = ()


class CacheTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[cache]` without its rates."""

    budget: str = "512MB"
    disk_budget: str = "2GB"
    ad_hoc: tuple[str, ...] = ()
