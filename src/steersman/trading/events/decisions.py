"""What was asked for, what the gate said, and what the journal keeps of it."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from steersman.trading.model.request import SignalRequest
from steersman.trading.model.signal import Side, Signal

SIGNAL_SUBMITTED = "trading.signal.submitted"
SIGNAL_RECEIVED = "trading.signal.received"
SIGNAL_REFUSED = "trading.signal.refused"
VERDICT_GIVEN = "trading.verdict.given"
JOURNAL_WRITTEN = "journal.entry.written"


class SignalSubmitted(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody outside asks for an order: durable before the door answers, decided by the core when it comes to it.

    Attributes:
        source: the door it came through: `api`, `cli`, `file:NAME` or `tradingview`.
        received_at: ns since 1970 UTC on the wall clock.
    """

    source: str
    request: SignalRequest
    received_at: int


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
        facts: everything the checks read, in the order of `gate.Facts`: the verdict can be given again from it alone.
        approved: a person said yes to this order before; its size was not asked about again.
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
    facts: tuple[int | bool | None, ...] = ()
    approved: bool = False


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
