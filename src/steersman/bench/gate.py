"""What one decision costs: decode, all checks, verdict, encode and hash, in processor time of one thread."""

from __future__ import annotations

import hashlib
import statistics
from decimal import Decimal
from time import process_time_ns
from typing import Final

import msgspec

from steersman.bench import gate_peer
from steersman.bench.row import Row
from steersman.kernel.fixed import ONE, to_nano
from steersman.trading.gate import CHECKS, Facts, Limits, judge
from steersman.trading.handlers.decisions import verdict_of
from steersman.trading.model.signal import OrderType, Side, Signal, SignalId

_SIGNALS: Final = 20_000
_RUNS: Final = 5
_TARGET_US: Final = 25.0
_SECOND: Final = 10**9


def run() -> list[Row]:
    """Measure signals that pass, and signals that are cut; the median of `_RUNS` runs each."""
    rows = []
    for name, quantity, more in (
        ("accepted signal", 20, ""),
        ("signal cut to a limit", 400, "; three failures put into words, then all checks again at the cut size"),
    ):
        raw = [_raw(n, quantity) for n in range(_SIGNALS)]
        figures = sorted(_once(raw) for _ in range(_RUNS))
        value = statistics.median(figures)
        rows.append(
            Row(
                bench="gate",
                metric=f"CPU per {name}",
                value=round(value, 2),
                unit="us",
                target=_TARGET_US,
                met=value <= _TARGET_US,
                compared_with="",
                runs=_RUNS,
                low=round(figures[0], 2),
                high=round(figures[-1], 2),
                note=f"{len(CHECKS)} checks; decode + checks + verdict + encode + sha256, {_SIGNALS:,} signals{more}",
            )
        )
    accepted = [_raw(n, 20) for n in range(_SIGNALS)]
    return [*rows, *gate_peer.run(lambda: _once(accepted))]


def _raw(number: int, quantity: int) -> bytes:
    signal = Signal(
        signal_id=SignalId(f"bench-{number}"),
        source="bench",
        strategy="bench",
        instrument="AAPL",
        side=Side.BUY,
        quantity=Decimal(quantity + number % 7),
        order_type=OrderType.MARKET,
        created_at=number,
        price=Decimal("101.25"),
    )
    return msgspec.json.encode(signal)


def _once(raw: list[bytes]) -> float:
    """Return processor microseconds per signal."""
    decode, encode = msgspec.json.Decoder(Signal).decode, msgspec.json.Encoder().encode
    limits, previous = _limits(), bytes(32)
    began = process_time_ns()
    for body in raw:
        signal = decode(body)
        facts = _facts(signal)
        verdict = verdict_of(signal, facts, judge(facts, limits), signal.created_at)
        previous = hashlib.sha256(previous + encode(verdict)).digest()
    return (process_time_ns() - began) / 1e3 / len(raw)


def _facts(signal: Signal) -> Facts:
    """Return facts of a desk that holds something; only what the signal says differs from one to the next."""
    return msgspec.structs.replace(_DESK, quantity=to_nano(signal.quantity))


_PRICE: Final = to_nano("101.25")
_DESK: Final = Facts(
    halted=False,
    strategy_on=True,
    known=True,
    in_session=True,
    direction=1,
    quantity=ONE,
    limited=False,
    limit_price=_PRICE,
    price=_PRICE,
    signal_age_ns=0,
    data_age_ns=0,
    outlier_z=ONE,
    repeated_id=False,
    repeated_content=0,
    tick=ONE // 100,
    lot=ONE,
    messages=1,
    executions=1,
    open_orders=1,
    position=5 * ONE,
    own_position=5 * ONE,
    gross=9_000 * ONE,
    buying_power=90_000 * ONE,
    crosses_own=False,
    day_pnl=-40 * ONE,
    drawdown=ONE // 50,
    entitled=True,
    blackout=False,
    unreconciled=False,
    missing_bars=0,
    bid=_PRICE - ONE // 100,
    ask=_PRICE + ONE // 100,
    period_price=99 * ONE,
    source_price=_PRICE,
    net=9_000 * ONE,
    equity=100_000 * ONE,
    group_gross=2_000 * ONE,
    losing_streak=1,
    stop_price=None,
    cost_price=_PRICE,
)


def _limits() -> Limits:
    return Limits(
        policy_version=1,
        enabled=True,
        restricted=False,
        allow_adjust=True,
        allow_short=False,
        max_signal_age_ns=60 * _SECOND,
        max_data_age_ns=60 * _SECOND,
        max_outlier_z=8 * ONE,
        max_qty=10_000 * ONE,
        max_notional=10_000 * ONE,
        price_collar=ONE // 20,
        message_rate=60,
        repeat_executions=20,
        max_open_orders=20,
        max_position=40_000 * ONE,
        max_gross=100_000 * ONE,
        cash_reserve=0,
        max_daily_loss=5_000 * ONE,
        max_drawdown=ONE // 5,
        approval_notional=20_000 * ONE,
        price_optional=False,
        max_gap=3,
        stop_collar=ONE // 2,
        period_collar=3 * ONE // 10,
        price_drift=ONE // 50,
        max_net=100_000 * ONE,
        max_concentration=ONE // 2,
        max_group=60_000 * ONE,
        max_losing_streak=8,
    )
