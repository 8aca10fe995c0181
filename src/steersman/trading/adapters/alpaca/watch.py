"""The orders whose reports are wanted, asked for at most as often as was set, and what is to be reported of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from steersman.kernel.clock import Clock
from steersman.kernel.errors import Unavailable
from steersman.trading.adapters.alpaca.account import Account
from steersman.trading.adapters.alpaca.client import Client
from steersman.trading.adapters.alpaca.tracking import Tracked
from steersman.trading.adapters.alpaca.wire import FillJson, Malformed, OrderJson
from steersman.trading.model.order import Ended, Report
from steersman.trading.model.signal import OrderId

_PATIENCE_NS: Final = 30 * 10**9
_RECENT_NS: Final = 86_400 * 10**9
_FEW: Final = 3
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
        # What cannot be read is not ours, or is asked for by its id below and said there.
        listed = _Listed(self._account.open_orders(lenient=True))
        here = [tracked for tracked in self._tracked.values() if tracked.is_there]
        gone = [t.made_at or t.order.created_at for t in here if listed.of(t) is None]
        if len(gone) > _FEW:
            # A market that opens ends many at once: one page instead of a request for each.
            listed.add(self._account.closed_orders(min(gone)))
        behind = []
        for tracked in list(self._tracked.values()):
            with self._noting():
                told = listed.of(tracked) or self._not_open(tracked)
                if told is not None and not self._heard(tracked, told):
                    behind.append((tracked, told))
        fills = self._fills_of([tracked for tracked, _ in behind])
        for tracked, told in behind:
            with self._noting():
                self._executed(tracked, told, fills(tracked))

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """Keep what makes no sense for the end of the round."""
        try:
            yield
        except Malformed as exc:
            self._trouble = self._trouble or exc

    def _heard(self, tracked: Tracked, told: OrderJson) -> bool:
        """Take in what an order says; False: executions of it are not known yet."""
        tracked.check(told)
        self.say(tracked.taken(told, self._clock.now_ns()))
        if told.filled_qty > tracked.filled:
            return False
        self._up_to_date(tracked, told)
        return True

    def _fills_of(self, behind: Sequence[Tracked]) -> Callable[[Tracked], list[FillJson]]:
        """Return how to get the executions of an order: asked for one by one if they are few or old."""
        since = min((tracked.made_at for tracked in behind), default=0)
        if len(behind) <= _FEW or since < self._clock.now_ns() - _RECENT_NS:
            return lambda tracked: list(self._account.fills(tracked.made_at, tracked.venue_order_id))
        by_order: dict[str, list[FillJson]] = {}
        for fill in self._account.fills(since):
            by_order.setdefault(fill.order_id, []).append(fill)
        return lambda tracked: by_order.get(tracked.venue_order_id, [])

    def _executed(self, tracked: Tracked, told: OrderJson, fills: Sequence[FillJson]) -> None:
        self.say(tracked.executed(fills))
        if told.filled_qty > tracked.filled:
            self._wait_for_fills(tracked, told)
        else:
            self._up_to_date(tracked, told)

    def _up_to_date(self, tracked: Tracked, told: OrderJson) -> None:
        tracked.incomplete_since = None
        self.say(tracked.ended(told, self._clock.now_ns()))
        if tracked.done:
            del self._tracked[tracked.order.order_id]
            self._over.add(tracked.order.order_id)

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


class _Listed:
    """Orders as told in one round, found by Alpaca's id, or by ours while that is not known."""

    def __init__(self, orders: Iterable[OrderJson]) -> None:
        self._by_id: dict[str, OrderJson] = {}
        self._by_our_id: dict[str, OrderJson] = {}
        self.add(orders)

    def add(self, orders: Iterable[OrderJson]) -> None:
        for told in orders:
            self._by_id[told.id] = told
            self._by_our_id[told.client_order_id] = told

    def of(self, tracked: Tracked) -> OrderJson | None:
        if tracked.venue_order_id:
            return self._by_id.get(tracked.venue_order_id)
        return self._by_our_id.get(tracked.order.order_id)
