"""The exchanges whose way with our order ids was read up and checked, and how each differs. Data only."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

Shape = tuple[tuple[str, ...], Literal["list", "object"]]


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """What ccxt does not say about an exchange, but an order that must exist once depends on.

    Attributes:
        id_form: `plain`: our id as it is; `hex`: packed into 32 hexadecimal digits, where 21 characters are too many.
        looked_up: how an order is found by our id: with one request, or in the lists of open and of closed orders.
        per_symbol: looking up needs the market.
        trades: executions are asked for by order, or by market and then sorted out.
        trade_page: the parameter that asks for the trades after one already known; None: there is none.
        page: how many trades one answer holds at most.
        triggers: stop orders are ordinary orders there, found like all others; where they are not, they are refused.
        valid_s: a signed request that arrives later than this after it was signed is refused.
        duplicate: what an answer says when the id was used already, where ccxt has no own error for it.
        sandbox: it has a test service.
        sandbox_header: what sets a test order apart where the test service has the address of the real one.
        password: API keys there have a passphrase.
        shapes: where in an answer to a question the list or object of what was asked for must be.
        options: what ccxt is told for it.
    """

    id_form: Literal["plain", "hex"] = "plain"
    looked_up: Literal["one", "lists"] = "one"
    per_symbol: bool = True
    trades: Literal["order", "market"] = "order"
    trade_page: str | None = None
    page: int = 500
    triggers: bool = False
    valid_s: float = 60.0
    duplicate: tuple[str, ...] = ()
    sandbox: bool = True
    sandbox_header: tuple[str, str] | None = None
    password: bool = False
    shapes: dict[str, Shape] = {}
    options: dict[str, Any] = {}


_BINANCE: Final = Exchange(
    trade_page="fromId",
    triggers=True,
    valid_s=10.0,
    duplicate=("Duplicate order sent",),
    shapes={
        "fetch_open_orders": ((), "list"),
        "fetch_order_trades": ((), "list"),
        "fetch_tickers": ((), "list"),
        "fetch_balance": (("balances",), "list"),
    },
    options={
        "recvWindow": 10_000,
        "warnOnFetchOpenOrdersWithoutSymbol": False,
        "fetchMarkets": {"types": ["spot"]},
    },
)

EXCHANGES: Final[dict[str, Exchange]] = {
    "binance": _BINANCE,
    # Its test service in ccxt is Binance's own, which does not know its keys.
    "binanceus": msgspec.structs.replace(_BINANCE, sandbox=False),
    "kraken": Exchange(
        id_form="hex",
        looked_up="lists",
        per_symbol=False,
        trades="market",
        page=50,
        triggers=True,
        shapes={
            "fetch_open_orders": (("result", "open"), "object"),
            "fetch_closed_orders": (("result", "closed"), "object"),
            "fetch_my_trades": (("result", "trades"), "object"),
            "fetch_tickers": (("result",), "object"),
            "fetch_balance": (("result",), "object"),
        },
        sandbox=False,
    ),
    "okx": Exchange(
        page=100,
        valid_s=30.0,
        duplicate=('"51016"',),
        sandbox_header=("x-simulated-trading", "1"),
        password=True,
        shapes=dict.fromkeys(
            ("fetch_open_orders", "fetch_order_trades", "fetch_tickers", "fetch_balance"), (("data",), "list")
        ),
        options={"fetchMarkets": {"types": ["spot"]}},
    ),
}


def installed() -> tuple[str, ...]:
    """Return the names of all exchanges the installed ccxt has, without importing any; empty if there is no ccxt."""
    spec = importlib.util.find_spec("ccxt")
    places = spec.submodule_search_locations if spec is not None else None
    return tuple(sorted(file.stem for place in places or () for file in Path(place).glob("[a-z0-9]*.py")))
