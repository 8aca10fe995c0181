"""Each exchange that is allowed, through its own ccxt client: our id goes out where it is found again, once, exactly.

The other side gives canned answers of the shapes its documentation shows; the life of an order is read back from them.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Conflict, Unavailable
from steersman.trading.adapters.ccxt import CcxtVenue, create
from steersman.trading.adapters.ccxt.client import load
from steersman.trading.adapters.ccxt.exchanges import EXCHANGES
from steersman.trading.adapters.ccxt.placing import from_exchange, to_exchange
from steersman.trading.adapters.ccxt.settings import CcxtSettings
from steersman.trading.model.instrument import Instrument
from steersman.trading.model.order import Acknowledged, Ended, Execution, Order
from steersman.trading.model.signal import OrderId, OrderType, Side, TimeInForce

OURS = "s0123456789abcdef0123"
QUANTITY, PRICE = Decimal("1234567.12345678"), Decimal("0.3")
AT_MS = 1_700_000_000_000


class Canned:
    """Answers each path with what `answers` holds for it, and remembers what was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, Any]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"canned": self}))
        self._server.daemon_threads = True
        self._server.block_on_close = False
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def of(self, path: str) -> list[Any]:
        return [given for asked, given in self.asked if asked == path]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer leaves in one piece, not head and body each waiting for the other side
    canned: Canned

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        given = json.loads(body) if body[:1] in ("{", "[") else dict(parse_qsl(body or parts.query))
        self.canned.asked.append((f"{self.command} {parts.path}", given))
        answer = self.canned.answers.get(f"{self.command} {parts.path}")
        raw = json.dumps(answer).encode()
        self.send_response(404 if answer is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    do_GET = do_POST = do_DELETE = _serve  # noqa: N815 - the names http.server looks for

    def log_message(self, format: str, *args: object) -> None:
        """Tests read `asked`."""


@pytest.fixture
def canned() -> Iterator[Canned]:
    canned = Canned()
    yield canned
    canned.close()


def a_venue(canned: Canned, tmp_path: Path, exchange: str, symbol: str, clock: FakeClock) -> CcxtVenue:
    for name in ("key", "secret", "password"):
        file = tmp_path / name
        file.write_text(base64.b64encode(f"local {name}".encode()).decode())
        file.chmod(0o600)
    settings = CcxtSettings(
        kind="ccxt",
        exchange=exchange,
        base_url=canned.url,
        key="file:key",
        secret="file:secret",
        password="file:password",
        rate_limit=False,
    )
    assert list(settings.problems()) == []
    bitcoin = Instrument(
        name="BTC", tick=Decimal("0.1"), lot=Decimal("0.00000001"), currency="USD", venue="crypto", symbol=symbol
    )
    return create(settings=settings, instruments={"BTC": bitcoin}, root=tmp_path, clock=clock)


def an_order(**changes: Any) -> Order:
    fine: dict[str, Any] = {
        "order_id": OrderId(OURS),
        "strategy": "trend",
        "instrument": "BTC",
        "venue": "crypto",
        "side": Side.BUY,
        "quantity": QUANTITY,
        "order_type": OrderType.LIMIT,
        "limit_price": PRICE,
        "time_in_force": TimeInForce.GTC,
        "decision_price": None,
        "created_at": AT_MS * 1_000_000,
    }
    return Order(**{**fine, **changes})


# -- kraken

ADD, OPEN, CLOSED = "POST /0/private/AddOrder", "POST /0/private/OpenOrders", "POST /0/private/ClosedOrders"
TRADES, CANCEL = "POST /0/private/TradesHistory", "POST /0/private/CancelOrder"


def _kraken(result: Any) -> dict[str, Any]:
    return {"error": [], "result": result}


def _kraken_order(status: str, executed: str) -> dict[str, Any]:
    return {
        "refid": None,
        "userref": None,
        "cl_ord_id": to_exchange(OURS, EXCHANGES["kraken"]),
        "status": status,
        "opentm": 1700000000.5,
        "starttm": 0,
        "expiretm": 0,
        "descr": {
            "pair": "XBTUSD",
            "aclass": "forex",
            "type": "buy",
            "ordertype": "limit",
            "price": "0.3",
            "price2": "0",
            "leverage": "none",
            "order": "buy 1234567.12345678 XBTUSD @ limit 0.3",
            "close": "",
        },
        "vol": "1234567.12345678",
        "vol_exec": executed,
        "cost": "0.00000",
        "fee": "0.00000",
        "price": "0.00000",
        "stopprice": "0.00000",
        "limitprice": "0.00000",
        "misc": "",
        "oflags": "fciq",
    }


@pytest.fixture
def kraken(canned: Canned) -> Canned:
    pair = {
        "altname": "XBTUSD",
        "wsname": "XBT/USD",
        "aclass_base": "currency",
        "base": "XXBT",
        "aclass_quote": "currency",
        "quote": "ZUSD",
        "pair_decimals": 1,
        "lot_decimals": 8,
        "lot_multiplier": 1,
        "leverage_buy": [],
        "leverage_sell": [],
        "fees": [[0, 0.4]],
        "fees_maker": [[0, 0.25]],
        "ordermin": "0.0001",
        "costmin": "0.5",
        "tick_size": "0.1",
        "status": "online",
    }
    canned.answers = {
        "GET /0/public/AssetPairs": _kraken({"XXBTZUSD": pair}),
        OPEN: _kraken({"open": {}}),
        CLOSED: _kraken({"closed": {}, "count": 0}),
        TRADES: _kraken({"trades": {}, "count": 0}),
        ADD: _kraken({"descr": {"order": "buy 1234567.12345678 XBTUSD @ limit 0.3"}, "txid": ["OU22CG-KLAF-FWUDD7"]}),
        CANCEL: _kraken({"count": 1}),
    }
    return canned


def test_an_order_lives_and_ends_at_kraken(kraken: Canned, tmp_path: Path) -> None:
    clock = FakeClock()
    venue = a_venue(kraken, tmp_path, "kraken", "BTC/USD", clock)
    venue.submit(an_order())
    (sent,) = kraken.of(ADD)
    assert (sent["volume"], sent["price"], sent["pair"]) == ("1234567.12345678", "0.3", "XXBTZUSD")
    assert (sent["ordertype"], sent["type"], sent["timeinforce"]) == ("limit", "buy", "GTC")
    assert len(sent["cl_ord_id"]) == 32
    assert from_exchange(sent["cl_ord_id"], EXCHANGES["kraken"]) == OURS
    kraken.answers[OPEN] = _kraken({"open": {"OU22CG-KLAF-FWUDD7": _kraken_order("open", "0.00000001")}})
    trade = {
        "ordertxid": "OU22CG-KLAF-FWUDD7",
        "postxid": "TKH2SE-M7IF5-CFI7LT",
        "pair": "XXBTZUSD",
        "time": 1700000001.4491,
        "type": "buy",
        "ordertype": "limit",
        "price": "0.29",
        "cost": "0.0000000029",
        "fee": "0.0001",
        "vol": "0.00000001",
        "margin": "0.00000",
        "misc": "",
        "trade_id": 68230622,
        "maker": True,
    }
    foreign = {**trade, "ordertxid": "OAAAAA-BBBBB-CCCCCC", "vol": "5"}
    kraken.answers[TRADES] = _kraken({"trades": {"TX1": trade, "TX2": foreign}, "count": 2})
    reports = list(venue.poll())
    assert [type(r) for r in reports] == [Acknowledged, Execution]
    execution = reports[1]
    assert isinstance(execution, Execution)
    assert (execution.quantity, execution.price, execution.fee) == (
        Decimal("0.00000001"),
        Decimal("0.29"),
        Decimal("0.0001"),
    )
    assert execution.execution_id.startswith("XXBTZUSD-")
    assert [(o.order_id, o.status) for o in venue.open_orders()] == [(OURS, "open")]
    venue.cancel(OrderId(OURS))
    assert [given["cl_ord_id"] for given in kraken.of(CANCEL)] == [sent["cl_ord_id"]]
    kraken.answers[OPEN] = _kraken({"open": {}})
    kraken.answers[CLOSED] = _kraken(
        {"closed": {"OU22CG-KLAF-FWUDD7": {**_kraken_order("canceled", "0.00000001"), "reason": "User requested"}}}
    )
    clock.advance(1)
    (ended,) = venue.poll()
    assert isinstance(ended, Ended)
    assert (ended.how, ended.order_id) == ("cancelled", OURS)
    found = venue.lookup(OrderId(OURS))
    assert found is not None
    assert (found.order_id, found.instrument, found.status, found.filled) == (
        OURS,
        "BTC",
        "cancelled",
        Decimal("0.00000001"),
    )
    assert len(kraken.of(ADD)) == 1
    venue.close()


def test_kraken_finds_an_id_used_before_and_refuses_in_its_words(kraken: Canned, tmp_path: Path) -> None:
    venue = a_venue(kraken, tmp_path, "kraken", "BTC/USD", FakeClock())
    kraken.answers[CLOSED] = _kraken({"closed": {"OU22CG-KLAF-FWUDD7": _kraken_order("closed", "1234567.12345678")}})
    with pytest.raises(Conflict):
        venue.submit(an_order())
    assert kraken.of(ADD) == []
    assert [type(r) for r in venue.poll()] == [Acknowledged]
    kraken.answers[CLOSED] = _kraken({"closed": {}, "count": 0})
    kraken.answers[ADD] = {"error": ["EOrder:Insufficient funds"]}
    venue.submit(an_order(order_id=OrderId("s0123456789abcdef0124")))
    (ended,) = venue.poll()
    assert isinstance(ended, Ended)
    assert ended.how == "rejected"
    assert "EOrder:Insufficient funds" in ended.reason
    assert len(kraken.of(ADD)) == 1
    kraken.answers[OPEN] = _kraken({})
    with pytest.raises(Unavailable, match="without what was asked"):
        venue.open_orders()
    venue.close()


def test_a_secret_that_is_none_of_krakens_is_named_before_anything_is_sent(kraken: Canned, tmp_path: Path) -> None:
    venue = a_venue(kraken, tmp_path, "kraken", "BTC/USD", FakeClock())
    venue._calls.exchange.secret = "not base 64"
    with pytest.raises(Unavailable, match="could not even be asked") as caught:
        venue.submit(an_order())
    assert "secret" in caught.value.fix
    assert "not base 64" not in caught.value.message
    assert [path for path, _ in kraken.asked if "private" in path] == []
    venue.close()


def test_a_stop_order_is_a_stop_loss_at_kraken(kraken: Canned, tmp_path: Path) -> None:
    venue = a_venue(kraken, tmp_path, "kraken", "XXBTZUSD", FakeClock())
    venue.submit(an_order(order_type=OrderType.STOP_LIMIT, stop_price=Decimal("0.2")))
    (sent,) = kraken.of(ADD)
    assert (sent["ordertype"], sent["price"], sent["price2"]) == ("stop-loss-limit", "0.2", "0.3")
    venue.close()


# -- okx

PLACE, ORDER = "POST /api/v5/trade/batch-orders", "GET /api/v5/trade/order"
STOP = "POST /api/v5/trade/cancel-order"
PENDING, FILLS = "GET /api/v5/trade/orders-pending", "GET /api/v5/trade/fills-history"


def _okx(*data: Any) -> dict[str, Any]:
    return {"code": "0", "msg": "", "data": list(data)}


def _okx_order(state: str, filled: str) -> dict[str, Any]:
    return {
        "accFillSz": filled,
        "avgPx": "",
        "cTime": str(AT_MS),
        "category": "normal",
        "ccy": "",
        "clOrdId": OURS,
        "fee": "0",
        "feeCcy": "BTC",
        "fillPx": "",
        "fillSz": "0",
        "fillTime": "",
        "instId": "BTC-USDT",
        "instType": "SPOT",
        "lever": "",
        "ordId": "317251910906576896",
        "ordType": "limit",
        "pnl": "0",
        "posSide": "net",
        "px": "0.3",
        "rebate": "0",
        "rebateCcy": "USDT",
        "side": "buy",
        "state": state,
        "sz": "1234567.12345678",
        "tag": "",
        "tdMode": "cash",
        "tgtCcy": "",
        "tradeId": "",
        "uTime": str(AT_MS),
    }


@pytest.fixture
def okx(canned: Canned) -> Canned:
    instrument = {
        "alias": "",
        "baseCcy": "BTC",
        "category": "1",
        "ctMult": "",
        "ctType": "",
        "ctVal": "",
        "ctValCcy": "",
        "expTime": "",
        "instId": "BTC-USDT",
        "instType": "SPOT",
        "lever": "10",
        "listTime": "1548133413000",
        "lotSz": "0.00000001",
        "minSz": "0.00001",
        "optType": "",
        "quoteCcy": "USDT",
        "settleCcy": "",
        "state": "live",
        "stk": "",
        "tickSz": "0.1",
        "uly": "",
    }
    canned.answers = {
        "GET /api/v5/public/instruments": _okx(instrument),
        ORDER: {"code": "51603", "msg": "Order does not exist", "data": []},
        PENDING: _okx(),
        FILLS: _okx(),
        STOP: _okx({"clOrdId": OURS, "ordId": "317251910906576896", "sCode": "0", "sMsg": ""}),
        PLACE: _okx({"clOrdId": OURS, "ordId": "317251910906576896", "tag": "", "sCode": "0", "sMsg": ""}),
    }
    return canned


def test_an_order_lives_and_ends_at_okx(okx: Canned, tmp_path: Path) -> None:
    clock = FakeClock()
    venue = a_venue(okx, tmp_path, "okx", "BTC/USDT", clock)
    venue.submit(an_order())
    ((sent,),) = okx.of(PLACE)
    assert (sent["clOrdId"], sent["sz"], sent["px"]) == (OURS, "1234567.12345678", "0.3")
    assert (sent["instId"], sent["side"], sent["ordType"], sent["tdMode"]) == ("BTC-USDT", "buy", "limit", "cash")
    okx.answers[ORDER] = _okx(_okx_order("partially_filled", "0.5"))
    okx.answers[PENDING] = okx.answers[ORDER]
    fill = {
        "side": "buy",
        "fillSz": "0.5",
        "fillPx": "0.3",
        "fee": "-0.0005",
        "ordId": "317251910906576896",
        "instType": "SPOT",
        "instId": "BTC-USDT",
        "clOrdId": OURS,
        "posSide": "net",
        "billId": "317321390265368576",
        "tag": "0",
        "execType": "T",
        "tradeId": "107601752",
        "feeCcy": "BTC",
        "ts": str(AT_MS),
    }
    okx.answers[FILLS] = _okx(fill)
    reports = list(venue.poll())
    assert [type(r) for r in reports] == [Acknowledged, Execution]
    execution = reports[1]
    assert isinstance(execution, Execution)
    assert (execution.quantity, execution.price, execution.fee) == (Decimal("0.5"), Decimal("0.3"), Decimal("0.00015"))
    assert okx.of(FILLS)[0]["ordId"] == "317251910906576896"
    venue.cancel(OrderId(OURS))
    assert okx.of(STOP) == [{"instId": "BTC-USDT", "clOrdId": OURS}]
    okx.answers[PENDING] = _okx()
    okx.answers[ORDER] = _okx(_okx_order("canceled", "0.5"))
    clock.advance(1)
    (ended,) = venue.poll()
    assert isinstance(ended, Ended)
    assert ended.how == "cancelled"
    assert len(okx.of(PLACE)) == 1
    venue.close()


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        ("51008", "Insufficient USDT balance in account", "rejected"),
        ("51016", "Client order ID already exists.", "used"),
    ],
)
def test_okx_refuses_in_its_words(okx: Canned, tmp_path: Path, code: str, message: str, expected: str) -> None:
    venue = a_venue(okx, tmp_path, "okx", "BTC/USDT", FakeClock())
    refused = {"clOrdId": OURS, "ordId": "", "tag": "", "sCode": code, "sMsg": message}
    okx.answers[PLACE] = {"code": "1", "msg": "All operations failed", "data": [refused]}
    if expected == "used":
        with pytest.raises(Conflict):
            venue.submit(an_order())
    else:
        venue.submit(an_order())
        (ended,) = venue.poll()
        assert isinstance(ended, Ended)
        assert ended.how == "rejected"
        assert message in ended.reason
    assert len(okx.of(PLACE)) == 1
    venue.close()


def test_okx_keeps_stop_orders_apart_so_they_are_refused(okx: Canned, tmp_path: Path) -> None:
    venue = a_venue(okx, tmp_path, "okx", "BTC/USDT", FakeClock())
    venue.submit(an_order(order_type=OrderType.STOP, limit_price=None, stop_price=Decimal("0.2")))
    (ended,) = venue.poll()
    assert isinstance(ended, Ended)
    assert ended.reason == "okx keeps stop orders apart from others; it takes: market, limit"
    assert okx.of(PLACE) == []
    venue.close()


# -- all of them


@pytest.mark.parametrize("name", EXCHANGES)
def test_ccxt_says_of_itself_what_we_rely_on(name: str) -> None:
    type_, _ = load(name)
    there = type_()
    needed = ("createOrder", "cancelOrder", "fetchOpenOrders", "fetchMyTrades", "fetchBalance", "fetchTickers")
    assert {ability: there.has[ability] for ability in needed} == dict.fromkeys(needed, True)
    about = EXCHANGES[name]
    assert there.has["fetchOrder" if about.looked_up == "one" else "fetchClosedOrders"] is True
    assert about.trades == "market" or there.has["fetchOrderTrades"] is True
    assert bool(there.requiredCredentials.get("password")) is about.password
    spot = there.features["spot"]
    assert spot["createOrder"]["timeInForce"]["IOC"] is True
    assert spot["sandbox"] is about.sandbox or name == "binanceus"  # whose test service in ccxt is another company's
    assert spot["createOrder"]["stopLossPrice"] is True or not about.triggers
    assert there.safe_value(there.options, "maxRetriesOnFailure", 0) == 0
    there.close()


@pytest.mark.parametrize("order_id", [OURS, "a" * 21, "z" * 21, "0" * 21, "alpha000000000000001a"])
def test_a_packed_id_is_unpacked_again(order_id: str) -> None:
    about = EXCHANGES["kraken"]
    packed = to_exchange(order_id, about)
    assert len(packed) == 32
    assert int(packed, 16) >= 0
    assert from_exchange(packed, about) == order_id


@pytest.mark.parametrize("client_id", ["", "mine", "d15708c1-dbb6-465d-b77d-47258319cc90", "f" * 32, "12"])
def test_an_id_of_somebody_else_stays_as_it_is(client_id: str) -> None:
    assert from_exchange(client_id, EXCHANGES["kraken"]) == client_id


def test_kraken_tells_prices_and_holdings(kraken: Canned, tmp_path: Path) -> None:
    venue = a_venue(kraken, tmp_path, "kraken", "BTC/USD", FakeClock())
    ticker = {
        "a": ["99.2", "1", "1.000"],
        "b": ["99.1", "1", "1.000"],
        "c": ["99.15", "0.01"],
        "v": ["10", "20"],
        "p": ["99", "99"],
        "t": [1, 2],
        "l": ["90", "90"],
        "h": ["100", "100"],
        "o": "95",
    }
    kraken.answers["GET /0/public/Ticker"] = _kraken({"XXBTZUSD": ticker})
    holdings = {"XXBT": {"balance": "0.12345678", "hold_trade": "0.1"}, "ZUSD": {"balance": "5", "hold_trade": "0"}}
    kraken.answers["POST /0/private/BalanceEx"] = _kraken(holdings)
    (quote,) = venue.quotes()
    assert (quote.instrument, quote.bid, quote.ask, quote.last) == (
        "BTC",
        Decimal("99.1"),
        Decimal("99.2"),
        Decimal("99.15"),
    )
    assert [(p.instrument, p.quantity) for p in venue.positions() or ()] == [("BTC", Decimal("0.12345678"))]
    venue.close()


def test_okx_tells_prices_and_holdings(okx: Canned, tmp_path: Path) -> None:
    venue = a_venue(okx, tmp_path, "okx", "BTC/USDT", FakeClock())
    ticker = {
        "instType": "SPOT",
        "instId": "BTC-USDT",
        "last": "99.15",
        "lastSz": "1",
        "askPx": "99.2",
        "askSz": "1",
        "bidPx": "99.1",
        "bidSz": "1",
        "open24h": "95",
        "high24h": "100",
        "low24h": "90",
        "volCcy24h": "100",
        "vol24h": "1",
        "ts": str(AT_MS),
        "sodUtc0": "1",
        "sodUtc8": "1",
    }
    okx.answers["GET /api/v5/market/tickers"] = _okx(ticker)
    bitcoin = {"availBal": "0.1", "cashBal": "0.12345678", "ccy": "BTC", "eq": "0.12345678", "frozenBal": "0.02345678"}
    okx.answers["GET /api/v5/account/balance"] = _okx({"details": [bitcoin], "totalEq": "1", "uTime": str(AT_MS)})
    (quote,) = venue.quotes()
    assert (quote.at, quote.bid, quote.ask, quote.last) == (
        AT_MS * 1_000_000,
        Decimal("99.1"),
        Decimal("99.2"),
        Decimal("99.15"),
    )
    assert [(p.instrument, p.quantity) for p in venue.positions() or ()] == [("BTC", Decimal("0.12345678"))]
    venue.close()
