"""A local exchange that speaks Binance's spot REST API, as documented, on 127.0.0.1: an account, a market, and faults.

Orders rest until `trade` makes the market trade; market orders take the quoted price at once. Requests are checked as
the real service does: key, HMAC signature, timestamp within `recvWindow`, steps, balance, ids unique among open orders.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from steersman.kernel.clock import FakeClock

KEY, SECRET = "local-key-7f3a", "local-secret-91bc"
Answer = tuple[int, Any]
_OPEN = ("NEW", "PARTIALLY_FILLED")


class Refusal(Exception):
    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.answer: Answer = (status, {"code": code, "msg": message})


class Fault:
    """What happens to the next requests of a kind instead of, or after, what was asked.

    Attributes:
        accepts: the request takes effect first.
        kind: `answer` (status, body, headers), `reset` (the connection is torn down), `hang` (no answer until the
            exchange is closed or `release` is set), `drip` (an answer that never comes to its end).
    """

    def __init__(
        self,
        kind: str = "answer",
        *,
        status: int = 200,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        accepts: bool = False,
        times: int = 1,
    ) -> None:
        self.kind, self.status, self.body, self.accepts, self.times = kind, status, body, accepts, times
        self.headers = headers or {}
        self.release = threading.Event()


class CcxtExchange:
    """The other side of one account. `requests` counts everything that arrived, by method and path."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.skew_ms = 0
        self.fee_asset = "USDT"
        self.fee_rate = Decimal("0.001")
        self.price = Decimal(100)
        self.bid, self.ask = Decimal("99.99"), Decimal("100.01")
        self.balances = {"USDT": Decimal(1_000_000_000), "BTC": Decimal(0), "BNB": Decimal(100)}
        self.orders: list[dict[str, Any]] = []
        self.trades: list[dict[str, Any]] = []
        self.requests: list[tuple[str, str]] = []
        self.bodies: list[dict[str, str]] = []
        self.faults: dict[tuple[str, str], Fault] = {}
        self.edit: dict[tuple[str, str], Callable[[Any], Any]] = {}
        self.symbols = [_symbol("BTCUSDT", "BTC", "USDT"), _symbol("BNBUSDT", "BNB", "USDT")]
        self._lock = threading.RLock()
        self._next = 1000
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"exchange": self}))
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    # -- what tests do

    def count(self, method: str, path: str) -> int:
        return sum(1 for request in self.requests if request == (method, f"/api/v3/{path}"))

    def fault(self, method: str, path: str, fault: Fault) -> Fault:
        self.faults[method, f"/api/v3/{path}"] = fault
        return fault

    def trade(self, symbol: str, price: Decimal, quantity: Decimal) -> None:
        """Let the market trade `quantity` at `price`: stops are triggered, resting limit orders get up to that."""
        with self._lock:
            self.price = price
            for order in self.orders:
                if order["symbol"] == symbol and order["status"] in _OPEN and not _waits(order, price):
                    wants = Decimal(order["origQty"]) - Decimal(order["executedQty"])
                    limit = Decimal(order["price"])
                    buys = order["side"] == "BUY"
                    if order["type"] != "STOP_LOSS" and (limit < price if buys else limit > price):
                        continue
                    part = min(wants, quantity)
                    if part > 0:
                        quantity -= part
                        self._execute(order, price, part)

    def place_foreign(self, client_id: str, quantity: Decimal, price: Decimal) -> None:
        with self._lock:
            self._place(
                {
                    "symbol": "BTCUSDT",
                    "side": "BUY",
                    "type": "LIMIT",
                    "timeInForce": "GTC",
                    "quantity": f"{quantity:f}",
                    "price": f"{price:f}",
                    "newClientOrderId": client_id,
                }
            )

    def end(self, client_id: str, status: str) -> None:
        """End an order as the exchange does by itself."""
        with self._lock:
            self._find({"origClientOrderId": client_id})["status"] = status

    def taken(self, client_id: str) -> int:
        return sum(1 for order in self.orders if order["clientOrderId"] == client_id)

    def close(self) -> None:
        for fault in self.faults.values():
            fault.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    # -- what the API does

    def note(self, request: tuple[str, str], query: str) -> None:
        self.requests.append(request)
        self.bodies.append(dict(parse_qsl(query)))

    def now_ms(self) -> int:
        return self.clock.now_ns() // 1_000_000 + self.skew_ms

    def answer(self, method: str, path: str, query: str, headers: dict[str, str]) -> Answer:
        given = dict(parse_qsl(query, keep_blank_values=True))
        with self._lock:
            try:
                if path in ("order", "openOrders", "myTrades", "account"):
                    self._authenticate(query, given, headers)
                return 200, self._routes()[method, path](given)
            except KeyError:
                return 404, {"code": -1, "msg": f"no {method} {path}"}
            except Refusal as exc:
                return exc.answer

    def _routes(self) -> dict[tuple[str, str], Callable[[dict[str, str]], Any]]:
        return {
            ("GET", "exchangeInfo"): lambda _: {
                "timezone": "UTC",
                "serverTime": self.now_ms(),
                "symbols": self.symbols,
            },
            ("GET", "ticker/24hr"): self._tickers,
            ("GET", "account"): self._account,
            ("GET", "openOrders"): self._open_orders,
            ("GET", "myTrades"): self._my_trades,
            ("GET", "order"): lambda given: dict(self._find(given)),
            ("POST", "order"): self._place,
            ("DELETE", "order"): self._cancel,
        }

    def _authenticate(self, query: str, given: dict[str, str], headers: dict[str, str]) -> None:
        if headers.get("x-mbx-apikey") != KEY:
            raise Refusal(401, -2015, "Invalid API-key, IP, or permissions for action.")
        signed, _, signature = query.rpartition("&signature=")
        if hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).hexdigest() != signature:
            raise Refusal(400, -1022, "Signature for this request is not valid.")
        behind = self.now_ms() - int(given["timestamp"])
        if not -1000 < behind <= int(given.get("recvWindow", "5000")):
            raise Refusal(400, -1021, "Timestamp for this request is outside of the recvWindow.")

    def _place(self, given: dict[str, str]) -> dict[str, Any]:
        self._check(given)
        self._next += 1
        now = self.now_ms()
        order = {
            "symbol": given["symbol"],
            "orderId": self._next,
            "orderListId": -1,
            "clientOrderId": given["newClientOrderId"],
            "price": given.get("price", "0.00000000"),
            "origQty": given["quantity"],
            "executedQty": "0.00000000",
            "cummulativeQuoteQty": "0.00000000",
            "status": "NEW",
            "timeInForce": given.get("timeInForce", "GTC"),
            "type": given["type"],
            "side": given["side"],
            "stopPrice": given.get("stopPrice", "0.00000000"),
            "icebergQty": "0.00000000",
            "time": now,
            "updateTime": now,
            "isWorking": "stopPrice" not in given,
            "workingTime": now,
            "origQuoteOrderQty": "0.00000000",
            "selfTradePreventionMode": "NONE",
        }
        self.orders.append(order)
        self._match(order)
        answer = {k: v for k, v in order.items() if k not in ("time", "updateTime", "stopPrice", "isWorking")}
        return {**answer, "transactTime": now, "fills": []}

    def _check(self, given: dict[str, str]) -> None:
        quantity, price = Decimal(given["quantity"]), Decimal(given.get("price", "1"))
        if given["symbol"] not in {s["symbol"] for s in self.symbols}:
            raise Refusal(400, -1121, "Invalid symbol.")
        if quantity % Decimal("0.00000001") or quantity <= 0:
            raise Refusal(400, -1013, "Filter failure: LOT_SIZE")
        if price % Decimal("0.01"):
            raise Refusal(400, -1013, "Filter failure: PRICE_FILTER")
        if any(o["clientOrderId"] == given["newClientOrderId"] and o["status"] in _OPEN for o in self.orders):
            raise Refusal(400, -2010, "Duplicate order sent.")
        if "stopPrice" in given and not _waits(given, self.price):
            raise Refusal(400, -2010, "Stop price would trigger immediately.")
        if given["side"] == "BUY" and quantity * (price if "price" in given else self.ask) > self.balances["USDT"]:
            raise Refusal(400, -2010, "Account has insufficient balance for requested action.")

    def _match(self, order: dict[str, Any]) -> None:
        if order["type"] == "MARKET":
            self._execute(order, self.ask if order["side"] == "BUY" else self.bid, Decimal(order["origQty"]))
        elif order["timeInForce"] == "IOC" and order["type"] == "LIMIT":
            order["status"] = "EXPIRED"

    def _execute(self, order: dict[str, Any], price: Decimal, quantity: Decimal) -> None:
        self._next += 1
        now = self.now_ms()
        executed = Decimal(order["executedQty"]) + quantity
        sign = 1 if order["side"] == "BUY" else -1
        order["executedQty"], order["updateTime"] = f"{executed:f}", now
        order["cummulativeQuoteQty"] = f"{Decimal(order['cummulativeQuoteQty']) + quantity * price:f}"
        order["status"] = "FILLED" if executed == Decimal(order["origQty"]) else "PARTIALLY_FILLED"
        self.balances["BTC"] += sign * quantity
        self.balances["USDT"] -= sign * quantity * price
        fee = quantity * self.fee_rate * (price if self.fee_asset == "USDT" else 1)
        self.balances[self.fee_asset] = self.balances.get(self.fee_asset, Decimal(0)) - fee
        self.trades.append(
            {
                "symbol": order["symbol"],
                "id": self._next,
                "orderId": order["orderId"],
                "orderListId": -1,
                "price": f"{price:f}",
                "qty": f"{quantity:f}",
                "quoteQty": f"{quantity * price:f}",
                "commission": f"{fee:f}",
                "commissionAsset": self.fee_asset,
                "time": now,
                "isBuyer": order["side"] == "BUY",
                "isMaker": True,
                "isBestMatch": True,
            }
        )

    def _find(self, given: dict[str, str]) -> dict[str, Any]:
        order: dict[str, Any]
        for order in reversed(self.orders):
            if given.get("origClientOrderId") == order["clientOrderId"] or given.get("orderId") == str(
                order["orderId"]
            ):
                return order
        raise Refusal(400, -2013, "Order does not exist.")

    def _cancel(self, given: dict[str, str]) -> dict[str, Any]:
        try:
            order = self._find(given)
        except Refusal:
            raise Refusal(400, -2011, "Unknown order sent.") from None
        if order["status"] not in _OPEN:
            raise Refusal(400, -2011, "Unknown order sent.")
        order["status"], order["updateTime"] = "CANCELED", self.now_ms()
        return {**order, "origClientOrderId": order["clientOrderId"], "transactTime": self.now_ms()}

    def _open_orders(self, given: dict[str, str]) -> list[dict[str, Any]]:
        return [
            dict(order)
            for order in self.orders
            if order["status"] in _OPEN and given.get("symbol", order["symbol"]) == order["symbol"]
        ]

    def _my_trades(self, given: dict[str, str]) -> list[dict[str, Any]]:
        if given["symbol"] not in {s["symbol"] for s in self.symbols}:
            raise Refusal(400, -1121, "Invalid symbol.")
        mine = [
            trade
            for trade in self.trades
            if trade["symbol"] == given["symbol"]
            and given.get("orderId", str(trade["orderId"])) == str(trade["orderId"])
            and trade["id"] >= int(given.get("fromId", "0"))
            and trade["time"] >= int(given.get("startTime", "0"))
        ]
        return mine[: int(given.get("limit", "500"))]

    def _account(self, _: dict[str, str]) -> dict[str, Any]:
        return {
            "makerCommission": 10,
            "takerCommission": 10,
            "canTrade": True,
            "updateTime": self.now_ms(),
            "accountType": "SPOT",
            "balances": [{"asset": a, "free": f"{v:f}", "locked": "0.00000000"} for a, v in self.balances.items()],
            "permissions": ["SPOT"],
        }

    def _tickers(self, given: dict[str, str]) -> Any:
        wanted = json.loads(given["symbols"]) if "symbols" in given else [given["symbol"]]
        prices = {"BTCUSDT": (self.bid, self.ask, self.price), "BNBUSDT": (Decimal(599), Decimal(601), Decimal(600))}
        told = [
            {
                "symbol": symbol,
                "bidPrice": f"{bid:f}",
                "bidQty": "1.0",
                "askPrice": f"{ask:f}",
                "askQty": "1.0",
                "lastPrice": f"{last:f}",
                "openPrice": f"{last:f}",
                "highPrice": f"{last:f}",
                "lowPrice": f"{last:f}",
                "volume": "10",
                "quoteVolume": "1000",
                "openTime": self.now_ms() - 86_400_000,
                "closeTime": self.now_ms(),
            }
            for symbol in wanted
            for bid, ask, last in [prices[symbol]]
        ]
        return told if "symbols" in given else told[0]


def _waits(order: dict[str, Any], price: Decimal) -> bool:
    """Say whether a stop order still waits for its price; one that was reached works from then on."""
    stop = Decimal(order.get("stopPrice") or 0)
    if not stop or order.get("isWorking"):
        return False
    waits = price < stop if order["side"] == "BUY" else price > stop
    if not waits:
        order["isWorking"] = True
    return waits


def _symbol(name: str, base: str, quote: str) -> dict[str, Any]:
    return {
        "symbol": name,
        "status": "TRADING",
        "baseAsset": base,
        "baseAssetPrecision": 8,
        "quoteAsset": quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT"],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01"},
            {"filterType": "LOT_SIZE", "minQty": "0.00000001", "maxQty": "9000000000.00", "stepSize": "0.00000001"},
            {"filterType": "NOTIONAL", "minNotional": "0.00000100", "maxNotional": "9000000000000.0"},
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "NONE",
        "allowedSelfTradePreventionModes": ["NONE"],
    }


class _Handler(BaseHTTPRequestHandler):
    exchange: CcxtExchange
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer leaves in one piece, not head and body each waiting for the other side

    def _serve(self) -> None:
        exchange, parts = self.exchange, urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        query = parts.query or body
        headers = {name.lower(): value for name, value in self.headers.items()}
        key = (self.command, parts.path)
        exchange.note(key, query)
        fault = exchange.faults.get(key)
        if fault is not None and fault.times <= 0:
            fault = None
        raw, status = b"", 0
        if fault is None or fault.accepts:
            status, answer = exchange.answer(self.command, parts.path.removeprefix("/api/v3/"), query, headers)
            raw = json.dumps(exchange.edit.get(key, lambda told: told)(answer)).encode()
        if fault is None:
            self._send(status, raw, {"Content-Type": "application/json"})
        else:
            fault.times -= 1
            self._fail(fault)

    do_GET = do_POST = do_DELETE = _serve  # noqa: N815 - the names http.server looks for

    def _fail(self, fault: Fault) -> None:
        self.close_connection = fault.kind != "answer"
        if fault.kind == "answer":
            self._send(fault.status, fault.body, fault.headers)
        elif fault.kind == "hang":
            fault.release.wait(30)
        elif fault.kind == "drip":
            self._drip(fault)
        else:
            linger = struct.pack("ii", 1, 0)  # a close that resets
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()

    def _drip(self, fault: Fault) -> None:
        """Send a byte now and then, sooner than a socket times out, until nobody listens any more."""
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        with suppress(OSError):
            while not fault.release.wait(0.02):
                self.wfile.write(b" ")
                self.wfile.flush()

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Tests read `requests`."""
