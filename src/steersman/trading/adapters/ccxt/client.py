"""Makes the one ccxt exchange an account needs, with everything ccxt might do on its own switched off."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys
import types
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

from steersman.kernel.clock import Clock
from steersman.kernel.durations import seconds
from steersman.kernel.errors import Misconfigured
from steersman.trading.adapters.ccxt.exchanges import EXCHANGES, Exchange
from steersman.trading.adapters.ccxt.settings import CcxtSettings

if TYPE_CHECKING:
    from steersman.trading.adapters.ccxt.wire import Wire

INSTALL: Final = 'pip install "steersman[ccxt]"'
_TICK_SIZE: Final = 4
"""ccxt's name for "the precision of a market is the smallest step"."""
_NEEDED: Final = ("createOrder", "cancelOrder", "fetchOpenOrders", "fetchMyTrades", "fetchBalance", "fetchTickers")


def check_installed() -> None:
    """Raise Misconfigured unless ccxt can be imported; imports nothing."""
    if importlib.util.find_spec("ccxt") is None:
        raise Misconfigured("the package ccxt is not installed; venues of kind ccxt need it", fix=INSTALL)


def load(name: str) -> tuple[Any, Any]:
    """Return the class of exchange `name` and the module of ccxt's errors.

    `import ccxt` imports a hundred exchanges (30 MB; without compiled files more than half a minute). An empty package
    stands in for it while the one module is imported, and is gone afterwards: a later `import ccxt` is a normal one.
    """
    check_installed()
    if "ccxt" in sys.modules:
        return getattr(importlib.import_module(f"ccxt.{name}"), name), importlib.import_module("ccxt.base.errors")
    spec = importlib.util.find_spec("ccxt")
    stand_in = types.ModuleType("ccxt")
    stand_in.__path__ = list(spec.submodule_search_locations or ()) if spec is not None else []
    sys.modules["ccxt"] = stand_in
    try:
        module = importlib.import_module(f"ccxt.{name}")
        errors = importlib.import_module("ccxt.base.errors")
    finally:
        del sys.modules["ccxt"]
    return getattr(module, name), errors


def make(settings: CcxtSettings, credentials: Mapping[str, str], clock: Clock) -> tuple[Any, Any, Wire]:
    """Return the exchange, ccxt's errors, and the wire all its requests take. Connects to nothing.

    Raises:
        Misconfigured: ccxt is missing, or a sandbox that could reach the live account.
    """
    check_installed()
    # Imports requests: only where an exchange is really made.
    from steersman.trading.adapters.ccxt.wire import Wire, decode

    about = EXCHANGES[settings.exchange]
    type_, errors = load(settings.exchange)
    wire = Wire(
        name=settings.exchange, clock=clock, timeout_s=seconds(settings.timeout), secrets=list(credentials.values())
    )
    exchange = type_(
        {
            **credentials,
            "session": wire,
            "number": str,  # prices and amounts as text, in both directions
            "timeout": round(seconds(settings.timeout) * 1000),
            "enableRateLimit": settings.rate_limit,
            "verbose": False,
            "logger": _silent(),
            "options": {"defaultType": "spot", "adjustForTimeDifference": False, **about.options, **_NO_RETRIES},
        }
    )
    exchange.on_json_response = decode
    exchange.milliseconds = lambda: clock.now_ns() // 1_000_000  # what requests are signed with, and paced by
    exchange.has["fetchCurrencies"] = False  # one request less, and no key for it
    live = frozenset(_texts(exchange, exchange.urls["api"]))
    _direct(exchange, settings, about, live)
    wire.allow(_texts(exchange, exchange.urls["api"]), _header(settings, about))
    _check_abilities(exchange, settings.exchange)
    return exchange, errors, wire


_NO_RETRIES: Final = {"maxRetriesOnFailure": 0, "maxRetriesOnFailureDelay": 0}


def _silent() -> logging.Logger:
    """Return a logger that says nothing: ccxt logs whole requests, with the key in their headers."""
    logger = logging.Logger("ccxt", logging.CRITICAL + 1)  # noqa: LOG001 - not to be found under a name
    logger.disabled = True
    return logger


def _direct(exchange: Any, settings: CcxtSettings, about: Exchange, live: frozenset[str]) -> None:
    """Point every URL of `exchange` where this venue may go.

    Raises:
        Misconfigured: a sandbox whose requests would reach the live service.
    """
    if settings.mode == "sandbox" and about.sandbox:
        exchange.set_sandbox_mode(True)
    api = exchange.urls["api"]
    if settings.base_url is not None:
        api = _moved(exchange, api, settings.base_url)
    # Nothing else is kept: the live addresses would still be there, as a backup.
    exchange.urls = {"api": api, "test": api, "apiBackup": api}
    if (settings.mode == "sandbox" and about.sandbox_header is None) or settings.base_url is not None:
        _check_sandbox(exchange, settings, live)


def _check_sandbox(exchange: Any, settings: CcxtSettings, live: frozenset[str]) -> None:
    from steersman.trading.adapters.ccxt.wire import address  # with requests, see make()

    both = {address(url) for url in _texts(exchange, exchange.urls["api"])} & {address(url) for url in live}
    if settings.mode == "sandbox" and both:
        raise Misconfigured(
            f"[venue.*] mode is sandbox, but {', '.join(sorted(both))} is where {settings.exchange} trades real money",
            fix='correct base_url; for real money write mode = "live"',
        )


def _header(settings: CcxtSettings, about: Exchange) -> tuple[str, str] | None:
    return about.sandbox_header if settings.mode == "sandbox" else None


def _moved(exchange: Any, urls: Any, base_url: str) -> Any:
    """Return `urls` (texts, nested in dicts) with scheme and host of `base_url`."""
    if isinstance(urls, dict):
        return {key: _moved(exchange, value, base_url) for key, value in urls.items()}
    base = urlsplit(base_url)
    parts = urlsplit(exchange.implode_hostname(urls))
    return urlunsplit((base.scheme, base.netloc, parts.path, parts.query, ""))


def _texts(exchange: Any, urls: Any) -> Iterator[str]:
    if isinstance(urls, dict):
        for value in urls.values():
            yield from _texts(exchange, value)
    elif isinstance(urls, str):
        yield exchange.implode_hostname(urls)


def _check_abilities(exchange: Any, name: str) -> None:
    missing = [ability for ability in _NEEDED if not exchange.has.get(ability)]
    if missing:
        raise Misconfigured(
            f"the installed ccxt cannot do {', '.join(missing)} with {name}", fix=f"update ccxt: {INSTALL} --upgrade"
        )
    if exchange.precisionMode != _TICK_SIZE:
        raise Misconfigured(
            f"the installed ccxt counts the digits of {name}'s prices instead of giving their step",
            fix='use another version: pip install "ccxt>=4.5"',
        )
