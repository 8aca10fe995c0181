"""What one decision reads: flat records of plain integers, so that the scalar and the vector form see the same numbers.

Money, prices and quantities are billionths (kernel/fixed.py), times nanoseconds, ratios billionths. None means "not
known", and a check that needs it denies.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec

from steersman.kernel.fixed import round_to_nano
from steersman.policy import Snapshot
from steersman.trading.gate.table import TABLE_DIGEST


class Facts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The state of the desk as one signal meets it; exposure of orders sent but not filled is counted as filled.

    Attributes:
        halted: a halt covers this venue, strategy or instrument.
        strategy_on: the strategy is declared, enabled, and was not stopped after failures.
        known: the instrument is declared.
        in_session: the instrument's market trades at this instant.
        direction: +1 buys, -1 sells.
        quantity: units asked for, > 0.
        limited: it has a limit price; an order without one names no price, so that can be off no tick.
        limit_price: of a limit or stop-limit order; the last price for any other.
        price: last price, currency per unit.
        signal_age_ns: since the source made the signal; negative: made in the future.
        data_age_ns: since the last price became known.
        outlier_z: |last move - median move| / (1.4826 MAD) of the moves before; None: too few moves.
        repeated_id: (source, signal id) was decided before.
        repeated_content: how often strategy, instrument, side and quantity came within the duplicate window before.
        tick, lot: steps of price and quantity.
        messages: orders the strategy sent within the last minute.
        executions: fills of the strategy in this instrument within the last day.
        open_orders: of the strategy; each alternative is one, for each is at the venue.
        position: signed units held, all strategies together, and what open orders of this direction may still add:
            what an open order of the other direction may give back is not counted on. Alternatives count once.
        own_position: the same, of this strategy alone: it may not sell what another one holds.
        gross: sum over instruments of |position| times last price; other ones at the larger of what their open buys
            and their open sales may make of them.
        buying_power: cash less what reserved buys will cost.
        crosses_own: a resting order of ours on the other side would trade with this one.
        day_pnl: equity now less equity at the end of the session before.
        drawdown: share below the highest equity so far.
        entitled: the strategy is declared for this instrument.
        blackout: a declared window covers this instrument now.
        unreconciled: an order of unknown outcome, or an unsettled difference with the venue, is in this instrument.
        missing_bars: the larger of what the feed reported missing just before the last bar and the whole usual spans
            between bars that went by since; None: fewer than two bars.
        bid, ask: of the latest quote; None: there is no such quote.
        period_price: last price at the beginning of the look-back period of policy; None: not that many bars.
        source_price: what the source saw when it decided; None: it did not say.
        net: sum over instruments of position times last price, signed, this one as in `position`.
        equity: cash and what is held at last prices.
        group_gross: as `gross`, over the instruments of this one's group; of this one alone if it has none.
        losing_streak: exit orders of the strategy in a row, up to now, that lost after fees.
        stop_price: of a stop or stop-limit order; None for any other.
        cost_price: what a unit is reckoned to cost at most: a stop order's stop price, a stop-limit order's limit
            price, else the last price.
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
    # New ones go to the end: a recorded verdict holds them in this order.
    entitled: bool
    blackout: bool
    unreconciled: bool
    missing_bars: int | None
    bid: int | None
    ask: int | None
    period_price: int | None
    source_price: int | None
    net: int | None
    equity: int | None
    group_gross: int | None
    losing_streak: int
    stop_price: int | None
    cost_price: int | None


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
    price_optional: bool
    max_gap: int | None
    stop_collar: int | None
    period_collar: int | None
    price_drift: int | None
    max_net: int | None
    max_concentration: int | None
    max_group: int | None
    max_losing_streak: int | None


class LookBack(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How far back some facts look, by policy; None: never set, so what looks back is not known.

    Attributes:
        duplicate_ns: span in which the same content counts as repeated.
        collar_bars: bars between `period_price` and now; 0: `collar_ns` says it.
        collar_ns: age of `period_price`.
        losses_ns: losses older than that are no part of a streak.
    """

    duplicate_ns: int | None
    collar_bars: int | None
    collar_ns: int | None
    losses_ns: int | None


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
    ("stop_collar", "stop_collar"),
    ("period_collar", "period_collar"),
    ("price_drift", "price_drift"),
    ("max_net", "max_net"),
    ("max_concentration", "max_concentration"),
    ("max_group", "max_group"),
)
_COUNTS: Final = (
    ("message_rate", "message_rate"),
    ("repeat_executions", "repeat_executions"),
    ("max_open_orders", "max_open_orders"),
    ("max_gap", "max_gap"),
    ("max_losing_streak", "max_losing_streak"),
)
_FLAGS: Final = ("enabled", "restricted", "allow_adjust", "allow_short", "price_optional")
PARAMETER_OF: Final = {**dict(_NANO), **dict(_COUNTS), **{name: name for name in _FLAGS}}
"""The policy parameter (without `trading.`) behind each field of `Limits`."""


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
        price_optional=flag("price_optional"),
        **nano,
        **counts,
    )


def look_back_for(snapshot: Snapshot, *, strategy: str, instrument: str, venue: str) -> LookBack:
    """Return how far back the facts of one order look under `snapshot`."""

    def number(name: str) -> Decimal | None:
        return snapshot.decimal(f"trading.{name}", strategy=strategy, instrument=instrument, venue=venue)

    def span_ns(name: str) -> int | None:
        return None if (v := number(name)) is None else int(round_to_nano(v))

    bars = number("collar_bars")
    return LookBack(
        duplicate_ns=span_ns("duplicate_window"),
        collar_bars=None if bars is None else int(bars),
        collar_ns=span_ns("collar_span"),
        losses_ns=span_ns("losing_streak_window"),
    )


def pack(facts: Facts) -> tuple[int | bool | None, ...]:
    """Return `facts` as a verdict keeps them: their values in the order of the fields."""
    return msgspec.structs.astuple(facts)


def unpack(values: Sequence[int | bool | None]) -> Facts:
    """Return the facts that `pack` made `values` of.

    Raises:
        ValueError: recorded for another table of checks (too few or too many values), or not of their kinds.
    """
    names = Facts.__struct_fields__
    if len(values) != len(names):
        raise ValueError(
            f"{len(values)} facts were recorded; the check table {TABLE_DIGEST[:16]} reads {len(names)}: "
            "the verdict was given under another table and cannot be given again under this one"
        )
    try:
        return msgspec.convert(dict(zip(names, values, strict=True)), Facts)
    except msgspec.ValidationError as exc:
        raise ValueError(f"the recorded facts are not those of the check table {TABLE_DIGEST[:16]}: {exc}") from exc
