"""What is asked of ccxt for an order, exactly, or why it is not asked at all."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from steersman.trading.adapters.ccxt.exchanges import Exchange
from steersman.trading.model.order import Order
from steersman.trading.model.signal import OrderType, TimeInForce

_TYPES: Final = {
    OrderType.MARKET: "market",
    OrderType.LIMIT: "limit",
    OrderType.STOP: "market",
    OrderType.STOP_LIMIT: "limit",
}
_STOPS: Final = (OrderType.STOP, OrderType.STOP_LIMIT)
_LIMITS: Final = (OrderType.LIMIT, OrderType.STOP_LIMIT)


def refusal(order: Order, about: Exchange, name: str) -> str:
    """Say why `order` cannot be sent to the exchange `name`, and what can; empty if it can."""
    for what, value, needed in (
        ("quantity", order.quantity, True),
        ("limit price", order.limit_price, order.order_type in _LIMITS),
        ("stop price", order.stop_price, order.order_type in _STOPS),
    ):
        if needed and (value is None or not value.is_finite() or value <= 0):
            return f"{what} {value} is not above 0"
        if not needed and value is not None:
            return f"a {order.order_type.value} order has no {what}"
    if order.order_type in _STOPS and not about.triggers:
        return f"{name} keeps stop orders apart from others; it takes: market, limit"
    if order.order_type is OrderType.MARKET:
        return ""  # trades at once or not at all, whatever its time in force
    if order.time_in_force is TimeInForce.DAY:
        return f"{name} trades around the clock and has no DAY orders; it takes: gtc, ioc"
    if order.order_type is OrderType.STOP and order.time_in_force is TimeInForce.IOC:
        return f"a stop order that waits cannot be immediate or cancel; {name} takes: gtc"
    return ""


def off_step(market: Mapping[str, Any], order: Order) -> str:
    """Say which number of `order` is no multiple of the market's step; "" if all are.

    ccxt cuts quantities and rounds prices to the market's precision without a word. An order is what was approved, or
    it is not sent.
    """
    for what, value, kind in (
        ("quantity", order.quantity, "amount"),
        ("limit price", order.limit_price, "price"),
        ("stop price", order.stop_price, "price"),
    ):
        step = Decimal(str(market["precision"][kind]))
        if value is not None and value % step:
            return f"{what} {value:f} is not a multiple of the market's step {step:f}"
    return ""


def outside_limits(market: Mapping[str, Any], order: Order) -> str:
    """Say which limit of the market `order` is outside of; "" if of none that is known."""
    limits = market["limits"]
    cost = None if order.limit_price is None else order.quantity * order.limit_price
    for what, value, bounds in (("quantity", order.quantity, "amount"), ("value", cost, "cost")):
        known = limits.get(bounds) or {}
        least, most = known.get("min"), known.get("max")
        if value is not None and least is not None and value < Decimal(str(least)):
            return f"{what} {value:f} is below the market's smallest {least}"
        if value is not None and most is not None and value > Decimal(str(most)):
            return f"{what} {value:f} is above the market's largest {most}"
    return ""


def arguments(order: Order, symbol: str, client_id: str) -> dict[str, Any]:
    """Return the arguments of `create_order`; every number is exact text."""
    params: dict[str, Any] = {"clientOrderId": client_id}
    if order.stop_price is not None:
        params["stopLossPrice"] = f"{order.stop_price:f}"
    if order.order_type in _LIMITS:
        params["timeInForce"] = order.time_in_force.name
    return {
        "symbol": symbol,
        "type": _TYPES[order.order_type],
        "side": order.side.value,
        "amount": f"{order.quantity:f}",
        "price": None if order.limit_price is None else f"{order.limit_price:f}",
        "params": params,
    }


def to_exchange(order_id: str, about: Exchange) -> str:
    """Return our id as the exchange keeps it.

    As 32 hexadecimal digits it is the number that "1" and the id make in base 36 (lower case letters and digits), so
    that none of its 21 characters is lost.
    """
    return order_id if about.id_form == "plain" else f"{int(f'1{order_id}', 36):032x}"


def from_exchange(client_id: str, about: Exchange) -> str:
    """Return the id an order was sent under by us, or what somebody else called it."""
    if about.id_form == "plain":
        return client_id
    try:
        digits = _base36(int(client_id.replace("-", ""), 16))
    except ValueError:
        return client_id
    # An id made by others is a random number of 128 bits, and so has 23 digits or more.
    return digits[1:] if digits.startswith("1") and len(digits) <= 22 else client_id


def _base36(value: int) -> str:
    digits = ""
    while value:
        value, digit = divmod(value, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits
