"""The feeds, the strategies, and how much there is of everything."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from steersman.ledger.projections import Database
from steersman.trading.queries.rows import as_struct


class FeedStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A feed; `last_rejected` is place and reason.

    `accepted` is known when a replay ends: 0 while the first one runs. `resumed_after` counts sessions.
    """

    feed: str
    source: str
    instruments: tuple[str, ...]
    started_at: int | None
    resumed_after: int
    finished_at: int | None
    accepted: int
    rejected: int
    gaps: int
    last_rejected: str

    @property
    def finished(self) -> bool:
        return self.finished_at is not None


class StrategyStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A strategy: what it did, and whether it failed or was disabled (and the `reason`)."""

    strategy: str
    signals: int
    orders: int
    trips: int
    wins: int
    pnl: Decimal
    failures: int
    last_error: str
    failed_at: int | None
    reason: str
    disabled_at: int | None

    @property
    def disabled(self) -> bool:
        return self.disabled_at is not None


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """How much there is of everything; `verdicts` by outcome, an outcome nobody got is absent.

    `verdicts` are first ones: they add up to the signals. `approved` are those after a person's yes to a held one.
    """

    bars_accepted: int
    bars_rejected: int
    signals: int
    refused: int
    verdicts: dict[str, int]
    orders: int
    fills: int
    trips: int
    journal_entries: int
    approved: dict[str, int] = {}


def feed_status(db: Database) -> list[FeedStatus]:
    """Return every feed that ever said something, by name."""
    rows = db.execute(
        """SELECT feed, source, instruments, started_at, resumed_after, finished_at,
           coalesce(accepted, 0), rejected, gaps,
           last_rejected FROM trading_feed ORDER BY feed"""
    )
    return [as_struct(FeedStatus, row) for row in rows]


def strategies_status(db: Database) -> list[StrategyStatus]:
    """Return every strategy that ever did something, by name."""
    rows = db.execute(
        """SELECT strategy, signals, orders, trips, wins, pnl, failures, last_error, failed_at, disabled_reason,
           disabled_at FROM trading_strategy ORDER BY strategy"""
    )
    return [as_struct(StrategyStatus, row) for row in rows]


def totals(db: Database) -> Totals:
    """Return how much there is of everything; read from counters, whatever the ledger's size."""
    counts: dict[str, dict[str, int]] = {}
    for kind, name, n in db.execute("SELECT kind, name, n FROM trading_count"):
        counts.setdefault(kind, {})[name] = n
    bars = db.execute("SELECT coalesce(sum(accepted), 0), coalesce(sum(rejected), 0) FROM trading_feed")[0]

    def total(kind: str) -> int:
        return sum(counts.get(kind, {}).values())

    return Totals(
        bars_accepted=bars[0],
        bars_rejected=bars[1],
        signals=total("signal"),
        refused=total("refused"),
        verdicts=counts.get("verdict", {}),
        orders=total("order"),
        fills=total("fill"),
        trips=total("trip"),
        journal_entries=total("journal"),
        approved=counts.get("approved", {}),
    )
