"""A small desk that trades for real: bars in CSV files, strategies in Python files, the paper venue."""

from __future__ import annotations

import textwrap
import threading
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from steersman.bootstrap.plugins import factory, setting_type
from steersman.kernel.clock import FakeClock
from steersman.kernel.toml_file import TomlFile
from steersman.ledger import Ledger
from steersman.policy.document import read_policy
from steersman.policy.parameter import Catalogue
from steersman.policy.store import PolicyStore, activate
from steersman.trading.handlers.trader import Trader, TradeSummary
from steersman.trading.limits import PARAMETERS
from steersman.trading.settings import TradingSettings, read

CATALOGUE = Catalogue(PARAMETERS)
TOML = """
[instrument.AAA]
tick = "0.01"
venue = "paper"
[instrument.BBB]
tick = "0.01"
venue = "paper"
[venue.paper]
seed = 3
fee_bps = "1"
fee_min = "1"
slippage_bps = "5"
participation = "0.6"
[feed.daily]
files = "data/{instrument}.csv"
[strategy.swing]
file = "strategies/swing.py"
instruments = ["AAA", "BBB"]
"""
SWING = """
from steersman.trading import TimeInForce, buy, sell

class Strategy:
    def __init__(self, every=3):
        self.every, self.seen = every, {}

    def on_bar(self, bar):
        n = self.seen[bar.instrument] = self.seen.get(bar.instrument, 0) + 1
        if n > 22 and n % self.every == 0:
            if (n // self.every) % 2:
                yield buy(bar.instrument, 40 + n, notes=f"bar {n}", time_in_force=TimeInForce.GTC)
            else:
                yield sell(bar.instrument, 15, notes=f"bar {n}")
"""


def paper(settings: TradingSettings) -> Any:
    """Return the paper venue of a desk's settings."""
    return factory("venues", "paper")(
        settings=settings.venues["paper"], instruments=settings.instruments, root=Path(), clock=FakeClock()
    )


def weekdays(count: int, start: date = date(2024, 1, 1)) -> list[date]:
    days = (start + timedelta(days=n) for n in range(count * 2))
    return [day for day in days if day.weekday() < 5][:count]


def some_rows(count: int, *, start: float = 100.0, step: float = 0.3) -> list[str]:
    """Return CSV rows of a price that goes up and down without surprises; few units trade: orders fill in parts."""
    rows = []
    for n, day in enumerate(weekdays(count)):
        close = start + step * ((n * 37) % 11 - 5) / 2
        rows.append(f"{day},{close - 0.1:.2f},{close + 0.5:.2f},{close - 0.5:.2f},{close:.2f},{60 + n % 3}")
    return rows


def write_bars(root: Path, name: str, rows: Sequence[str]) -> None:
    (root / "data").mkdir(exist_ok=True, parents=True)
    (root / "data" / f"{name}.csv").write_text("\n".join(["date,open,high,low,close,volume", *rows]) + "\n")


def write_strategy(root: Path, name: str, body: str) -> None:
    (root / "strategies").mkdir(exist_ok=True, parents=True)
    (root / "strategies" / f"{name}.py").write_text(textwrap.dedent(body))


def a_small_desk(root: Path, *, sessions: int = 40) -> Path:
    """Write bars of two instruments and a strategy that is filled in parts, refused and held at times."""
    write_bars(root, "AAA", some_rows(sessions))
    write_bars(root, "BBB", some_rows(sessions, start=50.0, step=0.2))
    write_strategy(root, "swing", SWING)
    return root


def settings_of(root: Path, text: str = TOML) -> TradingSettings:
    return read(TomlFile(text, name="steersman.toml"), root, partial(setting_type, "venue"))


def a_trader(
    root: Path, ledger: Ledger, *, text: str = TOML, policy: str = "", venue: Any = None, capital: int = 100_000
) -> Trader:
    """Return a trader of the workspace at `root`, with the policy in force."""
    file = TomlFile(text + policy, name="steersman.toml")
    settings = read(file, root, partial(setting_type, "venue"))
    known = {"strategy": set(settings.strategies), "instrument": set(settings.instruments), "venue": {"paper"}}
    values = read_policy(file, CATALOGUE, known=known)
    activate(ledger, values, actor="person:test", reason="test", source="test", now_ns=1)
    made = venue or paper(settings)
    feed = factory("feeds", "replay")(
        settings=settings.feeds["daily"], instruments=settings.instruments, root=root, clock=FakeClock()
    )
    return Trader(
        settings=settings,
        root=root,
        capital=Decimal(capital),
        currency="USD",
        ledger=ledger,
        policy=PolicyStore(ledger, CATALOGUE),
        venues={"paper": made},
        feed=feed,
        feed_name="daily",
        clock=FakeClock(),
    )


def trade(root: Path, ledger: Ledger, **options: Any) -> TradeSummary:
    return a_trader(root, ledger, **options).run(threading.Event())
