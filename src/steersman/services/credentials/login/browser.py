"""The browser flow: authorization code with PKCE (RFC 7636, S256) and a loopback address (RFC 8252 section 7.3)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.server
import secrets
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec

from steersman.kernel.clock import Clock
from steersman.kernel.errors import Misconfigured, Rejected, Unavailable
from steersman.services.credentials.instant import Instant, instant
from steersman.services.credentials.oauth2 import TokenEndpoint
from steersman.services.credentials.provider import Fetched, NoAnswer, Refused, Surroundings
from steersman.services.credentials.providers.oauth2_code import OAuth2CodeSettings

_HOST: Final = "127.0.0.1"
_LOOK_S: Final = 0.25
_SILENT_S: Final = 5.0
_PAGE: Final = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Steersman</title>
<style>
body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem}}
body{{color:#1a1a1a;background:#fff}}
@media(prefers-color-scheme:dark){{body{{color:#eee;background:#161616}}}}
</style>
<h1>{title}</h1><p>{text}</p></html>
"""


class _Came(msgspec.Struct, frozen=True, kw_only=True):
    """What the browser brought back: a code, or the provider's error code."""

    code: str = ""
    error: str = ""

    def __repr__(self) -> str:
        return f"_Came(error={self.error!r})"


def log_in(
    around: Surroundings,
    settings: OAuth2CodeSettings,
    *,
    show: Callable[[str], None],
    timeout_s: float,
) -> tuple[Fetched, Instant]:
    """Return the tokens of a login in a browser on this machine, and when the provider was asked for them.

    Args:
        show: is given the address to open; prints it, opens a browser, or both.
        timeout_s: how long the person may take.

    Raises:
        Misconfigured: there is no authorize_url, or the port of the redirect address is taken.
        Rejected: the person or the provider said no.
        Unavailable: nobody came back in time, or the provider does not answer.
    """
    if not settings.authorize_url:
        raise Misconfigured(f"{around.name} has no authorize_url", fix="add it to steersman.toml, or use --device")
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64)
    with _listening(settings, state) as server:
        redirect = f"http://{_HOST}:{server.server_port}{settings.redirect_path}"
        show(_address(settings, redirect, state, verifier))
        came = server.wait(around.clock, timeout_s)
    if came is None:
        raise Unavailable(
            f"nobody came back from the browser within {timeout_s:g} s", fix=f"steersman auth login {around.name}"
        )
    if came.error:
        raise Rejected(f"{around.name} refused the login: {came.error}", fix=f"steersman auth login {around.name}")
    return _exchange(around, settings, came.code, redirect, verifier)


def _exchange(
    around: Surroundings, settings: OAuth2CodeSettings, code: str, redirect: str, verifier: str
) -> tuple[Fetched, Instant]:
    grant = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect, "code_verifier": verifier}
    asked = instant(around.clock)
    try:
        return TokenEndpoint(around, settings).ask(grant), asked
    except Refused as exc:
        raise Rejected(exc.message, fix=exc.fix) from None
    except NoAnswer as exc:
        # A code is good once: whether it was used nobody knows, so the person starts again.
        raise Unavailable(exc.message, fix=f"steersman auth login {around.name}") from None


def challenge(verifier: str) -> str:
    """Return the S256 code challenge of a verifier (RFC 7636 section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _address(settings: OAuth2CodeSettings, redirect: str, state: str, verifier: str) -> str:
    query = {
        **settings.authorize_params,
        "response_type": "code",
        "client_id": settings.client_id,
        "redirect_uri": redirect,
        "state": state,
        "code_challenge": challenge(verifier),
        "code_challenge_method": "S256",
    }
    if settings.scopes:
        query["scope"] = " ".join(settings.scopes)
    if settings.audience:
        query["audience"] = settings.audience
    joined = "&" if urlsplit(settings.authorize_url).query else "?"
    return f"{settings.authorize_url}{joined}{urlencode(query)}"


class _Server(http.server.HTTPServer):
    """Waits for one answer with the right state; everything else is turned away and changes nothing."""

    # Whoever else listens on the port must not share it.
    allow_reuse_address = False

    def __init__(self, port: int, path: str, state: str) -> None:
        super().__init__((_HOST, port), _Handler)
        self.path, self.state = path, state
        self.came: _Came | None = None
        self.timeout = _LOOK_S

    def wait(self, clock: Clock, timeout_s: float) -> _Came | None:
        until = clock.elapsed_ns() + int(timeout_s * 1e9)
        while self.came is None and clock.elapsed_ns() < until:
            self.handle_request()
        return self.came

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a broken request of a stranger is no news, and a traceback may show the code."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server
    server_version = "steersman"
    sys_version = ""
    timeout = _SILENT_S

    def do_GET(self) -> None:
        found = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(found.query).items()}
        if found.path != self.server.path or not hmac.compare_digest(
            query.get("state", "").encode(), self.server.state.encode()
        ):
            self._answer(404, "Not this page", "This address belongs to a login that was started in a terminal.")
        elif query.get("code"):
            self._answer(200, "Logged in", "You can close this page. The terminal goes on.")
            self.server.came = _Came(code=query["code"])
        else:
            self._answer(200, "Not logged in", "The provider said no. The terminal says more.")
            said = query.get("error", "")
            self.server.came = _Came(error=said if said.isascii() and said.isprintable() and said else "no code")

    def _answer(self, status: int, title: str, text: str) -> None:
        body = _PAGE.format(title=title, text=text).encode()
        self.send_response(status)
        for name, value in (
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            # The code stands in this page's address: it goes nowhere from here.
            ("Referrer-Policy", "no-referrer"),
            ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),
            ("Connection", "close"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the request line holds the code."""


def _listening(settings: OAuth2CodeSettings, state: str) -> _Server:
    try:
        return _Server(settings.redirect_port, settings.redirect_path, state)
    except OSError as exc:
        raise Misconfigured(
            f"port {settings.redirect_port} of {_HOST} cannot be listened on: {exc.strerror}",
            fix="end what uses it, or write redirect_port = 0 if the provider allows any port",
        ) from exc
