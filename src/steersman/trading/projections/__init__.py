"""The read model of trading: signals, verdicts, orders, positions, marks, holds, venues, the journal. Rebuildable.

Facts may come twice (a venue that reports a fill again) or in odd order (a fill before its acknowledgement): a fact has
an identity, the first one stands, and an order's status is worked out from what is known of it.
"""

from __future__ import annotations

from typing import Final

from steersman.ledger.event import Event
from steersman.ledger.projections import Database, Projection
from steersman.trading.projections import decisions, desk, orders, positions, venues
from steersman.trading.projections.schema import INDEXES, TABLES
from steersman.trading.projections.writing import Handler

_HANDLERS: Final[dict[str, Handler]] = {
    **decisions.HANDLERS,
    **orders.HANDLERS,
    **positions.HANDLERS,
    **venues.HANDLERS,
    **desk.HANDLERS,
}


class Trading:
    """Everything the pages and the command line show of trading, in one pass over its events."""

    name = "trading"
    version = 3
    types: tuple[str, ...] = tuple(_HANDLERS)

    def create(self, db: Database) -> None:
        for table, columns in TABLES.items():
            db.execute(f"CREATE TABLE IF NOT EXISTS {table}{columns}")
        for index in INDEXES:
            db.execute(f"CREATE INDEX IF NOT EXISTS {index}")

    def drop(self, db: Database) -> None:
        for table in TABLES:
            db.execute(f"DROP TABLE IF EXISTS {table}")

    def handle(self, db: Database, event: Event) -> None:
        _HANDLERS[event.type](db, event)


PROJECTIONS: tuple[Projection, ...] = (Trading(),)
