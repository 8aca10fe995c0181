"""Orders and executions."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from steersman.ledger.projections import Database
from steersman.trading.model.lifecycle import ENDED, Status
from steersman.trading.queries.rows import PLACES, as_struct, where

STATUSES: Final = tuple(status.value for status in Status)
_ENDED: Final = frozenset(status.value for status in ENDED)


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """One execution; `slippage_bps` against the decision price, positive cost us money."""

    pos: int
    at: int
    order_id: str
    execution_id: str
    instrument: str
    strategy: str
    side: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    slippage_bps: float | None


class OrderRow(msgspec.Struct, frozen=True, kw_only=True):
    """An order and how far it got.

    Attributes:
        status: one of the ten of `model/lifecycle.py`.
        quantity and the other facts of the intent: None if a report came before it.
        average_price: of what was filled; None before the first fill.
        reason: why it ended or is unknown; empty otherwise.
        stop_loss, take_profit: the exits of its bracket, sent once it is filled.
        group: the first order of a group to be filled ends the others.
        cancel_by: who asked for its end last; `cancel_refused` is why the venue would not.
        replace_by: who asked for it to be replaced; `replace_dropped` is why it was not.
        replaces, replaced_by: order ids.
        pos: of its intent in the ledger.
    """

    order_id: str
    signal_id: str | None
    strategy: str | None
    instrument: str | None
    venue: str | None
    side: str | None
    quantity: Decimal | None
    order_type: str | None
    limit_price: Decimal | None
    time_in_force: str | None
    decision_price: Decimal | None
    policy_version: int | None
    submitted_at: int | None
    venue_order_id: str | None
    filled: Decimal
    average_price: Decimal | None
    fees: Decimal
    status: str
    reason: str
    at: int
    pos: int
    stop_price: Decimal | None
    stop_loss: Decimal | None
    take_profit: Decimal | None
    group: str | None
    cancel_by: str | None
    cancel_refused: str | None
    replace_by: str | None
    replace_dropped: str | None
    replaces: str | None
    replaced_by: str | None

    @property
    def is_open(self) -> bool:
        """Whether anything of it may still be executed, as far as is known."""
        return self.status not in _ENDED


class OrderDetail(msgspec.Struct, frozen=True, kw_only=True):
    """An order with its executions, first to last."""

    row: OrderRow
    fills: tuple[Fill, ...]


_FILL: Final = (
    "pos, at, order_id, execution_id, instrument, strategy, side, quantity, price, fee, slippage_bps FROM trading_fill"
)
_ORDER: Final = """order_id, signal_id, strategy, instrument, venue, side, quantity, order_type, limit_price,
    time_in_force, decision_price, policy_version, submitted_at, venue_order_id, filled, notional, fees, status, reason,
    at, pos, stop_price, stop_loss, take_profit, alternatives, cancel_by, cancel_refused, replace_by, replace_dropped,
    replaces, replaced_by FROM trading_order"""
_FILLED: Final = OrderRow.__struct_fields__.index("filled")


def recent_fills(db: Database, *, limit: int = 50, since_ns: int | None = None) -> list[Fill]:
    """Return the latest executions, newest first; with `since_ns`, those at or after it."""
    return [
        as_struct(Fill, row)
        for row in db.execute(
            f"SELECT {_FILL} WHERE at >= ? ORDER BY pos DESC LIMIT ?", (since_ns if since_ns is not None else 0, limit)
        )
    ]


def orders(
    db: Database,
    *,
    status: str | None = None,
    strategy: str | None = None,
    limit: int = 50,
    instrument: str | None = None,
    open_only: bool = False,
) -> list[OrderRow]:
    """Return the latest orders, newest first; with `open_only`, those that may still be executed."""
    clause, params = where({"status": status, "strategy": strategy, "instrument": instrument})
    if open_only:
        # Named one by one, the few that are open are found by index among millions that are not.
        names = ", ".join(f"'{name}'" for name in STATUSES if name not in _ENDED)
        clause = f"{clause or 'WHERE 1'} AND status IN ({names})"
    rows = db.execute(f"SELECT {_ORDER} {clause} ORDER BY pos DESC LIMIT ?", (*params, limit))
    return [_order(row) for row in rows]


def order(db: Database, order_id: str) -> OrderDetail | None:
    """Return one order with its executions."""
    rows = db.execute(f"SELECT {_ORDER} WHERE order_id = ?", (order_id,))
    if not rows:
        return None
    fills = db.execute(f"SELECT {_FILL} WHERE order_id = ? ORDER BY pos", (order_id,))
    return OrderDetail(row=_order(rows[0]), fills=tuple(as_struct(Fill, row) for row in fills))


def order_counts(db: Database) -> dict[str, int]:
    """Return how many orders there are by status, most first; a status that none has is absent."""
    return dict(db.execute("SELECT name, n FROM trading_count WHERE kind = 'status' AND n > 0 ORDER BY n DESC, name"))


def _order(row: Sequence[Any]) -> OrderRow:
    values = list(row)
    filled, notional = Decimal(values[_FILLED]), Decimal(values[_FILLED + 1])
    values[_FILLED + 1] = str((notional / filled).quantize(PLACES)) if filled else None
    found: OrderRow = as_struct(OrderRow, values)
    return found
