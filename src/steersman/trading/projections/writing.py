"""How facts get into the tables: each once, exact, and counted."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from steersman.ledger.event import Event
from steersman.ledger.projections import Database

S = TypeVar("S", bound=msgspec.Struct)
Handler = Callable[[Database, Event], None]


def on(type_: type[S], handler: Callable[[Database, S, Event], None]) -> Handler:
    """Return a handler of events whose data is a `type_`; its decoder is made once."""
    decode = msgspec.json.Decoder(type_).decode

    def handle(db: Database, event: Event) -> None:
        handler(db, decode(event.data), event)

    return handle


def text(value: Decimal) -> str:
    """Return `value` as stored text: exact, and never in exponents."""
    return f"{value:f}"


def maybe(value: Decimal | None) -> str | None:
    return None if value is None else text(value)


def json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def insert(db: Database, table: str, **values: Any) -> bool:
    """Insert a row unless its identity is there already; say whether it was new."""
    columns, marks = ", ".join(values), ", ".join("?" * len(values))
    sql = f"INSERT INTO {table}({columns}) VALUES({marks}) ON CONFLICT DO NOTHING RETURNING 1"
    return bool(db.execute(sql, tuple(values.values())))


def count(db: Database, kind: str, name: str = "", by: int = 1) -> None:
    db.execute(
        "INSERT INTO trading_count VALUES(?, ?, ?) ON CONFLICT(kind, name) DO UPDATE SET n = n + excluded.n",
        (kind, name, by),
    )


def strategy(db: Database, name: str, changes: str, *params: object) -> None:
    """Change the row of a strategy, making it first if there is none."""
    db.execute("INSERT INTO trading_strategy(strategy) VALUES(?) ON CONFLICT DO NOTHING", (name,))
    db.execute(f"UPDATE trading_strategy SET {changes} WHERE strategy = ?", (*params, name))
