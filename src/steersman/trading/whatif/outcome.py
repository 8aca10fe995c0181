"""What a walk through history finds, before it becomes a report."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Final

import msgspec

EXAMPLES: Final = 3
_ZERO: Final = Decimal(0)


class Decided(msgspec.Struct, frozen=True, gc=False):
    """One verdict: its outcome, the quantity that may go (billionths), and the checks that failed (bits)."""

    outcome: str
    sent: int
    failed: int


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict that would have been another one. Quantities in units; `price` is the last one known then.

    Attributes:
        path: the limits alone would not have made it this one: by then the book would have been another.
        why: what decides now, in the gate's words.
    """

    signal_id: str
    at: int
    strategy: str
    instrument: str
    side: str
    asked: Decimal
    price: Decimal | None
    before: str
    quantity_before: Decimal
    after: str
    quantity_after: Decimal
    newly_failed: tuple[str, ...]
    no_longer_failed: tuple[str, ...]
    path: bool
    why: str


class Mark(msgspec.Struct, frozen=True, gc=False):
    """The account at the end of a session: as recorded, as folded from fills again, and as it would have been."""

    at: int
    recorded: Decimal
    folded: Decimal
    other: Decimal
    drawdown: Decimal
    drawdown_other: Decimal


class Sent(msgspec.Struct):
    """Orders counted, and the value of the difference at the price known when they were decided."""

    orders: int = 0
    value: Decimal = _ZERO

    def count(self, value: Decimal) -> None:
        self.orders += 1
        self.value += value


class Flip(msgspec.Struct):
    """How often one check fails now and did not before, and the other way round."""

    newly: int = 0
    no_longer: int = 0
    decisive: int = 0
    examples: list[str] = msgspec.field(default_factory=list)


class Tally:
    """Counts of a walk."""

    def __init__(self) -> None:
        self.avoided, self.added, self.shrunk, self.grown = Sent(), Sent(), Sent(), Sent()
        self.after: defaultdict[str, int] = defaultdict(int)
        self.flips: defaultdict[str, Flip] = defaultdict(Flip)
        self.signals: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
        """By strategy and instrument: signals, changed ones."""
        self.recomputed = 0
        self.modelled_fills = 0
        self.stale_marks = 0

    def order(self, before: Decimal, after: Decimal, price: Decimal) -> None:
        """Count an order whose size is another one."""
        if not before or not after:
            kind = self.avoided if before else self.added
        else:
            kind = self.shrunk if after < before else self.grown
        kind.count(abs(after - before) * price)

    def flipped(self, code: str, *, newly: bool, decisive: bool, example: str) -> None:
        flip = self.flips[code]
        if newly:
            flip.newly += 1
        else:
            flip.no_longer += 1
        flip.decisive += decisive
        # What changed something is the better example.
        if len(flip.examples) < EXAMPLES:
            flip.examples.insert(0 if decisive else len(flip.examples), example)
