"""What Alpaca takes: an order as the body of a request, or why it is not sent at all. Pure.

Source: docs.alpaca.markets/docs/orders-at-alpaca (order types and time in force, sub-penny increments) and
/docs/fractional-trading.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import msgspec

from steersman.trading.model.instrument import Instrument
from steersman.trading.model.order import Order
from steersman.trading.model.signal import OrderType, TimeInForce

_LONGEST_ID: Final = 128
_QUANTITY_DECIMALS: Final = 9
_STOPPED: Final = (OrderType.STOP, OrderType.STOP_LIMIT)
_LIMITED: Final = (OrderType.LIMIT, OrderType.STOP_LIMIT)


def is_crypto(symbol: str) -> bool:
    """Whether `symbol` is a pair such as BTC/USD."""
    return "/" in symbol


def body(order: Order, symbol: str) -> bytes:
    """Return the JSON that places `order`, numbers as strings."""
    made = {
        "symbol": symbol,
        "qty": plain(order.quantity),
        "side": order.side.value,
        "type": order.order_type.value,
        "time_in_force": order.time_in_force.value,
        "client_order_id": order.order_id,
        "extended_hours": False,
    }
    if order.limit_price is not None:
        made["limit_price"] = plain(order.limit_price)
    if order.stop_price is not None:
        made["stop_price"] = plain(order.stop_price)
    return msgspec.json.encode(made)


def plain(value: Decimal) -> str:
    """Return `value` without exponent and without zeros at its end."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def refusal(order: Order, instrument: Instrument | None) -> str:
    """Say why `order` is not sent; empty if it is."""
    if instrument is None:
        return f"unknown instrument {order.instrument}; declare it with this venue"
    return next(iter(_reasons(order, instrument)), "")


def _reasons(order: Order, instrument: Instrument) -> Iterator[str]:
    crypto = is_crypto(instrument.symbol or instrument.name)
    if not 0 < len(order.order_id) <= _LONGEST_ID or not order.order_id.isascii() or not order.order_id.isprintable():
        yield f"the order id must have 1 to {_LONGEST_ID} printable ASCII characters"
    if not order.quantity.is_finite() or order.quantity <= 0:
        yield f"quantity {order.quantity} is not above 0"
    elif order.quantity % instrument.lot:
        yield f"quantity {order.quantity} is not a multiple of the lot {instrument.lot}"
    elif _decimals(order.quantity) > _QUANTITY_DECIMALS:
        yield f"quantity {order.quantity} has more than {_QUANTITY_DECIMALS} decimals, which Alpaca does not take"
    else:
        yield from _combination(order, crypto=crypto)
    yield from _prices(order, instrument, crypto=crypto)


def _combination(order: Order, *, crypto: bool) -> Iterator[str]:
    """Yield what Alpaca does not take together."""
    type_, lives = order.order_type, order.time_in_force
    if crypto:
        if type_ is OrderType.STOP:
            yield "Alpaca takes no stop orders for crypto; allowed: market, limit, stop_limit"
        if lives is TimeInForce.DAY:
            yield "Alpaca takes no day orders for crypto; allowed: gtc, and ioc for market and limit"
        if lives is TimeInForce.IOC and type_ in _STOPPED:
            yield f"Alpaca takes no {type_.value} order with ioc for crypto; allowed: gtc"
        return
    if order.quantity % 1 and lives is not TimeInForce.DAY:
        yield f"Alpaca takes fractions of a share ({plain(order.quantity)}) with day only, not with {lives.value}"
    if lives is TimeInForce.IOC and type_ in _STOPPED:
        yield f"Alpaca takes no {type_.value} order with ioc; allowed: day, gtc"


def _prices(order: Order, instrument: Instrument, *, crypto: bool) -> Iterator[str]:
    for name, price, needed in (
        ("limit", order.limit_price, order.order_type in _LIMITED),
        ("stop", order.stop_price, order.order_type in _STOPPED),
    ):
        if not needed:
            if price is not None:
                yield f"a {order.order_type.value} order has no {name} price"
        elif price is None or not price.is_finite() or price <= 0:
            yield f"{name} price {price} is not above 0"
        elif price % instrument.tick:
            yield f"{name} price {price} is off the tick {instrument.tick}"
        elif not crypto and _decimals(price) > (2 if price >= 1 else 4):
            yield f"{name} price {price}: Alpaca takes two decimals from 1 on, and four below"


def _decimals(value: Decimal) -> int:
    return len(plain(value).partition(".")[2])
