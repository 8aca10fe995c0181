"""The bodies of the messages we send about orders and positions."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from steersman.kernel.clock import utc
from steersman.trading.adapters.fix.known import SIDES, Known
from steersman.trading.adapters.fix.settings import FixSettings
from steersman.trading.adapters.fix.wire import Fields, stamp
from steersman.trading.model.instrument import Instrument
from steersman.trading.model.order import Order
from steersman.trading.model.signal import OrderType, TimeInForce

_TYPES: Final = {OrderType.MARKET: "1", OrderType.LIMIT: "2", OrderType.STOP: "3", OrderType.STOP_LIMIT: "4"}
_TIMES: Final = {TimeInForce.DAY: "0", TimeInForce.GTC: "1", TimeInForce.IOC: "3"}


def refusal(order: Order, instrument: Instrument | None) -> str:
    """Say why an order is not sent at all; empty if it is."""
    if instrument is None:
        return f"no instrument {order.instrument!r} is declared for this venue"
    if not _symbol(instrument).isascii() or not _symbol(instrument).isprintable():
        return f"symbol {_symbol(instrument)!r}, allowed: printable ASCII"
    if not order.quantity.is_finite() or order.quantity <= 0 or order.quantity % instrument.lot:
        return f"quantity {order.quantity}, allowed: above 0 in steps of {instrument.lot}"
    priced = {
        "limit_price": (order.limit_price, order.order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT)),
        "stop_price": (order.stop_price, order.order_type in (OrderType.STOP, OrderType.STOP_LIMIT)),
    }
    for field, (price, wanted) in priced.items():
        if (price is not None) != wanted:
            return f"a {order.order_type.value} order {'needs a' if wanted else 'has no'} {field}"
        if price is not None and (not price.is_finite() or price <= 0 or price % instrument.tick):
            return f"{field} {price}, allowed: above 0 in steps of {instrument.tick}"
    return ""


def new_order(order: Order, instrument: Instrument, settings: FixSettings, now: int) -> Fields:
    """Return the body of NewOrderSingle."""
    body = [(11, str(order.order_id))]
    if settings.account is not None:
        body.append((1, settings.account))
    body += [(21, "1"), (55, _symbol(instrument)), (54, SIDES[order.side]), (60, stamp(now))]
    body += [(38, plain(order.quantity)), (40, _TYPES[order.order_type])]
    if order.limit_price is not None:
        body.append((44, plain(order.limit_price)))
    if order.stop_price is not None:
        body.append((99, plain(order.stop_price)))
    body.append((59, _TIMES[order.time_in_force]))
    return [*body, *((int(tag), value) for tag, value in settings.order_fields.items())]


def cancel(known: Known, request_id: str, settings: FixSettings, now: int) -> Fields:
    """Return the body of OrderCancelRequest."""
    order = known.order
    body = [(41, str(order.order_id)), (11, request_id), *_venue_id(known)]
    if settings.account is not None:
        body.append((1, settings.account))
    body += [(55, _symbol(known.instrument)), (54, SIDES[order.side]), (38, plain(order.quantity)), (60, stamp(now))]
    return body


def status(known: Known, request_id: str, settings: FixSettings) -> Fields:
    """Return the body of OrderStatusRequest."""
    body = [(11, str(known.order.order_id)), *_venue_id(known)]
    if settings.version == "FIX.4.4":
        body.append((790, request_id))
    return [*body, (55, _symbol(known.instrument)), (54, SIDES[known.order.side])]


def mass_status(request_id: str) -> Fields:
    """Return the body of OrderMassStatusRequest for all orders."""
    return [(584, request_id), (585, "7")]


def positions(request_id: str, settings: FixSettings, now: int) -> Fields:
    """Return the body of RequestForPositions for what the account holds now."""
    day = utc(now).strftime("%Y%m%d")
    account = settings.account or settings.sender
    return [(710, request_id), (724, "0"), (1, account), (581, "1"), (715, day), (60, stamp(now))]


def plain(value: Decimal) -> str:
    """Return a number without exponent and without zeros that say nothing."""
    return format(value.normalize(), "f")


def _symbol(instrument: Instrument) -> str:
    return instrument.symbol or instrument.name


def _venue_id(known: Known) -> list[tuple[int, str]]:
    return [(37, known.venue_order_id)] if known.venue_order_id else []
