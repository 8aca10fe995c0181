"""The latest prices of what is traded here, from Alpaca's market data API."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from steersman.trading.adapters.alpaca.client import Client
from steersman.trading.adapters.alpaca.rules import is_crypto
from steersman.trading.adapters.alpaca.wire import QuoteJson, QuotesJson, decode, instant, units
from steersman.trading.model.order import Quote

_STOCKS: Final = "/v2/stocks/quotes/latest"
_CRYPTO: Final = "/v1beta3/crypto/us/latest/quotes"


class Quotes:
    """Asks for all instruments at once: one request for stocks, one for crypto."""

    def __init__(self, client: Client | None, symbols: Mapping[str, str]) -> None:
        """`client` talks to the data API, None: there are no quotes. `symbols` by our names."""
        self._client = client
        self._symbols = dict(symbols)

    def latest(self) -> list[Quote]:
        """Return what is known; an instrument nobody quotes is left out.

        Raises:
            Unavailable: the data API does not say.
        """
        if self._client is None:
            return []
        self._client.begin()
        made: list[Quote] = []
        for path, crypto in ((_STOCKS, False), (_CRYPTO, True)):
            wanted = {name: symbol for name, symbol in self._symbols.items() if is_crypto(symbol) is crypto}
            if wanted:
                made += self._ask(self._client, path, wanted)
        return made

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def _ask(self, client: Client, path: str, wanted: Mapping[str, str]) -> Iterator[Quote]:
        answer = client.get(path, {"symbols": ",".join(_once(wanted.values()))})
        if answer.status != 200:
            raise client.refused(f"GET {path}", answer)
        found = decode(answer.body, QuotesJson, f"GET {path}").quotes
        for name, symbol in wanted.items():
            told = found.get(symbol)
            if told is not None and (told.bp or told.ap):
                yield _quote(name, told)


def _quote(name: str, told: QuoteJson) -> Quote:
    bid, ask = units(told.bp, f"the bid of {name}"), units(told.ap, f"the ask of {name}")
    return Quote(
        instrument=name, at=instant(told.t, f"the time of the quote of {name}"), bid=bid or None, ask=ask or None
    )


def _once(symbols: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(symbols))
