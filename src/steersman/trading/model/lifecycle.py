"""The life of an order: what is known of it, and the status that follows.

Venues say things late, twice and in odd order: a fill before the acknowledgement, a cancel after the last fill. So a
status is never stored and stepped: each thing that was said is kept once, and the status is worked out from all of it.
The order in which they came does not matter, saying one again changes nothing, and a fill always counts.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import Final

import msgspec

_ZERO: Final = Decimal(0)


class Status(Enum):
    """Where an order stands. The last four, and `filled`, are ends; an unknown one is open until somebody knows."""

    PENDING = "pending"
    """Durable in the ledger, and not yet with the venue."""
    SUBMITTED = "submitted"
    ACKNOWLEDGED = "acknowledged"
    PARTIALLY_FILLED = "partially_filled"
    CANCEL_PENDING = "cancel_pending"
    UNKNOWN = "unknown"
    """It may or may not have reached the venue."""
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"


ENDED: Final = frozenset({Status.FILLED, Status.CANCELLED, Status.REJECTED, Status.EXPIRED})


class Known(msgspec.Struct, kw_only=True):
    """What was said about one order so far. Changed by the methods only; each may be called in any order, and again.

    Attributes:
        quantity: units wanted; None while only a report has come.
        filled: units executed; executions are counted once by whoever calls `executed`.
        cancelling: its end was asked for, and the venue did not refuse.
        doubted: somebody did not get an answer when sending it.
        ended: cancelled, rejected or expired, as first reported.
    """

    quantity: Decimal | None = None
    filled: Decimal = _ZERO
    sent: bool = False
    acknowledged: bool = False
    cancelling: bool = False
    doubted: bool = False
    ended: Status | None = None

    @property
    def status(self) -> Status:
        if self.quantity is not None and self.filled >= self.quantity:
            return Status.FILLED
        if self.ended is not None:
            return self.ended
        heard = self.acknowledged or self.filled > 0
        if self.doubted and not heard:
            return Status.UNKNOWN
        if self.cancelling:
            return Status.CANCEL_PENDING
        if self.filled > 0:
            return Status.PARTIALLY_FILLED
        if self.acknowledged:
            return Status.ACKNOWLEDGED
        return Status.SUBMITTED if self.sent else Status.PENDING

    @property
    def is_open(self) -> bool:
        """Whether anything may still be executed, as far as is known."""
        return self.status not in ENDED

    @property
    def leaves(self) -> Decimal:
        """Units that may still be executed."""
        if self.quantity is None or not self.is_open:
            return _ZERO
        return self.quantity - self.filled

    @property
    def overfilled(self) -> bool:
        """Whether the venue reported more than was ordered, which cannot be."""
        return self.quantity is not None and self.filled > self.quantity

    def executed(self, quantity: Decimal) -> None:
        """Count one execution, also of an order that had ended: the venue's word about trades stands."""
        self.filled += quantity

    def end(self, how: Status) -> None:
        """Take the venue's word that nothing more will be executed; the first word stands."""
        if how not in ENDED or how is Status.FILLED:
            raise ValueError(f"an order does not end as {how.value}")
        if self.ended is None:
            self.ended = how
