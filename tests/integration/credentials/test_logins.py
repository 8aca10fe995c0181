"""A person logs in: in a browser with PKCE, on another device, or by pasting; against a real server."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders_credentials import WHO, a_broker, clock, events, providers, server, toml
from tests.oauth_server import OAuthServer

from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Misconfigured, Rejected, Unavailable
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.services.credentials.login import browser, device
from steersman.services.credentials.providers.oauth2_code import OAuth2CodeSettings
from steersman.services.credentials.settings import ProviderSettings

__all__ = ["clock", "server"]


def declared(root: Path, server: OAuthServer, **fields: Any) -> dict[str, ProviderSettings]:
    values = {
        "authorize_url": f"{server.url}/authorize",
        "device_url": f"{server.url}/device",
        "client_id": "public",
        "client_secret": None,
        "scopes": ["read", "trade"],
        **fields,
    }
    return providers(toml(root, server, "acme", "oauth2_code", **values), root)


def settings(found: dict[str, ProviderSettings]) -> OAuth2CodeSettings:
    return msgspec.convert(found["acme"], OAuth2CodeSettings)


def visit(address: str) -> tuple[int, str]:
    """Open an address as a browser does, redirects and all."""
    try:
        with urllib.request.urlopen(address, timeout=5) as page:  # noqa: S310 - loopback, by the test's own server
            return page.status, page.read().decode()
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, exc.read().decode()


class Person:
    """Opens what is shown, in a thread of its own; keeps what the page said."""

    def __init__(self, act: Callable[[str], tuple[int, str]] = visit) -> None:
        self.act, self.shown, self.saw = act, "", (0, "")
        self._thread: threading.Thread | None = None

    def __call__(self, address: str) -> None:
        self.shown = address
        self._thread = threading.Thread(target=self._go)
        self._thread.start()

    def _go(self) -> None:
        self.saw = self.act(self.shown)

    def done(self) -> None:
        assert self._thread is not None
        self._thread.join(10)


def test_a_login_in_the_browser_brings_a_token_that_refreshes_itself(
    server: OAuthServer, clock: FakeClock, tmp_path: Path
) -> None:
    ledger, found, person = memory_ledger(), declared(tmp_path, server), Person()
    broker = a_broker(tmp_path, found, ledger=ledger, clock=clock)
    with pytest.raises(Rejected, match="acme is not logged in"):
        broker.lease("acme", who=WHO)
    fetched, asked = browser.log_in(broker.around("acme"), settings(found), show=person, timeout_s=10)
    person.done()
    broker.logged_in("acme", fetched, asked, flow="pkce")
    assert person.saw[0] == 200
    assert "Logged in" in person.saw[1]
    assert broker.status()[0].state == "ready"
    for _ in range(3):
        lease = broker.lease("acme", who=WHO)
        assert server.route("GET", "/api", {}, {"Authorization": lease.header_value})[0] == 200
        clock.advance(4000)
    assert (server.authority.reuses, server.answers) == (0, [200, 200, 200])
    login = events(ledger, "auth.logged_in")[0][1]
    assert (login["flow"], login["scopes"]) == ("pkce", "read trade")


def test_the_request_asks_with_a_challenge_and_a_loopback_address(server: OAuthServer, tmp_path: Path) -> None:
    found, person = declared(tmp_path, server, authorize_params={"access_type": "offline"}), Person()
    browser.log_in(a_broker(tmp_path, found).around("acme"), settings(found), show=person, timeout_s=10)
    person.done()
    query = {k: v[0] for k, v in parse_qs(urlsplit(person.shown).query).items()}
    assert (query["code_challenge_method"], len(query["code_challenge"])) == ("S256", 43)
    assert urlsplit(query["redirect_uri"]).hostname == "127.0.0.1"
    assert (query["scope"], query["access_type"]) == ("read trade", "offline")
    sent = server.token_calls[0]
    assert browser.challenge(sent["code_verifier"]) == query["code_challenge"]


def test_a_person_who_says_no_is_told_so(server: OAuthServer, tmp_path: Path) -> None:
    server.browser_says, found, person = "access_denied", declared(tmp_path, server), Person()
    with pytest.raises(Rejected, match="refused the login: access_denied"):
        browser.log_in(a_broker(tmp_path, found).around("acme"), settings(found), show=person, timeout_s=10)
    person.done()
    assert "Not logged in" in person.saw[1]


def test_a_forged_answer_changes_nothing(server: OAuthServer, tmp_path: Path) -> None:
    found = declared(tmp_path, server)

    def attack_then_go(address: str) -> tuple[int, str]:
        back = parse_qs(urlsplit(address).query)["redirect_uri"][0]
        forged = [visit(f"{back}?code=evil&state=guess"), visit(f"{back}?code=evil"), visit(back.rsplit("/", 1)[0])]
        assert [status for status, _ in forged] == [404, 404, 404]
        return visit(address)

    person = Person(attack_then_go)
    browser.log_in(a_broker(tmp_path, found).around("acme"), settings(found), show=person, timeout_s=10)
    person.done()
    assert person.saw[0] == 200
    assert [call["code"] for call in server.token_calls] != ["evil"]


def test_nobody_coming_back_ends_in_time_and_frees_the_port(server: OAuthServer, tmp_path: Path) -> None:
    found, shown = declared(tmp_path, server), list[str]()
    with pytest.raises(Unavailable, match=r"within 0\.2 s"):
        browser.log_in(a_broker(tmp_path, found).around("acme"), settings(found), show=shown.append, timeout_s=0.2)
    back = parse_qs(urlsplit(shown[0]).query)["redirect_uri"][0]
    with pytest.raises(urllib.error.URLError):
        visit(back)


def test_a_taken_port_is_named(server: OAuthServer, tmp_path: Path) -> None:
    found = declared(tmp_path, server, redirect_port=int(server.url.rsplit(":", 1)[1]))
    with pytest.raises(Misconfigured, match="cannot be listened on"):
        browser.log_in(a_broker(tmp_path, found).around("acme"), settings(found), show=print, timeout_s=1)


@given(st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~", min_size=43, max_size=128))
def test_a_challenge_is_43_characters_that_fit_an_address(verifier: str) -> None:
    found = browser.challenge(verifier)
    assert len(found) == 43
    assert set(found) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


def test_the_challenge_is_that_of_the_standard() -> None:
    # RFC 7636, appendix B.
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert browser.challenge(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def on_device(server: OAuthServer, clock: FakeClock, root: Path, answers: list[str]) -> tuple[list[float], Any]:
    """Log in on another device that answers so; return the pauses made, and the outcome or what was raised."""
    server.authority.device_answers = answers
    found, pauses, prompts = declared(root, server), list[float](), list[device.Prompt]()

    def wait(seconds: float) -> None:
        pauses.append(seconds)
        clock.advance(seconds)

    broker = a_broker(root, found, clock=clock)
    try:
        outcome: Any = device.log_in(broker.around("acme"), settings(found), show=prompts.append, wait=wait)
    except (Rejected, Unavailable) as exc:
        outcome = exc
    assert prompts[0].address == "http://127.0.0.1/activate"
    assert prompts[0].code in prompts[0].direct
    return pauses, outcome


def test_a_login_on_another_device_waits_as_it_is_told(server: OAuthServer, clock: FakeClock, tmp_path: Path) -> None:
    pauses, outcome = on_device(server, clock, tmp_path, ["pending", "slow", "pending", "pending", "granted"])
    assert pauses[0] == 1.0
    assert max(pauses) == 6.0
    assert pauses == sorted(pauses)
    assert outcome[0].refresh_token


def test_a_login_denied_on_the_other_device_is_said(server: OAuthServer, clock: FakeClock, tmp_path: Path) -> None:
    _, outcome = on_device(server, clock, tmp_path, ["pending", "denied"])
    assert "denied on the other device" in outcome.message


def test_a_code_nobody_typed_expires(server: OAuthServer, clock: FakeClock, tmp_path: Path) -> None:
    pauses, outcome = on_device(server, clock, tmp_path, [])
    assert "expired" in outcome.message
    assert sum(pauses) <= 210
    assert len(server.token_calls) <= 200


def test_a_provider_that_fails_meanwhile_is_asked_more_slowly(
    server: OAuthServer, clock: FakeClock, tmp_path: Path
) -> None:
    server.faults = [lambda: (503, b"oops", {})] * 3
    pauses, outcome = on_device(server, clock, tmp_path, ["granted"])
    assert pauses == [1.0, 6.0, 11.0, 16.0]
    assert outcome[0].refresh_token


def test_an_access_token_without_a_refresh_token_ends_in_a_login(
    server: OAuthServer, clock: FakeClock, tmp_path: Path
) -> None:
    server.edit = lambda body: {k: v for k, v in body.items() if k != "refresh_token"}
    found, person = declared(tmp_path, server), Person()
    broker = a_broker(tmp_path, found, clock=clock)
    fetched, asked = browser.log_in(broker.around("acme"), settings(found), show=person, timeout_s=10)
    person.done()
    broker.logged_in("acme", fetched, asked, flow="pkce")
    assert broker.lease("acme", who=WHO).secret
    clock.advance(4000)
    with pytest.raises(Rejected, match="gave no refresh token at the last login"):
        broker.lease("acme", who=WHO)
