"""What was reported of an order so far, and what follows from what the exchange tells of it now. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from steersman.trading.adapters.ccxt.answers import Told, Trade, plain, unreadable
from steersman.trading.model.order import Acknowledged, Ended, Execution, Order, Report
from steersman.trading.model.signal import TimeInForce

_ZERO = Decimal(0)
_DELAY_NS = 30_000_000_000
"""How long executions may come after the total they are part of."""


class Tracked:
    """An order whose reports are wanted.

    Attributes:
        sent_ns: elapsed time when it was sent in this life; None: it comes from an earlier one.
        is_sure: the exchange has told us of it; before that, it may never have arrived.
        is_cancelling: the exchange took our wish to end it.
        reported: units of it reported as executed in this life.
        seen: ids of those executions.
        short_since_ns: elapsed time since which the exchange tells fewer executions than it says were filled.
        last_trade: the latest of them, and its time (ms since 1970 UTC), for asking only for later ones.
    """

    __slots__ = (
        "acknowledged",
        "is_cancelling",
        "is_sure",
        "last_trade",
        "last_trade_ms",
        "order",
        "reported",
        "seen",
        "sent_ns",
        "short_since_ns",
        "venue_order_id",
    )

    def __init__(self, order: Order, *, sent_ns: int | None, acknowledged: bool = False) -> None:
        self.order = order
        self.sent_ns = sent_ns
        self.acknowledged = acknowledged
        self.is_sure = acknowledged
        self.is_cancelling = False
        self.venue_order_id: str | None = None
        self.reported = _ZERO
        self.seen: set[str] = set()
        self.short_since_ns: int | None = None
        self.last_trade: str | None = None
        self.last_trade_ms: int | None = None

    def acknowledge(self, venue_order_id: str, at: int) -> list[Report]:
        """Note that the exchange has the order; the first time, that is a report."""
        self.venue_order_id, self.is_sure = venue_order_id, True
        if self.acknowledged:
            return []
        self.acknowledged = True
        return [Acknowledged(order_id=self.order.order_id, venue_order_id=venue_order_id, at=at)]


def check(order: Order, told: Told) -> None:
    """Raise Unavailable if `told` cannot be about `order`."""
    if told.side is not order.side or told.quantity != order.quantity:
        raise unreadable(
            f"order {order.order_id} was {order.side.value} {order.quantity:f}, but the exchange tells another",
            f"{told.side.value} {told.quantity:f}",
        )


def fresh(tracked: Tracked, trades: Sequence[Trade]) -> list[Trade]:
    """Return the executions of the order that were not reported yet, oldest first.

    Raises:
        Unavailable: together they are more than was ordered.
    """
    mine = {
        trade.trade_id: trade
        for trade in trades
        if trade.trade_id not in tracked.seen and trade.venue_order_id in ("", tracked.venue_order_id)
    }
    new = sorted(mine.values(), key=lambda trade: (trade.at, len(trade.trade_id), trade.trade_id))
    total = tracked.reported + sum((trade.quantity for trade in new), _ZERO)
    if total > tracked.order.quantity:
        raise unreadable(f"order {tracked.order.order_id}: executions above its {tracked.order.quantity:f}", total)
    return new


def executed(
    tracked: Tracked, new: Sequence[Trade], fees: Mapping[str, Decimal], market_id: str, now: int
) -> list[Report]:
    """Note `new` executions, as `fresh` gave them, and return their reports.

    Exchanges count trades by market, and two orders of ours that meet share one: the id names market and side too.
    """
    reports: list[Report] = []
    for trade in new:
        tracked.seen.add(trade.trade_id)
        tracked.short_since_ns = None
        tracked.reported += trade.quantity
        tracked.last_trade = trade.trade_id
        tracked.last_trade_ms = trade.at // 1_000_000 or tracked.last_trade_ms
        reports.append(
            Execution(
                order_id=tracked.order.order_id,
                execution_id=f"{market_id}-{trade.trade_id}-{tracked.order.side.value}",
                quantity=trade.quantity,
                price=trade.price,
                fee=fees[trade.trade_id],
                at=trade.at or now,
            )
        )
    return reports


def is_short(tracked: Tracked, told: Told, elapsed_ns: int) -> bool:
    """Say whether executions have been missing for so long that it is no delay any more."""
    if told.filled <= tracked.reported:
        tracked.short_since_ns = None
        return False
    if tracked.short_since_ns is None:
        tracked.short_since_ns = elapsed_ns
    return elapsed_ns - tracked.short_since_ns > _DELAY_NS


def is_over(tracked: Tracked, told: Told) -> bool:
    """Say whether nothing more is to come: the order ended, and every execution of it was reported.

    Raises:
        Unavailable: the exchange tells more executions than its own total.
    """
    if told.status == "open":
        return False
    if tracked.reported > told.filled:
        raise unreadable(
            f"order {tracked.order.order_id} ended with {plain(told.filled)} filled, but was executed for more",
            tracked.reported,
        )
    return tracked.reported == told.filled


def ended(order: Order, told: Told, now: int) -> list[Report]:
    """Return the report of the end of an order that is over; filled ones need none."""
    rest = f"{plain(order.quantity - told.filled)} not filled"
    at = told.at or now
    if told.status == "filled":
        return []
    if told.status == "rejected":
        reason = "the exchange took the order and then rejected it"
        return [Ended(order_id=order.order_id, how="rejected", reason=reason, at=at)]
    if order.time_in_force is TimeInForce.IOC:
        return [Ended(order_id=order.order_id, how="cancelled", reason=f"immediate or cancel: {rest}", at=at)]
    return [Ended(order_id=order.order_id, how=told.status, reason=f"{told.status} at the exchange: {rest}", at=at)]
