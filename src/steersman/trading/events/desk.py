"""The account, the feeds and the strategies."""

from __future__ import annotations

from decimal import Decimal

import msgspec

ACCOUNT_MARKED = "trading.account.marked"
BAR_REJECTED = "trading.bar.rejected"
GAP_FOUND = "trading.feed.gap_found"
FEED_STARTED = "trading.feed.started"
FEED_FINISHED = "trading.feed.finished"
STRATEGY_FAILED = "trading.strategy.failed"
STRATEGY_DISABLED = "trading.strategy.disabled"


class AccountMarked(msgspec.Struct, frozen=True, kw_only=True):
    """The account at the end of a session. `drawdown_ratio` is 0..1 below the highest equity so far.

    `prices` are the closes that what is held was valued at, by instrument. `session` is False for a mark between two
    sessions, of a desk that lives by the clock.
    """

    equity: Decimal
    cash: Decimal
    gross: Decimal
    net: Decimal
    realised_pnl: Decimal
    day_pnl: Decimal
    drawdown_ratio: float
    at: int
    prices: dict[str, Decimal] = msgspec.field(default_factory=dict)
    session: bool = True


class BarRejected(msgspec.Struct, frozen=True, kw_only=True):
    """A bar that may not be used: NaN, negative, high below low, out of order, duplicate, late."""

    feed: str
    instrument: str
    reason: str
    found: str
    place: str
    at: int


class GapFound(msgspec.Struct, frozen=True, kw_only=True):
    """Sessions without a bar between `from_at` and `to_at`."""

    feed: str
    instrument: str
    missing: int
    from_at: int
    to_at: int
    at: int


class FeedStarted(msgspec.Struct, frozen=True, kw_only=True):
    """A replay begins (or resumes after `resumed_after` sessions)."""

    feed: str
    source: str
    instruments: tuple[str, ...]
    resumed_after: int
    at: int


class FeedFinished(msgspec.Struct, frozen=True, kw_only=True):
    """A replay ended; counts are bars."""

    feed: str
    accepted: int
    rejected: int
    at: int


class StrategyFailed(msgspec.Struct, frozen=True, kw_only=True):
    """`on_bar` raised. `traceback` is cut to its last 4,000 characters."""

    strategy: str
    error: str
    traceback: str
    at: int


class StrategyDisabled(msgspec.Struct, frozen=True, kw_only=True):
    """The strategy gets no more bars until a person enables it again."""

    strategy: str
    reason: str
    at: int
