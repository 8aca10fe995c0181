"""Rows of the read model as structs."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from typing import Any, Final

import msgspec

from steersman.trading.events import CheckRow, Difference

PLACES: Final = Decimal("0.000001")
_JSON: Final = (tuple[str, ...], dict[str, str], tuple[CheckRow, ...], tuple[Difference, ...])
_MONEY: Final = (Decimal, Decimal | None)


def where(wanted: dict[str, str | None]) -> tuple[str, list[str]]:
    """Return a WHERE clause for the columns that are given, and its parameters."""
    given = {column: value for column, value in wanted.items() if value is not None}
    return ("WHERE " + " AND ".join(f"{c} = ?" for c in given) if given else "", list(given.values()))


def as_struct(type_: Any, row: Sequence[Any]) -> Any:
    """Return a row, whose columns are in the order of the fields of `type_`, as that struct."""
    values = {}
    for field, value in zip(_fields(type_), row, strict=True):
        if isinstance(value, str) and field.type in _JSON:
            value = msgspec.json.decode(value, type=field.type)
        elif isinstance(value, str) and field.type in _MONEY:
            value = Decimal(value)
        elif field.type is bool:
            value = bool(value)
        values[field.name] = value
    return type_(**values)


@cache
def _fields(type_: Any) -> tuple[msgspec.structs.FieldInfo, ...]:
    """Return the fields of a struct; resolving annotations costs more than the query does."""
    return msgspec.structs.fields(type_)
