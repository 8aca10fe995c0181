"""What the gate reads about one signal, observed in the state of the desk."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from itertools import takewhile
from typing import Final

import msgspec

from steersman.kernel.fixed import ONE, round_to_nano, to_nano
from steersman.policy import HaltState
from steersman.trading.gate.facts import Facts, LookBack
from steersman.trading.handlers.state import SIGN, Instants, State
from steersman.trading.model.order import Order
from steersman.trading.model.signal import Side, Signal

_ZERO: Final = Decimal(0)
_MINUTE_NS: Final = 60 * 10**9
_DAY_NS: Final = 24 * 60 * _MINUTE_NS


def facts(
    state: State,
    signal: Signal,
    *,
    at: int,
    halts: HaltState,
    strategy_on: bool,
    look_back: LookBack,
    instant: int | None = None,
    group: str | None = None,
) -> Facts:
    """Return everything the gate reads about `signal` at the instant `at`, which ages are measured against.

    Args:
        instant: of the bars that were just taken in, where that is another one; they are in session.
        group: of the order that `signal` is to become: its alternatives reserve nothing beside it.
    """
    name, strategy = signal.instrument, signal.strategy
    instrument = state.instruments.get(name)
    price = state.nano.get(name)
    tick, lot = state.steps.get(name, (None, None))
    bar_at = state.bar_at.get(name)
    moves = state.moves.get(name)
    z = None if moves is None else moves.outlier_z()
    equity = state.book.equity()
    venue = instrument.venue if instrument is not None else ""
    working = _Working(state, without=group)
    exposure = _exposure(state, working, signal)
    bid, ask = _quoted(state, name)
    return Facts(
        halted=halts.covering(venue=venue, strategy=strategy, instrument=name) is not None,
        strategy_on=strategy_on,
        known=instrument is not None,
        in_session=_in_session(state, name, at, at if instant is None else instant),
        direction=SIGN[signal.side],
        quantity=to_nano(signal.quantity),
        limited=signal.limit_price is not None,
        limit_price=price if signal.limit_price is None else to_nano(signal.limit_price),
        price=price,
        signal_age_ns=at - signal.created_at,
        data_age_ns=None if bar_at is None else at - bar_at,
        outlier_z=None if z is None else round(z * ONE),
        repeated_id=(signal.source, signal.signal_id) in state.seen,
        repeated_content=_repeats(state, signal, at, look_back.duplicate_ns),
        tick=tick,
        lot=lot,
        messages=_since(state.messages.get(strategy), at - _MINUTE_NS),
        executions=_since(state.fills.get((strategy, name)), at - _DAY_NS),
        open_orders=sum(1 for o in state.open.values() if o.order.strategy == strategy),
        position=exposure.position,
        own_position=round_to_nano(
            state.book.own_position(strategy, name)
            + SIGN[signal.side] * working.units(name, signal.side, strategy=strategy)
        ),
        gross=exposure.gross,
        buying_power=round_to_nano(state.book.cash - working.cash),
        crosses_own=any(_crosses(order, signal, state.book.prices.get(name)) for order in working.orders.get(name, ())),
        day_pnl=round_to_nano(equity - state.book.marked),
        drawdown=round_to_nano(state.book.drawdown()),
        entitled=name in state.declared.entitled.get(strategy, ()),
        blackout=state.declared.is_blacked_out(name, at),
        unreconciled=name in state.unreconciled or name in state.unknown.values(),
        missing_bars=state.history.missing_bars(name, at),
        bid=bid,
        ask=ask,
        period_price=_period_price(state, name, at, look_back),
        source_price=None if signal.price is None else to_nano(signal.price),
        net=exposure.net,
        equity=round_to_nano(equity),
        group_gross=exposure.group_gross,
        losing_streak=state.history.losing_streak(
            strategy, after=None if look_back.losses_ns is None else at - look_back.losses_ns
        ),
        stop_price=None if signal.stop_price is None else to_nano(signal.stop_price),
        cost_price=_cost_price(signal, price),
    )


class _Working:
    """What the open orders beside the one that is judged may still do; of alternatives only the larger counts."""

    def __init__(self, state: State, *, without: str | None) -> None:
        self.orders: dict[str, list[Order]] = {}
        """By instrument."""
        self.cash = _ZERO
        """What open buys may still cost."""
        self._units: dict[tuple[str, Side], dict[str, Decimal]] = {}
        largest: dict[tuple[str, str, Side, str], tuple[Decimal, Decimal]] = {}
        for order_id, o in state.open.items():
            order = o.order
            if without is not None and order.group == without:
                continue
            self.orders.setdefault(order.instrument, []).append(order)
            leaves = o.leaves
            cost = leaves * _price_of(order, state.book.prices) if order.side is Side.BUY else _ZERO
            key = (order.group or order_id, order.instrument, order.side, order.strategy)
            units, dear = largest.get(key, (_ZERO, _ZERO))
            largest[key] = (max(units, leaves), max(dear, cost))
        for (_, instrument, side, strategy), (units, cost) in largest.items():
            self.cash += cost
            by_strategy = self._units.setdefault((instrument, side), {})
            by_strategy[strategy] = by_strategy.get(strategy, _ZERO) + units

    def units(self, instrument: str, side: Side, *, strategy: str | None = None) -> Decimal:
        """Return the units that open orders of one side (of one strategy) may still trade."""
        by_strategy = self._units.get((instrument, side))
        if by_strategy is None:
            return _ZERO
        return sum(by_strategy.values(), _ZERO) if strategy is None else by_strategy.get(strategy, _ZERO)


def _price_of(order: Order, prices: Mapping[str, Decimal]) -> Decimal:
    known = order.limit_price or order.stop_price or prices.get(order.instrument)
    return known or order.decision_price or _ZERO


class _Exposure(msgspec.Struct, frozen=True, kw_only=True):
    position: int
    gross: int | None
    net: int | None
    group_gross: int | None


def _exposure(state: State, working: _Working, signal: Signal) -> _Exposure:
    """Return what is held and what open orders may make of it, valued at last prices; None where a price is missing.

    An open order may be filled or not, so it only ever counts against the signal: as filled where that adds to the
    exposure in question, as never filled where it would take away from it.
    """
    sign, name = SIGN[signal.side], signal.instrument
    position = round_to_nano(state.book.position(name) + sign * working.units(name, signal.side))
    group = _group_of(state, name)
    gross: int | None = 0
    net: int | None = 0
    together: int | None = 0
    for other in {*state.book.positions(), *working.orders, name}:
        held = state.book.position(other)
        if other == name:
            here, most = position, abs(position)
        else:
            long, short = (held + working.units(other, Side.BUY), held - working.units(other, Side.SELL))
            here = round_to_nano(long if sign > 0 else short)
            most = round_to_nano(max(abs(long), abs(short)))
        if not most and not here:
            continue
        price = state.nano.get(other)
        grouped = group is not None and _group_of(state, other) == group
        if price is None:
            gross = net = None
            together = None if grouped or other == name else together
            continue
        gross = None if gross is None else gross + most * price // ONE
        net = None if net is None else net + here * price // ONE
        if together is not None and (grouped or other == name):
            together += most * price // ONE
    return _Exposure(position=position, gross=gross, net=net, group_gross=together)


def _group_of(state: State, name: str) -> str | None:
    instrument = state.instruments.get(name)
    return None if instrument is None else instrument.group


def _in_session(state: State, name: str, at: int, instant: int) -> bool | None:
    """Say whether the market trades at `at`, by its calendar, or without one by a bar that came at `instant`."""
    instrument = state.instruments.get(name)
    if instrument is not None and instrument.calendar is not None:
        calendar = state.declared.calendars.get(instrument.calendar)
        return None if calendar is None else calendar.is_open(at)
    bar_at = state.bar_at.get(name)
    return None if bar_at is None else bar_at == instant


def _quoted(state: State, name: str) -> tuple[int | None, int | None]:
    quote = state.history.quotes.get(name)
    if quote is None or quote.bid is None or quote.ask is None:
        return None, None
    return round_to_nano(quote.bid), round_to_nano(quote.ask)


def _period_price(state: State, name: str, at: int, look_back: LookBack) -> int | None:
    if look_back.collar_bars:
        return state.history.close_before(name, bars=look_back.collar_bars)
    if look_back.collar_bars is None or look_back.collar_ns is None:
        return None
    return state.history.close_at(name, at - look_back.collar_ns)


def _cost_price(signal: Signal, price: int | None) -> int | None:
    if signal.stop_price is None:
        return price
    return to_nano(signal.stop_price if signal.limit_price is None else signal.limit_price)


def _since(instants: Instants | None, after: int) -> int:
    return 0 if instants is None else instants.since(after)


def _repeats(state: State, signal: Signal, at: int, window_ns: int | None) -> int:
    if window_ns is None:
        return 0
    same, after = (signal.instrument, signal.side, signal.quantity), at - window_ns
    lately = takewhile(lambda kept: kept[0] > after, reversed(state.contents.get(signal.strategy, ())))
    return sum(1 for _, content in lately if content == same)


def _crosses(order: Order, signal: Signal, price: Decimal | None) -> bool:
    """Say whether an open order of ours on the other side would trade with this signal's order.

    A stop that still waits is in no book; one whose price was reached is what it became.
    """
    if order.side is signal.side or _waits(order.side, order.stop_price, price):
        return False
    if _waits(signal.side, signal.stop_price, price):
        return False
    if order.limit_price is None or signal.limit_price is None:
        return True
    return SIGN[signal.side] * (signal.limit_price - order.limit_price) >= 0


def _waits(side: Side, stop_price: Decimal | None, price: Decimal | None) -> bool:
    if stop_price is None or price is None:
        return False
    return price < stop_price if side is Side.BUY else price > stop_price
