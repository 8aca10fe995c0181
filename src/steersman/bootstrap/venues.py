"""The venues of a workspace, made from their settings; and what must be true before one may trade real money.

A live venue needs three things: `mode = "live"` in steersman.toml, a person who typed its name (`steersman venue arm`),
and settings that are still the ones that were armed. Until then it takes no order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from steersman.bootstrap.plugins import factory
from steersman.bootstrap.workspace import FILE, Workspace
from steersman.kernel.clock import Clock
from steersman.kernel.errors import Unavailable
from steersman.ledger import Ledger
from steersman.trading import events as e
from steersman.trading.model.bar import Bar
from steersman.trading.model.order import OpenOrder, Order, Quote, Report, VenueOrder, VenuePosition
from steersman.trading.model.signal import OrderId
from steersman.trading.ports import Venue
from steersman.trading.settings import VenueSettings

_TYPES: Final = (e.VENUE_ARMED, e.VENUE_DISARMED)


def fingerprint(settings: VenueSettings) -> str:
    """Return what names these settings: a changed address, account or mode has to be armed again."""
    return hashlib.sha256(msgspec.json.encode(settings)).hexdigest()[:32]


class Arming:
    """Which live venues a person armed, and with which settings; follows the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._seen = 0
        self._armed: dict[str, e.VenueArmed] = {}

    def armed(self) -> dict[str, e.VenueArmed]:
        """Return what is armed now, by venue."""
        head = self._ledger.head().pos
        if head != self._seen:
            for event in self._ledger.read(after=self._seen, types=_TYPES):
                said = msgspec.json.decode(event.data, type=e.VenueArmed)
                if event.type == e.VENUE_ARMED:
                    self._armed[said.venue] = said
                else:
                    self._armed.pop(said.venue, None)
                head = max(head, event.pos)
            self._seen = head
        return self._armed

    def why_not(self, name: str, settings: VenueSettings) -> str | None:
        """Say why a venue may not trade; None: it may."""
        if settings.mode != "live":
            return None
        found = self.armed().get(name)
        if found is None:
            return f"venue {name} is live and nobody armed it"
        if found.fingerprint != fingerprint(settings):
            return f"venue {name} is live and its settings changed since it was armed"
        return None


class Armable:
    """A live venue behind its lock: what reads passes, what trades needs the venue to be armed at that moment."""

    simulated = False

    def __init__(self, name: str, settings: VenueSettings, make: Callable[[], Venue], arming: Arming) -> None:
        self.name = name
        self._settings = settings
        self._inner = make()
        self._arming = arming
        self.oco = self._inner.oco

    def submit(self, order: Order) -> None:
        why = self._arming.why_not(self.name, self._settings)
        if why is not None:
            raise Unavailable(why, fix=f"`steersman venue arm {self.name}`, if that is what you want")
        self._inner.submit(order)

    def cancel(self, order_id: OrderId) -> None:
        self._inner.cancel(order_id)  # ending an order takes no risk: it needs no permission

    def poll(self) -> Sequence[Report]:
        return self._inner.poll()

    def lookup(self, order_id: OrderId) -> VenueOrder | None:
        return self._inner.lookup(order_id)

    def open_orders(self) -> Sequence[VenueOrder]:
        return self._inner.open_orders()

    def positions(self) -> Sequence[VenuePosition] | None:
        return self._inner.positions()

    def quotes(self) -> Sequence[Quote]:
        return self._inner.quotes()

    def restore(self, orders: Iterable[OpenOrder]) -> None:
        self._inner.restore(orders)

    def on_bar(self, bar: Bar) -> None:
        self._inner.on_bar(bar)

    def close(self) -> None:
        self._inner.close()


def make_venues(workspace: Workspace, ledger: Ledger, clock: Clock) -> dict[str, Venue]:
    """Return the venues that steersman.toml declares; none connects before it is asked for something.

    Raises:
        Misconfigured: what an adapter needs is not installed, or a secret it refers to is not there.
    """
    arming = Arming(ledger)
    return {name: _make(workspace, name, settings, clock, arming) for name, settings in _declared(workspace)}


def _declared(workspace: Workspace) -> Iterable[tuple[str, VenueSettings]]:
    return workspace.trading.venues.items()


def _make(workspace: Workspace, name: str, settings: VenueSettings, clock: Clock, arming: Arming) -> Venue:
    instruments = {n: i for n, i in workspace.trading.instruments.items() if i.venue == name}

    def make() -> Venue:
        made: Venue = factory("venues", settings.kind)(
            settings=settings, instruments=instruments, root=workspace.root, clock=clock
        )
        return made

    return Armable(name, settings, make, arming) if settings.mode == "live" else make()


def not_for_replays(workspace: Workspace, venues: dict[str, Venue]) -> str | None:
    """Say which venue of now a replayed feed would trade at; None: none."""
    for name, venue in venues.items():
        if not venue.simulated:
            return (
                f"{FILE}: venue {name} trades now, and the feed replays history: orders of the past would be sent today"
            )
    return None
