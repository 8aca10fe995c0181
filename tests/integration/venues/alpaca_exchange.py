"""A local program that answers like Alpaca's trading and data API: documented shapes, faults by order, and counters.

Source of the shapes: docs.alpaca.markets, reference pages of orders, positions, account activities and latest quotes.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Literal
from urllib.parse import parse_qs, urlsplit

import msgspec

from steersman.kernel.clock import FakeClock, iso, to_ns, utc

KEY, SECRET = "PKTESTKEY0000000001", "very-secret-0123456789"
ENDED: Final = ("filled", "canceled", "expired", "rejected", "replaced")
Json = dict[str, Any]


class Fault(msgspec.Struct, kw_only=True):
    """What goes wrong with the next requests that match.

    Attributes:
        method, path: which; `path` is a beginning.
        times: how often.
        after: the request takes effect before it goes wrong.
        how: `answer` with status and body; `hang` (no answer until the client is gone); `reset` the connection; `half`
            an answer; `drip` the true answer byte by byte, slower than anybody waits.
    """

    method: str
    path: str
    how: Literal["answer", "hang", "reset", "half", "drip"] = "answer"
    status: int = 500
    body: bytes = b'{"code":50010000,"message":"internal server error occurred"}'
    after: bool = False
    times: int = 1


class AlpacaExchange:
    """One account. Orders rest until `trade` fills them; immediate ones find nobody and end at once."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.orders: dict[str, Json] = {}
        self.fills: list[Json] = []
        self.quotes: dict[str, Json] = {}
        self.buying_power = Decimal(1_000_000)
        self.assets = {"AAPL", "MSFT", "BTC/USD"}
        self.faults: list[Fault] = []
        self.counts: Counter[str] = Counter()
        self.bodies: list[Json] = []
        self.connections = 0
        self.fill_filter = True
        """Whether the server knows the filter of activities by order (it came in 2026)."""
        self.hold_fills = False
        """Executions are counted in orders, and not listed yet."""
        self.hold_cancels = False
        """Orders to be cancelled wait for it (pending_cancel) until `decide_cancels`."""
        self._lock = threading.RLock()
        self._number = 0
        self.released = threading.Event()
        self.hanging = threading.Event()
        """Set once a request is kept waiting; what it does was done by then."""
        exchange = self

        class Handler(_Handler):
            def setup(self) -> None:
                exchange.connections += 1
                super().setup()

        Handler.exchange = exchange
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    # -- the market ----------------------------------------------------------------------------------------------

    def trade(self, symbol: str, price: Decimal, quantity: Decimal) -> None:
        """Trade `quantity` at `price`; orders that allow it get it, the oldest first."""
        with self._lock:
            for order in list(self.orders.values()):
                if order["symbol"] != symbol or order["status"] in ENDED or quantity <= 0 or not _allows(order, price):
                    continue
                part = min(quantity, Decimal(order["qty"]) - Decimal(order["filled_qty"]))
                quantity -= part
                self.fill(order, part, price)

    def fill(self, order: Json, part: Decimal, price: Decimal) -> None:
        with self._lock:
            filled = Decimal(order["filled_qty"]) + part
            left = Decimal(order["qty"]) - filled
            order["filled_qty"] = str(filled)
            order["status"] = "filled" if left <= 0 else "partially_filled"
            order["filled_at"] = order["updated_at"] = self._now()
            self._number += 1
            stamp = utc(self.clock.now_ns()).strftime("%Y%m%d%H%M%S%f")[:17]
            self.fills.append(
                {
                    "id": f"{stamp}::{uuid.UUID(int=self._number)}",
                    "activity_type": "FILL",
                    "transaction_time": self._now(),
                    "type": "fill" if left <= 0 else "partial_fill",
                    "price": str(price),
                    "qty": str(part),
                    "side": order["side"],
                    "symbol": order["symbol"],
                    "leaves_qty": str(left),
                    "order_id": order["id"],
                    "cum_qty": str(filled),
                    "order_status": order["status"],
                }
            )

    def end_session(self) -> None:
        with self._lock:
            for order in self.orders.values():
                if order["time_in_force"] == "day":
                    self.end(order, "expired")

    def end(self, order: Json, status: str) -> None:
        """End an order that has not ended."""
        with self._lock:
            if order["status"] in ENDED:
                return
            order["status"] = status
            field = {"canceled": "canceled_at", "expired": "expired_at", "rejected": "failed_at"}.get(status)
            order[field or "replaced_at"] = order["updated_at"] = self._now()

    def decide_cancels(self, *, cancelled: bool) -> None:
        with self._lock:
            for order in self.orders.values():
                if order["status"] == "pending_cancel":
                    order["status"] = "new"
                    if cancelled:
                        self.end(order, "canceled")

    def place(self, body: Json) -> Json:
        """Take an order in, as if somebody had sent it."""
        with self._lock:
            self._number += 1
            now = self._now()
            order = {
                "id": str(uuid.UUID(int=10**6 + self._number)),
                "client_order_id": body.get("client_order_id") or str(uuid.UUID(int=2 * 10**6 + self._number)),
                "created_at": now,
                "updated_at": now,
                "submitted_at": now,
                "filled_at": None,
                "expired_at": None,
                "canceled_at": None,
                "failed_at": None,
                "replaced_at": None,
                "replaced_by": None,
                "replaces": None,
                "asset_id": "904837e3-3b76-47ec-b432-046db621571b",
                "symbol": body["symbol"],
                "asset_class": "crypto" if "/" in body["symbol"] else "us_equity",
                "notional": body.get("notional"),
                "qty": body.get("qty"),
                "filled_qty": "0",
                "filled_avg_price": None,
                "order_class": "",
                "order_type": body["type"],
                "type": body["type"],
                "side": body["side"],
                "time_in_force": body["time_in_force"],
                "limit_price": body.get("limit_price"),
                "stop_price": body.get("stop_price"),
                "status": "new",
                "extended_hours": body.get("extended_hours", False),
                "legs": None,
                "trail_percent": None,
                "trail_price": None,
                "hwm": None,
                "subtag": None,
                "source": None,
            }
            self.orders[order["id"]] = order
            return order

    def of(self, order_id: str) -> Json:
        """Return the order under a client id."""
        (found,) = [o for o in self.orders.values() if o["client_order_id"] == order_id]
        return found

    def _now(self) -> str:
        return iso(self.clock.now_ns())

    # -- the API -------------------------------------------------------------------------------------------------

    def count(self, method: str, path: str = "") -> int:
        """Return how many requests came whose path begins with `path`."""
        return sum(n for key, n in self.counts.items() if key.startswith(f"{method} {path}"))

    def fault_for(self, method: str, path: str) -> Fault | None:
        with self._lock:
            self.counts[f"{method} {path}"] += 1
            for fault in self.faults:
                if fault.times > 0 and fault.method == method and path.startswith(fault.path):
                    fault.times -= 1
                    return fault
        return None

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes) -> tuple[int, Any]:
        with self._lock:
            if path == "/v2/orders":
                return self._post(msgspec.json.decode(body)) if method == "POST" else (200, self._list(query))
            if path == "/v2/orders:by_client_order_id":
                found = [o for o in self.orders.values() if o["client_order_id"] == query["client_order_id"]]
                return (200, found[-1]) if found else _not_found(query["client_order_id"])
            if path.startswith("/v2/orders/"):
                order = self.orders.get(path.removeprefix("/v2/orders/"))
                if order is None:
                    return _not_found(path.removeprefix("/v2/orders/"))
                return self._delete(order) if method == "DELETE" else (200, order)
            return self._read(path, query)

    def _read(self, path: str, query: dict[str, str]) -> tuple[int, Any]:
        if path == "/v2/account/activities/FILL":
            return 200, self._activities(query)
        if path == "/v2/positions":
            return 200, self._positions()
        if path in ("/v2/stocks/quotes/latest", "/v1beta3/crypto/us/latest/quotes"):
            wanted = query["symbols"].split(",")
            return 200, {"quotes": {s: q for s, q in self.quotes.items() if s in wanted}}
        return 404, {"message": "endpoint not found."}

    def _post(self, body: Json) -> tuple[int, Any]:
        self.bodies.append(body)
        crypto = "/" in body["symbol"]
        if any(o["client_order_id"] == body.get("client_order_id") for o in self.orders.values()):
            return 422, {"code": 40010001, "message": "client_order_id must be unique"}
        if body["symbol"] not in self.assets:
            return 422, {"code": 42210000, "message": f'asset "{body["symbol"]}" not found'}
        if not crypto and Decimal(body["qty"]) % 1 and body["time_in_force"] != "day":
            return 422, {"code": 42210000, "message": "fractional orders must be DAY orders"}
        if crypto and body["time_in_force"] not in ("gtc", "ioc"):
            return 422, {"code": 42210000, "message": "invalid crypto time_in_force"}
        cost = Decimal(body["qty"]) * Decimal(body.get("limit_price") or body.get("stop_price") or 1)
        if body["side"] == "buy" and cost > self.buying_power:
            return 403, {
                "buying_power": str(self.buying_power),
                "code": 40310000,
                "cost_basis": str(cost),
                "message": "insufficient buying power",
            }
        order = self.place(body)
        told = {**order, "status": "accepted"}
        if body["time_in_force"] == "ioc":
            self.end(order, "canceled")
        return 200, told

    def _delete(self, order: Json) -> tuple[int, Any]:
        if order["status"] in ENDED or order["status"] == "pending_cancel":
            return 422, {"code": 42210000, "message": f'order is already in "{order["status"]}" state'}
        if self.hold_cancels:
            order["status"] = "pending_cancel"
        else:
            self.end(order, "canceled")
        return 204, None

    def _list(self, query: dict[str, str]) -> list[Json]:
        status = query.get("status", "open")
        found = [o for o in self.orders.values() if status == "all" or (o["status"] in ENDED) is (status == "closed")]
        if "after" in query:
            found = [o for o in found if _ns(o["submitted_at"]) > _ns(query["after"])]
        found.sort(key=lambda o: _ns(o["submitted_at"]), reverse=query.get("direction", "desc") == "desc")
        return found[: min(int(query.get("limit", "50")), 500)]

    def _activities(self, query: dict[str, str]) -> list[Json]:
        found = [] if self.hold_fills else list(self.fills)
        if self.fill_filter and "order_id" in query:
            found = [f for f in found if f["order_id"] == query["order_id"]]
        if "after" in query:
            found = [f for f in found if _ns(f["transaction_time"]) > _ns(query["after"])]
        descending = query.get("direction", "desc") == "desc"
        found.sort(key=lambda f: str(f["id"]), reverse=descending)
        token = query.get("page_token")
        if token:
            found = [f for f in found if (f["id"] < token if descending else f["id"] > token)]
        return found[: min(int(query.get("page_size", "100")), 100)]

    def _positions(self) -> list[Json]:
        held: dict[str, Decimal] = {}
        for fill in self.fills:
            sign = 1 if fill["side"] == "buy" else -1
            held[fill["symbol"]] = held.get(fill["symbol"], Decimal(0)) + sign * Decimal(fill["qty"])
        return [
            {
                "asset_id": "904837e3-3b76-47ec-b432-046db621571b",
                "symbol": symbol.replace("/", ""),
                "exchange": "NASDAQ",
                "asset_class": "us_equity",
                "avg_entry_price": "100.5",
                "qty": str(quantity),
                "qty_available": str(quantity),
                "side": "long" if quantity > 0 else "short",
                "market_value": "600.0",
                "cost_basis": "500.0",
                "current_price": "120.0",
            }
            for symbol, quantity in held.items()
            if quantity
        ]


class _Handler(BaseHTTPRequestHandler):
    """Speaks HTTP; what to say is the exchange's matter."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    exchange: AlpacaExchange

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # the other side went away in the middle, as some tests want
            super().handle()

    def do_GET(self) -> None:
        self._do()

    def do_POST(self) -> None:
        self._do()

    def do_DELETE(self) -> None:
        self._do()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def _do(self) -> None:
        url = urlsplit(self.path)
        query = {k: v[-1] for k, v in parse_qs(url.query).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.exchange.fault_for(self.command, url.path)
        right = (self.headers.get("APCA-API-KEY-ID"), self.headers.get("APCA-API-SECRET-KEY")) == (KEY, SECRET)
        if not right:
            self._say(401, msgspec.json.encode({"code": 40110000, "message": "request is not authorized"}))
            return
        if fault is None or fault.after or fault.how in ("half", "drip"):
            status, answer = self.exchange.answer(self.command, url.path, query, body)
            made = b"" if answer is None else msgspec.json.encode(answer)
        if fault is None:
            self._say(status, made)
        elif fault.how == "answer":
            self._say(fault.status, fault.body)
        else:
            self.close_connection = True
            _FAULTS[fault.how](self, b"" if fault.how in ("hang", "reset") else made)

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", "/v2/orders")
        self.send_header("Content-Type", "application/json")
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def hang(self, body: bytes) -> None:
        self.exchange.hanging.set()
        self.exchange.released.wait(30)

    def reset(self, body: bytes) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def half(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2])

    def drip(self, body: bytes) -> None:
        self.exchange.hanging.set()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for byte in body:
            if self.exchange.released.wait(0.05):
                return
            try:
                self.wfile.write(bytes([byte]))
            except OSError:
                return


_FAULTS: Final[dict[str, Callable[[_Handler, bytes], None]]] = {
    "hang": _Handler.hang,
    "reset": _Handler.reset,
    "half": _Handler.half,
    "drip": _Handler.drip,
}


def _allows(order: Json, price: Decimal) -> bool:
    limit, stop, buys = order["limit_price"], order["stop_price"], order["side"] == "buy"
    if stop is not None and not (price >= Decimal(stop) if buys else price <= Decimal(stop)):
        return False
    return limit is None or (price <= Decimal(limit) if buys else price >= Decimal(limit))


def _not_found(what: str) -> tuple[int, Json]:
    return 404, {"code": 40410000, "message": f"order not found for {what}"}


def _ns(text: str) -> int:
    return to_ns(datetime.fromisoformat(text))
