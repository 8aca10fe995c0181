"""`[venue.NAME] kind = "alpaca"`: keys by reference, and no way from a sandbox to real money."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from steersman.bootstrap.plugins import setting_type
from steersman.kernel.errors import Misconfigured
from steersman.kernel.toml_file import TomlFile
from steersman.trading.adapters.alpaca.settings import DATA, LIVE, PAPER, AlpacaSettings


def problems(**changes: Any) -> dict[str, tuple[str, str]]:
    return {field: (found, fix) for field, found, fix in AlpacaSettings(**changes).problems()}


def test_left_alone_it_is_the_paper_account_with_the_usual_variables() -> None:
    settings = AlpacaSettings()
    assert (settings.mode, settings.trading_url, settings.quotes_url) == ("sandbox", PAPER, DATA)
    assert (settings.key, settings.secret) == ("env:APCA_API_KEY_ID", "env:APCA_API_SECRET_KEY")
    assert (settings.timeout_s, settings.poll_every_ns) == (5.0, 1_000_000_000)
    assert problems() == {}


def test_live_is_the_live_endpoint() -> None:
    assert AlpacaSettings(mode="live").trading_url == LIVE
    assert problems(mode="live") == {}


@pytest.mark.parametrize(
    "url",
    [LIVE, LIVE + "/", "https://API.alpaca.markets", "https://api.alpaca.markets:443", "https://api.alpaca.markets."],
)
def test_a_sandbox_cannot_be_given_the_live_endpoint(url: str) -> None:
    found, fix = problems(base_url=url)["base_url"]
    assert "live endpoint api.alpaca.markets" in found
    assert 'mode = "live"' in fix


def test_a_live_venue_cannot_be_given_the_paper_endpoint() -> None:
    assert "paper endpoint" in problems(mode="live", base_url=PAPER)["base_url"][0]


@pytest.mark.parametrize("mode", ["sandbox", "live"])
@pytest.mark.parametrize("url", ["https://proxy.example.com/alpaca", "http://127.0.0.1:8080", "http://localhost:1/",
                                 "http://[::1]:9"])  # fmt: skip
def test_another_address_may_be_given_and_then_no_quotes_are_asked_for_elsewhere(mode: str, url: str) -> None:
    assert problems(mode=mode, base_url=url) == {}
    settings = AlpacaSettings(mode=mode, base_url=url)  # type: ignore[arg-type]
    assert settings.trading_url == url.rstrip("/")
    assert settings.quotes_url == ""


@pytest.mark.parametrize("field", ["base_url", "data_url"])
@pytest.mark.parametrize(
    "url",
    ["paper-api.alpaca.markets", "ftp://x", "https://", "http://example.com", "https://me:hunter2@example.com",
     "https://example.com/v2", "https://example.com/?a=b", "https://example.com:port", "https://a b", "https://exämple.com"],
)  # fmt: skip
def test_what_is_no_address_is_refused(field: str, url: str) -> None:
    found, fix = problems(**{field: url})[field]
    assert found
    assert "https://" in fix
    assert "hunter2" not in found


@pytest.mark.parametrize("field", ["key", "secret"])
def test_a_key_itself_is_refused_and_not_quoted(field: str) -> None:
    found, fix = problems(**{field: "PKABCDEF0123456789"})[field]
    assert "PKABC" not in found + fix
    assert "env:NAME" in fix


@pytest.mark.parametrize("field", ["timeout", "poll_every"])
@pytest.mark.parametrize("text", ["", "5", "99ms", "61s", "soon", "-1s"])
def test_a_span_out_of_bounds_is_refused(field: str, text: str) -> None:
    assert field in problems(**{field: text})
    assert problems(**{field: "100ms"}) == problems(**{field: "60s"}) == {}


@pytest.mark.parametrize("text", ['mode = "simulated"', 'keys = "env:X"', "timeout = 5"])
def test_a_value_that_is_none_of_its_settings_is_refused_with_its_line(text: str) -> None:
    file = TomlFile(f'[venue.alpha]\nkind = "alpaca"\n{text}\n', name="steersman.toml")
    with pytest.raises(Misconfigured, match=r"steersman\.toml:3"):
        file.section(("venue", "alpha"), setting_type("venue", "alpaca"))


def test_reading_the_settings_loads_no_network_code() -> None:
    code = (
        "import sys; from steersman.bootstrap.plugins import setting_type; setting_type('venue', 'alpaca');"
        "print([m for m in sys.modules if m.split('.')[0] in ('httpx2', 'ssl', 'http')])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "[]"
