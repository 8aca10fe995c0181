"""The orders whose reports are wanted, asked for at most as often as was set, and what is to be reported of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from steersman.kernel.clock import Clock
from steersman.kernel.errors import Unavailable
from steersman.trading.adapters.alpaca.account import Account
from steersman.trading.adapters.alpaca.client import Client
from steersman.trading.adapters.alpaca.tracking import Tracked, when
from steersman.trading.adapters.alpaca.wire import Malformed, OrderJson
from steersman.trading.model.order import Ended, Report
from steersman.trading.model.signal import OrderId

_PATIENCE_NS: Final = 30 * 10**9
_OFTEN: Final = 10
_RARELY: Final = 30


class Watch:
    """Remembers which ids were used in this life; an order that ended is not asked for again."""

    def __init__(self, client: Client, *, clock: Clock, poll_every_ns: int) -> None:
        self._client = client
        self._account = Account(client)
        self._clock = clock
        self._poll_every_ns = poll_every_ns
        self._tracked: dict[OrderId, Tracked] = {}
        self._over: set[OrderId] = set()
        self._reports: list[Report] = []
        self._asked_at: int | None = None
        self._trouble: Unavailable | None = None

    def of(self, order_id: OrderId) -> Tracked | None:
        """Return an order that has not ended."""
        return self._tracked.get(order_id)

    def is_over(self, order_id: OrderId) -> bool:
        """Whether the order ended in this life."""
        return order_id in self._over

    def add(self, tracked: Tracked) -> None:
        self._tracked[tracked.order.order_id] = tracked

    def forget(self, order_id: OrderId) -> None:
        """Drop an order that was certainly not sent."""
        self._tracked.pop(order_id, None)

    def say(self, reports: Iterable[Report]) -> None:
        self._reports += reports

    def reject(self, order_id: OrderId, why: str) -> None:
        """Report the end of an order that nobody took."""
        self._tracked.pop(order_id, None)
        self._over.add(order_id)
        self.say([Ended(order_id=order_id, how="rejected", reason=why, at=self._clock.now_ns())])

    def ask_soon(self) -> None:
        """Let the next `poll` ask, however short ago the last one was."""
        self._asked_at = None

    def poll(self) -> Sequence[Report]:
        """Return what is to be reported, asking first if it is time to.

        Raises:
            Unavailable: there is nothing to report, and not everything could be asked for.
        """
        now = self._clock.elapsed_ns()
        if self._asked_at is None or now - self._asked_at >= self._poll_every_ns:
            self._asked_at = now
            self._trouble = None
            try:
                self._ask()
            except Unavailable as exc:
                self._trouble = exc
        if self._reports:
            # What went wrong is said by the next call: what was heard in spite of it goes first.
            reports, self._reports = self._reports, []
            return reports
        if self._trouble is not None:
            trouble, self._trouble = self._trouble, None
            raise trouble
        return ()

    def _ask(self) -> None:
        """Bring every order that is not over up to date. One whose answers make no sense does not stop the others."""
        if not self._tracked:
            return
        self._client.begin()
        listed = self._account.open_orders()
        by_id = {told.id: told for told in listed}
        by_our_id = {told.client_order_id: told for told in listed}
        for order_id, tracked in list(self._tracked.items()):
            try:
                self._update(tracked, _pick(tracked, by_id, by_our_id))
            except Malformed as exc:
                self._trouble = self._trouble or exc
            if tracked.done:
                del self._tracked[order_id]
                self._over.add(order_id)

    def _update(self, tracked: Tracked, told: OrderJson | None) -> None:
        if told is None:
            told = self._not_open(tracked)
            if told is None:
                return
        tracked.check(told)
        now = self._clock.now_ns()
        self.say(tracked.taken(told, now))
        if told.filled_qty > tracked.filled:
            since = when(told, now, "created_at", "submitted_at")
            self.say(tracked.executed(list(self._account.fills(tracked.venue_order_id, since))))
        if told.filled_qty > tracked.filled:
            self._wait_for_fills(tracked, told)
            return
        tracked.incomplete_since = None
        self.say(tracked.ended(told, now))

    def _not_open(self, tracked: Tracked) -> OrderJson | None:
        """Ask for an order that is not among the open ones: it ended, or was never there."""
        if tracked.venue_order_id:
            told = self._account.order_at(tracked.venue_order_id)
        else:
            tracked.missed += 1
            if tracked.missed > _OFTEN and tracked.missed % _RARELY:
                return None  # it probably never arrived
            told = self._account.order(order_id=tracked.order.order_id)
        if told is None and tracked.is_there:
            raise Malformed(
                f"alpaca: order {tracked.order.order_id} was acknowledged and is unknown now",
                fix="look whether key and secret belong to the account that the order was sent to",
            )
        return told

    def _wait_for_fills(self, tracked: Tracked, told: OrderJson) -> None:
        """Executions are listed a moment after the order counts them; its end is not reported before they are."""
        now = self._clock.elapsed_ns()
        if tracked.incomplete_since is None:
            tracked.incomplete_since = now
        if now - tracked.incomplete_since >= _PATIENCE_NS:
            raise Malformed(
                f"alpaca: order {tracked.order.order_id} has {told.filled_qty:f} filled, and executions of "
                f"{tracked.filled:f} for {(now - tracked.incomplete_since) // 10**9} s",
                fix="look at the order in Alpaca's dashboard, then: steersman reconcile",
            )


def _pick(tracked: Tracked, by_id: Mapping[str, OrderJson], by_our_id: Mapping[str, OrderJson]) -> OrderJson | None:
    if tracked.venue_order_id:
        return by_id.get(tracked.venue_order_id)
    return by_our_id.get(tracked.order.order_id)
