"""The questions an exchange is asked about orders, and their answers as far as they can be believed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from steersman.trading.adapters.ccxt.answers import Told, Trade, order, trade, unreadable
from steersman.trading.adapters.ccxt.calls import Calls, NotThere
from steersman.trading.adapters.ccxt.exchanges import Exchange
from steersman.trading.adapters.ccxt.tracking import Tracked

_EARLIER_MS: Final = 60_000
"""How much earlier than we sent an order its executions are looked for: clocks differ."""


class Asking:
    """Reads orders and executions through ccxt. One thread."""

    def __init__(self, *, name: str, about: Exchange, calls: Calls) -> None:
        self._name = name
        self._about = about
        self._calls = calls

    def one(self, client_id: str, symbols: Iterable[str]) -> Told | None:
        """Return the order of that client id in one of the markets; None: there is none."""
        for symbol in symbols if self._about.per_symbol else [None]:
            found = self._direct(client_id, symbol) if self._about.looked_up == "one" else self._listed(client_id)
            if found is not None:
                return found
        return None

    def _direct(self, client_id: str, symbol: str | None) -> Told | None:
        try:
            raw = self._calls("fetch_order", None, symbol, {"clientOrderId": client_id})
        except NotThere:
            return None
        found = order(raw)
        if found.client_id != client_id:
            raise unreadable(f"{self._name} was asked for order {client_id}, and tells another", found.client_id)
        return found

    def _listed(self, client_id: str) -> Told | None:
        for method in ("fetch_open_orders", "fetch_closed_orders"):
            for found in self._orders(method, None, {"clientOrderId": client_id}):
                if found.client_id == client_id:
                    return found
        return None

    def open(self, symbol: str | None = None) -> list[Told]:
        """Return the orders that may still trade, in one market or in all."""
        return [told for told in self._orders("fetch_open_orders", symbol, {}) if told.status == "open"]

    def _orders(self, method: str, symbol: str | None, params: Mapping[str, Any]) -> list[Told]:
        raw = self._calls(method, symbol, None, None, params)
        if not isinstance(raw, list):
            raise unreadable(f"{self._name}: orders are not a list", raw)
        return [order(each) for each in raw]

    def trades(self, tracked: Tracked, symbol: str) -> list[Trade]:
        """Return executions of an order that is known there; at most one page, from the last one known on."""
        page, last = self._about.trade_page, tracked.last_trade or ""
        known = {page: int(last) + 1} if page is not None and last.isdigit() else {}
        if self._about.trades == "order":
            raw = self._calls("fetch_order_trades", tracked.venue_order_id, symbol, None, self._about.page, known)
        else:
            since = tracked.last_trade_ms or max(tracked.order.created_at // 1_000_000 - _EARLIER_MS, 0)
            raw = self._calls("fetch_my_trades", symbol, since, self._about.page, known)
        if not isinstance(raw, list):
            raise unreadable(f"{self._name}: executions are not a list", raw)
        return [trade(each) for each in raw]
