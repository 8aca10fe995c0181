"""An order from its intent to its end."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from steersman.trading.model.signal import OrderType, Side, TimeInForce

ORDER_SUBMITTED = "trading.order.submitted"
ORDER_SENT = "trading.order.sent"
ORDER_ACKNOWLEDGED = "trading.order.acknowledged"
ORDER_FILLED = "trading.order.filled"
ORDER_REJECTED = "trading.order.rejected"
ORDER_CANCELLED = "trading.order.cancelled"
ORDER_EXPIRED = "trading.order.expired"
ORDER_UNKNOWN = "trading.order.unknown"
ORDER_CANCEL_REQUESTED = "trading.order.cancel_requested"
ORDER_CANCEL_REFUSED = "trading.order.cancel_refused"
ORDER_REPLACE_REQUESTED = "trading.order.replace_requested"
ORDER_REPLACE_DROPPED = "trading.order.replace_dropped"
ORDER_FOREIGN = "trading.order.foreign_found"
ROUND_TRIP_CLOSED = "trading.round_trip.closed"


class OrderSubmitted(msgspec.Struct, frozen=True, kw_only=True):
    """The durable intent: committed before the venue is called, in one append with its verdict.

    `stop_loss` and `take_profit` belong to an entry whose exits are sent once it is filled.
    """

    order_id: str
    signal_id: str
    strategy: str
    instrument: str
    venue: str
    side: Side
    quantity: Decimal
    order_type: OrderType
    limit_price: Decimal | None
    time_in_force: TimeInForce
    decision_price: Decimal | None
    policy_version: int
    at: int
    stop_price: Decimal | None = None
    group: str | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None


class OrderAcknowledged(msgspec.Struct, frozen=True, kw_only=True):
    """The venue has the order."""

    order_id: str
    venue_order_id: str
    at: int


class OrderFilled(msgspec.Struct, frozen=True, kw_only=True):
    """One execution; (venue, execution_id) is its identity. `leaves` is what is still open after it.

    `slippage_bps` is signed against the decision price: positive cost us money.
    """

    order_id: str
    execution_id: str
    venue: str
    strategy: str
    instrument: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    leaves: Decimal
    slippage_bps: float | None
    at: int


class OrderEnded(msgspec.Struct, frozen=True, kw_only=True):
    """`rejected`, `cancelled`, `expired` or `unknown`, by the event's type."""

    order_id: str
    reason: str
    at: int


class OrderSent(msgspec.Struct, frozen=True, kw_only=True):
    """The venue took the message and said nothing about the order yet."""

    order_id: str
    at: int


class OrderCancelRequested(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody (`by`) wants the order to end; the venue decides whether there is still something to end."""

    order_id: str
    by: str
    reason: str
    at: int


class OrderReplaceRequested(msgspec.Struct, frozen=True, kw_only=True):
    """A person wants the order changed: it is cancelled, and what is left of it is a new signal at the gate.

    None keeps what it was. The two orders are never open together.
    """

    order_id: str
    by: str
    quantity: Decimal | None
    limit_price: Decimal | None
    stop_price: Decimal | None
    at: int


class OrderForeign(msgspec.Struct, frozen=True, kw_only=True):
    """The account holds an open order there that the ledger does not know."""

    venue: str
    venue_order_id: str
    client_order_id: str
    instrument: str
    side: Side
    quantity: Decimal
    filled: Decimal
    at: int


class RoundTripClosed(msgspec.Struct, frozen=True, kw_only=True):
    """A FIFO lot opened and closed again. `pnl` is net of `fees`; MAE/MFE are currency amounts, MAE <= 0 <= MFE."""

    trip_id: str
    strategy: str
    instrument: str
    side: Side
    quantity: Decimal
    entry_price: Decimal
    exit_price: Decimal
    pnl: Decimal
    fees: Decimal
    opened_at: int
    closed_at: int
    mae: Decimal
    mfe: Decimal
    exit_reason: str
    at: int
