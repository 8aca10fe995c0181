"""What a source wants done, decoded and validated once."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import NewType

import msgspec

SignalId = NewType("SignalId", str)
OrderId = NewType("OrderId", str)
"""Our client order id: derived from strategy, signal id and leg, so the same signal can never become two orders."""


class Side(Enum):
    """Direction of a trade."""

    BUY = "buy"
    SELL = "sell"


class OrderType(Enum):
    """How an order may fill."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    """Becomes a market order once the price reaches `stop_price`."""
    STOP_LIMIT = "stop_limit"
    """Becomes a limit order once the price reaches `stop_price`."""


class TimeInForce(Enum):
    """How long an order lives."""

    DAY = "day"
    GTC = "gtc"
    IOC = "ioc"


class Signal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A wish to trade.

    Attributes:
        signal_id: unique within `source`; (source, signal_id) is the identity.
        quantity: units of the instrument, > 0.
        limit_price: required for limit and stop-limit orders, in the instrument's currency per unit.
        stop_price: required for stop and stop-limit orders: what the price must reach first.
        stop_loss, take_profit: of a bracket: once the entry is filled, an exit at a loss and one at a gain wait, and
            the first to be filled ends the other.
        created_at: ns since 1970 UTC on the feed's clock.
        price: the price the source saw when it decided (bar close), for slippage; currency per unit.
        confidence: 0..1, if the source has one.
    """

    signal_id: SignalId
    source: str
    strategy: str
    instrument: str
    side: Side
    quantity: Decimal
    order_type: OrderType
    created_at: int
    limit_price: Decimal | None = None
    price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    confidence: float | None = None
    notes: str = ""
    stop_price: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
