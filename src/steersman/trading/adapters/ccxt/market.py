"""What the exchange trades, under our names and its own, and what it says of prices and holdings."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from steersman.kernel.errors import Unavailable
from steersman.trading.adapters.ccxt.answers import Told, Trade, instant, number, unreadable
from steersman.trading.adapters.ccxt.calls import Calls
from steersman.trading.adapters.ccxt.exchanges import Exchange
from steersman.trading.adapters.ccxt.placing import from_exchange
from steersman.trading.model.instrument import Instrument
from steersman.trading.model.order import Quote, VenueOrder, VenuePosition

_log = logging.getLogger(__name__)
_NANO: Final = Decimal("1e-9")


class Markets:
    """The markets of one exchange, asked for once, when first needed. One thread."""

    def __init__(self, *, name: str, about: Exchange, calls: Calls, instruments: Mapping[str, Instrument]) -> None:
        self._name = name
        self._about = about
        self._calls = calls
        self._instruments = instruments
        self._symbols: dict[str, str] | None = None
        self._names: dict[str, str] = {}

    def symbols(self) -> Mapping[str, str]:
        """Return ccxt's symbols by our names of the instruments.

        Raises:
            Unavailable: the exchange does not answer, or has no such spot market (its markets are asked for again).
        """
        if self._symbols is None:
            self._calls("load_markets", reload=True)
            symbols = {name: self._symbol(instrument) for name, instrument in self._instruments.items()}
            self._names = {symbol: name for name, symbol in symbols.items()}
            self._symbols = symbols
        return self._symbols

    def _symbol(self, instrument: Instrument) -> str:
        spots = {
            market["symbol"]: str(market["id"])
            for market in self._calls.exchange.markets.values()
            if market.get("spot") and market.get("active") is not False
        }
        wanted = instrument.symbol or instrument.name
        for symbol, there in spots.items():
            if wanted in (symbol, there):
                return str(symbol)
        near = difflib.get_close_matches(wanted, [*spots, *spots.values()], n=3)
        raise Unavailable(
            f"{self._name} has no open spot market {wanted!r} (instrument {instrument.name})",
            fix=f"in [instrument.{instrument.name}] write symbol = " + (" or ".join(near) or "the exchange's name"),
        )

    def told(self, told: Told) -> VenueOrder:
        """Return an order in our words."""
        return VenueOrder(
            order_id=from_exchange(told.client_id, self._about),
            venue_order_id=told.venue_order_id,
            instrument=self._names.get(told.symbol, told.symbol),
            side=told.side,
            quantity=told.quantity,
            filled=told.filled,
            status=told.status,
        )

    def quotes(self, now: int) -> list[Quote]:
        """Return the latest prices of all instruments; `now` where the exchange tells no time."""
        symbols = self.symbols()
        if not symbols:
            return []
        tickers = self._calls("fetch_tickers", list(symbols.values()))
        if not isinstance(tickers, Mapping) or not any(symbol in tickers for symbol in symbols.values()):
            raise unreadable(f"{self._name} tells no price of what was asked", tickers)
        return [
            _quote(name, tickers[symbol], now)
            for name, symbol in symbols.items()
            if isinstance(tickers.get(symbol), Mapping)
        ]

    def positions(self) -> list[VenuePosition] | None:
        """Return what the account holds of what the instruments are about; None where several share a currency.

        A spot account keeps amounts of currencies. Which of BTC/USDT and BTC/EUR a bitcoin belongs to nobody can say.
        """
        symbols = self.symbols()
        bases = {name: self._calls.exchange.markets[symbol]["base"] for name, symbol in symbols.items()}
        if len(set(bases.values())) < len(bases):
            return None
        balance = self._calls("fetch_balance")
        total = balance.get("total") if isinstance(balance, Mapping) else None
        if not isinstance(total, Mapping):
            raise unreadable(f"{self._name}: holdings are not an object", balance)
        held = {name: number(total.get(base) or 0, f"holdings of {base}") for name, base in bases.items()}
        return [VenuePosition(instrument=name, quantity=quantity) for name, quantity in held.items() if quantity]

    def fee(self, trade: Trade, symbol: str) -> Decimal:
        """Return what `trade` cost in the currency its price is in, to the ninth decimal; 0 if nothing was told."""
        market = self._calls.exchange.markets[symbol]
        total = Decimal(0)
        for amount, currency in trade.fees:
            if currency == market["quote"]:
                total += amount
            elif currency == market["base"]:
                total += amount * trade.price
            elif amount:
                total += amount * self._rate(currency, market["quote"], trade)
        return total.quantize(_NANO, ROUND_HALF_EVEN)

    def _rate(self, currency: str, quote: str, trade: Trade) -> Decimal:
        """Return the last price of a third currency in which a fee was taken."""
        for symbol, inverse in ((f"{currency}/{quote}", False), (f"{quote}/{currency}", True)):
            if symbol in self._calls.exchange.markets:
                last = number(self._asked(symbol).get("last"), f"price of {symbol}")
                if last <= 0:
                    raise unreadable(f"price of {symbol} is not above 0", last)
                return 1 / last if inverse else last
        _log.warning(
            "%s took the fee of execution %s in %s, which has no price in %s here: recorded without a fee",
            self._name,
            trade.trade_id,
            currency,
            quote,
        )
        return Decimal(0)

    def _asked(self, symbol: str) -> Mapping[str, Any]:
        ticker = self._calls("fetch_ticker", symbol)
        if not isinstance(ticker, Mapping):
            raise unreadable(f"the price of {symbol} is not an object", ticker)
        return ticker


def _quote(name: str, ticker: Mapping[str, Any], now: int) -> Quote:
    bid, ask, last = (_price(ticker.get(what), f"{what} of {name}") for what in ("bid", "ask", "last"))
    return Quote(instrument=name, at=instant(ticker.get("timestamp")) or now, bid=bid, ask=ask, last=last)


def _price(value: object, what: str) -> Decimal | None:
    """Return a price; None where nobody quotes, which some exchanges write as 0."""
    if value is None:
        return None
    price = number(value, what)
    if price < 0:
        raise unreadable(f"{what} is below 0", price)
    return price or None
