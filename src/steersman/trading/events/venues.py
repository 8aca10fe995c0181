"""Venues: whether what they hold is what the ledger says, and who allowed them to trade real money."""

from __future__ import annotations

from decimal import Decimal

import msgspec

RECONCILE_REQUESTED = "trading.reconciliation.requested"
RECONCILED = "trading.reconciliation.finished"
POSITION_ADJUSTED = "trading.position.adjusted"
VENUE_ARMED = "trading.venue.armed"
VENUE_DISARMED = "trading.venue.disarmed"
VENUE_FAILED = "trading.venue.failed"
HALT_OBEYED = "trading.halt.obeyed"


class ReconcileRequested(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody (`by`) wants ledger and venues compared; with `settle`, the venues' word taken for what differs."""

    request_id: str
    by: str
    settle: bool
    at: int


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One disagreement, in words and numbers.

    Attributes:
        kind: order_missing (ours is open, theirs is not there), order_foreign (theirs is not ours), fill_missing (they
            filled more than we know) or position.
        subject: order id or instrument.
        ours, theirs: what each says (units; text of a status).
        explained: what it means, and what settling does about it.
    """

    kind: str
    subject: str
    instrument: str
    ours: str
    theirs: str
    explained: str


class Reconciled(msgspec.Struct, frozen=True, kw_only=True):
    """What one comparison with a venue found; `reached` is False when it did not answer (`problem` says why)."""

    request_id: str
    venue: str
    reached: bool
    orders: int
    positions: int
    differences: tuple[Difference, ...]
    settled: bool
    problem: str
    at: int


class PositionAdjusted(msgspec.Struct, frozen=True, kw_only=True):
    """The book took the venue's word: `change` signed units at `price`, which no order of ours explains."""

    venue: str
    instrument: str
    change: Decimal
    price: Decimal
    by: str
    reason: str
    at: int


class VenueArmed(msgspec.Struct, frozen=True, kw_only=True):
    """A person typed that this venue may trade real money; `fingerprint` is of its settings: others need it again."""

    venue: str
    fingerprint: str
    by: str
    at: int


class VenueFailed(msgspec.Struct, frozen=True, kw_only=True):
    """A venue did not answer, or answered what cannot be; said once per span of trouble."""

    venue: str
    doing: str
    problem: str
    at: int


class HaltObeyed(msgspec.Struct, frozen=True, kw_only=True):
    """A halt was acted on: how many orders were asked to end, and how long it took from the halt's event to the last.

    `refused` orders could not be reached; they are asked again until they end.
    """

    scope: str
    halt_pos: int
    orders: int
    refused: int
    took_ms: float
    at: int
