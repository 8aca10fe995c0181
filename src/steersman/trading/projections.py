"""The read model of trading: signals, verdicts, orders, fills, positions, marks, holds, the journal. Rebuildable.

Facts may come twice (a venue that reports a fill again) or in odd order (a fill before its acknowledgement): a fact has
an identity, the first one stands, and an order's status is worked out from what is known of it.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final, TypeVar

import msgspec

from steersman.ledger.event import Event
from steersman.ledger.projections import Database, Projection
from steersman.trading import events as e
from steersman.trading.model.signal import Side

_TABLES: Final = {
    "trading_signal": """(pos INTEGER PRIMARY KEY, signal_id TEXT NOT NULL, source TEXT NOT NULL,
        strategy TEXT NOT NULL, instrument TEXT NOT NULL, side TEXT NOT NULL, quantity TEXT NOT NULL,
        order_type TEXT NOT NULL, limit_price TEXT, price TEXT, time_in_force TEXT NOT NULL, confidence REAL,
        notes TEXT NOT NULL, created_at INTEGER NOT NULL, at INTEGER NOT NULL)""",
    "trading_refused": """(pos INTEGER PRIMARY KEY, source TEXT NOT NULL, strategy TEXT NOT NULL,
        reason TEXT NOT NULL, found TEXT NOT NULL, at INTEGER NOT NULL)""",
    "trading_verdict": """(pos INTEGER PRIMARY KEY, signal_id TEXT NOT NULL, strategy TEXT NOT NULL,
        instrument TEXT NOT NULL, side TEXT NOT NULL, outcome TEXT NOT NULL, asked TEXT NOT NULL,
        quantity TEXT NOT NULL, policy_version INTEGER NOT NULL, check_table TEXT NOT NULL, failed TEXT NOT NULL,
        checks TEXT NOT NULL, why TEXT NOT NULL, at INTEGER NOT NULL)""",
    # A fill may be known before its order is: everything but the id may be missing for a while.
    "trading_order": """(order_id TEXT PRIMARY KEY, signal_id TEXT, strategy TEXT, instrument TEXT, venue TEXT,
        side TEXT, quantity TEXT, order_type TEXT, limit_price TEXT, time_in_force TEXT, decision_price TEXT,
        policy_version INTEGER, submitted_at INTEGER, venue_order_id TEXT, filled TEXT NOT NULL DEFAULT '0',
        notional TEXT NOT NULL DEFAULT '0', fees TEXT NOT NULL DEFAULT '0', ended TEXT, reason TEXT NOT NULL DEFAULT '',
        status TEXT NOT NULL DEFAULT 'submitted', at INTEGER NOT NULL, pos INTEGER NOT NULL) WITHOUT ROWID""",
    "trading_fill": """(pos INTEGER PRIMARY KEY, venue TEXT NOT NULL, execution_id TEXT NOT NULL,
        order_id TEXT NOT NULL, strategy TEXT NOT NULL, instrument TEXT NOT NULL, side TEXT NOT NULL,
        quantity TEXT NOT NULL, price TEXT NOT NULL, fee TEXT NOT NULL, slippage_bps REAL, at INTEGER NOT NULL,
        UNIQUE(venue, execution_id))""",
    "trading_trip": """(trip_id TEXT PRIMARY KEY, strategy TEXT NOT NULL, instrument TEXT NOT NULL, side TEXT NOT NULL,
        quantity TEXT NOT NULL, entry_price TEXT NOT NULL, exit_price TEXT NOT NULL, pnl TEXT NOT NULL,
        fees TEXT NOT NULL, opened_at INTEGER NOT NULL, closed_at INTEGER NOT NULL, mae TEXT NOT NULL,
        mfe TEXT NOT NULL, exit_reason TEXT NOT NULL, pos INTEGER NOT NULL) WITHOUT ROWID""",
    "trading_mark": """(at INTEGER PRIMARY KEY, equity TEXT NOT NULL, cash TEXT NOT NULL, gross TEXT NOT NULL,
        net TEXT NOT NULL, realised_pnl TEXT NOT NULL, day_pnl TEXT NOT NULL, drawdown_ratio REAL NOT NULL)""",
    "trading_position": """(instrument TEXT PRIMARY KEY, quantity TEXT NOT NULL, average_price TEXT NOT NULL,
        last_price TEXT NOT NULL, priced_at INTEGER NOT NULL) WITHOUT ROWID""",
    "trading_hold": """(approval_id TEXT PRIMARY KEY, kind TEXT NOT NULL, subject TEXT NOT NULL, what TEXT NOT NULL,
        why TEXT NOT NULL, requested_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, pos INTEGER NOT NULL
        ) WITHOUT ROWID""",
    "trading_feed": """(feed TEXT PRIMARY KEY, source TEXT NOT NULL DEFAULT '', instruments TEXT NOT NULL DEFAULT '[]',
        started_at INTEGER, resumed_after INTEGER NOT NULL DEFAULT 0, finished_at INTEGER, accepted INTEGER,
        rejected INTEGER NOT NULL DEFAULT 0, gaps INTEGER NOT NULL DEFAULT 0,
        last_rejected TEXT NOT NULL DEFAULT '') WITHOUT ROWID""",
    "trading_strategy": """(strategy TEXT PRIMARY KEY, signals INTEGER NOT NULL DEFAULT 0,
        orders INTEGER NOT NULL DEFAULT 0, trips INTEGER NOT NULL DEFAULT 0, wins INTEGER NOT NULL DEFAULT 0,
        pnl TEXT NOT NULL DEFAULT '0', failures INTEGER NOT NULL DEFAULT 0, last_error TEXT NOT NULL DEFAULT '',
        failed_at INTEGER, disabled_reason TEXT NOT NULL DEFAULT '', disabled_at INTEGER) WITHOUT ROWID""",
    "trading_count": """(kind TEXT NOT NULL, name TEXT NOT NULL, n INTEGER NOT NULL,
        PRIMARY KEY(kind, name)) WITHOUT ROWID""",
    "journal": """(entry_id TEXT PRIMARY KEY, pos INTEGER NOT NULL, kind TEXT NOT NULL, strategy TEXT NOT NULL,
        instrument TEXT NOT NULL, outcome TEXT NOT NULL, text TEXT NOT NULL, signal_id TEXT, facts TEXT NOT NULL,
        at INTEGER NOT NULL) WITHOUT ROWID""",
}
_INDEXES: Final = (
    "trading_signal_id ON trading_signal(signal_id)",
    "trading_verdict_signal ON trading_verdict(signal_id)",
    "trading_verdict_outcome ON trading_verdict(outcome, pos)",
    "trading_verdict_strategy ON trading_verdict(strategy, pos)",
    "trading_order_pos ON trading_order(pos)",
    "trading_order_status ON trading_order(status, pos)",
    "trading_order_signal ON trading_order(signal_id)",
    "trading_fill_order ON trading_fill(order_id)",
    "trading_trip_pos ON trading_trip(pos)",
    "trading_hold_pos ON trading_hold(pos)",
    "journal_pos ON journal(pos)",
    "journal_strategy ON journal(strategy, pos)",
    "journal_signal ON journal(signal_id)",
)
_ENDINGS: Final = {
    e.ORDER_REJECTED: "rejected",
    e.ORDER_CANCELLED: "cancelled",
    e.ORDER_EXPIRED: "expired",
    e.ORDER_UNKNOWN: "unknown",
}
_PLACES: Final = Decimal("0.000000001")
S = TypeVar("S", bound=msgspec.Struct)


class Trading:
    """Everything the pages and the command line show of trading, in one pass over its events."""

    name = "trading"
    version = 1

    def __init__(self) -> None:
        self._handlers: dict[str, Callable[[Database, Event], None]] = {
            e.SIGNAL_RECEIVED: _on(e.SignalReceived, _signal),
            e.SIGNAL_REFUSED: _on(e.SignalRefused, _refused),
            e.VERDICT_GIVEN: _on(e.VerdictGiven, _verdict),
            e.ORDER_SUBMITTED: _on(e.OrderSubmitted, _submitted),
            e.ORDER_ACKNOWLEDGED: _on(e.OrderAcknowledged, _acknowledged),
            e.ORDER_FILLED: _on(e.OrderFilled, _filled),
            **{type_: _on(e.OrderEnded, _ender(how)) for type_, how in _ENDINGS.items()},
            e.ROUND_TRIP_CLOSED: _on(e.RoundTripClosed, _trip),
            e.ACCOUNT_MARKED: _on(e.AccountMarked, _marked),
            e.BAR_REJECTED: _on(e.BarRejected, _bar_rejected),
            e.GAP_FOUND: _on(e.GapFound, _gap),
            e.FEED_STARTED: _on(e.FeedStarted, _feed_started),
            e.FEED_FINISHED: _on(e.FeedFinished, _feed_finished),
            e.STRATEGY_FAILED: _on(e.StrategyFailed, _strategy_failed),
            e.STRATEGY_DISABLED: _on(e.StrategyDisabled, _strategy_disabled),
            e.HOLD_REQUESTED: _on(e.ApprovalRequested, _hold),
            e.JOURNAL_WRITTEN: _on(e.JournalWritten, _journal),
        }
        self.types: tuple[str, ...] = tuple(self._handlers)

    def create(self, db: Database) -> None:
        for table, columns in _TABLES.items():
            db.execute(f"CREATE TABLE IF NOT EXISTS {table}{columns}")
        for index in _INDEXES:
            db.execute(f"CREATE INDEX IF NOT EXISTS {index}")

    def drop(self, db: Database) -> None:
        for table in _TABLES:
            db.execute(f"DROP TABLE IF EXISTS {table}")

    def handle(self, db: Database, event: Event) -> None:
        self._handlers[event.type](db, event)


def _on(type_: type[S], handler: Callable[[Database, S, int], None]) -> Callable[[Database, Event], None]:
    """Return a handler of events whose data is a `type_`; its decoder is made once."""
    decode = msgspec.json.Decoder(type_).decode

    def handle(db: Database, event: Event) -> None:
        handler(db, decode(event.data), event.pos)

    return handle


def text(value: Decimal) -> str:
    """Return `value` as stored text: exact, and never in exponents."""
    return f"{value:f}"


def _maybe(value: Decimal | None) -> str | None:
    return None if value is None else text(value)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _insert(db: Database, table: str, *values: object) -> bool:
    """Insert a row unless its identity is there already; say whether it was new."""
    marks = ", ".join("?" * len(values))
    return bool(db.execute(f"INSERT INTO {table} VALUES({marks}) ON CONFLICT DO NOTHING RETURNING 1", values))


def _count(db: Database, kind: str, name: str = "", by: int = 1) -> None:
    db.execute(
        "INSERT INTO trading_count VALUES(?, ?, ?) ON CONFLICT(kind, name) DO UPDATE SET n = n + excluded.n",
        (kind, name, by),
    )


def _signal(db: Database, received: e.SignalReceived, pos: int) -> None:
    s = received.signal
    new = _insert(
        db,
        "trading_signal",
        *(pos, s.signal_id, s.source, s.strategy, s.instrument, s.side.value, text(s.quantity), s.order_type.value),
        *(_maybe(s.limit_price), _maybe(s.price), s.time_in_force.value, s.confidence, s.notes),
        *(s.created_at, received.at),
    )
    if new:
        _count(db, "signal")
        _strategy(db, s.strategy, "signals = signals + 1")


def _refused(db: Database, r: e.SignalRefused, pos: int) -> None:
    if _insert(db, "trading_refused", pos, r.source, r.strategy, r.reason, r.found, r.at):
        _count(db, "refused")


def _verdict(db: Database, v: e.VerdictGiven, pos: int) -> None:
    new = _insert(
        db,
        "trading_verdict",
        *(pos, v.signal_id, v.strategy, v.instrument, v.side.value, v.outcome, text(v.asked), text(v.quantity)),
        *(v.policy_version, v.table, _json(v.failed), _json(v.checks), v.why, v.at),
    )
    if new:
        _count(db, "verdict", v.outcome)
        for code in v.failed:
            _count(db, "failed", code)


def _open(db: Database, order_id: str, at: int, pos: int) -> None:
    """Make sure the order has a row: any report may be the first we hear of it."""
    db.execute(
        "INSERT INTO trading_order(order_id, at, pos) VALUES(?, ?, ?) ON CONFLICT DO NOTHING", (order_id, at, pos)
    )


def _settle(db: Database, order_id: str) -> None:
    """Work the status out from what is known of the order."""
    row = db.execute(
        "SELECT quantity, filled, ended, venue_order_id FROM trading_order WHERE order_id = ?", (order_id,)
    )
    quantity, filled, ended, venue_order_id = row[0]
    done, some = quantity is not None and Decimal(filled) >= Decimal(quantity), Decimal(filled) > 0
    if done:
        status = "filled"
    elif ended is not None:
        status = ended
    elif some:
        status = "partially_filled"
    else:
        status = "acknowledged" if venue_order_id is not None else "submitted"
    db.execute("UPDATE trading_order SET status = ? WHERE order_id = ?", (status, order_id))


def _submitted(db: Database, o: e.OrderSubmitted, pos: int) -> None:
    _open(db, o.order_id, o.at, pos)
    new = db.execute(
        """UPDATE trading_order SET signal_id = ?, strategy = ?, instrument = ?, venue = ?, side = ?, quantity = ?,
           order_type = ?, limit_price = ?, time_in_force = ?, decision_price = ?, policy_version = ?, submitted_at = ?,
           pos = ? WHERE order_id = ? AND submitted_at IS NULL RETURNING 1""",
        (
            *(o.signal_id, o.strategy, o.instrument, o.venue, o.side.value, text(o.quantity), o.order_type.value),
            *(_maybe(o.limit_price), o.time_in_force.value, _maybe(o.decision_price), o.policy_version, o.at),
            *(pos, o.order_id),
        ),
    )
    if new:
        _count(db, "order")
        _strategy(db, o.strategy, "orders = orders + 1")
        _settle(db, o.order_id)


def _acknowledged(db: Database, a: e.OrderAcknowledged, pos: int) -> None:
    _open(db, a.order_id, a.at, pos)
    db.execute(
        """UPDATE trading_order SET venue_order_id = coalesce(venue_order_id, ?), at = max(at, ?),
           ended = nullif(ended, 'unknown') WHERE order_id = ?""",
        (a.venue_order_id, a.at, a.order_id),
    )
    _settle(db, a.order_id)


def _filled(db: Database, f: e.OrderFilled, pos: int) -> None:
    new = _insert(
        db,
        "trading_fill",
        *(pos, f.venue, f.execution_id, f.order_id, f.strategy, f.instrument, f.side.value, text(f.quantity)),
        *(text(f.price), text(f.fee), f.slippage_bps, f.at),
    )
    if not new:
        return
    _count(db, "fill")
    _open(db, f.order_id, f.at, pos)
    row = db.execute("SELECT filled, notional, fees FROM trading_order WHERE order_id = ?", (f.order_id,))[0]
    filled, notional, fees = (Decimal(value) for value in row)
    db.execute(
        """UPDATE trading_order SET filled = ?, notional = ?, fees = ?, at = max(at, ?),
           strategy = coalesce(strategy, ?), instrument = coalesce(instrument, ?),
           venue = coalesce(venue, ?), side = coalesce(side, ?),
           ended = nullif(ended, 'unknown') WHERE order_id = ?""",
        (
            *(text(filled + f.quantity), text(notional + f.quantity * f.price), text(fees + f.fee), f.at),
            *(f.strategy, f.instrument, f.venue, f.side.value, f.order_id),
        ),
    )
    _settle(db, f.order_id)
    _move(db, f)


def _move(db: Database, f: e.OrderFilled) -> None:
    """Move the position by a fill; its average price is that of what is held, not of what was closed."""
    rows = db.execute("SELECT quantity, average_price FROM trading_position WHERE instrument = ?", (f.instrument,))
    held, average = (Decimal(rows[0][0]), Decimal(rows[0][1])) if rows else (Decimal(0), Decimal(0))
    change = f.quantity if f.side is Side.BUY else -f.quantity
    after = held + change
    if after == 0:
        average = Decimal(0)
    elif held == 0 or (held > 0) != (after > 0):
        average = f.price
    elif (held > 0) == (change > 0):
        average = ((held * average + change * f.price) / after).quantize(_PLACES)
    db.execute(
        """INSERT INTO trading_position VALUES(?, ?, ?, ?, ?) ON CONFLICT(instrument) DO UPDATE SET
           quantity = excluded.quantity, average_price = excluded.average_price,
           last_price = iif(excluded.priced_at >= priced_at, excluded.last_price, last_price),
           priced_at = max(priced_at, excluded.priced_at)""",
        (f.instrument, text(after), text(average), text(f.price), f.at),
    )


def _ender(how: str) -> Callable[[Database, e.OrderEnded, int], None]:
    def ended(db: Database, o: e.OrderEnded, pos: int) -> None:
        _open(db, o.order_id, o.at, pos)
        # An unknown outcome is open until it becomes known; a known one stands.
        db.execute(
            """UPDATE trading_order SET ended = ?, reason = ?, at = max(at, ?)
               WHERE order_id = ? AND (ended IS NULL OR ended = 'unknown')""",
            (how, o.reason, o.at, o.order_id),
        )
        _settle(db, o.order_id)

    return ended


def _trip(db: Database, t: e.RoundTripClosed, pos: int) -> None:
    new = _insert(
        db,
        "trading_trip",
        *(t.trip_id, t.strategy, t.instrument, t.side.value, text(t.quantity), text(t.entry_price)),
        *(text(t.exit_price), text(t.pnl), text(t.fees), t.opened_at, t.closed_at, text(t.mae), text(t.mfe)),
        *(t.exit_reason, pos),
    )
    if new:
        _count(db, "trip")
        _strategy(db, t.strategy, "trips = trips + 1, wins = wins + ?", int(t.pnl > 0))
        pnl = Decimal(db.execute("SELECT pnl FROM trading_strategy WHERE strategy = ?", (t.strategy,))[0][0])
        _strategy(db, t.strategy, "pnl = ?", text(pnl + t.pnl))


def _marked(db: Database, m: e.AccountMarked, pos: int) -> None:
    db.execute(
        "INSERT OR REPLACE INTO trading_mark VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(m.at, text(m.equity), text(m.cash), text(m.gross), text(m.net), text(m.realised_pnl)),
            *(text(m.day_pnl), m.drawdown_ratio),
        ),
    )
    for instrument, price in m.prices.items():
        db.execute(
            "UPDATE trading_position SET last_price = ?, priced_at = ? WHERE instrument = ? AND priced_at <= ?",
            (text(price), m.at, instrument, m.at),
        )


def _bar_rejected(db: Database, b: e.BarRejected, pos: int) -> None:
    _feed(db, b.feed, "rejected = rejected + 1, last_rejected = ?", f"{b.place}: {b.reason}")


def _gap(db: Database, g: e.GapFound, pos: int) -> None:
    _feed(db, g.feed, "gaps = gaps + 1")


def _feed_started(db: Database, f: e.FeedStarted, pos: int) -> None:
    _feed(
        db,
        f.feed,
        "source = ?, instruments = ?, started_at = ?, resumed_after = ?, finished_at = NULL",
        *(f.source, _json(f.instruments), f.at, f.resumed_after),
    )


def _feed_finished(db: Database, f: e.FeedFinished, pos: int) -> None:
    _feed(db, f.feed, "finished_at = ?, accepted = ?, rejected = max(rejected, ?)", f.at, f.accepted, f.rejected)


def _feed(db: Database, feed: str, changes: str, *params: object) -> None:
    db.execute("INSERT INTO trading_feed(feed) VALUES(?) ON CONFLICT DO NOTHING", (feed,))
    db.execute(f"UPDATE trading_feed SET {changes} WHERE feed = ?", (*params, feed))


def _strategy_failed(db: Database, s: e.StrategyFailed, pos: int) -> None:
    _strategy(db, s.strategy, "failures = failures + 1, last_error = ?, failed_at = ?", s.error, s.at)


def _strategy_disabled(db: Database, s: e.StrategyDisabled, pos: int) -> None:
    _strategy(db, s.strategy, "disabled_reason = ?, disabled_at = ?", s.reason, s.at)


def _strategy(db: Database, strategy: str, changes: str, *params: object) -> None:
    db.execute("INSERT INTO trading_strategy(strategy) VALUES(?) ON CONFLICT DO NOTHING", (strategy,))
    db.execute(f"UPDATE trading_strategy SET {changes} WHERE strategy = ?", (*params, strategy))


def _hold(db: Database, h: e.ApprovalRequested, pos: int) -> None:
    _insert(db, "trading_hold", h.approval_id, h.kind, h.subject, h.what, h.why, h.at, h.expires_at, pos)


def _journal(db: Database, j: e.JournalWritten, pos: int) -> None:
    new = _insert(
        db,
        "journal",
        *(j.entry_id, pos, j.kind, j.strategy, j.instrument, j.outcome, j.text, j.signal_id, _json(j.facts), j.at),
    )
    if new:
        _count(db, "journal", j.kind)


PROJECTIONS: tuple[Projection, ...] = (Trading(),)
