"""A recorded verdict as one row of a walk, and the signal and order it is about."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import msgspec

from steersman.kernel.fixed import from_nano
from steersman.trading import events as e
from steersman.trading.gate.facts import Facts
from steersman.trading.model.signal import OrderType, Side, Signal, SignalId, TimeInForce
from steersman.trading.whatif.alternative import Scope
from steersman.trading.whatif.family import parent_of
from steersman.trading.whatif.history import FACTS
from steersman.trading.whatif.outcome import Decided

if TYPE_CHECKING:
    import polars as pl

_META: Final = (
    "pos",
    "id",
    "at",
    "stream",
    "signal_id",
    "strategy",
    "instrument",
    "outcome",
    "sent",
    "failed",
    "scope",
)


class Row(msgspec.Struct, frozen=True, gc=False):
    """A verdict as recorded, and `then`: what the other limits make of the recorded facts.

    `tried` is False outside the span that is decided anew.
    """

    pos: int
    id: bytes
    at: int
    stream: str
    signal_id: str
    strategy: str
    instrument: str
    before: Decided
    scope: int
    facts: Facts
    then: Decided
    tried: bool


def rows_of(verdicts: pl.DataFrame, then: pl.DataFrame, first: int) -> Iterator[Row]:
    """Yield the verdicts from row `first` on; `then` holds `outcome_then`, `sent_then`, `failed_then`, `tried`."""
    known = verdicts.slice(first)
    facts = known.select(FACTS).iter_rows()
    others = then.slice(first).select("outcome_then", "sent_then", "failed_then", "tried").iter_rows()
    for seen, meta, other in zip(facts, known.select(_META).iter_rows(), others, strict=True):
        yield _row(meta, seen, other)


def _row(meta: tuple[Any, ...], seen: tuple[Any, ...], other: tuple[Any, ...]) -> Row:
    pos, id_, at, stream, signal_id, strategy, instrument, outcome, sent, failed, scope = meta
    outcome_then, sent_then, failed_then, tried = other
    return Row(
        pos=pos,
        id=id_,
        at=at,
        stream=stream,
        signal_id=signal_id,
        strategy=strategy,
        instrument=instrument,
        before=Decided(outcome, sent, failed),
        scope=scope,
        facts=Facts(**dict(zip(FACTS, seen, strict=True))),
        then=Decided(outcome_then, sent_then, failed_then),
        tried=tried,
    )


def signal_of(row: Row) -> Signal:
    """Return the signal as far as its facts tell."""
    facts = row.facts
    limit = from_nano(facts.limit_price) if facts.limited and facts.limit_price is not None else None
    return Signal(
        signal_id=SignalId(row.signal_id),
        source="",
        strategy=row.strategy,
        instrument=row.instrument,
        side=Side.BUY if facts.direction > 0 else Side.SELL,
        quantity=from_nano(facts.quantity),
        order_type=OrderType.MARKET if limit is None else OrderType.LIMIT,
        created_at=row.at - facts.signal_age_ns,
        limit_price=limit,
        price=None if facts.price is None else from_nano(facts.price),
        time_in_force=TimeInForce.DAY,
        stop_price=None if facts.stop_price is None else from_nano(facts.stop_price),
    )


def order_of(row: Row, signal: Signal, quantity: Decimal, scope: Scope) -> e.OrderSubmitted:
    """Return the order of `quantity` units that nobody sent for this signal."""
    parent = parent_of(row.signal_id)
    return e.OrderSubmitted(
        order_id=f"whatif-{row.signal_id}",
        signal_id=f"whatif-{row.signal_id}",
        strategy=row.strategy,
        instrument=row.instrument,
        venue=scope.venue,
        side=signal.side,
        quantity=quantity,
        order_type=signal.order_type,
        limit_price=signal.limit_price,
        stop_price=signal.stop_price,
        time_in_force=signal.time_in_force,
        decision_price=None if row.facts.price is None else from_nano(row.facts.price),
        policy_version=scope.version,
        at=row.at,
        group=None if parent is None else parent.group,
        stop_loss=signal.stop_loss,
        take_profit=signal.take_profit,
    )
