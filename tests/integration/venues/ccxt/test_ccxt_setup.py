"""What a ccxt venue may reach, what making one costs, and that it keeps secrets; real ccxt, a local exchange."""

from __future__ import annotations

import importlib.util
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.contracts.venue_harness import Desk
from tests.integration.venues.ccxt_exchange import KEY, SECRET, CcxtExchange, Fault
from tests.integration.venues.ccxt_harness import BITCOIN, CcxtHarness, coin

from steersman.kernel.errors import Misconfigured, Unavailable
from steersman.trading.adapters.ccxt import CcxtVenue
from steersman.trading.adapters.ccxt.settings import CcxtSettings
from steersman.trading.model.signal import OrderId

FIRST, SECOND = "s0123456789abcdef0123", "s0123456789abcdef0124"


# -- what may be reached


def test_a_sandbox_cannot_reach_the_live_exchange(harness: CcxtHarness, tmp_path: Path) -> None:
    harness.settings = {"base_url": None}
    there = ours_of(harness.make(tmp_path))
    texts = list(texts_of(there.urls))
    assert texts
    assert all("binance.com" not in text for text in texts)
    assert "https://testnet.binance.vision/api/v3" in texts
    with pytest.raises(Misconfigured, match=r"request to https://api\.binance\.com:443 was held back"):
        there.fetch("https://api.binance.com/api/v3/order", "POST", {}, "x")


@pytest.mark.parametrize("url", ["https://api.binance.com", "https://api.binance.com:443", "https://API.binance.com/"])
def test_a_sandbox_pointed_at_the_live_exchange_is_refused(harness: CcxtHarness, tmp_path: Path, url: str) -> None:
    harness.settings = {"base_url": url}
    with pytest.raises(Misconfigured, match=r"mode is sandbox, but https://api\.binance\.com:443"):
        harness.make(tmp_path)
    harness.settings = {"base_url": url, "mode": "live"}
    assert harness.make(tmp_path)


def test_with_a_base_url_nothing_goes_anywhere_else(harness: CcxtHarness, tmp_path: Path) -> None:
    for mode in ("sandbox", "live"):
        harness.settings = {"mode": mode}
        there = ours_of(harness.make(tmp_path))
        assert {text.split("/")[2] for text in texts_of(there.urls)} == {harness.exchange.url.split("/")[2]}
        for away in ("https://api.binance.com/x", "https://testnet.binance.vision/x", "http://127.0.0.1:1/x"):
            with pytest.raises(Misconfigured, match="held back"):
                there.fetch(away)


def test_live_reaches_the_live_exchange_only(harness: CcxtHarness, tmp_path: Path) -> None:
    harness.settings = {"base_url": None, "mode": "live"}
    there = ours_of(harness.make(tmp_path))
    assert there.urls["api"]["private"] == "https://api.binance.com/api/v3"
    with pytest.raises(Misconfigured, match="held back"):
        there.fetch("https://testnet.binance.vision/api/v3/order")


def test_a_test_order_at_an_address_shared_with_real_ones_carries_its_mark(tmp_path: Path) -> None:
    harness = CcxtHarness()
    (tmp_path / "password.txt").write_text("pass")
    (tmp_path / "password.txt").chmod(0o600)
    try:
        harness.settings = {"exchange": "okx", "base_url": None, "password": "file:password.txt"}
        there = ours_of(harness.make(tmp_path))
        assert there.headers["x-simulated-trading"] == "1"
        with pytest.raises(Misconfigured, match="would reach the live account"):
            there.session.request("POST", "https://www.okx.com/api/v5/trade/order", headers={})
    finally:
        harness.close()


# -- making one


def test_making_a_venue_connects_to_nothing(harness: CcxtHarness, tmp_path: Path) -> None:
    harness.make(tmp_path)
    assert harness.exchange.requests == []


def test_without_the_package_the_extra_is_named(
    harness: CcxtHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "ccxt" else find_spec(name, *rest)
    )
    with pytest.raises(Misconfigured, match="ccxt is not installed") as caught:
        harness.make(tmp_path)
    assert caught.value.fix == 'pip install "steersman[ccxt]"'


def test_one_exchange_is_imported_and_ccxt_stays_importable() -> None:
    program = """
import sys
import steersman.trading.adapters.ccxt.settings
assert not any(name.split(".")[0] in ("ccxt", "requests", "urllib3") for name in sys.modules)
import steersman.trading.adapters.ccxt
assert not any(name.split(".")[0] in ("ccxt", "requests", "urllib3") for name in sys.modules)
from steersman.trading.adapters.ccxt.client import load
type_, errors = load("binance")
assert "ccxt" not in sys.modules and "ccxt.kraken" not in sys.modules
import ccxt
assert ccxt.binance is type_ and ccxt.OrderNotFound is errors.OrderNotFound and ccxt.kraken
assert load("kraken") == (ccxt.kraken, errors)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def test_no_secret_is_in_a_message_a_log_or_a_repr(
    desk: Desk, exchange: CcxtExchange, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    body = f'{{"code":-1102,"msg":"key {KEY} secret {SECRET}"}}'.encode()
    exchange.fault("GET", "openOrders", Fault(status=400, body=body))
    exchange.fault("POST", "order", Fault(status=400, body=body))
    told = [repr(desk.venue), repr(vars(desk.venue))]
    with pytest.raises(Unavailable) as caught:
        desk.venue.open_orders()
    told.append(chain(caught.value))
    desk.submit(desk.order(FIRST))
    told.append(repr(desk.poll()))
    assert "***" in told[-1]
    for fault in (Fault("reset"), Fault(status=502, body=f"<html>x-mbx-apikey: {KEY}</html>".encode())):
        exchange.fault("GET", "order", fault)
        with pytest.raises(Unavailable) as caught:
            desk.venue.lookup(OrderId(SECOND))
        told.append(chain(caught.value))
    assert "***" in told[-1]
    told += [chain(caught.value), caplog.text]
    for secret in (KEY, SECRET):
        assert all(secret not in text for text in told)


def test_an_unknown_market_names_what_is_meant(harness: CcxtHarness, tmp_path: Path) -> None:
    harness.instruments = {"BTC": coin("BTC", "BTCUSD")}
    venue = harness.make(tmp_path)
    with pytest.raises(Unavailable, match="no open spot market 'BTCUSD'") as caught:
        venue.open_orders()
    assert "BTCUSDT" in caught.value.fix


def test_holdings_of_a_currency_traded_in_two_markets_belong_to_no_instrument(
    harness: CcxtHarness, tmp_path: Path
) -> None:
    harness.exchange.symbols.append({**harness.exchange.symbols[0], "symbol": "BTCBNB", "quoteAsset": "BNB"})
    harness.instruments = {"BTC": BITCOIN, "BTCBNB": coin("BTCBNB", "BTC/BNB")}
    assert harness.make(tmp_path).positions() is None
    harness.instruments = {"BTC": BITCOIN}
    harness.settings = {"report_positions": False}
    assert harness.make(tmp_path).positions() is None


# -- settings


GOOD: dict[str, Any] = {"kind": "ccxt", "exchange": "binance", "key": "env:KEY", "secret": "file:secret"}


@pytest.mark.parametrize(
    ("changes", "field", "found", "fix"),
    [
        ({"exchange": "binanse"}, "exchange", "found 'binanse', no exchange", "did you mean binance or binanceus"),
        ({"exchange": "Kraken"}, "exchange", "found 'Kraken'", "did you mean kraken"),
        ({"exchange": "coinbase"}, "exchange", "ccxt has it, but how it keeps our order ids was not checked", "README"),
        ({"exchange": "kraken"}, "mode", "kraken has no test service", "base_url"),
        ({"key": "abcdef"}, "key", "found 6 characters without env: or file:", "env:NAME"),
        ({"secret": None}, "secret", "is missing; binance needs it", "env:NAME"),
        ({"exchange": "okx"}, "password", "is missing; okx needs it", "env:NAME"),
        ({"base_url": "api.binance.com"}, "base_url", "allowed: a scheme and a host", "https://"),
        ({"base_url": "https://u:p@a.b"}, "base_url", "allowed: a scheme and a host", "https://"),
        ({"base_url": "https://a.b/api"}, "base_url", "without path", "https://"),
        ({"base_url": "https://a.b:port"}, "base_url", "allowed", "https://"),
        ({"base_url": "http://example.com"}, "base_url", "unprotected", "https"),
        ({"timeout": "0.01s"}, "timeout", "allowed: 0.1s to 60s", 'timeout = "5s"'),
        ({"timeout": "2m"}, "timeout", "allowed: 0.1s to 60s", 'timeout = "5s"'),
        ({"timeout": "soon"}, "timeout", "not a span", 'timeout = "5s"'),
        ({"poll_every": "0s"}, "poll_every", "allowed: 0.05s to 3600s", 'poll_every = "1s"'),
    ],
)
def test_a_setting_that_may_not_be_is_named(changes: dict[str, Any], field: str, found: str, fix: str) -> None:
    ((where, problem, how),) = CcxtSettings(**{**GOOD, **changes}).problems()
    assert where == field
    assert found in problem
    assert fix in how


def test_good_settings_have_no_problems() -> None:
    assert list(CcxtSettings(**GOOD).problems()) == []
    assert list(CcxtSettings(**{**GOOD, "exchange": "kraken", "mode": "live"}).problems()) == []
    assert CcxtSettings(**GOOD).mode == "sandbox"


# -- what the tests above use


def ours_of(venue: object) -> Any:
    """Return the ccxt exchange inside a venue."""
    assert isinstance(venue, CcxtVenue)
    return venue._calls.exchange


def texts_of(urls: Any) -> Iterator[str]:
    if isinstance(urls, dict):
        for value in urls.values():
            yield from texts_of(value)
    else:
        yield urls


def chain(exc: BaseException | None) -> str:
    """Return everything an error and its causes say, as a traceback would."""
    text = ""
    while exc is not None:
        text += f"{exc!r} {exc} {getattr(exc, 'fix', '')}\n"
        exc = exc.__cause__ or (None if exc.__suppress_context__ else exc.__context__)
    return text
