"""Facts, limits, bars and orders that spell out only what a test is about. `quantity=5` is five units."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from steersman.kernel.fixed import ONE
from steersman.trading.gate import Facts, Limits
from steersman.trading.model.book import Trip
from steersman.trading.model.signal import Side

_SECOND = 1_000_000_000
_SCALED = {
    "quantity", "limit_price", "price", "outlier_z", "tick", "lot", "position", "own_position", "gross", "buying_power",
    "day_pnl", "drawdown", "max_outlier_z", "max_qty", "max_notional", "price_collar", "max_position", "max_gross",
    "cash_reserve", "max_daily_loss", "max_drawdown", "approval_notional", "bid", "ask", "period_price",
    "source_price", "net", "equity", "group_gross", "stop_price", "cost_price", "stop_collar", "period_collar",
    "price_drift", "max_net", "max_concentration", "max_group",
}  # fmt: skip


def _nano(changes: dict[str, Any]) -> dict[str, Any]:
    return {k: round(v * ONE) if k in _SCALED and v is not None else v for k, v in changes.items()}


def some_facts(**changes: Any) -> Facts:
    """Return facts of a buy of 10 units at 100 that every check of `some_limits` passes."""
    price = changes.get("price", 100)
    fine: dict[str, Any] = {
        "halted": False, "strategy_on": True, "known": True, "in_session": True, "direction": 1, "quantity": 10,
        "limited": True, "limit_price": 100, "price": 100, "signal_age_ns": 0, "data_age_ns": 0, "outlier_z": 1,
        "repeated_id": False, "repeated_content": 0, "tick": 0.01, "lot": 1, "messages": 0,
        "executions": 0, "open_orders": 0, "position": 0, "own_position": changes.get("position", 0), "gross": 0,
        "buying_power": 100_000, "crosses_own": False,
        "day_pnl": 0, "drawdown": 0, "entitled": True, "blackout": False, "unreconciled": False, "missing_bars": 0,
        "bid": None, "ask": None, "period_price": price, "source_price": price, "net": changes.get("gross", 0),
        "equity": 100_000, "group_gross": 0, "losing_streak": 0, "stop_price": None, "cost_price": price,
    }  # fmt: skip
    return Facts(**_nano({**fine, **changes}))


def some_limits(**changes: Any) -> Limits:
    """Return limits with room for a notional of 10,000 and approval above 5,000."""
    fine: dict[str, Any] = {
        "policy_version": 1, "enabled": True, "restricted": False, "allow_adjust": True, "allow_short": False,
        "max_signal_age_ns": 60 * _SECOND, "max_data_age_ns": 60 * _SECOND, "max_outlier_z": 8, "max_qty": 1000,
        "max_notional": 10_000, "price_collar": 0.05, "message_rate": 5, "repeat_executions": 3, "max_open_orders": 4,
        "max_position": 20_000, "max_gross": 50_000, "cash_reserve": 0, "max_daily_loss": 1_000, "max_drawdown": 0.2,
        "approval_notional": 5_000, "price_optional": False, "max_gap": 3, "stop_collar": 0.5, "period_collar": 0.3,
        "price_drift": 0.02, "max_net": 80_000, "max_concentration": 0.5, "max_group": 30_000, "max_losing_streak": 4,
    }  # fmt: skip
    return Limits(**_nano({**fine, **changes}))


def a_trip(*, pnl: str) -> Trip:
    """Return one unit bought and sold again with this result."""
    return Trip(
        strategy="swing", instrument="AAA", side=Side.BUY, quantity=Decimal(1), entry_price=Decimal(100),
        exit_price=Decimal(100) + Decimal(pnl), pnl=Decimal(pnl), fees=Decimal(0), opened_at=0, closed_at=1,
        mae=min(Decimal(pnl), Decimal(0)), mfe=max(Decimal(pnl), Decimal(0)),
    )  # fmt: skip
