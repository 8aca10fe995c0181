"""A ledger of trading events made by hand, with its read model; builders spell out only what a test is about."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec

from steersman.kernel.clock import FakeClock
from steersman.ledger import Ledger, new_event
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.ledger.projections import Database, Projector, open_reader
from steersman.trading import events as e
from steersman.trading.model.signal import OrderType, Side, Signal, SignalId, TimeInForce
from steersman.trading.projections import PROJECTIONS

CHECKS = (
    e.CheckRow("HALT", True, 0, 0, "flag", 0, "nothing is halted"),
    e.CheckRow("MAX_NOTIONAL", False, 30_000_000_000_000, 25_000_000_000_000, "USD", -5_000_000_000_000, "too large"),
    e.CheckRow("OPEN_ORDERS", True, 3, 20, "count", 17, ""),
    e.CheckRow("DATA_OUTLIER", False, None, 6_000_000_000, "z", None, "fewer than 20 bars are known"),
)


def append(
    ledger: Ledger, type_: str, data: msgspec.Struct, *, stream: str = "test/trading", actor: str = "core"
) -> None:
    """Append one trading event; the stream does not matter to read models."""
    ledger.append([new_event(type_, stream=stream, data=data, actor=actor, now_ns=1)])


class TradingLedger:
    """An in-memory ledger whose read model is caught up after every event."""

    def __init__(self, path: Path) -> None:
        self.ledger = memory_ledger(clock=FakeClock())
        self._projector = Projector(self.ledger, path, PROJECTIONS)
        self.db: Database = open_reader(path)

    def add(self, type_: str, data: msgspec.Struct, *, actor: str = "core") -> None:
        append(self.ledger, type_, data, actor=actor)
        self.catch_up()

    def ledger_only(self, type_: str, data: msgspec.Struct) -> None:
        """Append without catching up, where a test adds many."""
        append(self.ledger, type_, data)

    def catch_up(self) -> None:
        self._projector.catch_up()

    def rebuilt(self, path: Path) -> Database:
        """Return the read model made anew, in one go, at `path`."""
        projector = Projector(self.ledger, path, PROJECTIONS)
        projector.catch_up()
        projector.close()
        return open_reader(path)


def a_signal(signal_id: str = "s1", *, strategy: str = "trend", at: int = 10) -> e.SignalReceived:
    return e.SignalReceived(
        signal=Signal(
            signal_id=SignalId(signal_id),
            source=f"strategy:{strategy}",
            strategy=strategy,
            instrument="IBM",
            side=Side.BUY,
            quantity=Decimal(10),
            order_type=OrderType.MARKET,
            created_at=at,
            price=Decimal(100),
            notes="20-day high",
        ),
        at=at,
    )


def a_verdict(
    signal_id: str = "s1",
    *,
    outcome: str = "accept",
    strategy: str = "trend",
    failed: tuple[str, ...] = (),
    at: int = 10,
    approved: bool = False,
) -> e.VerdictGiven:
    return e.VerdictGiven(
        signal_id=signal_id,
        strategy=strategy,
        instrument="IBM",
        side=Side.BUY,
        outcome=outcome,
        asked=Decimal(10),
        quantity=Decimal(0) if outcome == "reject" else Decimal(10),
        policy_version=1,
        table="abc",
        failed=failed,
        checks=CHECKS,
        why="every check passed" if outcome == "accept" else "too large",
        at=at,
        approved=approved,
    )


def an_intent(order_id: str = "o1", *, signal_id: str = "s1", quantity: int = 10, at: int = 10) -> e.OrderSubmitted:
    return e.OrderSubmitted(
        order_id=order_id,
        signal_id=signal_id,
        strategy="trend",
        instrument="IBM",
        venue="paper",
        side=Side.BUY,
        quantity=Decimal(quantity),
        order_type=OrderType.MARKET,
        limit_price=None,
        time_in_force=TimeInForce.DAY,
        decision_price=Decimal(100),
        policy_version=1,
        at=at,
    )


def a_fill(
    execution_id: str = "o1-1",
    *,
    order_id: str = "o1",
    side: Side = Side.BUY,
    quantity: int = 10,
    price: str = "100",
    at: int = 20,
) -> e.OrderFilled:
    return e.OrderFilled(
        order_id=order_id,
        execution_id=execution_id,
        venue="paper",
        strategy="trend",
        instrument="IBM",
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(price),
        fee=Decimal(1),
        leaves=Decimal(0),
        slippage_bps=4.5,
        at=at,
    )


def a_mark(
    *, at: int, equity: str = "100000", drawdown_ratio: float = 0.0, prices: dict[str, Decimal] | None = None
) -> e.AccountMarked:
    return e.AccountMarked(
        equity=Decimal(equity),
        cash=Decimal(90_000),
        gross=Decimal(10_000),
        net=Decimal(10_000),
        realised_pnl=Decimal(-5),
        day_pnl=Decimal("12.5"),
        drawdown_ratio=drawdown_ratio,
        at=at,
        prices=prices or {},
    )


def a_hold(
    approval_id: str = "h1", *, at: int = 10, expires_at: int = 100, signal_id: str = "s1"
) -> e.ApprovalRequested:
    return e.ApprovalRequested(
        approval_id=approval_id,
        kind="trade",
        subject=signal_id,
        what="buy 10 IBM",
        why="APPROVAL: notional 30,000 is above 20,000",
        expires_at=expires_at,
        at=at,
    )


def an_entry(
    entry_id: str = "j1", *, kind: str = "decision", strategy: str = "trend", outcome: str = "accept", at: int = 10
) -> e.JournalWritten:
    return e.JournalWritten(
        entry_id=entry_id,
        kind=kind,
        strategy=strategy,
        instrument="IBM",
        outcome=outcome,
        text="bought 10 IBM near 100",
        signal_id="s1",
        facts={"asked": "10", "price": "100"},
        at=at,
    )
