"""What Alpaca says, decoded and checked once. Whatever is not as documented is `Malformed`, with what was found."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeVar

import msgspec

from steersman.kernel.clock import to_ns
from steersman.kernel.errors import Unavailable
from steersman.trading.model.order import VenueStatus

T = TypeVar("T")

_SHOWN: Final = 200
_LARGEST: Final = Decimal(10) ** 15
_DIGITS: Final = 12
_INSTANT: Final = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9})\d*)?(Z|[+-]\d{2}:\d{2})")

STATUS: Final[dict[str, VenueStatus]] = {
    "new": "open",
    "accepted": "open",
    "pending_new": "open",
    "accepted_for_bidding": "open",
    "partially_filled": "open",
    "pending_cancel": "open",
    "pending_replace": "open",
    "pending_review": "open",
    "held": "open",
    "stopped": "open",
    "suspended": "open",
    "calculated": "open",
    # Of a good-till-cancelled order too, which works again the next day.
    "done_for_day": "open",
    "filled": "filled",
    "canceled": "cancelled",
    "expired": "expired",
    "rejected": "rejected",
    # What replaces it is another order with another id, and not ours.
    "replaced": "cancelled",
}


class Malformed(Unavailable):
    """An answer that contradicts the documentation or itself."""


class OrderJson(msgspec.Struct, frozen=True, kw_only=True):
    """An order. `qty` is None where it was given as an amount of money (`notional`)."""

    id: str
    client_order_id: str
    symbol: str
    side: str
    status: str
    filled_qty: Decimal
    qty: Decimal | None = None
    notional: Decimal | None = None
    created_at: str | None = None
    submitted_at: str | None = None
    updated_at: str | None = None
    canceled_at: str | None = None
    expired_at: str | None = None
    failed_at: str | None = None
    replaced_at: str | None = None
    replaced_by: str | None = None


class FillJson(msgspec.Struct, frozen=True, kw_only=True):
    """One execution (account activity FILL); `id` is its identity."""

    id: str
    order_id: str
    symbol: str
    side: str
    qty: Decimal
    price: Decimal
    transaction_time: str


class PositionJson(msgspec.Struct, frozen=True, kw_only=True):
    """What is held of one symbol."""

    symbol: str
    qty: Decimal
    side: str
    avg_entry_price: Decimal | None = None


class QuoteJson(msgspec.Struct, frozen=True, kw_only=True):
    """Best prices of one symbol; 0 where nobody quotes."""

    t: str
    bp: Decimal = Decimal(0)
    ap: Decimal = Decimal(0)


class QuotesJson(msgspec.Struct, frozen=True, kw_only=True):
    """The latest quotes by symbol."""

    quotes: dict[str, QuoteJson]


class ErrorJson(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request was refused."""

    message: str
    code: int | None = None


def shown(body: bytes) -> str:
    """Return what was found, as one readable line of at most 200 characters."""
    text = body[: 4 * _SHOWN].decode(errors="replace")
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line[:_SHOWN] if line else "nothing"


def decode(body: bytes, type_: type[T], what: str) -> T:
    """Return `body` as `type_`.

    Raises:
        Malformed: it is not; says what was found.
    """
    try:
        return msgspec.json.decode(body, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError, ArithmeticError) as exc:
        raise Malformed(
            f"alpaca: {what}: {type(exc).__name__}: {str(exc)[:_SHOWN]}; found: {shown(body)}",
            fix="the next good answer is taken; if it stays, see Alpaca's status page",
        ) from exc


def refusal(body: bytes) -> ErrorJson | None:
    """Return the reason of a refusal if the body is one."""
    try:
        return msgspec.json.decode(body, type=ErrorJson)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError, ArithmeticError):
        return None


def units(value: Decimal | None, what: str, *, above_zero: bool = False) -> Decimal:
    """Return a quantity or price that can be counted with: finite, >= 0 (or above it), of a sane size.

    Raises:
        Malformed: it is none.
    """
    if value is not None and value.is_finite():
        # The exponent first: arithmetic with an absurd one overflows, or writes out a billion zeros.
        exponent = value.as_tuple().exponent
        fits = isinstance(exponent, int) and -_DIGITS <= exponent <= _DIGITS and value < _LARGEST
        if fits and (value > 0 if above_zero else value >= 0):
            return value
    raise Malformed(
        f"alpaca: {what} is {str(value)[:40]}; allowed: {'above 0' if above_zero else '0 or more'}, below 10^15",
        fix="the next good answer is taken; if it stays, see Alpaca's status page",
    )


def instant(text: str, what: str) -> int:
    """Return ns since 1970 UTC of RFC 3339 text with up to nanoseconds.

    Raises:
        Malformed: it is no instant.
    """
    found = _INSTANT.fullmatch(text)
    try:
        if found:
            whole = datetime.fromisoformat(found[1] + found[3])
            return to_ns(whole) + int((found[2] or "0").ljust(9, "0"))
    except (ValueError, OverflowError):
        pass
    raise Malformed(f"alpaca: {what} is {text[:40]!r}, which is no instant", fix="see Alpaca's status page")


def status_of(order: OrderJson) -> VenueStatus:
    """Return our word for the order's status.

    Raises:
        Malformed: a status nobody documented.
    """
    found = STATUS.get(order.status)
    if found is None:
        raise Malformed(
            f"alpaca: order {order.client_order_id[:48]} has the unknown status {order.status[:40]!r}",
            fix="look at it in Alpaca's dashboard; a status that is new there needs a new release here",
        )
    return found
