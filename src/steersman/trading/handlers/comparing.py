"""Finding out, at a start and when somebody asks, whether ledger and venues say the same."""

from __future__ import annotations

from typing import Final

import msgspec

from steersman.kernel.clock import Clock
from steersman.ledger import Event
from steersman.trading import events as e
from steersman.trading.handlers.dispatch import Dispatch
from steersman.trading.handlers.reconciliation import Reconciler, Told, ask, blocking
from steersman.trading.handlers.recorded import Recorder
from steersman.trading.handlers.state import State
from steersman.trading.handlers.telling import Writing
from steersman.trading.model.lifecycle import Status

_AGAIN_NS: Final = 2 * 10**9
_MOST_LOOKS: Final = 5
_FRESH_NS: Final = 60 * 10**9
"""How old a decision may be that a crash kept from being sent, and that is sent after it."""


class _Comparison(msgspec.Struct, kw_only=True):
    """One that is not over: what differed at the last look, and when (elapsed ns) to look again."""

    venue: str
    request_id: str
    settle_by: str | None
    seen: tuple[e.Difference, ...] = ()
    looks: int = 0
    due: int = 0


class Comparing:
    """Compares; what differs is looked at again two seconds later before anybody is halted or anything settled.

    An execution may be on its way while the venue is asked: it is in the position, and not yet reported. Until the
    second look the instrument takes no order, and nobody is alarmed.
    """

    def __init__(self, *, state: State, recorder: Recorder, dispatch: Dispatch, writing: Writing, clock: Clock) -> None:
        self._state = state
        self._record = recorder
        self._dispatch = dispatch
        self._writing = writing
        self._clock = clock
        self._reconciler = Reconciler(recorder, state)
        self._running: list[_Comparison] = []
        self._doubted: dict[str, set[str]] = {}
        """Instruments that take no order until the second look, by venue."""

    def start(self, venue: str, request_id: str, at: int, *, settle_by: str | None = None) -> None:
        """Compare with one venue; with `settle_by` (a person), take the venue's word for what differs."""
        self._look(_Comparison(venue=venue, request_id=request_id, settle_by=settle_by), at)

    def asked(self, event: Event, at: int) -> None:
        """Compare with every venue, as a request says, unless an earlier life did."""
        request = msgspec.json.decode(event.data, type=e.ReconcileRequested)
        for name, venue in self._dispatch.venues.items():
            if self._record.said(e.RECONCILED, name, request.request_id):
                continue
            if venue.simulated:
                self._writing.soon(self._reconciler.simulated(name, request.request_id, at))
            else:
                self.start(name, request.request_id, at, settle_by=request.by if request.settle else None)

    def again(self, at: int) -> None:
        """Look again where it is time."""
        now = self._clock.elapsed_ns()
        due = [comparison for comparison in self._running if comparison.due <= now]
        self._running = [comparison for comparison in self._running if comparison.due > now]
        for comparison in due:
            self._look(comparison, at)

    def _look(self, comparison: _Comparison, at: int) -> None:
        venue = comparison.venue
        ours = [o for o in self._state.open_orders() if o.order.venue == venue]
        try:
            told = ask(self._dispatch.venues[venue], ours)
        except Exception as exc:  # noqa: BLE001 - the edge to a program elsewhere; the report says what it was
            self._undoubt(venue)
            self._writing.soon(self._reconciler.not_reached(venue, comparison.request_id, exc, at))
            return
        # What was reported meanwhile is no difference.
        self._writing.soon(self._dispatch.reports(at))
        found = blocking(self._state, venue, told)
        comparison.looks += 1
        if found and found != comparison.seen and comparison.looks < _MOST_LOOKS:
            self._doubt(comparison, found)
            return
        self._finish(comparison, told, at)

    def _doubt(self, comparison: _Comparison, found: tuple[e.Difference, ...]) -> None:
        comparison.seen, comparison.due = found, self._clock.elapsed_ns() + _AGAIN_NS
        self._running.append(comparison)
        new = {d.instrument: d.explained for d in found if d.instrument not in self._state.unreconciled}
        self._state.unreconciled.update(new)
        self._doubted.setdefault(comparison.venue, set()).update(new)

    def _undoubt(self, venue: str) -> None:
        for instrument in self._doubted.pop(venue, ()):
            self._state.unreconciled.pop(instrument, None)

    def _finish(self, comparison: _Comparison, told: Told, at: int) -> None:
        self._undoubt(comparison.venue)
        self._writing.soon(
            self._reconciler.of(comparison.venue, told, comparison.request_id, at, settle_by=comparison.settle_by)
        )

    # -- orders of an earlier life -------------------------------------------------------------------------------

    def take_up(self, venue: str, at: int) -> None:
        """Find out what became of orders that an earlier life decided, and of which nothing was heard.

        The venue is asked first. One that it does not have was never sent: if the decision is fresh it is sent now, and
        else it ends here, for the prices it was decided on are gone.
        """
        for found in list(self._state.open.values()):
            order = found.order
            if order.venue != venue or found.known.status not in (Status.PENDING, Status.SUBMITTED):
                continue
            try:
                told = self._dispatch.venues[venue].lookup(order.order_id)
            except Exception:  # noqa: BLE001 - whatever it is, nobody knows: the look-up goes on until somebody does
                self._state.doubted(order.order_id)
                self._say_unknown(order.order_id, f"{venue} did not say after the restart", at)
                continue
            if told is not None:
                self._writing.soon(self._dispatch.known(venue, told, order.order_id, at))
            elif found.known.status is Status.SUBMITTED:
                self._state.doubted(order.order_id)
                self._say_unknown(order.order_id, f"it was sent, and {venue} does not have it", at)
            elif self._clock.now_ns() - order.created_at <= _FRESH_NS:
                self._dispatch.send(order, at)
            else:
                self._state.ended(order.order_id, Status.CANCELLED)
                reason = "decided before a restart, not sent, and too old to be sent now"
                self._writing.soon([self._record.ended("cancelled", order.order_id, reason, at)])

    def _say_unknown(self, order_id: str, reason: str, at: int) -> None:
        data = e.OrderEnded(order_id=order_id, reason=reason, at=at)
        key = ("restart", str(at))
        self._writing.soon([self._record.order_event(e.ORDER_UNKNOWN, data, at=at, order_id=order_id, key=key)])
