"""What may be steered in trading: every limit of the gate as a policy parameter."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from steersman.policy import Kind, Level, Loosens, Parameter

_ALL: Final = ("strategy", "instrument", "venue")


def _number(
    name: str,
    kind: Kind,
    unit: str,
    default: str | None,
    summary: str,
    *,
    low: str | None = "0",
    high: str | None = None,
    loosens: Loosens = Loosens.UP,
    scopes: tuple[str, ...] = _ALL,
) -> Parameter:
    return Parameter(
        name=f"trading.{name}",
        kind=kind,
        unit=unit,
        summary=summary,
        default=default,
        low=None if low is None else Decimal(low),
        high=None if high is None else Decimal(high),
        level=Level.SUGGEST,
        loosens=loosens,
        scopes=scopes,
    )


def _flag(name: str, default: str, summary: str, *, scopes: tuple[str, ...] = _ALL) -> Parameter:
    return Parameter(
        name=f"trading.{name}",
        kind=Kind.BOOLEAN,
        unit="",
        summary=summary,
        default=default,
        loosens=Loosens.UP,
        scopes=scopes,
    )


PARAMETERS: Final = (
    _flag("enabled", "true", "Whether signals may become orders.", scopes=("strategy",)),
    Parameter(
        name="trading.restricted",
        kind=Kind.NAMES,
        unit="",
        summary="Instruments that must not be traded.",
        default="",
        loosens=Loosens.ANY,
    ),
    _number("max_signal_age", Kind.SPAN, "s", "5m", "Oldest signal that may still be acted on."),
    _number("max_data_age", Kind.SPAN, "s", "15m", "Oldest price a decision may rest on."),
    _number(
        "outlier_z",
        Kind.DECIMAL,
        "sigma",
        "8",
        "Robust z-score of the last price move beyond which the price is not believed.",
        low="1",
    ),
    _number(
        "duplicate_window",
        Kind.SPAN,
        "s",
        "1h",
        "Span in which the same order content may come once.",
        loosens=Loosens.DOWN,
        scopes=("strategy",),
    ),
    _number("max_qty", Kind.DECIMAL, "units", "10000", "Largest order."),
    _number("max_notional", Kind.DECIMAL, "currency", "25000", "Largest order, quantity times price."),
    _number("price_collar", Kind.RATIO, "ratio", "0.05", "How far a limit price may be from the last price."),
    _number(
        "message_rate",
        Kind.INTEGER,
        "1/min",
        "60",
        "Orders a strategy may send within a minute.",
        scopes=("strategy",),
    ),
    _number(
        "repeat_executions",
        Kind.INTEGER,
        "fills",
        "20",
        "Fills of one strategy in one instrument within a day; beyond, the strategy is stopped.",
        scopes=("strategy", "instrument"),
    ),
    _number("max_open_orders", Kind.INTEGER, "orders", "20", "Orders open at once.", scopes=("strategy",)),
    _number(
        "max_position", Kind.DECIMAL, "currency", "40000", "Largest position in one instrument, at the last price."
    ),
    _number(
        "max_gross", Kind.DECIMAL, "currency", "100000", "Largest sum of all positions, long and short.", scopes=()
    ),
    _number(
        "cash_reserve", Kind.DECIMAL, "currency", "0", "Cash that no order may touch.", loosens=Loosens.DOWN, scopes=()
    ),
    _number(
        "max_daily_loss", Kind.DECIMAL, "currency", "5000", "Loss of one day beyond which only exits pass.", scopes=()
    ),
    _number(
        "max_drawdown",
        Kind.RATIO,
        "ratio",
        "0.2",
        "Fall below the highest equity beyond which only exits pass.",
        scopes=(),
    ),
    _number("approval_notional", Kind.DECIMAL, "currency", "20000", "Order value above which a person is asked."),
    _flag("price_optional", "false", "Whether a signal may come without the price its source saw (PRICE_DRIFT)."),
    _number("price_drift", Kind.RATIO, "ratio", "0.02", "How far the price may be from the one the source saw."),
    _number(
        "stop_collar",
        Kind.RATIO,
        "ratio",
        "0.5",
        "How far a stop order, or an exit that waits for its target, may be from the last price.",
    ),
    _number(
        "period_collar", Kind.RATIO, "ratio", "0.3", "Largest move of the price over the look-back period.", high="10"
    ),
    _number(
        "collar_bars",
        Kind.INTEGER,
        "bars",
        "5",
        "Bars that period_collar looks back; 0: it looks back collar_span.",
        high="500",
        loosens=Loosens.ANY,
    ),
    _number(
        "collar_span",
        Kind.SPAN,
        "s",
        "30m",
        "Span that period_collar looks back when collar_bars is 0.",
        loosens=Loosens.ANY,
    ),
    _number("max_gap", Kind.INTEGER, "bars", "3", "Bars that may be missing before, or since, the last one."),
    _number(
        "max_net", Kind.DECIMAL, "currency", "100000", "Largest sum of all positions, short ones taken off.", scopes=()
    ),
    _number(
        "max_concentration",
        Kind.RATIO,
        "ratio",
        "0.5",
        "Largest share of the equity that one instrument may be worth.",
        high="10",
    ),
    _number(
        "max_group",
        Kind.DECIMAL,
        "currency",
        "60000",
        "Largest sum of the positions of one group of instruments, long and short.",
        scopes=("instrument",),
    ),
    _number(
        "max_losing_streak",
        Kind.INTEGER,
        "exits",
        "8",
        "Exit orders of a strategy that may lose in a row; from then on only exits pass.",
        high="100",
        scopes=("strategy",),
    ),
    _number(
        "losing_streak_window",
        Kind.SPAN,
        "s",
        "30d",
        "Losses older than this are no part of a streak.",
        scopes=("strategy",),
    ),
    _flag("allow_adjust", "true", "Whether an order over a size limit is cut to it instead of refused."),
    _flag("allow_short", "false", "Whether a position may go below zero."),
    _number(
        "halt_daily_loss", Kind.DECIMAL, "currency", None, "Loss of one day at which everything is halted.", scopes=()
    ),
    _number(
        "halt_drawdown",
        Kind.RATIO,
        "ratio",
        None,
        "Fall below the highest equity at which everything is halted.",
        scopes=(),
    ),
    _number(
        "hold_for",
        Kind.SPAN,
        "s",
        "24h",
        "How long a held order waits for a person before it is over.",
        low="60",
        scopes=("strategy",),
    ),
)
