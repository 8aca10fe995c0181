"""What one decision reads: flat records of plain integers, so that the scalar and the vector form see the same numbers.

Money, prices and quantities are billionths (kernel/fixed.py), times nanoseconds, ratios billionths. None means "not
known", and a check that needs it denies.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from steersman.kernel.fixed import round_to_nano
from steersman.policy import Snapshot


class Facts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The state of the desk as one signal meets it; exposure of orders sent but not filled is counted as filled.

    Attributes:
        halted: a halt covers this venue, strategy or instrument.
        strategy_on: the strategy is declared, enabled, and was not stopped after failures.
        known: the instrument is declared.
        in_session: the instrument's market trades at this instant.
        direction: +1 buys, -1 sells.
        quantity: units asked for, > 0.
        limited: a limit order; a market order names no price, so it can be off no tick.
        limit_price: of a limit order; the last price for a market order.
        price: last price, currency per unit.
        signal_age_ns: since the source made the signal; negative: made in the future.
        data_age_ns: since the last price became known.
        outlier_z: |last move - median move| / (1.4826 MAD) of the moves before; None: too few moves.
        repeated_id: (source, signal id) was decided before.
        repeated_content: how often strategy, instrument, side and quantity came within the duplicate window before.
        tick, lot: steps of price and quantity.
        messages: orders the strategy sent within the last minute.
        executions: fills of the strategy in this instrument within the last day.
        open_orders: of the strategy.
        position: signed units held and reserved, all strategies together.
        own_position: the same, of this strategy alone: it may not sell what another one holds.
        gross: sum over instruments of |position| times last price.
        buying_power: cash less what reserved buys will cost.
        crosses_own: a resting order of ours on the other side would trade with this one.
        day_pnl: equity now less equity at the end of the session before.
        drawdown: share below the highest equity so far.
    """

    halted: bool
    strategy_on: bool
    known: bool
    in_session: bool | None
    direction: int
    quantity: int
    limited: bool
    limit_price: int | None
    price: int | None
    signal_age_ns: int
    data_age_ns: int | None
    outlier_z: int | None
    repeated_id: bool
    repeated_content: int
    tick: int | None
    lot: int | None
    messages: int
    executions: int
    open_orders: int
    position: int | None
    own_position: int | None
    gross: int | None
    buying_power: int | None
    crosses_own: bool
    day_pnl: int | None
    drawdown: int | None


class Limits(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Policy resolved for one strategy, instrument and venue; same units as `Facts`. None: never set, so it denies."""

    policy_version: int
    enabled: bool
    restricted: bool
    allow_adjust: bool
    allow_short: bool
    max_signal_age_ns: int | None
    max_data_age_ns: int | None
    max_outlier_z: int | None
    max_qty: int | None
    max_notional: int | None
    price_collar: int | None
    message_rate: int | None
    repeat_executions: int | None
    max_open_orders: int | None
    max_position: int | None
    max_gross: int | None
    cash_reserve: int | None
    max_daily_loss: int | None
    max_drawdown: int | None
    approval_notional: int | None


_NANO: Final = (
    ("max_signal_age_ns", "max_signal_age"),
    ("max_data_age_ns", "max_data_age"),
    ("max_outlier_z", "outlier_z"),
    ("max_qty", "max_qty"),
    ("max_notional", "max_notional"),
    ("price_collar", "price_collar"),
    ("max_position", "max_position"),
    ("max_gross", "max_gross"),
    ("cash_reserve", "cash_reserve"),
    ("max_daily_loss", "max_daily_loss"),
    ("max_drawdown", "max_drawdown"),
    ("approval_notional", "approval_notional"),
)
_COUNTS: Final = (
    ("message_rate", "message_rate"),
    ("repeat_executions", "repeat_executions"),
    ("max_open_orders", "max_open_orders"),
)


def limits_for(snapshot: Snapshot, *, strategy: str, instrument: str, venue: str) -> Limits:
    """Return the limits of `snapshot` for one order, the most specific override first."""

    def number(name: str) -> Decimal | None:
        return snapshot.decimal(f"trading.{name}", strategy=strategy, instrument=instrument, venue=venue)

    def flag(name: str) -> bool:
        return snapshot.flag(f"trading.{name}", strategy=strategy, instrument=instrument, venue=venue)

    # Spans are seconds: in billionths they are nanoseconds.
    nano = {field: None if (v := number(name)) is None else int(round_to_nano(v)) for field, name in _NANO}
    counts = {field: None if (v := number(name)) is None else int(v) for field, name in _COUNTS}
    return Limits(
        policy_version=snapshot.version,
        enabled=flag("enabled"),
        restricted=instrument in snapshot.names("trading.restricted"),
        allow_adjust=flag("allow_adjust"),
        allow_short=flag("allow_short"),
        **nano,
        **counts,
    )
