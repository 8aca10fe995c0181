"""The venue: sends once, asks for what became of it, and says it in our words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from steersman.kernel.errors import Conflict, Misconfigured, OutcomeUnknown, Unavailable
from steersman.kernel.references import resolve
from steersman.trading.adapters.alpaca import rules, telling, wire
from steersman.trading.adapters.alpaca.account import Account
from steersman.trading.adapters.alpaca.client import RECONCILE, Answer, Client, Credentials
from steersman.trading.adapters.alpaca.quotes import Quotes
from steersman.trading.adapters.alpaca.tracking import Tracked
from steersman.trading.adapters.alpaca.watch import Watch
from steersman.trading.model.order import (
    CancelRefused,
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
        self._watch = Watch(client, clock=clock, poll_every_ns=poll_every_ns)
        self._quotes = quotes
        self._instruments = instruments
        self._names = telling.Names(instruments)
        self._clock = clock

    # -- sending -------------------------------------------------------------------------------------------------

    def submit(self, order: Order) -> None:
        order_id = order.order_id
        before = self._watch.of(order_id)
        if self._watch.is_over(order_id) or (before is not None and before.is_there):
            raise _there(order_id)
        instrument = self._instruments.get(order.instrument)
        why = rules.refusal(order, instrument)
        if why or instrument is None:
            self._watch.reject(order_id, why)
            return
        if before is not None:
            self._refuse_twice(order_id)
        symbol = instrument.symbol or instrument.name
        tracked = before or Tracked(order, symbol)
        # Before anything leaves: whatever happens on the way, its reports are wanted.
        self._watch.add(tracked)
        try:
            answer = self._client.change("POST", "/v2/orders", rules.body(order, symbol))
        except OutcomeUnknown:
            raise
        except Unavailable:
            self._watch.forget(order_id)
            raise
        self._placed(tracked, answer)

    def _refuse_twice(self, order_id: OrderId) -> None:
        """Send only what the account says it never got: an earlier life, or this one, may have sent it."""
        self._client.begin()
        try:
            found = self._account.order(order_id=order_id)
        except Unavailable as exc:
            raise OutcomeUnknown(f"{exc.message}; it may have been sent before", fix=RECONCILE) from exc
        if found is not None:
            raise _there(order_id)

    def _placed(self, tracked: Tracked, answer: Answer) -> None:
        """Take the answer to an order in."""
        order_id = tracked.order.order_id
        if answer.status in (200, 201):
            self._accepted(tracked, answer)
            return
        said = wire.refusal(answer.body)
        if said is not None and answer.status in (409, 422) and any(d in said.message for d in _DUPLICATE):
            # It stays on the watch: what became of the one that is there is wanted, it carries our id.
            raise _there(order_id)
        if said is not None and said.code is not None and answer.status in (400, 403, 422):
            self._watch.reject(order_id, f"alpaca: {wire.shown(said.message.encode())} ({said.code})")
            return
        if answer.status in (401, 429) or (said is not None and answer.status in (403, 404)):
            # Not even looked at: no key, too many requests, or not the trading API.
            self._watch.forget(order_id)
            raise self._client.refused("order not taken", answer)
        raise OutcomeUnknown(self._client.said("order of unknown outcome", answer), fix=RECONCILE)

    def _accepted(self, tracked: Tracked, answer: Answer) -> None:
        try:
            told = wire.decode(answer.body, wire.OrderJson, "POST /v2/orders")
            tracked.check(told)
            self._watch.say(tracked.taken(told, self._clock.now_ns()))
        except wire.Malformed as exc:
            raise OutcomeUnknown(f"{exc.message}; the order may have been taken", fix=RECONCILE) from exc

    def cancel(self, order_id: OrderId) -> None:
        if self._watch.is_over(order_id):
            return
        tracked = self._watch.of(order_id)
        at_venue = tracked.venue_order_id if tracked is not None else ""
        if not at_venue:
            self._client.begin()
            found = self._account.order(order_id=order_id)
            if found is None or wire.status_of(found) != "open":
                return
            at_venue = found.id
        answer = self._client.change("DELETE", f"/v2/orders/{at_venue}")
        if answer.status in (200, 202, 204):
            if tracked is not None:
                tracked.cancel_asked = True
        elif answer.status == 422:
            self._not_cancelled(tracked, at_venue, answer)
        elif answer.status in (401, 403, 429):
            raise self._client.refused("cancel not taken", answer)
        elif answer.status != 404 or wire.refusal(answer.body) is None:
            raise OutcomeUnknown(self._client.said("cancel of unknown outcome", answer), fix=RECONCILE)

    def _not_cancelled(self, tracked: Tracked | None, at_venue: str, answer: Answer) -> None:
        """Report that a cancel was refused, unless the order is ending anyway: then there was nothing to refuse."""
        self._client.begin()
        told = self._account.order_at(at_venue)
        if tracked is None or told is None:
            return
        if told.status == "pending_cancel" or wire.status_of(told) not in ("open", "filled"):
            return
        said = wire.refusal(answer.body)
        reason = f"alpaca: {wire.shown(said.message.encode() if said is not None else answer.body)}"
        at = self._clock.now_ns()
        self._watch.say([CancelRefused(order_id=tracked.order.order_id, reason=reason, at=at)])

    # -- reports -------------------------------------------------------------------------------------------------

    def poll(self) -> Sequence[Report]:
        return self._watch.poll()

    def restore(self, orders: Iterable[OpenOrder]) -> None:
        for known in orders:
            order = known.order
            if self._watch.of(order.order_id) is None and not self._watch.is_over(order.order_id):
                instrument = self._instruments.get(order.instrument)
                symbol = order.instrument if instrument is None else instrument.symbol or instrument.name
                self._watch.add(Tracked(order, symbol, filled=known.filled, acknowledged=known.acknowledged))
        self._watch.ask_soon()

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


def _there(order_id: OrderId) -> Conflict:
    return Conflict(f"order {order_id} is at alpaca already", fix="look it up; one order id is sent once")


def create(*, settings: AlpacaSettings, instruments: Mapping[str, Instrument], root: Path, clock: Clock) -> AlpacaVenue:
    """Return a venue for one account; nothing is sent before its first call.

    Raises:
        Misconfigured: key or secret cannot be read; names the setting.
    """
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
