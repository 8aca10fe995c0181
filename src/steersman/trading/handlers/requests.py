"""What was asked of the core from outside: read from the ledger in order, each acted on once.

At a start everything that was ever asked is read again; what was done already shows in the state (a decided signal, an
answered hold, an ended order), and doing the rest again would do no harm.
"""

from __future__ import annotations

from typing import Final

from steersman.ledger import Event, Ledger
from steersman.policy.events import HALT_LIFTED, HALT_SET
from steersman.trading import events as e

TYPES: Final = (
    e.SIGNAL_SUBMITTED,
    e.APPROVAL_GRANTED,
    e.APPROVAL_DENIED,
    e.ORDER_CANCEL_REQUESTED,
    e.ORDER_REPLACE_REQUESTED,
    e.RECONCILE_REQUESTED,
    HALT_LIFTED,
    HALT_SET,
)
_AT_ONCE: Final = 500
"""A burst is taken in pieces: what the venues say in between is not kept waiting by it."""


class Requests:
    """A place in the ledger, and what was asked behind it."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._seen = 0
        self._head = 0

    def next(self) -> list[Event]:
        """Return what was asked since the last call, oldest first, at most `_AT_ONCE` of it."""
        head = self._ledger.head().pos
        if head == self._head:
            return []
        found = list(self._ledger.read(after=self._seen, types=TYPES, limit=_AT_ONCE))
        last = found[-1].pos if found else 0
        if len(found) == _AT_ONCE:
            self._seen = last  # there may be more: the next call looks again, whatever the head is
        else:
            self._seen = self._head = max(head, last)
        return found
