"""What the gate reads about one signal, observed in the state of the desk."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from steersman.kernel.fixed import ONE, round_to_nano, to_nano
from steersman.policy import HaltState
from steersman.trading.gate.facts import Facts
from steersman.trading.handlers.state import SIGN, State
from steersman.trading.model.signal import Side, Signal

_ZERO: Final = Decimal(0)
_MINUTE_NS: Final = 60 * 10**9
_DAY_NS: Final = 24 * 60 * _MINUTE_NS


def facts(
    state: State, signal: Signal, *, at: int, halts: HaltState, strategy_on: bool, duplicate_window_ns: int | None
) -> Facts:
    """Return everything the gate reads about `signal` at the instant `at`."""
    name, strategy = signal.instrument, signal.strategy
    instrument = state.instruments.get(name)
    price = state.nano.get(name)
    tick, lot = state.steps.get(name, (None, None))
    bar_at = state.bar_at.get(name)
    moves = state.moves.get(name)
    z = None if moves is None else moves.outlier_z()
    equity = state.book.equity()
    venue = instrument.venue if instrument is not None else ""
    blocked = halts.covering(venue=venue, strategy=strategy, instrument=name) is not None
    return Facts(
        halted=blocked or name in state.unknown.values(),
        strategy_on=strategy_on,
        known=instrument is not None,
        # Daily bars: the market trades at an instant for which the feed brought its bar.
        in_session=None if bar_at is None else bar_at == at,
        direction=SIGN[signal.side],
        quantity=to_nano(signal.quantity),
        limited=signal.limit_price is not None,
        limit_price=price if signal.limit_price is None else to_nano(signal.limit_price),
        price=price,
        signal_age_ns=at - signal.created_at,
        data_age_ns=None if bar_at is None else at - bar_at,
        outlier_z=None if z is None else round(z * ONE),
        repeated_id=(signal.source, signal.signal_id) in state.seen,
        repeated_content=_repeats(state, signal, at, duplicate_window_ns),
        tick=tick,
        lot=lot,
        messages=sum(1 for sent in state.messages.get(strategy, ()) if sent > at - _MINUTE_NS),
        executions=sum(1 for done in state.fills.get((strategy, name), ()) if done > at - _DAY_NS),
        open_orders=sum(1 for o in state.open.values() if o.order.strategy == strategy),
        position=round_to_nano(_reserved_position(state, name)),
        own_position=round_to_nano(_own_position(state, strategy, name)),
        gross=_gross(state),
        buying_power=round_to_nano(state.book.cash - _reserved_cash(state)),
        crosses_own=_crosses(state, signal),
        day_pnl=round_to_nano(equity - state.book.marked),
        drawdown=round_to_nano(state.book.drawdown()),
    )


def _repeats(state: State, signal: Signal, at: int, window_ns: int | None) -> int:
    if window_ns is None:
        return 0
    same = (signal.instrument, signal.side, signal.quantity)
    return sum(
        1 for when, content in state.contents.get(signal.strategy, ()) if content == same and when > at - window_ns
    )


def _reserved_position(state: State, instrument: str) -> Decimal:
    reserved = (SIGN[o.order.side] * o.leaves for o in state.open.values() if o.order.instrument == instrument)
    return state.book.position(instrument) + sum(reserved, _ZERO)


def _own_position(state: State, strategy: str, instrument: str) -> Decimal:
    mine = (o for o in state.open.values() if (o.order.strategy, o.order.instrument) == (strategy, instrument))
    reserved = (SIGN[o.order.side] * o.leaves for o in mine)
    return state.book.own_position(strategy, instrument) + sum(reserved, _ZERO)


def _gross(state: State) -> int | None:
    """Return all exposure in billionths, reservations counted; None if something held has no price."""
    names = {*state.book.positions(), *(o.order.instrument for o in state.open.values())}
    total = 0
    for name in names:
        price = state.nano.get(name)
        if price is None:
            return None
        total += abs(round_to_nano(_reserved_position(state, name))) * price // ONE
    return total


def _reserved_cash(state: State) -> Decimal:
    total = _ZERO
    for o in state.open.values():
        if o.order.side is Side.BUY:
            price = o.order.limit_price or state.book.prices.get(o.order.instrument) or o.order.decision_price or _ZERO
            total += o.leaves * price
    return total


def _crosses(state: State, signal: Signal) -> bool:
    """Say whether an open order of ours on the other side would trade with this signal's order."""
    for o in state.open.values():
        order = o.order
        if order.instrument != signal.instrument or order.side is signal.side:
            continue
        if order.limit_price is None or signal.limit_price is None:
            return True
        if SIGN[signal.side] * (signal.limit_price - order.limit_price) >= 0:
            return True
    return False
