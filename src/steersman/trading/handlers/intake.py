"""From what a strategy said, or somebody outside asked for, to a signal; or the reason why it is none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from steersman.kernel.clock import utc
from steersman.kernel.fixed import to_nano
from steersman.trading.handlers.state import State
from steersman.trading.handlers.strategies import Intent, Number, readable
from steersman.trading.model.instrument import Instrument
from steersman.trading.model.request import SignalRequest
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
    limit, stop, stop_loss, take_profit = (
        None if (value := getattr(said, name)) is None else _positive(name, value)
        for name in ("limit", "stop", "stop_loss", "take_profit")
    )
    return Signal(
        signal_id=SignalId(f"{strategy}-{said.instrument}-{utc(at):%Y%m%dT%H%M%S}-{number}"),
        source=f"strategy:{strategy}",
        strategy=strategy,
        instrument=said.instrument,
        side=said.side,
        quantity=_positive("quantity", said.quantity),
        order_type=order_type(limit, stop),
        created_at=at,
        limit_price=limit,
        stop_price=stop,
        stop_loss=stop_loss,
        take_profit=take_profit,
        price=prices.get(said.instrument),
        time_in_force=said.time_in_force,
        confidence=confidence,
        notes=readable(str(said.notes)),
    )


def asked_signal(request: SignalRequest, *, source: str, signal_id: str, at: int, age_ns: int, state: State) -> Signal:
    """Return the signal that a request from outside makes at `at`, `age_ns` after its source made it.

    Raises:
        ValueError: an unknown instrument, a size said in no way or in two, or nothing left to do.
    """
    instrument = state.instruments.get(request.instrument)
    if instrument is None:
        raise ValueError(f"unknown instrument {request.instrument!r:.60}; declared: {', '.join(state.instruments)}")
    side, quantity = _size(request, instrument, state)
    return Signal(
        signal_id=SignalId(signal_id),
        source=source,
        strategy=request.strategy,
        instrument=request.instrument,
        side=side,
        quantity=_positive("quantity", quantity),
        order_type=order_type(request.limit_price, request.stop_price),
        created_at=at - age_ns,
        limit_price=request.limit_price,
        stop_price=request.stop_price,
        stop_loss=request.stop_loss,
        take_profit=request.take_profit,
        price=request.price,
        time_in_force=request.time_in_force,
        confidence=request.confidence,
        notes=readable(request.notes),
    )


def _size(request: SignalRequest, instrument: Instrument, state: State) -> tuple[Side, Decimal]:
    """Return the side and the units of a request, from whichever of the three ways it says them in."""
    ways = [name for name in ("quantity", "target", "risk_fraction") if getattr(request, name) is not None]
    if len(ways) != 1:
        raise ValueError(
            f"the size is said by {' and '.join(ways) or 'nothing'}; allowed: one of quantity, target, risk_fraction"
        )
    if request.target is not None:
        missing = request.target - committed(state, request.strategy, request.instrument)
        quantity = abs(missing) // instrument.lot * instrument.lot
        if not quantity:
            raise ValueError(f"nothing to do: {request.strategy} is at its target of {request.target:f} already")
        return (Side.BUY if missing > 0 else Side.SELL), quantity
    if request.side is None:
        raise ValueError("side is missing; allowed: buy or sell (only a target needs none)")
    if request.quantity is not None:
        return request.side, request.quantity
    return request.side, _risked(request, instrument, state)


def _risked(request: SignalRequest, instrument: Instrument, state: State) -> Decimal:
    """Return the units of which `risk_fraction` of the equity is lost if the stop is reached."""
    share = request.risk_fraction
    if share is None or not 0 < share <= 1:
        raise ValueError(f"risk_fraction is {share}; allowed: above 0, at most 1")
    entry = request.limit_price or request.stop_price or state.book.prices.get(request.instrument)
    if request.stop_loss is None or entry is None:
        raise ValueError("risk_fraction needs a stop_loss, and a price of the instrument to measure it from")
    distance = abs(entry - request.stop_loss)
    if not distance:
        raise ValueError(f"stop_loss is the entry's price {entry:f}; allowed: another one")
    quantity = state.book.equity() * share / distance // instrument.lot * instrument.lot
    if not quantity:
        raise ValueError(f"risk_fraction {share:f} of the equity is less than one lot of {instrument.lot:f} at risk")
    return quantity


def committed(state: State, strategy: str, instrument: str) -> Decimal:
    """Return the signed units a strategy holds and has entries on their way for; its waiting exits do not count."""
    entries = (
        o.leaves if o.order.side is Side.BUY else -o.leaves
        for o in state.open.values()
        if (o.order.strategy, o.order.instrument, o.order.group) == (strategy, instrument, None)
    )
    return state.book.own_position(strategy, instrument) + sum(entries, Decimal(0))


def order_type(limit: Decimal | None, stop: Decimal | None) -> OrderType:
    """Return the type that an order with these prices has."""
    if stop is None:
        return OrderType.MARKET if limit is None else OrderType.LIMIT
    return OrderType.STOP if limit is None else OrderType.STOP_LIMIT


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
