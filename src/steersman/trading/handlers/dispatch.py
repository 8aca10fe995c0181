"""The one place that talks to venues: sends once, asks for ends, takes reports in, looks up what nobody knows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeVar

import msgspec

from steersman.kernel.clock import Clock
from steersman.kernel.errors import Conflict, OutcomeUnknown, Unavailable
from steersman.ledger import NewEvent
from steersman.policy.store import PolicyStore
from steersman.trading import events as e
from steersman.trading.handlers.recorded import Recorder
from steersman.trading.handlers.state import State
from steersman.trading.handlers.strategies import readable
from steersman.trading.handlers.telling import Writing
from steersman.trading.handlers.venue_reports import Reports
from steersman.trading.model.lifecycle import Status
from steersman.trading.model.order import Acknowledged, Ended, Order, Quote, Report, VenueOrder
from steersman.trading.model.signal import OrderId
from steersman.trading.ports import Venue

T = TypeVar("T")
_ASKS: Final = 3
_GRACE_NS: Final = 30 * 10**9
_ASK_EVERY_NS: Final = 10**9
_QUOTE_EVERY_NS: Final = 10**9


class _Doubt(msgspec.Struct):
    """How often and since when (elapsed ns) a venue was asked for an order that it does not have."""

    since: int
    asked: int = 0
    last: int = -_ASK_EVERY_NS


class Dispatch:
    """Keeps no order of its own: what is open stands in the state, what happened in the ledger."""

    def __init__(
        self,
        *,
        venues: Mapping[str, Venue],
        state: State,
        recorder: Recorder,
        reports: Reports,
        policy: PolicyStore,
        clock: Clock,
        writing: Writing,
    ) -> None:
        self.venues = venues
        self._state = state
        self._record = recorder
        self._reports = reports
        self._policy = policy
        self._clock = clock
        self._writing = writing
        self._doubts: dict[str, _Doubt] = {}
        self._failing: set[tuple[str, str]] = set()
        self._quoted = -_QUOTE_EVERY_NS
        self.cancel_again: set[str] = set()
        """Orders whose end was asked for and that the venue could not be told."""

    @property
    def asks_elsewhere(self) -> bool:
        """Whether any venue has a life of its own, so that things happen without us."""
        return any(not venue.simulated for venue in self.venues.values())

    def send(self, order: Order, at: int) -> None:
        """Send once, unless a halt came between the decision and now."""
        halted = self._policy.current_halts().covering(
            venue=order.venue, strategy=order.strategy, instrument=order.instrument
        )
        if halted is not None:
            self._end(order.order_id, Status.CANCELLED, f"halted before it was sent ({halted})", at)
            return
        venue = self.venues[order.venue]
        try:
            venue.submit(order)
        except Conflict:
            self._state.sent(order.order_id)
            return  # an earlier life of this trader sent it; the venue's reports say what became of it
        except OutcomeUnknown as exc:
            self._doubt(order, exc.message, at)
        except Unavailable as exc:
            self._end(order.order_id, Status.REJECTED, f"not sent: {exc.message}", at)
        except Exception as exc:  # noqa: BLE001 - an adapter that breaks: nobody knows how far it came
            self._doubt(order, _said(exc), at)
        else:
            self._state.sent(order.order_id)
            if not venue.simulated:
                data = e.OrderSent(order_id=order.order_id, at=at)
                self._writing.soon([self._record.order_event(e.ORDER_SENT, data, at=at, order_id=order.order_id)])

    def cancel(self, order_id: str) -> bool:
        """Ask for the end of an open order; say whether the venue could be told. If not, `again` asks once more."""
        found = self._state.open.get(order_id)
        if found is None:
            self.cancel_again.discard(order_id)
            return True
        self._state.cancelling(order_id)
        venue = found.order.venue
        try:
            self.venues[venue].cancel(OrderId(order_id))
        except Exception as exc:  # noqa: BLE001 - whatever broke, the order is still out there
            self.cancel_again.add(order_id)
            self._failed(venue, "cancelling", exc)
            return False
        self.cancel_again.discard(order_id)
        return True

    def cancel_halted(self, at: int) -> tuple[int, int]:
        """Ask for the end of every open order that a halt covers; return how many were asked for, and not reached."""
        halts = self._policy.current_halts()
        if not halts.reasons:
            return 0, 0
        asked = unreached = 0
        for found in list(self._state.open.values()):
            order = found.order
            if found.known.cancelling and order.order_id not in self.cancel_again:
                continue
            if halts.covering(venue=order.venue, strategy=order.strategy, instrument=order.instrument) is not None:
                asked += 1
                unreached += not self.cancel(order.order_id)
        return asked, unreached

    def again(self) -> None:
        """Ask once more for the ends that could not be asked for."""
        for order_id in list(self.cancel_again):
            self.cancel(order_id)

    def reports(self, at: int) -> list[NewEvent]:
        """Return the events of everything the venues reported since the last call."""
        made: list[NewEvent] = []
        for name, venue in self.venues.items():
            found = self._asked(name, "asking for reports", venue.poll)
            if found:
                made += self._reports.take(name, found, at)
        return made

    def quotes(self) -> list[Quote]:
        """Return the latest prices of venues that have some, at most once a second."""
        now = self._clock.elapsed_ns()
        if now - self._quoted < _QUOTE_EVERY_NS:
            return []
        self._quoted = now
        made: list[Quote] = []
        for name, venue in self.venues.items():
            if not venue.simulated:
                made += self._asked(name, "asking for prices", venue.quotes) or ()
        return made

    def look_up(self, at: int) -> list[NewEvent]:
        """Ask for orders of unknown outcome; return the events of those that are known now.

        One that the venue has was sent. One that it does not have, asked three times over half a minute, never arrived:
        it is over, and nothing is sent again in its place.
        """
        made: list[NewEvent] = []
        for order_id in list(self._state.unknown):
            found = self._state.open.get(order_id)
            if found is None:
                continue
            venue = self.venues[found.order.venue]
            doubt = self._doubts.setdefault(order_id, _Doubt(since=self._clock.elapsed_ns()))
            now = self._clock.elapsed_ns()
            if not venue.simulated and now - doubt.last < _ASK_EVERY_NS:
                continue
            doubt.last = now
            try:
                told = venue.lookup(OrderId(order_id))
            except Exception as exc:  # noqa: BLE001 - it does not say: asked again later
                self._failed(found.order.venue, "looking an order up", exc)
                continue
            self._works(found.order.venue, "looking an order up")
            if told is not None:
                made += self.known(found.order.venue, told, order_id, at)
                self._doubts.pop(order_id, None)
                continue
            doubt.asked += 1
            if not venue.simulated and doubt.asked >= _ASKS and now - doubt.since >= _GRACE_NS:
                reason = f"{found.order.venue} does not have it, asked {doubt.asked} times; it never arrived"
                made += self._ended(order_id, Status.CANCELLED, reason, at)
                self._doubts.pop(order_id, None)
        return made

    def known(self, venue: str, told: VenueOrder, order_id: str, at: int) -> list[NewEvent]:
        """Return the events of what a looked-up order says."""
        return self._reports.take(venue, told_reports(told, order_id, at), at)

    def close(self) -> None:
        for venue in self.venues.values():
            venue.close()

    # -- what is said --------------------------------------------------------------------------------------------

    def _doubt(self, order: Order, why: str, at: int) -> None:
        # It may be out there. Until somebody looked it up, nothing more goes out in this instrument.
        self._state.doubted(order.order_id)
        data = e.OrderEnded(order_id=order.order_id, reason=readable(why), at=at)
        self._writing.at_once([self._record.order_event(e.ORDER_UNKNOWN, data, at=at, order_id=order.order_id)])

    def _end(self, order_id: str, how: Status, reason: str, at: int) -> None:
        self._writing.at_once(self._ended(order_id, how, reason, at))

    def _ended(self, order_id: str, how: Status, reason: str, at: int) -> list[NewEvent]:
        self._state.ended(order_id, how)
        return [self._record.ended(how.value, order_id, readable(reason), at)]

    def _asked(self, venue: str, doing: str, ask: Callable[[], Iterable[T]]) -> list[T] | None:
        try:
            found = list(ask())
        except Exception as exc:  # noqa: BLE001 - the edge to programs elsewhere: one that fails must not stop the others
            self._failed(venue, doing, exc)
            return None
        self._works(venue, doing)
        return found

    def _failed(self, venue: str, doing: str, exc: Exception) -> None:
        """Say that a venue does not answer, once until it does again."""
        if (venue, doing) in self._failing:
            return
        self._failing.add((venue, doing))
        now = self._clock.now_ns()
        data = e.VenueFailed(venue=venue, doing=doing, problem=_said(exc), at=now)
        self._writing.at_once(
            [self._record.event(e.VENUE_FAILED, data, at=now, stream=f"venue/{venue}", key=(venue, doing, str(now)))]
        )

    def _works(self, venue: str, doing: str) -> None:
        self._failing.discard((venue, doing))


def told_reports(told: VenueOrder, order_id: str, at: int) -> list[Report]:
    """Return what a looked-up order says; its executions come through `poll`, with their ids."""
    made: list[Report] = []
    if told.status != "rejected":
        made.append(Acknowledged(order_id=OrderId(order_id), venue_order_id=told.venue_order_id, at=at))
    if told.status in ("rejected", "cancelled", "expired") and not told.filled:
        made.append(Ended(order_id=OrderId(order_id), how=told.status, reason=told.reason or "as looked up", at=at))
    return made


def _said(exc: Exception) -> str:
    message = exc.message if isinstance(exc, Unavailable | Conflict) else f"{type(exc).__name__}: {exc}"
    return readable(message)
