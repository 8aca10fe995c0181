"""From what a strategy said to a signal, or the reason why it is none. Decoded and checked once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from steersman.kernel.clock import utc
from steersman.kernel.fixed import to_nano
from steersman.trading.handlers.strategies import Intent, Number, readable
from steersman.trading.model.instrument import Instrument
from steersman.trading.model.signal import OrderType, Side, Signal, SignalId, TimeInForce

_LARGEST = Decimal(10) ** 9


def signal_of(
    said: object,
    *,
    strategy: str,
    number: int,
    at: int,
    instruments: Mapping[str, Instrument],
    prices: Mapping[str, Decimal],
) -> Signal:
    """Return the signal that a strategy's `said` makes at `at`, the `number`-th of this strategy at this instant.

    Raises:
        ValueError: not an Intent, an unknown instrument, or a number that is none; says which and what is allowed.
    """
    if not isinstance(said, Intent):
        raise ValueError(f"on_bar gave a {type(said).__name__}; allowed: buy(...) or sell(...)")
    if said.instrument not in instruments:
        raise ValueError(f"unknown instrument {said.instrument!r:.60}; declared: {', '.join(instruments)}")
    if not isinstance(said.side, Side) or not isinstance(said.time_in_force, TimeInForce):
        raise ValueError("side or time_in_force is not of its kind")
    confidence = said.confidence
    if confidence is not None and not (math.isfinite(confidence) and 0 <= confidence <= 1):
        raise ValueError(f"confidence is {confidence}; allowed: 0 to 1")
    limit = None if said.limit is None else _positive("limit", said.limit)
    return Signal(
        signal_id=SignalId(f"{strategy}-{said.instrument}-{utc(at):%Y%m%dT%H%M%S}-{number}"),
        source=f"strategy:{strategy}",
        strategy=strategy,
        instrument=said.instrument,
        side=said.side,
        quantity=_positive("quantity", said.quantity),
        order_type=OrderType.MARKET if limit is None else OrderType.LIMIT,
        created_at=at,
        limit_price=limit,
        price=prices.get(said.instrument),
        time_in_force=said.time_in_force,
        confidence=confidence,
        notes=readable(str(said.notes)),
    )


def _positive(name: str, value: Number) -> Decimal:
    """Return a number as written: a float by its shortest text, so 0.1 is a tenth."""
    if isinstance(value, bool) or not isinstance(value, Decimal | int | float | str):
        raise ValueError(f"{name} is a {type(value).__name__}; allowed: a number")
    try:
        number = Decimal(str(value))
    except InvalidOperation as exc:
        raise ValueError(f"{name} is not a number: {value!r:.60}") from exc
    if not number.is_finite():
        raise ValueError(f"{name} is {number}; allowed: a finite number")
    if not 0 < number <= _LARGEST:
        raise ValueError(f"{name} is {number}; allowed: above 0, at most a billion")
    to_nano(number)
    return number
