"""The venues: whether each trades real money, answers, and says the same as the ledger."""

from __future__ import annotations

import msgspec

from steersman.bootstrap.desk import Desk
from steersman.trading import queries as trading
from steersman.trading.queries import ForeignOrder, OrderRow, ReconcileWish, VenueStatus


class VenueView(msgspec.Struct, frozen=True, kw_only=True):
    """A declared venue, and what the ledger knows of it.

    Attributes:
        instruments: names, whose orders go there.
        open_orders: the latest of ours that may still be executed there.
        declared: False for one that only the ledger remembers.
    """

    name: str
    kind: str
    mode: str
    instruments: tuple[str, ...]
    status: VenueStatus
    open_orders: tuple[OrderRow, ...]
    foreign: tuple[ForeignOrder, ...]
    declared: bool = True

    @property
    def differs(self) -> bool:
        """Whether the last comparison found what is not settled."""
        last = self.status.last
        return last is not None and bool(last.differences) and not last.settled

    @property
    def trouble(self) -> bool:
        """Whether it does not answer, as far as is known."""
        last = self.status.last
        return self.status.failing_since is not None or (last is not None and not last.reached)


class Venues(msgspec.Struct, frozen=True, kw_only=True):
    """The page. `wish` is the latest request for a comparison; `expected` how many answers it gets."""

    venues: tuple[VenueView, ...]
    wish: ReconcileWish | None
    expected: int

    @property
    def awaited(self) -> bool:
        """Whether answers to the latest request are still to come."""
        return self.wish is not None and self.wish.answers < self.expected

    @property
    def differs(self) -> bool:
        return any(venue.differs for venue in self.venues)


def look(desk: Desk) -> Venues:
    """Read the page; the read models are as the last refresh left them."""
    db, declared = desk.db, desk.workspace.trading
    open_orders = trading.orders(db, open_only=True, limit=200)

    def view(name: str, kind: str, mode: str, *, known: bool) -> VenueView:
        return VenueView(
            name=name,
            kind=kind,
            mode=mode,
            instruments=tuple(n for n, i in declared.instruments.items() if i.venue == name),
            status=trading.venue(db, name),
            open_orders=tuple(row for row in open_orders if row.venue == name)[:10],
            foreign=tuple(trading.foreign_orders(db, venue=name, limit=10)),
            declared=known,
        )

    found = [view(name, s.kind, s.mode, known=True) for name, s in declared.venues.items()]
    found += [view(s.venue, "", "", known=False) for s in trading.venues(db) if s.venue not in declared.venues]
    return Venues(venues=tuple(found), wish=trading.reconcile_wish(db), expected=len(declared.venues))
