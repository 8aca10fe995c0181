"""The ports of trading. Every venue passes tests/contracts/test_venue.py, every feed tests/contracts/test_feed.py."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import msgspec

from steersman.trading.model.bar import Bar
from steersman.trading.model.order import OpenOrder, Order, Quote, Report, VenueOrder, VenuePosition
from steersman.trading.model.signal import OrderId


class Venue(Protocol):
    """Where orders go. `create(settings=, instruments=, root=, clock=)` of each adapter makes one; see its README.

    Called by one thread. A call that has to ask somebody elsewhere returns or raises within the adapter's timeout.
    """

    name: str
    simulated: bool
    """Driven by `on_bar`, and without a memory of its own: the ledger is its memory (`restore`)."""
    oco: bool
    """Orders of one `group` are alternatives there: the one that is filled ends the others."""

    def submit(self, order: Order) -> None:
        """Send `order` once, never again by itself. What becomes of it, a refusal too, comes through `poll`.

        Raises:
            Conflict: an order with this id is there already; nothing was sent.
            Unavailable: certainly not sent (no connection, asked to wait before anything was taken).
            OutcomeUnknown: it may or may not have arrived: look it up before anything else.
        """
        ...

    def cancel(self, order_id: OrderId) -> None:
        """Ask for the end of an order; an unknown or ended one is left alone. The answer comes through `poll`.

        Raises:
            Unavailable, OutcomeUnknown: as for `submit`; asking again does no harm.
        """
        ...

    def poll(self) -> Sequence[Report]:
        """Return what was reported since the last call, in order; what was reported before may come again.

        Raises:
            Unavailable: the venue does not answer. Nothing is lost: the next call reports it.
        """
        ...

    def lookup(self, order_id: OrderId) -> VenueOrder | None:
        """Return what the venue knows of an order by our id; None: it never had one of that id.

        Raises:
            Unavailable: it does not say.
        """
        ...

    def open_orders(self) -> Sequence[VenueOrder]:
        """Return every order of the account that may still trade, those that are not ours too.

        Raises:
            Unavailable: it does not say.
        """
        ...

    def positions(self) -> Sequence[VenuePosition] | None:
        """Return everything the account holds there; None: this venue keeps no positions.

        Raises:
            Unavailable: it does not say.
        """
        ...

    def quotes(self) -> Sequence[Quote]:
        """Return the latest prices of the instruments traded here; empty if it has none to give.

        Raises:
            Unavailable: it does not say.
        """
        ...

    def restore(self, orders: Iterable[OpenOrder]) -> None:
        """Take over what the ledger says may be open: reports about these orders are wanted from now on.

        A venue with a memory of its own asks it; a simulated one works these orders again.
        """
        ...

    def on_bar(self, bar: Bar) -> None:
        """Take in market data, if the venue is simulated; fills it causes come through `poll`."""
        ...

    def close(self) -> None:
        """Let connections go. Orders stay where they are."""
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
    live: bool
    """Its bars are of now: times are the wall clock's. Otherwise the desk lives in the time of the feed."""

    def sessions(self) -> Iterator[Session | None]:
        """Yield instants in increasing order, from the beginning each time; None: nothing yet, ask again soon.

        Raises:
            Misconfigured: the source cannot be read; names it and what to do.
        """
        ...

    def total(self) -> int | None:
        """Return how many sessions there will be, if that can be known; for progress."""
        ...
