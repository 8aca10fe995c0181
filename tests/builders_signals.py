"""A desk with a strategy whose signals come from outside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from steersman.bootstrap.desk import Desk
from steersman.bootstrap.workspace import load_workspace
from steersman.kernel.clock import Clock, FakeClock, iso
from steersman.ledger import Event, Ledger
from steersman.ledger.adapters.sqlite import create as sqlite_ledger
from steersman.trading import events as e

NOW = 1_764_080_000_000_000_000  # 2025-11-25 14:13:20 UTC
TOML = """
[desk]
name = "Test desk"
[console]
hosts = ["hooks.example.com"]
[venue.paper]
[instrument.IBM]
tick = "0.01"
venue = "paper"
[instrument.BTC]
tick = "0.01"
lot = "0.0001"
venue = "paper"
symbol = "BTCUSDT"
[strategy.trend]
instruments = ["IBM", "BTC"]
[strategy.other]
instruments = ["IBM"]
"""


def a_signal_desk(root: Path, *, more: str = "", clock: Clock | None = None) -> Desk:
    """Return the desk of a new workspace at `root`, its ledger open for writing."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "steersman.toml").write_text(TOML + more, encoding="utf-8")
    workspace = load_workspace(root)
    workspace.state.mkdir(exist_ok=True)
    clock = clock or FakeClock(NOW)
    return Desk(workspace, sqlite_ledger(workspace.ledger, clock=clock), clock)


def submitted(ledger: Ledger) -> list[e.SignalSubmitted]:
    return [msgspec.json.decode(x.data, type=e.SignalSubmitted) for x in ledger.read(types=(e.SIGNAL_SUBMITTED,))]


def refusals(ledger: Ledger) -> list[e.SignalRefused]:
    return [msgspec.json.decode(x.data, type=e.SignalRefused) for x in ledger.read(types=(e.SIGNAL_REFUSED,))]


def events(ledger: Ledger) -> list[Event]:
    return list(ledger.read())


def a_wish(signal_id: str | None = "s1", **changes: Any) -> dict[str, Any]:
    """Return the fields of a good signal."""
    base = {"signal_id": signal_id, "strategy": "trend", "instrument": "IBM", "side": "buy", "quantity": 10}
    return {key: value for key, value in {**base, **changes}.items() if value is not None}


def an_alert(secret: str, *, at: int = NOW, **changes: Any) -> dict[str, Any]:
    """Return an alert as TradingView sends it once the placeholders are filled in."""
    base = {
        "secret": secret,
        "ticker": "NASDAQ:IBM",
        "action": "buy",
        "contracts": "10",
        "order_id": "Long",
        "market_position": "long",
        "market_position_size": "10",
        "close": "101.25",
        "time": "2025-11-25T14:13:00Z",
        "timenow": iso(at)[:19] + "Z",
        "interval": "1",
    }
    return {key: value for key, value in {**base, **changes}.items() if value is not None}
