"""What trading says into the ledger. `at` is ns since 1970 UTC on the feed's clock; money is Decimal text in JSON.

Streams: `signal/<source>/<signal_id>`, `order/<order_id>`, `account/main`, `feed/<name>`, `strategy/<name>`.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from steersman.trading.model.signal import OrderType, Side, Signal, TimeInForce

SIGNAL_RECEIVED = "trading.signal.received"
SIGNAL_REFUSED = "trading.signal.refused"
VERDICT_GIVEN = "trading.verdict.given"
ORDER_SUBMITTED = "trading.order.submitted"
ORDER_ACKNOWLEDGED = "trading.order.acknowledged"
ORDER_FILLED = "trading.order.filled"
ORDER_REJECTED = "trading.order.rejected"
ORDER_CANCELLED = "trading.order.cancelled"
ORDER_EXPIRED = "trading.order.expired"
ORDER_UNKNOWN = "trading.order.unknown"
ROUND_TRIP_CLOSED = "trading.round_trip.closed"
ACCOUNT_MARKED = "trading.account.marked"
BAR_REJECTED = "trading.bar.rejected"
GAP_FOUND = "trading.feed.gap_found"
FEED_STARTED = "trading.feed.started"
FEED_FINISHED = "trading.feed.finished"
STRATEGY_FAILED = "trading.strategy.failed"
STRATEGY_DISABLED = "trading.strategy.disabled"
HOLD_REQUESTED = "approval.requested"
JOURNAL_WRITTEN = "journal.entry.written"


class SignalReceived(msgspec.Struct, frozen=True, kw_only=True):
    """A decoded signal, whatever becomes of it."""

    signal: Signal
    at: int


class SignalRefused(msgspec.Struct, frozen=True, kw_only=True):
    """Input that could not become a signal (unknown instrument, NaN, wrong type); `found` is cut to 500 characters."""

    source: str
    strategy: str
    reason: str
    found: str
    at: int


class CheckRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One check's outcome, stored as an array.

    `seen` and `limit` are integers in `unit`'s billionths (a flag or a count as it is); None when the fact was missing,
    which is a denial. `margin` is the distance to the limit, >= 0 when ok.
    """

    code: str
    ok: bool
    seen: int | None
    limit: int | None
    unit: str
    margin: int | None
    why: str


class VerdictGiven(msgspec.Struct, frozen=True, kw_only=True):
    """The gate's answer, with every check of the table in table order.

    Attributes:
        outcome: accept, adjust (smaller), hold (needs a person) or reject.
        quantity: what may be sent: the asked one, a smaller one after `adjust`, 0 after `reject`.
        failed: codes of the checks that did not pass.
        table: digest of the check table, so that a verdict can be replayed against the rules it used.
    """

    signal_id: str
    strategy: str
    instrument: str
    side: Side
    outcome: str
    asked: Decimal
    quantity: Decimal
    policy_version: int
    table: str
    failed: tuple[str, ...]
    checks: tuple[CheckRow, ...]
    why: str
    at: int


class OrderSubmitted(msgspec.Struct, frozen=True, kw_only=True):
    """The durable intent: committed before the venue is called, in one append with its verdict."""

    order_id: str
    signal_id: str
    strategy: str
    instrument: str
    venue: str
    side: Side
    quantity: Decimal
    order_type: OrderType
    limit_price: Decimal | None
    time_in_force: TimeInForce
    decision_price: Decimal | None
    policy_version: int
    at: int


class OrderAcknowledged(msgspec.Struct, frozen=True, kw_only=True):
    """The venue has the order."""

    order_id: str
    venue_order_id: str
    at: int


class OrderFilled(msgspec.Struct, frozen=True, kw_only=True):
    """One execution; (venue, execution_id) is its identity. `leaves` is what is still open after it.

    `slippage_bps` is signed against the decision price: positive cost us money.
    """

    order_id: str
    execution_id: str
    venue: str
    strategy: str
    instrument: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    leaves: Decimal
    slippage_bps: float | None
    at: int


class OrderEnded(msgspec.Struct, frozen=True, kw_only=True):
    """`rejected`, `cancelled`, `expired` or `unknown`, by the event's type."""

    order_id: str
    reason: str
    at: int


class RoundTripClosed(msgspec.Struct, frozen=True, kw_only=True):
    """A FIFO lot opened and closed again. `pnl` is net of `fees`; MAE/MFE are currency amounts, MAE <= 0 <= MFE."""

    trip_id: str
    strategy: str
    instrument: str
    side: Side
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
    at: int


class AccountMarked(msgspec.Struct, frozen=True, kw_only=True):
    """The account at the end of a session. `drawdown_ratio` is 0..1 below the highest equity so far.

    `prices` are the closes that what is held was valued at, by instrument.
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


class ApprovalRequested(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict `hold`: waits in the inbox until a person answers or it expires."""

    approval_id: str
    kind: str
    subject: str
    what: str
    why: str
    expires_at: int
    at: int


class JournalWritten(msgspec.Struct, frozen=True, kw_only=True):
    """One entry per decision (denied ones too) and per closed round trip.

    `kind` is `decision` or `round_trip`; `facts` holds the numbers the text is made from.
    """

    entry_id: str
    kind: str
    strategy: str
    instrument: str
    outcome: str
    text: str
    signal_id: str | None
    facts: dict[str, str]
    at: int
