"""What a simulated execution costs: the price it gets, the fee it pays. Pure, and without memory of earlier slices."""

from __future__ import annotations

import random
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Final

import msgspec

from steersman.trading.model.bar import Bar
from steersman.trading.model.order import Order
from steersman.trading.model.signal import Side

_BPS: Final = Decimal(10_000)
_CENT: Final = Decimal("0.01")


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """How the market treats us.

    Attributes:
        seed: same seed, same jitter.
        latency_ns: from sending until an order can trade.
        fee_bps: of the notional of each execution.
        fee_min: the least the first execution of an order pays, account currency.
        slippage_bps: mean distance of a market order's price from the open, against us.
        participation: largest share (0..1) of a bar's volume that our orders together may take.
    """

    seed: int
    latency_ns: int
    fee_bps: Decimal
    fee_min: Decimal
    slippage_bps: Decimal
    participation: Decimal


def price(order: Order, bar: Bar, tick: Decimal, costs: Costs, slice_: int) -> Decimal | None:
    """Return the price per unit at which `bar` trades `order`, None if it does not.

    A market order gets the open moved against us by 0.5 to 1.5 times the slippage, rounded to the worse tick; a stop
    order, once the bar reaches its stop, the same from the stop, or from the open where the bar begins beyond it. A
    limit order gets its limit, or the open where that is better.
    """
    buys = order.side is Side.BUY
    begins = bar.open
    if order.stop_price is not None:
        if not (bar.high >= order.stop_price if buys else bar.low <= order.stop_price):
            return None
        begins = max(bar.open, order.stop_price) if buys else min(bar.open, order.stop_price)
    if order.limit_price is not None:
        return _limited(order.limit_price, bar, begins, buys=buys, from_open=begins == bar.open)
    # Seeded by what is traded, not by how many were traded before: restarts and other orders change nothing.
    jitter = random.Random(f"{costs.seed}|{order.order_id}|{slice_}").uniform(0.5, 1.5)
    moved = begins * costs.slippage_bps * Decimal(round(jitter * 1_000_000)) / 1_000_000 / _BPS
    raw = begins + moved if buys else begins - moved
    ticks = (raw / tick).to_integral_value(ROUND_CEILING if buys else ROUND_FLOOR)
    return max(ticks, Decimal(1)) * tick


def _limited(limit: Decimal, bar: Bar, begins: Decimal, *, buys: bool, from_open: bool) -> Decimal | None:
    """Return what a limit order gets that works from the price `begins` on."""
    if (begins <= limit) if buys else (begins >= limit):
        return begins
    # What the bar did after its stop was reached nobody knows; from the open on, all of it was traded.
    reaches = bar.low <= limit if buys else bar.high >= limit
    return limit if from_open and reaches else None


def fee(notional: Decimal, costs: Costs, *, first: bool) -> Decimal:
    """Return what an execution of `notional` pays, to the cent; the minimum is asked of an order's first one only."""
    share = notional * costs.fee_bps / _BPS
    return (max(share, costs.fee_min) if first else share).quantize(_CENT, ROUND_HALF_UP)
