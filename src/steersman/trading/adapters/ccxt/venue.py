"""Spot orders at a crypto exchange, through ccxt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from steersman.kernel.durations import seconds
from steersman.kernel.errors import Conflict, Misconfigured, OutcomeUnknown, Unavailable
from steersman.kernel.references import resolve
from steersman.trading.adapters.ccxt import answers, placing, tracking
from steersman.trading.adapters.ccxt.answers import Told
from steersman.trading.adapters.ccxt.asking import Asking
from steersman.trading.adapters.ccxt.calls import Calls, NotThere, Refused
from steersman.trading.adapters.ccxt.client import make
from steersman.trading.adapters.ccxt.exchanges import EXCHANGES
from steersman.trading.adapters.ccxt.market import Markets
from steersman.trading.adapters.ccxt.tracking import Tracked
from steersman.trading.model.bar import Bar
from steersman.trading.model.instrument import Instrument
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
    from steersman.trading.adapters.ccxt.settings import CcxtSettings

_SPARE_S: Final = 5.0
"""How long an exchange may need until an order it took is found by its id."""


class CcxtVenue:
    """Sends each order once, and asks what became of it. Not for several threads."""

    simulated = False
    oco = False

    def __init__(
        self, *, settings: CcxtSettings, calls: Calls, instruments: Mapping[str, Instrument], clock: Clock
    ) -> None:
        self.name = "ccxt"
        self._exchange = settings.exchange
        self._about = EXCHANGES[settings.exchange]
        self._reports_positions = settings.report_positions
        self._poll_every_ns = round(seconds(settings.poll_every) * 1e9)
        self._calls = calls
        self._clock = clock
        self._instruments = instruments
        self._asking = Asking(name=settings.exchange, about=self._about, calls=calls)
        self._markets = Markets(name=settings.exchange, about=self._about, calls=calls, instruments=instruments)
        self._tracked: dict[OrderId, Tracked] = {}
        self._used: set[OrderId] = set()
        self._reports: list[Report] = []
        self._next_poll_ns: int | None = None
        self._failure: Unavailable | None = None

    def submit(self, order: Order) -> None:
        if order.order_id in self._used:
            raise self._used_before(order.order_id)
        with self._calls.bounded():
            why = self._refusal(order)
            if why:
                self._reject(order, why)
                return
            symbol = self._markets.symbols()[order.instrument]
            client_id = placing.to_exchange(order.order_id, self._about)
            # Most exchanges want ids to differ among open orders only. And whatever is wrong with the connection,
            # our clock or our key is found by a question, which does no harm, and not by the order.
            found = self._asking.one(client_id, [symbol])
            if found is not None:
                self._take_over(order, found)
                raise self._used_before(order.order_id)
            self._send(order, symbol, client_id)

    def _take_over(self, order: Order, found: Told) -> None:
        """Report from now on what becomes of an order that an earlier life sent, if it is the same one."""
        self._used.add(order.order_id)
        if (found.side, found.quantity) == (order.side, order.quantity):
            self._tracked[order.order_id] = Tracked(order, sent_ns=None)

    def _refusal(self, order: Order) -> str:
        """Say why `order` is not sent; empty if it is."""
        if order.instrument not in self._instruments:
            return f"unknown instrument {order.instrument}; this venue trades: {', '.join(self._instruments)}"
        why = placing.refusal(order, self._about, self._exchange)
        if why:
            return why
        symbol = self._markets.symbols()[order.instrument]
        return self._calls.apply(_off_market, self._calls.exchange.markets[symbol], order)

    def _send(self, order: Order, symbol: str, client_id: str) -> None:
        tracked = Tracked(order, sent_ns=self._clock.elapsed_ns())
        self._used.add(order.order_id)
        self._tracked[order.order_id] = tracked
        try:
            raw = self._calls("create_order", **placing.arguments(order, symbol, client_id))
            venue_order_id = _taken(raw, client_id)
        except (Conflict, OutcomeUnknown):
            raise  # it is there, or may be: what becomes of it is reported
        except Refused as exc:
            self._forget(order.order_id)
            self._reject(order, exc.reason)
            return
        except (Misconfigured, Unavailable):
            self._forget(order.order_id)
            raise
        self._reports += tracked.acknowledge(venue_order_id, self._clock.now_ns())

    def _symbol(self, order: Order, symbols: Mapping[str, str]) -> str:
        symbol = symbols.get(order.instrument)
        if symbol is None:
            raise Unavailable(
                f"order {order.order_id} is of {order.instrument}, which this venue does not trade any more",
                fix=f"declare [instrument.{order.instrument}] again, until its orders are over",
            )
        return symbol

    def _reject(self, order: Order, reason: str) -> None:
        now = self._clock.now_ns()
        self._reports.append(Ended(order_id=order.order_id, how="rejected", reason=reason, at=now))

    def _forget(self, order_id: OrderId) -> None:
        self._used.discard(order_id)
        self._tracked.pop(order_id, None)

    def _used_before(self, order_id: OrderId) -> Conflict:
        return Conflict(f"order {order_id} is at {self._exchange} already", fix="look it up; one order id is sent once")

    def cancel(self, order_id: OrderId) -> None:
        tracked = self._tracked.get(order_id)
        if tracked is None:
            return
        with self._calls.bounded():
            symbol = self._symbol(tracked.order, self._markets.symbols())
            params = {"clientOrderId": placing.to_exchange(order_id, self._about)}
            try:
                self._calls("cancel_order", tracked.venue_order_id, symbol, params)
            except Refused as exc:
                # "Not there" is no refusal of what was granted before, nor of an order that may never have arrived.
                if not isinstance(exc, NotThere) or (tracked.is_sure and not tracked.is_cancelling):
                    now = self._clock.now_ns()
                    self._reports.append(CancelRefused(order_id=order_id, reason=exc.reason, at=now))
                return
            tracked.is_cancelling = True

    def poll(self) -> Sequence[Report]:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        now_ns = self._clock.elapsed_ns()
        if self._tracked and (self._next_poll_ns is None or now_ns >= self._next_poll_ns):
            self._next_poll_ns = now_ns + self._poll_every_ns
            try:
                with self._calls.bounded():
                    self._ask()
            except Unavailable as exc:
                # What was learned before goes out first, or an exchange half down would hold it back for ever.
                if not self._reports:
                    raise
                self._failure = exc
        reports, self._reports = self._reports, []
        return reports

    def _ask(self) -> None:
        """Ask about every tracked order, those first that waited longest; a failure ends the round."""
        symbols = self._markets.symbols()
        lists: dict[str, dict[str, Told]] = {}
        for order_id, tracked in list(self._tracked.items()):
            # To the end of the line, so that one that cannot be asked for does not keep the others waiting for ever.
            self._tracked[order_id] = self._tracked.pop(order_id)
            symbol = self._symbol(tracked.order, symbols)
            if symbol not in lists:
                lists[symbol] = {told.client_id: told for told in self._asking.open(symbol)}
            client_id = placing.to_exchange(order_id, self._about)
            told = lists[symbol].get(client_id) or self._asking.one(client_id, [symbol])
            if told is not None:
                self._take_in(tracked, told, symbol)
            elif tracked.is_sure:
                raise answers.unreadable(f"{self._exchange} had order {order_id}, and does not know it now", "nothing")

    def _take_in(self, tracked: Tracked, told: Told, symbol: str) -> None:
        """Note what the exchange tells of an order, and queue what follows from it."""
        order, now = tracked.order, self._clock.now_ns()
        tracking.check(order, told)
        self._reports += tracked.acknowledge(told.venue_order_id, told.at or now)
        if told.filled > tracked.reported:
            new = tracking.fresh(tracked, self._asking.trades(tracked, symbol))
            fees = {trade.trade_id: self._calls.apply(self._markets.fee, trade, symbol) for trade in new}
            market_id = str(self._calls.exchange.markets[symbol]["id"])
            self._reports += tracking.executed(tracked, new, fees, market_id, now)
        if tracking.is_over(tracked, told):
            self._reports += tracking.ended(order, told, now)
            del self._tracked[order.order_id]
        elif tracking.is_short(tracked, told, self._clock.elapsed_ns()):
            filled, known = answers.plain(told.filled), answers.plain(tracked.reported)
            what = f"{self._exchange} says {filled} of order {order.order_id} are filled, but does not tell how"
            raise answers.unreadable(what, f"executions of {known}")

    def lookup(self, order_id: OrderId) -> VenueOrder | None:
        with self._calls.bounded():
            symbols = self._markets.symbols()
            tracked = self._tracked.get(order_id)
            places = list(symbols.values()) if tracked is None else [self._symbol(tracked.order, symbols)]
            found = self._asking.one(placing.to_exchange(order_id, self._about), places)
        if found is not None:
            return self._markets.told(found)
        self._check_too_late(tracked)
        self._forget(order_id)
        return None

    def _check_too_late(self, tracked: Tracked | None) -> None:
        """Raise Unavailable while an order we sent may still arrive: "not there" is not yet "never there"."""
        if tracked is None or tracked.sent_ns is None:
            return
        surely_ns = tracked.sent_ns + round((self._about.valid_s + _SPARE_S) * 1e9)
        wait_s = (surely_ns - self._clock.elapsed_ns()) / 1e9
        if wait_s > 0:
            raise Unavailable(
                f"{self._exchange} does not know order {tracked.order.order_id}, but it may still arrive",
                fix=f"look it up again in {wait_s:.0f} s",
            )

    def open_orders(self) -> Sequence[VenueOrder]:
        with self._calls.bounded():
            self._markets.symbols()
            return [self._markets.told(told) for told in self._asking.open()]

    def positions(self) -> Sequence[VenuePosition] | None:
        if not self._reports_positions:
            return None
        with self._calls.bounded():
            return self._calls.apply(self._markets.positions)

    def quotes(self) -> Sequence[Quote]:
        with self._calls.bounded():
            return self._calls.apply(self._markets.quotes, self._clock.now_ns())

    def restore(self, orders: Iterable[OpenOrder]) -> None:
        for known in orders:
            order_id = known.order.order_id
            self._used.add(order_id)
            if order_id not in self._tracked:
                self._tracked[order_id] = Tracked(known.order, sent_ns=None, acknowledged=known.acknowledged)

    def on_bar(self, bar: Bar) -> None:
        """Real markets need no bars."""

    def close(self) -> None:
        self._calls.close()


def _off_market(market: Mapping[str, Any], order: Order) -> str:
    return placing.off_step(market, order) or placing.outside_limits(market, order)


def _taken(raw: Any, client_id: str) -> str:
    """Return the exchange's id of the order it says it took."""
    venue_order_id = raw.get("id") if isinstance(raw, Mapping) else None
    there = raw.get("clientOrderId") if isinstance(raw, Mapping) else None
    if not venue_order_id or there not in (None, client_id):
        raise OutcomeUnknown(
            f"the answer to order {client_id} is about another one, or about none: {str(raw)[:200]}",
            fix="run `steersman reconcile`: the order may be there",
        )
    return str(venue_order_id)


def create(*, settings: CcxtSettings, instruments: Mapping[str, Instrument], root: Path, clock: Clock) -> CcxtVenue:
    """Return a venue for one account at one exchange. Connects to nothing.

    Raises:
        Misconfigured: ccxt is not installed, a secret cannot be read, or a sandbox would reach the live account.
    """
    given = {"apiKey": settings.key, "secret": settings.secret, "password": settings.password}
    credentials = {name: resolve(reference, root) for name, reference in given.items() if reference is not None}
    exchange, errors, wire = make(settings, credentials, clock)
    calls = Calls(
        name=settings.exchange,
        about=EXCHANGES[settings.exchange],
        exchange=exchange,
        errors=errors,
        wire=wire,
    )
    return CcxtVenue(settings=settings, calls=calls, instruments=instruments, clock=clock)
