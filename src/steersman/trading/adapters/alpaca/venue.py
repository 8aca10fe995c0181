"""The venue: sends once, asks for what became of it, and says it in our words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from steersman.kernel.errors import Conflict, Misconfigured, OutcomeUnknown, Unavailable
from steersman.kernel.references import resolve
from steersman.trading.adapters.alpaca import rules, telling, wire
from steersman.trading.adapters.alpaca.account import Account
from steersman.trading.adapters.alpaca.client import RECONCILE, Answer, Client, Credentials
from steersman.trading.adapters.alpaca.quotes import Quotes
from steersman.trading.adapters.alpaca.tracking import Tracked, when
from steersman.trading.adapters.alpaca.wire import Malformed, OrderJson
from steersman.trading.model.order import (
    CancelRefused,
    Ended,
    OpenOrder,
    Order,
    Quote,
    Report,
    VenueOrder,
    VenuePosition,
)
from steersman.trading.model.signal import OrderId

if TYPE_CHECKING:
    from pathlib import Path

    from steersman.kernel.clock import Clock
    from steersman.trading.adapters.alpaca.settings import AlpacaSettings
    from steersman.trading.model.bar import Bar
    from steersman.trading.model.instrument import Instrument

_PATIENCE_NS: Final = 30 * 10**9
_DUPLICATE: Final = ("client_order_id must be unique", "client order id must be unique")


class AlpacaVenue:
    """One account. Not for several threads; nothing is connected before the first call."""

    name = "alpaca"
    simulated = False
    # Its own alternatives are one request whose second leg gets an id of Alpaca's choice: ours would be lost.
    oco = False

    def __init__(
        self,
        *,
        client: Client,
        quotes: Quotes,
        instruments: Mapping[str, Instrument],
        clock: Clock,
        poll_every_ns: int,
    ) -> None:
        self._client = client
        self._account = Account(client)
        self._quotes = quotes
        self._instruments = instruments
        self._names = telling.Names(instruments)
        self._clock = clock
        self._poll_every_ns = poll_every_ns
        self._tracked: dict[OrderId, Tracked] = {}
        self._over: set[OrderId] = set()
        self._reports: list[Report] = []
        self._asked_at: int | None = None
        self._trouble: Unavailable | None = None

    # -- sending -------------------------------------------------------------------------------------------------

    def submit(self, order: Order) -> None:
        before = self._tracked.get(order.order_id)
        if order.order_id in self._over or (before is not None and (before.acknowledged or before.venue_order_id)):
            raise self._there(order.order_id)
        instrument = self._instruments.get(order.instrument)
        why = rules.refusal(order, instrument)
        if why or instrument is None:
            self._reject(order.order_id, why)
            return
        if before is not None:
            self._sent_before(before)
        symbol = instrument.symbol or instrument.name
        # Before anything leaves: whatever happens on the way, its reports are wanted.
        tracked = self._tracked[order.order_id] = before or Tracked(order, symbol)
        try:
            answer = self._client.change("POST", "/v2/orders", rules.body(order, symbol))
        except OutcomeUnknown:
            raise
        except Unavailable:
            del self._tracked[order.order_id]
            raise
        self._placed(tracked, answer)

    def _there(self, order_id: OrderId) -> Conflict:
        return Conflict(f"order {order_id} is at alpaca already", fix="look it up; one order id is sent once")

    def _sent_before(self, before: Tracked) -> None:
        """Refuse to send what an earlier life may have sent, unless the account says that it never came."""
        order_id = before.order.order_id
        self._client.begin()
        try:
            found = self._account.order(order_id=order_id)
        except Unavailable as exc:
            # "Not sent" would be true of this life only.
            raise OutcomeUnknown(f"{exc.message}; an earlier life may have sent it", fix=RECONCILE) from exc
        if found is not None:
            raise self._there(order_id)

    def _placed(self, tracked: Tracked, answer: Answer) -> None:
        """Take the answer to an order in."""
        order_id = tracked.order.order_id
        if answer.status in (200, 201):
            self._accepted(tracked, answer)
            return
        said = wire.refusal(answer.body)
        if answer.status in (409, 422) and said is not None and any(d in said.message for d in _DUPLICATE):
            # What became of the one that is there is wanted: it carries our id.
            raise self._there(order_id)
        if answer.status in (400, 403, 422) and said is not None and said.code is not None:
            del self._tracked[order_id]
            self._reject(order_id, self._client.said("order", Answer(answer.status, said.message.encode())))
            return
        if answer.status in (401, 429) or (answer.status in (403, 404) and said is not None):
            # Not even looked at: no key, too many requests, not the trading API.
            del self._tracked[order_id]
            raise self._client.refused("POST /v2/orders: not taken", answer)
        raise OutcomeUnknown(self._client.said("POST /v2/orders", answer), fix=RECONCILE)

    def _accepted(self, tracked: Tracked, answer: Answer) -> None:
        try:
            told = wire.decode(answer.body, OrderJson, "POST /v2/orders")
            tracked.check(told)
            self._reports += tracked.taken(told, self._clock.now_ns())
        except Malformed as exc:
            raise OutcomeUnknown(f"{exc.message}; the order may have been taken", fix=RECONCILE) from exc

    def _reject(self, order_id: OrderId, why: str) -> None:
        self._over.add(order_id)
        self._reports.append(Ended(order_id=order_id, how="rejected", reason=why, at=self._clock.now_ns()))

    def cancel(self, order_id: OrderId) -> None:
        tracked = self._tracked.get(order_id)
        if order_id in self._over:
            return
        self._client.begin()
        at_venue = tracked.venue_order_id if tracked is not None else ""
        if not at_venue:
            found = self._account.order(order_id=order_id)
            if found is None or wire.status_of(found) != "open":
                return
            at_venue = found.id
        answer = self._client.change("DELETE", f"/v2/orders/{at_venue}")
        if answer.status in (200, 204, 207):
            if tracked is not None:
                tracked.cancel_asked = True
            return
        if answer.status == 404:
            return
        if answer.status == 422:
            self._not_cancelled(tracked, at_venue, answer)
            return
        if answer.status in (401, 403, 429):
            raise self._client.refused("cancelling: not taken", answer)
        raise OutcomeUnknown(self._client.said("cancelling", answer), fix=RECONCILE)

    def _not_cancelled(self, tracked: Tracked | None, at_venue: str, answer: Answer) -> None:
        """Say that a cancel was refused, unless the order is ending anyway: then there was nothing to refuse."""
        if tracked is None:
            return
        self._client.begin()
        told = self._account.order_at(at_venue)
        if told is not None and (told.status == "pending_cancel" or wire.status_of(told) not in ("open", "filled")):
            return
        said = wire.refusal(answer.body)
        self._reports.append(
            CancelRefused(
                order_id=tracked.order.order_id,
                reason=said.message[:200] if said is not None else f"alpaca answered {answer.status}",
                at=self._clock.now_ns(),
            )
        )

    # -- reports -------------------------------------------------------------------------------------------------

    def poll(self) -> Sequence[Report]:
        now = self._clock.elapsed_ns()
        if self._asked_at is None or now - self._asked_at >= self._poll_every_ns:
            self._asked_at = now
            self._trouble = None
            try:
                self._ask()
            except Unavailable as exc:
                self._trouble = exc
        if self._reports:
            reports, self._reports = self._reports, []
            return reports
        if self._trouble is not None:
            # What was heard in spite of it has gone out before.
            trouble, self._trouble = self._trouble, None
            raise trouble
        return ()

    def _ask(self) -> None:
        """Bring every order that is not over up to date. One whose answers make no sense does not stop the others."""
        if not self._tracked:
            return
        self._client.begin()
        listed = {order.client_order_id: order for order in self._account.open_orders()}
        for tracked in list(self._tracked.values()):
            try:
                self._update(tracked, listed.get(tracked.order.order_id))
            except Malformed as exc:
                self._trouble = self._trouble or exc
            if tracked.done:
                del self._tracked[tracked.order.order_id]
                self._over.add(tracked.order.order_id)

    def _update(self, tracked: Tracked, told: OrderJson | None) -> None:
        if told is None:
            told = self._not_open(tracked)
            if told is None:
                return
        tracked.check(told)
        now = self._clock.now_ns()
        self._reports += tracked.taken(told, now)
        if told.filled_qty > tracked.filled:
            since = when(told, now, "created_at", "submitted_at")
            fills = list(self._account.fills(tracked.venue_order_id, since))
            self._reports += tracked.executed(fills)
        if told.filled_qty > tracked.filled:
            self._wait_for_fills(tracked, told)
            return
        tracked.incomplete_since = None
        self._reports += tracked.ended(told, now)

    def _not_open(self, tracked: Tracked) -> OrderJson | None:
        """Ask for an order that is not among the open ones: it ended, or was never there."""
        if tracked.venue_order_id:
            told = self._account.order_at(tracked.venue_order_id)
        else:
            tracked.missed += 1
            if tracked.missed > 10 and tracked.missed % 30:
                return None  # it probably never arrived; asked more rarely
            told = self._account.order(order_id=tracked.order.order_id)
        if told is None and (tracked.venue_order_id or tracked.acknowledged):
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

    def restore(self, orders: Iterable[OpenOrder]) -> None:
        for known in orders:
            order = known.order
            if order.order_id not in self._tracked and order.order_id not in self._over:
                instrument = self._instruments.get(order.instrument)
                symbol = (instrument.symbol or instrument.name) if instrument is not None else order.instrument
                self._tracked[order.order_id] = Tracked(
                    order, symbol, filled=known.filled, acknowledged=known.acknowledged
                )
        self._asked_at = None

    # -- asking --------------------------------------------------------------------------------------------------

    def lookup(self, order_id: OrderId) -> VenueOrder | None:
        self._client.begin()
        found = self._account.order(order_id=order_id)
        return None if found is None else telling.order(found, self._names)

    def open_orders(self) -> Sequence[VenueOrder]:
        self._client.begin()
        return [telling.order(order, self._names) for order in self._account.open_orders()]

    def positions(self) -> Sequence[VenuePosition] | None:
        self._client.begin()
        return [telling.position(held, self._names) for held in self._account.positions()]

    def quotes(self) -> Sequence[Quote]:
        return self._quotes.latest()

    def on_bar(self, bar: Bar) -> None:
        """Nothing: the market is elsewhere."""

    def close(self) -> None:
        self._client.close()
        self._quotes.close()


def create(*, settings: AlpacaSettings, instruments: Mapping[str, Instrument], root: Path, clock: Clock) -> AlpacaVenue:
    """Return a venue for one account; nothing is sent before its first call.

    Raises:
        Misconfigured: the extra is not installed, or key or secret cannot be read; names the setting.
    """
    if find_spec("httpx2") is None:
        raise Misconfigured(
            "the alpaca venue needs the package httpx2, which is not installed", fix='pip install "steersman[alpaca]"'
        )
    secrets = []
    for field in ("key", "secret"):
        try:
            secrets.append(resolve(getattr(settings, field), root))
        except Misconfigured as exc:
            raise Misconfigured(f"venue of kind alpaca: {field}: {exc.message}", fix=exc.fix) from exc
    credentials = Credentials(*secrets)
    data = Client(settings.quotes_url, credentials, timeout_s=settings.timeout_s) if settings.quotes_url else None
    return AlpacaVenue(
        client=Client(settings.trading_url, credentials, timeout_s=settings.timeout_s),
        quotes=Quotes(data, {name: i.symbol or i.name for name, i in instruments.items()}),
        instruments=instruments,
        clock=clock,
        poll_every_ns=settings.poll_every_ns,
    )
