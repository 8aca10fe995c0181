"""What an exchange told, as ccxt hands it on, checked before anything is believed."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from steersman.kernel.errors import Unavailable
from steersman.trading.model.order import VenueStatus
from steersman.trading.model.signal import Side

_STATUS: Final[dict[str, VenueStatus]] = {
    "open": "open",
    "canceling": "open",
    "closed": "filled",
    "canceled": "cancelled",
    "expired": "expired",
    "rejected": "rejected",
}
_YEAR_3000_MS: Final = 32_503_680_000_000


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """An order as the exchange told it.

    Attributes:
        client_id: the client order id as it is there; "" if it has none.
        symbol: ccxt's name of the market.
        at: ns since 1970 UTC of its last change; 0: not told.
    """

    client_id: str
    venue_order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    filled: Decimal
    status: VenueStatus
    at: int


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """One execution; `fees` are (amount, currency) as charged, a rebate below 0."""

    trade_id: str
    venue_order_id: str
    quantity: Decimal
    price: Decimal
    fees: tuple[tuple[Decimal, str], ...]
    at: int


def unreadable(what: str, found: object) -> Unavailable:
    """Return the error for an answer that cannot be right."""
    return Unavailable(
        f"{what}: found {str(found)[:200]!r}", fix="nothing was taken from this answer; it is asked for again"
    )


def plain(value: Decimal) -> str:
    """Return a number as people write it: no exponent, no zeros at its end."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def number(value: object, what: str) -> Decimal:
    """Return the finite Decimal of what ccxt handed on as text."""
    try:
        result = Decimal(str(value))
    except InvalidOperation as exc:
        raise unreadable(f"{what} is not a number", value) from exc
    if not result.is_finite():
        raise unreadable(f"{what} is not a finite number", value)
    return result


def order(raw: Any) -> Told:
    """Return an order told by ccxt.

    Raises:
        Unavailable: it is no order, or contradicts itself.
    """
    if not isinstance(raw, Mapping):
        raise unreadable("an order is not an object", raw)
    venue_order_id = raw.get("id")
    if not venue_order_id:
        raise unreadable("an order has no id", raw.get("info", raw))
    what = f"order {venue_order_id}"
    status = _STATUS.get(str(raw.get("status")))
    if status is None:
        raise unreadable(f"{what} has an unknown status", raw.get("status"))
    quantity, filled = number(raw.get("amount"), f"{what}: amount"), number(raw.get("filled"), f"{what}: filled")
    if quantity < 0 or filled < 0 or filled > quantity:
        raise unreadable(f"{what}: filled {plain(filled)} of {plain(quantity)} cannot be", raw.get("info"))
    if status == "filled" and filled < quantity:
        status = "cancelled"
    side = raw.get("side")
    if side not in ("buy", "sell"):
        raise unreadable(f"{what}: side is neither buy nor sell", side)
    return Told(
        client_id=str(raw.get("clientOrderId") or ""),
        venue_order_id=str(venue_order_id),
        symbol=str(raw.get("symbol")),
        side=Side(side),
        quantity=quantity,
        filled=filled,
        status=status,
        at=instant(raw.get("lastUpdateTimestamp") or raw.get("timestamp")),
    )


def trade(raw: Any) -> Trade:
    """Return an execution told by ccxt.

    Raises:
        Unavailable: it is no execution.
    """
    if not isinstance(raw, Mapping):
        raise unreadable("an execution is not an object", raw)
    trade_id = raw.get("id")
    if not trade_id:
        raise unreadable("an execution has no id", raw.get("info", raw))
    what = f"execution {trade_id}"
    quantity, price = number(raw.get("amount"), f"{what}: amount"), number(raw.get("price"), f"{what}: price")
    if quantity <= 0 or price <= 0:
        raise unreadable(f"{what}: {quantity:f} at {price:f} cannot be", raw.get("info"))
    return Trade(
        trade_id=str(trade_id),
        venue_order_id=str(raw.get("order") or ""),
        quantity=quantity,
        price=price,
        fees=tuple(_fees(raw, what)),
        at=instant(raw.get("timestamp")),
    )


def _fees(raw: Mapping[str, Any], what: str) -> list[tuple[Decimal, str]]:
    told = raw.get("fees") or [raw.get("fee")]
    return [
        (number(fee["cost"], f"{what}: fee"), str(fee["currency"]))
        for fee in told
        if isinstance(fee, Mapping) and fee.get("cost") is not None and fee.get("currency") is not None
    ]


def instant(milliseconds: object) -> int:
    """Return ns since 1970 UTC; 0 if the exchange told no time, or one that cannot be."""
    try:
        value = int(str(milliseconds))
    except ValueError:
        return 0
    return value * 1_000_000 if 0 < value < _YEAR_3000_MS else 0
