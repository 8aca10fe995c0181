"""Questions to the account, answered in checked structs. Nothing here changes anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeVar

import msgspec

from steersman.kernel.clock import iso
from steersman.trading.adapters.alpaca.client import Client
from steersman.trading.adapters.alpaca.wire import (
    FillJson,
    Malformed,
    OrderJson,
    PositionJson,
    decode,
    instant,
    refusal,
)

_ORDERS_A_PAGE: Final = 500
_FILLS_A_PAGE: Final = 100
_MOST_PAGES: Final = 200
_MARGIN_NS: Final = 60 * 10**9

_Row = TypeVar("_Row", FillJson, OrderJson, PositionJson)


class Account:
    """One trading account. Each call is within one question of the client (`Client.begin`)."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def order(self, *, order_id: str) -> OrderJson | None:
        """Return the order sent under our `order_id`; None: the account never had one."""
        path = "/v2/orders:by_client_order_id"
        found = self._one(path, {"client_order_id": order_id})
        if found is not None and found.client_order_id != order_id:
            raise Malformed(f"alpaca: asked for order {order_id}, told of {found.client_order_id[:48]!r}")
        return found

    def order_at(self, venue_order_id: str) -> OrderJson | None:
        """Return the order that Alpaca calls `venue_order_id`."""
        found = self._one(f"/v2/orders/{venue_order_id}", {})
        if found is not None and found.id != venue_order_id:
            raise Malformed(f"alpaca: asked for order {venue_order_id}, told of {found.id[:48]!r}")
        return found

    def open_orders(self, *, lenient: bool = False) -> list[OrderJson]:
        """Return every order that may still trade, oldest first; `lenient` leaves out those that cannot be read."""
        found: dict[str, OrderJson] = {}
        after = ""
        for _ in range(_MOST_PAGES):
            params = {"status": "open", "limit": str(_ORDERS_A_PAGE), "direction": "asc"}
            query = {**params, **({"after": after} if after else {})}
            page, size = self._page("/v2/orders", query, OrderJson, lenient=lenient)
            new = [order for order in page if order.id not in found]
            found.update((order.id, order) for order in new)
            if size < _ORDERS_A_PAGE:
                return list(found.values())
            if not new:
                break
            # `after` excludes its instant, and others may have been submitted in the same one: they come again.
            after = iso(instant(page[-1].submitted_at or page[-1].created_at or "", "submitted_at") - 1_000_000)
        raise Malformed(f"alpaca: the list of open orders does not end ({len(found)} so far)")

    def closed_orders(self, since: int) -> list[OrderJson]:
        """Return the newest orders made at `since` (ns) or later that will not trade any more: one page, not all.

        Those that cannot be read are left out.
        """
        page, _ = self._page(
            "/v2/orders",
            {
                "status": "closed",
                "limit": str(_ORDERS_A_PAGE),
                "direction": "desc",
                "after": iso(since - _MARGIN_NS),
            },
            OrderJson,
            lenient=True,
        )
        return page

    def fills(self, since: int, venue_order_id: str = "") -> Iterator[FillJson]:
        """Yield the executions at `since` (ns) or later, of one order if it is named; one id comes once.

        Without an order, those that cannot be read are left out: they may be anybody's.
        """
        seen: set[str] = set()
        params = {"after": iso(since - _MARGIN_NS), "direction": "asc", "page_size": str(_FILLS_A_PAGE)}
        if venue_order_id:
            params["order_id"] = venue_order_id
        for _ in range(_MOST_PAGES):
            page, size = self._page("/v2/account/activities/FILL", params, FillJson, lenient=not venue_order_id)
            new = [fill for fill in page if fill.id not in seen]
            seen.update(fill.id for fill in new)
            # The filter by order is young, and a server without it tells all: the rest is dropped here.
            yield from (fill for fill in new if venue_order_id in ("", fill.order_id))
            if size < _FILLS_A_PAGE:
                return
            if not new:
                break
            params["page_token"] = page[-1].id
        raise Malformed(f"alpaca: the list of executions does not end ({len(seen)} so far)")

    def positions(self) -> list[PositionJson]:
        """Return what is held."""
        page, _ = self._page("/v2/positions", {}, PositionJson)
        return page

    def _one(self, path: str, params: dict[str, str]) -> OrderJson | None:
        answer = self._client.get(path, params)
        if answer.status == 200:
            return decode(answer.body, OrderJson, f"GET {path}")
        # A wrong address answers 404 as well: only the account's own code means that there is no such order.
        said = refusal(answer.body)
        if said is not None and (said.code or 0) // 10_000 == 4041:
            return None
        raise self._client.refused(f"GET {path}", answer)

    def _page(
        self, path: str, params: dict[str, str], type_: type[_Row], *, lenient: bool = False
    ) -> tuple[list[_Row], int]:
        """Return the rows of one page, and how many there were with those left out."""
        answer = self._client.get(path, params)
        if answer.status != 200:
            raise self._client.refused(f"GET {path}", answer)
        raw = decode(answer.body, list[msgspec.Raw], f"GET {path}")
        rows = []
        for row in raw:
            try:
                rows.append(decode(bytes(row), type_, f"GET {path}"))
            except Malformed:
                if not lenient:
                    raise
        return rows, len(raw)
