"""The ports of trading. Every venue passes tests/contracts/test_venue.py, every feed tests/contracts/test_feed.py."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import msgspec

from steersman.trading.model.bar import Bar
from steersman.trading.model.order import OpenOrder, Order, Report
from steersman.trading.model.signal import OrderId


class Venue(Protocol):
    """Where orders go. `create(settings=, instruments=)` of each adapter makes one."""

    name: str

    def submit(self, order: Order) -> None:
        """Send `order` once. What becomes of it comes through `poll`.

        Raises:
            Conflict: an order with this id is there already; nothing was sent.
            OutcomeUnknown: it may or may not have arrived: look it up (`open_orders`) before anything else.
        """
        ...

    def cancel(self, order_id: OrderId) -> None:
        """Ask for the end of an order; an unknown or ended one is left alone. The answer comes through `poll`."""
        ...

    def poll(self) -> Sequence[Report]:
        """Return what was reported since the last call, in order."""
        ...

    def open_orders(self) -> Sequence[OpenOrder]:
        """Return what the venue holds that may still trade."""
        ...

    def restore(self, orders: Iterable[OpenOrder]) -> None:
        """Take over what the ledger says was open before a restart; a venue with a memory of its own ignores it."""
        ...

    def on_bar(self, bar: Bar) -> None:
        """Take in market data, if the venue is simulated; fills it causes come through `poll`."""
        ...


class BadBar(msgspec.Struct, frozen=True, kw_only=True):
    """A bar that may not be used. `place` is `file:line`; `found` is the offending text, cut to 200 characters."""

    instrument: str
    reason: str
    found: str
    place: str


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """`missing` weekdays without a bar between two bars of an instrument (ns since 1970 UTC)."""

    instrument: str
    missing: int
    from_at: int
    to_at: int


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that became known at one instant: usable bars, refused ones, gaps that ended here."""

    at: int
    bars: tuple[Bar, ...]
    bad: tuple[BadBar, ...] = ()
    gaps: tuple[Gap, ...] = ()


class Feed(Protocol):
    """Where bars come from. `create(settings=, instruments=, root=)` of each adapter makes one."""

    name: str
    source: str

    def sessions(self) -> Iterator[Session]:
        """Yield instants in increasing order, from the beginning each time.

        Raises:
            Misconfigured: the source cannot be read; names it and what to do.
        """
        ...

    def total(self) -> int | None:
        """Return how many sessions there will be, if that can be known; for progress."""
        ...
