"""The feeds and the strategies."""

from __future__ import annotations

from typing import Final

from steersman.ledger.event import Event
from steersman.ledger.projections import Database
from steersman.trading import events as e
from steersman.trading.projections.writing import Handler, json, on, strategy


def _bar_rejected(db: Database, b: e.BarRejected, event: Event) -> None:
    _feed(db, b.feed, "rejected = rejected + 1, last_rejected = ?", f"{b.place}: {b.reason}")


def _gap(db: Database, g: e.GapFound, event: Event) -> None:
    _feed(db, g.feed, "gaps = gaps + 1")


def _started(db: Database, f: e.FeedStarted, event: Event) -> None:
    _feed(
        db,
        f.feed,
        "source = ?, instruments = ?, started_at = ?, resumed_after = ?, finished_at = NULL",
        *(f.source, json(f.instruments), f.at, f.resumed_after),
    )


def _finished(db: Database, f: e.FeedFinished, event: Event) -> None:
    _feed(db, f.feed, "finished_at = ?, accepted = ?, rejected = max(rejected, ?)", f.at, f.accepted, f.rejected)


def _feed(db: Database, feed: str, changes: str, *params: object) -> None:
    db.execute("INSERT INTO trading_feed(feed) VALUES(?) ON CONFLICT DO NOTHING", (feed,))
    db.execute(f"UPDATE trading_feed SET {changes} WHERE feed = ?", (*params, feed))


def _failed(db: Database, s: e.StrategyFailed, event: Event) -> None:
    strategy(db, s.strategy, "failures = failures + 1, last_error = ?, failed_at = ?", s.error, s.at)


def _disabled(db: Database, s: e.StrategyDisabled, event: Event) -> None:
    strategy(db, s.strategy, "disabled_reason = ?, disabled_at = ?", s.reason, s.at)


HANDLERS: Final[dict[str, Handler]] = {
    e.BAR_REJECTED: on(e.BarRejected, _bar_rejected),
    e.GAP_FOUND: on(e.GapFound, _gap),
    e.FEED_STARTED: on(e.FeedStarted, _started),
    e.FEED_FINISHED: on(e.FeedFinished, _finished),
    e.STRATEGY_FAILED: on(e.StrategyFailed, _failed),
    e.STRATEGY_DISABLED: on(e.StrategyDisabled, _disabled),
}
