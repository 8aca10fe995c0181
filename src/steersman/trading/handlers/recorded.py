"""Turning what happens into events with identities of their own: written again, nothing is written twice."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from uuid import UUID

import msgspec

from steersman.kernel.ids import stable_uuid
from steersman.ledger import Event, Ledger, NewEvent, new_event
from steersman.trading import events as e

_ENDED: Final = {"rejected": e.ORDER_REJECTED, "cancelled": e.ORDER_CANCELLED, "expired": e.ORDER_EXPIRED}
_ONCE: Final = frozenset(
    {
        e.SIGNAL_REFUSED,
        e.ORDER_REPLACE_DROPPED,
        e.ORDER_FOREIGN,
        e.HALT_OBEYED,
        e.RECONCILED,
        e.VENUE_FAILED,
        e.JOURNAL_WRITTEN,
    }
)
TYPES: Final = ("trading.*", "approval.*")


class Recorder:
    """Makes events of one trader, and finds those that an earlier life of it wrote."""

    def __init__(self, ledger: Ledger, *, actor: str, feed: str) -> None:
        self._ledger = ledger
        self._actor = actor
        self._feed = feed
        self._made: set[UUID] = set()
        """Ids of this life's events of kinds that are asked for by `said`: not all of them are durable yet."""

    def event(
        self,
        kind: str,
        data: msgspec.Struct,
        *,
        at: int,
        stream: str,
        key: tuple[str, ...],
        cause: NewEvent | Event | None = None,
        correlation: UUID | None = None,
    ) -> NewEvent:
        """Return the event of `kind` whose identity is `key`."""
        identity = event_id(kind, *key)
        if kind in _ONCE:
            self._made.add(identity)
        return new_event(
            kind,
            stream=stream,
            data=data,
            actor=self._actor,
            now_ns=at,
            id=identity,
            cause=cause,
            correlation_id=correlation,
        )

    def said(self, kind: str, *key: str) -> bool:
        """Say whether the event of this identity was made already, in this life or before: another one would clash."""
        if kind not in _ONCE:
            raise ValueError(f"{kind} is not a kind that is said once")
        identity = event_id(kind, *key)
        return identity in self._made or self._ledger.get(identity) is not None

    def feed_event(self, kind: str, data: msgspec.Struct, *, at: int, key: tuple[str, ...]) -> NewEvent:
        return self.event(kind, data, at=at, stream=f"feed/{self._feed}", key=(self._feed, *key))

    def order_event(
        self, kind: str, data: msgspec.Struct, *, at: int, order_id: str, key: tuple[str, ...] = ()
    ) -> NewEvent:
        """Return an event about an order, in the correlation of the signal it came from."""
        return self.event(
            kind, data, at=at, stream=f"order/{order_id}", key=(order_id, *key), correlation=order_correlation(order_id)
        )

    def ended(self, how: str, order_id: str, reason: str, at: int) -> NewEvent:
        data = e.OrderEnded(order_id=order_id, reason=reason, at=at)
        return self.order_event(_ENDED[how], data, at=at, order_id=order_id)


def event_id(kind: str, *key: str) -> UUID:
    """Return the id of the event of `kind` about `key`: the same in every life of the trader."""
    return stable_uuid("trading", kind, *key)


def order_id_of(strategy: str, source: str, signal_id: str, leg: int = 0) -> str:
    """Return the client order id: one per strategy, signal and leg, so a signal can never become two orders."""
    return f"s{stable_uuid('order', strategy, source, signal_id, str(leg)).hex[:20]}"


@lru_cache(maxsize=4096)
def order_correlation(order_id: str) -> UUID:
    """Return the correlation id of everything that belongs to an order, its signal included."""
    return stable_uuid("correlation", order_id)


def by_instant(ledger: Ledger, *, after: int = 0) -> Mapping[int, list[Event]]:
    """Return the trading events by the feed's instant they belong to, in order."""
    found: dict[int, list[Event]] = {}
    for event in ledger.read(after=after, types=TYPES):
        found.setdefault(msgspec.json.decode(event.data, type=_At).at, []).append(event)
    return found


class _At(msgspec.Struct):
    at: int = 0
