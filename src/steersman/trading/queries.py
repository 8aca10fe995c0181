"""What the console and the command line ask about trading. Instants are ns since 1970 UTC on the feed's clock."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from typing import Any, Final

import msgspec

from steersman.ledger.projections import Database
from steersman.trading.events import CheckRow


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """The account at its latest mark, in its currency; `drawdown_ratio` is 0..1 below the highest equity so far."""

    equity: Decimal
    cash: Decimal
    gross: Decimal
    net: Decimal
    realised_pnl: Decimal
    day_pnl: Decimal
    drawdown_ratio: float
    at: int


class EquityPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One mark, as floats: for drawing, not for sums."""

    at: int
    equity: float
    drawdown_ratio: float


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """One execution; `slippage_bps` against the decision price, positive cost us money."""

    pos: int
    at: int
    order_id: str
    execution_id: str
    instrument: str
    strategy: str
    side: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    slippage_bps: float | None


class VerdictRow(msgspec.Struct, frozen=True, kw_only=True):
    """A signal and what the gate said: `outcome` is accept, adjust, hold or reject; `order_id` if it led to one."""

    pos: int
    signal_id: str
    strategy: str
    instrument: str
    side: str
    outcome: str
    asked: Decimal
    quantity: Decimal
    failed: tuple[str, ...]
    why: str
    at: int
    order_id: str | None


class SignalRow(msgspec.Struct, frozen=True, kw_only=True):
    """A signal as it was received."""

    pos: int
    signal_id: str
    source: str
    strategy: str
    instrument: str
    side: str
    quantity: Decimal
    order_type: str
    limit_price: Decimal | None
    price: Decimal | None
    time_in_force: str
    confidence: float | None
    notes: str
    created_at: int
    at: int


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Input that could not become a signal."""

    pos: int
    source: str
    strategy: str
    reason: str
    found: str
    at: int


class OrderRow(msgspec.Struct, frozen=True, kw_only=True):
    """An order and how far it got.

    Attributes:
        status: submitted, acknowledged, partially_filled, filled, rejected, cancelled, expired or unknown.
        quantity and the other facts of the intent: None if a report came before it.
        average_price: of what was filled; None before the first fill.
    """

    order_id: str
    signal_id: str | None
    strategy: str | None
    instrument: str | None
    venue: str | None
    side: str | None
    quantity: Decimal | None
    order_type: str | None
    limit_price: Decimal | None
    time_in_force: str | None
    decision_price: Decimal | None
    policy_version: int | None
    submitted_at: int | None
    venue_order_id: str | None
    filled: Decimal
    average_price: Decimal | None
    fees: Decimal
    status: str
    reason: str
    at: int
    pos: int


class OrderDetail(msgspec.Struct, frozen=True, kw_only=True):
    """An order with its executions, first to last."""

    row: OrderRow
    fills: tuple[Fill, ...]


class VerdictDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict with every check in table order, the signal it is about, and what came of it."""

    row: VerdictRow
    checks: tuple[CheckRow, ...]
    policy_version: int
    table: str
    signal: SignalRow | None
    order: OrderRow | None
    fills: tuple[Fill, ...]


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """What is held of an instrument: units, negative when short; prices per unit, amounts in its currency."""

    instrument: str
    quantity: Decimal
    average_price: Decimal
    last_price: Decimal
    unrealised_pnl: Decimal
    market_value: Decimal


class Trip(msgspec.Struct, frozen=True, kw_only=True):
    """A closed round trip; `pnl` is net of `fees`."""

    trip_id: str
    strategy: str
    instrument: str
    side: str
    quantity: Decimal
    entry_price: Decimal
    exit_price: Decimal
    pnl: Decimal
    fees: Decimal
    opened_at: int
    closed_at: int
    mae: Decimal
    mfe: Decimal
    exit_reason: str
    pos: int


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """A decision that waits for a person: `status` is open, or expired (nothing was sent)."""

    approval_id: str
    kind: str
    subject: str
    what: str
    why: str
    requested_at: int
    expires_at: int
    status: str


class JournalRow(msgspec.Struct, frozen=True, kw_only=True):
    """One entry: `kind` is decision or round_trip; `facts` are the numbers the text is made from."""

    entry_id: str
    pos: int
    kind: str
    strategy: str
    instrument: str
    outcome: str
    text: str
    signal_id: str | None
    facts: dict[str, str]
    at: int


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
    """How much there is of everything; `verdicts` by outcome, an outcome nobody got is absent."""

    bars_accepted: int
    bars_rejected: int
    signals: int
    refused: int
    verdicts: dict[str, int]
    orders: int
    fills: int
    trips: int
    journal_entries: int


_FILL: Final = (
    "pos, at, order_id, execution_id, instrument, strategy, side, quantity, price, fee, slippage_bps FROM trading_fill"
)
_VERDICT: Final = """v.pos, v.signal_id, v.strategy, v.instrument, v.side, v.outcome, v.asked, v.quantity, v.failed,
    v.why, v.at, CASE WHEN v.outcome != 'reject' THEN
        (SELECT o.order_id FROM trading_order o WHERE o.signal_id = v.signal_id LIMIT 1) END AS order_id"""
_ORDER: Final = """order_id, signal_id, strategy, instrument, venue, side, quantity, order_type, limit_price,
    time_in_force, decision_price, policy_version, submitted_at, venue_order_id, filled, notional, fees, status, reason,
    at, pos FROM trading_order"""
_PLACES: Final = Decimal("0.000001")


def account(db: Database) -> Account | None:
    """Return the account at its latest mark, None before the first."""
    rows = db.execute(
        """SELECT equity, cash, gross, net, realised_pnl, day_pnl, drawdown_ratio, at FROM trading_mark
           ORDER BY at DESC LIMIT 1"""
    )
    return _as(Account, rows[0]) if rows else None


def market_now(db: Database) -> int | None:
    """Return the latest instant trading knows of on the feed's clock, None before the first mark."""
    found: int | None = db.execute("SELECT max(at) FROM trading_mark")[0][0]
    return found


def equity_series(db: Database, *, limit: int = 2000) -> list[EquityPoint]:
    """Return at most `limit` (>= 5) marks in time order, always with the first, the last and the extremes."""
    rows = db.execute("SELECT at, CAST(equity AS REAL), drawdown_ratio FROM trading_mark ORDER BY at")
    return [EquityPoint(at=at, equity=equity, drawdown_ratio=down) for at, equity, down in thinned(rows, limit)]


def thinned(rows: Sequence[tuple[int, float, float]], limit: int) -> Sequence[tuple[int, float, float]]:
    """Return at most `limit` (>= 5) of `rows`, evenly spread, with the first, the last and the extremes."""
    if len(rows) <= limit:
        return rows
    places = range(len(rows))
    keep = {
        0,
        len(rows) - 1,
        min(places, key=lambda i: rows[i][1]),
        max(places, key=lambda i: rows[i][1]),
        max(places, key=lambda i: rows[i][2]),
    }
    room = max(limit - len(keep), 0)
    keep.update((i * len(rows)) // room for i in range(room))
    return [rows[i] for i in sorted(keep)]


def recent_fills(db: Database, *, limit: int = 50, since_ns: int | None = None) -> list[Fill]:
    """Return the latest executions, newest first; with `since_ns`, those at or after it."""
    return [
        _as(Fill, row)
        for row in db.execute(
            f"SELECT {_FILL} WHERE at >= ? ORDER BY pos DESC LIMIT ?", (since_ns if since_ns is not None else 0, limit)
        )
    ]


def recent_verdicts(
    db: Database, *, limit: int = 20, outcome: str | None = None, strategy: str | None = None
) -> list[VerdictRow]:
    """Return the latest verdicts, newest first."""
    where, params = _where({"v.outcome": outcome, "v.strategy": strategy})
    rows = db.execute(f"SELECT {_VERDICT} FROM trading_verdict v {where} ORDER BY v.pos DESC LIMIT ?", (*params, limit))
    return [_as(VerdictRow, row) for row in rows]


def verdict(db: Database, signal_id: str) -> VerdictDetail | None:
    """Return what the gate said about a signal: of several verdicts the one that led to an order, or the latest."""
    rows = db.execute(
        f"""SELECT {_VERDICT}, v.checks, v.policy_version, v.check_table FROM trading_verdict v WHERE v.signal_id = ?
            ORDER BY order_id IS NULL, v.pos DESC LIMIT 1""",
        (signal_id,),
    )
    if not rows:
        return None
    row = _as(VerdictRow, rows[0][:-3])
    found = order(db, row.order_id) if row.order_id is not None else None
    return VerdictDetail(
        row=row,
        checks=msgspec.json.decode(rows[0][-3], type=tuple[CheckRow, ...]),
        policy_version=rows[0][-2],
        table=rows[0][-1],
        signal=signal(db, signal_id),
        order=found.row if found else None,
        fills=found.fills if found else (),
    )


def signal(db: Database, signal_id: str) -> SignalRow | None:
    """Return a signal as it was first received."""
    rows = db.execute(
        """SELECT pos, signal_id, source, strategy, instrument, side, quantity, order_type, limit_price, price,
           time_in_force, confidence, notes, created_at, at FROM trading_signal WHERE signal_id = ?
           ORDER BY pos LIMIT 1""",
        (signal_id,),
    )
    return _as(SignalRow, rows[0]) if rows else None


def refused(db: Database, *, limit: int = 50) -> list[Refused]:
    """Return the latest input that could not become a signal, newest first."""
    rows = db.execute(
        "SELECT pos, source, strategy, reason, found, at FROM trading_refused ORDER BY pos DESC LIMIT ?", (limit,)
    )
    return [_as(Refused, row) for row in rows]


def verdict_counts(db: Database) -> dict[str, int]:
    """Return how many verdicts there are by outcome."""
    return _counts(db, "verdict")


def failed_counts(db: Database) -> dict[str, int]:
    """Return how often each check failed, most often first; one that never did is absent."""
    return _counts(db, "failed")


def _counts(db: Database, kind: str) -> dict[str, int]:
    return dict(db.execute("SELECT name, n FROM trading_count WHERE kind = ? ORDER BY n DESC, name", (kind,)))


def positions(db: Database) -> list[Position]:
    """Return what is held, by instrument."""
    rows = db.execute(
        "SELECT instrument, quantity, average_price, last_price FROM trading_position ORDER BY instrument"
    )
    found = []
    for instrument, *numbers in rows:
        quantity, average, last = (Decimal(number) for number in numbers)
        if quantity:
            found.append(
                Position(
                    instrument=instrument,
                    quantity=quantity,
                    average_price=average,
                    last_price=last,
                    unrealised_pnl=((last - average) * quantity).quantize(_PLACES),
                    market_value=last * quantity,
                )
            )
    return found


def orders(db: Database, *, status: str | None = None, strategy: str | None = None, limit: int = 50) -> list[OrderRow]:
    """Return the latest orders, newest first."""
    where, params = _where({"status": status, "strategy": strategy})
    return [_order(row) for row in db.execute(f"SELECT {_ORDER} {where} ORDER BY pos DESC LIMIT ?", (*params, limit))]


def order(db: Database, order_id: str) -> OrderDetail | None:
    """Return one order with its executions."""
    rows = db.execute(f"SELECT {_ORDER} WHERE order_id = ?", (order_id,))
    if not rows:
        return None
    fills = db.execute(f"SELECT {_FILL} WHERE order_id = ? ORDER BY pos", (order_id,))
    return OrderDetail(row=_order(rows[0]), fills=tuple(_as(Fill, row) for row in fills))


def trips(db: Database, *, limit: int = 50) -> list[Trip]:
    """Return the latest closed round trips, newest first."""
    rows = db.execute(
        """SELECT trip_id, strategy, instrument, side, quantity, entry_price, exit_price, pnl, fees, opened_at,
           closed_at, mae, mfe, exit_reason, pos FROM trading_trip ORDER BY pos DESC LIMIT ?""",
        (limit,),
    )
    return [_as(Trip, row) for row in rows]


def holds(db: Database, *, now_ns: int, open_only: bool = True, limit: int = 50) -> list[Hold]:
    """Return what waits for a person, newest first; `now_ns` is on the clock of `expires_at`, which is the feed's."""
    rows = db.execute(
        """SELECT approval_id, kind, subject, what, why, requested_at, expires_at,
           iif(expires_at > ?, 'open', 'expired') AS status FROM trading_hold
           WHERE ? OR expires_at > ? ORDER BY pos DESC LIMIT ?""",
        (now_ns, not open_only, now_ns, limit),
    )
    return [_as(Hold, row) for row in rows]


def journal(
    db: Database, *, limit: int = 50, kind: str | None = None, strategy: str | None = None, outcome: str | None = None
) -> list[JournalRow]:
    """Return the latest entries, newest first."""
    where, params = _where({"kind": kind, "strategy": strategy, "outcome": outcome})
    rows = db.execute(f"SELECT {_JOURNAL} {where} ORDER BY pos DESC LIMIT ?", (*params, limit))
    return [_as(JournalRow, row) for row in rows]


def entry(db: Database, entry_id: str) -> JournalRow | None:
    """Return one entry of the journal."""
    rows = db.execute(f"SELECT {_JOURNAL} WHERE entry_id = ?", (entry_id,))
    return _as(JournalRow, rows[0]) if rows else None


_JOURNAL: Final = "entry_id, pos, kind, strategy, instrument, outcome, text, signal_id, facts, at FROM journal"


def feed_status(db: Database) -> list[FeedStatus]:
    """Return every feed that ever said something, by name."""
    rows = db.execute(
        """SELECT feed, source, instruments, started_at, resumed_after, finished_at,
           coalesce(accepted, 0), rejected, gaps,
           last_rejected FROM trading_feed ORDER BY feed"""
    )
    return [_as(FeedStatus, row) for row in rows]


def strategies_status(db: Database) -> list[StrategyStatus]:
    """Return every strategy that ever did something, by name."""
    rows = db.execute(
        """SELECT strategy, signals, orders, trips, wins, pnl, failures, last_error, failed_at, disabled_reason,
           disabled_at FROM trading_strategy ORDER BY strategy"""
    )
    return [_as(StrategyStatus, row) for row in rows]


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
    )


def _where(wanted: dict[str, str | None]) -> tuple[str, list[str]]:
    given = {column: value for column, value in wanted.items() if value is not None}
    return ("WHERE " + " AND ".join(f"{c} = ?" for c in given) if given else "", list(given.values()))


def _as(type_: Any, row: Sequence[Any]) -> Any:
    """Return a row, whose columns are in the order of the fields of `type_`, as that struct."""
    values = {}
    for field, value in zip(_fields(type_), row, strict=True):
        if isinstance(value, str) and field.type in _JSON:
            value = msgspec.json.decode(value, type=field.type)
        elif isinstance(value, str) and field.type in _MONEY:
            value = Decimal(value)
        values[field.name] = value
    return type_(**values)


@cache
def _fields(type_: Any) -> tuple[msgspec.structs.FieldInfo, ...]:
    """Return the fields of a struct; resolving annotations costs more than the query does."""
    return msgspec.structs.fields(type_)


_JSON: Final = (tuple[str, ...], dict[str, str])
_MONEY: Final = (Decimal, Decimal | None)


def _order(row: Sequence[Any]) -> OrderRow:
    values = list(row)
    filled, notional = Decimal(values[14]), Decimal(values[15])
    values[15] = str((notional / filled).quantize(_PLACES)) if filled else None
    found: OrderRow = _as(OrderRow, values)
    return found
