"""A desk whose core runs: bars replayed to their end, then it serves; signals come from outside, a person answers."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
from tests.builders_console import Served, served
from tests.builders_desk import weekdays, write_bars

from steersman.bootstrap.core import Core
from steersman.bootstrap.desk import Desk, open_desk
from steersman.bootstrap.workspace import load_workspace
from steersman.kernel.clock import SystemClock
from steersman.trading import events as e
from steersman.trading import queries
from steersman.trading.handlers import commands
from steersman.trading.model.request import SignalRequest
from steersman.trading.model.signal import Side, TimeInForce
from steersman.trading.queries import Hold, OrderRow

TOML = """
[desk]
name = "Night desk"
tz = "UTC"
[instrument.IBM]
tick = "0.01"
venue = "paper"
[instrument.MSFT]
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
[strategy.manual]
instruments = ["IBM", "MSFT"]
[policy.trading]
max_notional = 25000
max_position = 60000
max_gross = 200000
approval_notional = 5000
price_optional = true
"""
_WITHIN_S = 30.0


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A served desk behind a running core."""

    served: Served
    stop_core: Callable[[], None]

    @property
    def desk(self) -> Desk:
        return self.served.desk

    def signal(
        self,
        signal_id: str,
        *,
        quantity: int,
        instrument: str = "IBM",
        side: Side = Side.BUY,
        limit_price: Decimal | None = None,
        stop_loss: Decimal | None = None,
    ) -> str:
        """Submit a signal and wait for its verdict; return the id under which it is listed."""
        request = SignalRequest(
            signal_id=signal_id,
            strategy="manual",
            instrument=instrument,
            side=side,
            quantity=Decimal(quantity),
            limit_price=limit_price,
            stop_loss=stop_loss,
            time_in_force=TimeInForce.GTC,
            notes="breakout of the 20-day range",
        )
        done = commands.submit(
            self.desk.ledger, request, source="cli", actor="person:test", now_ns=self.desk.clock.now_ns()
        )
        self.until(e.VERDICT_GIVEN, e.SIGNAL_REFUSED, after=done.pos)
        return done.signal_id

    def until(self, *types: str, after: int) -> None:
        """Wait until an event of one of these types stands behind the position `after`."""
        ledger = self.desk.ledger
        subscription = ledger.subscribe(after=after)
        try:
            while not list(ledger.read(after=after, types=types, limit=1)):
                assert subscription.next(_WITHIN_S), f"no {' or '.join(types)} within {_WITHIN_S:g} s"
        finally:
            subscription.close()

    def hold(self, signal_id: str) -> Hold:
        self.desk.refresh()
        found = queries.hold(self.desk.db, e.trade_approval(signal_id), now_ns=0)
        assert found is not None
        return found

    def order_of(self, signal_id: str) -> OrderRow:
        self.desk.refresh()
        found = queries.verdict(self.desk.db, signal_id)
        assert found is not None
        assert found.order is not None, found.row
        return found.order


def calm_rows(count: int, *, start: float, seed: int) -> list[str]:
    """Return CSV rows of a price that moves a little every day, by about as much: nothing in them is an outlier."""
    dice, close, rows = random.Random(seed), start, []
    for day in weekdays(count):
        close += dice.choice((-1, 1)) * start * dice.uniform(0.002, 0.006)
        rows.append(f"{day},{close:.2f},{close + 0.5:.2f},{close - 0.5:.2f},{close:.2f},5000")
    return rows


@contextlib.contextmanager
def running(root: Path, *, text: str = TOML, sessions: int = 40) -> Iterator[Running]:
    """Make a workspace at `root`, run its core in a thread and serve its console; ends with both stopped."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "steersman.toml").write_text(text, encoding="utf-8")
    write_bars(root, "IBM", calm_rows(sessions, start=100.0, seed=5))
    write_bars(root, "MSFT", calm_rows(sessions, start=50.0, seed=6))
    core = Core(load_workspace(root), SystemClock())
    stop = threading.Event()
    thread = threading.Thread(target=core.trade, args=(stop,), kwargs={"stay": True, "waits": True}, name="core")
    thread.start()

    def stop_core() -> None:
        if not stop.is_set():
            stop.set()
            thread.join(30)
            core.close()

    try:
        with served(open_desk(root, through_core=True)) as here:
            made = Running(served=here, stop_core=stop_core)
            made.until(e.FEED_FINISHED, after=0)
            yield made
    finally:
        stop_core()
    assert not thread.is_alive()
