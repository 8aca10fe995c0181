"""`[venue.NAME]` with `kind = "ccxt"`."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Literal
from urllib.parse import urlsplit

from steersman.kernel.durations import seconds
from steersman.kernel.references import FIX as REFERENCE_FIX
from steersman.kernel.references import problem
from steersman.trading.adapters.ccxt.exchanges import EXCHANGES, installed
from steersman.trading.settings import VenueSettings

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_SPANS = (("timeout", 0.1, 60.0, "5s"), ("poll_every", 0.05, 3600.0, "1s"))


class CcxtSettings(VenueSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account at a crypto exchange.

    Attributes:
        exchange: its name in ccxt, e.g. `binance`.
        mode: `sandbox` (the exchange's test service) or `live`.
        base_url: instead of the exchange's address; every request goes there and nowhere else.
        key, secret, password: where the API key is found: `env:NAME` or `file:PATH`, never the secret itself.
        timeout: the longest a call waits; an answer that has begun to arrive is given as long again.
        poll_every: orders are asked for at most this often.
        rate_limit: wait between requests as the exchange asks.
        report_positions: tell what the account holds; false: the account is used by others too, or pays its fees in
            what it trades.
    """

    exchange: str
    mode: Literal["sandbox", "live"] = "sandbox"
    base_url: str | None = None
    key: str | None = None
    secret: str | None = None
    password: str | None = None
    timeout: str = "5s"
    poll_every: str = "1s"
    rate_limit: bool = True
    report_positions: bool = True

    def problems(self) -> Iterator[tuple[str, str, str]]:
        yield from _exchange_problems(self.exchange)
        if self.exchange in EXCHANGES:
            yield from self._sandbox_problems()
            yield from self._credential_problems()
        if self.base_url is not None:
            yield from _url_problems(self.base_url)
        for field, least, most, example in _SPANS:
            yield from _span_problems(field, getattr(self, field), least, most, example)

    def _sandbox_problems(self) -> Iterator[tuple[str, str, str]]:
        if self.mode == "sandbox" and self.base_url is None and not EXCHANGES[self.exchange].sandbox:
            yield (
                "mode",
                f"found sandbox, but {self.exchange} has no test service",
                'give base_url of one of your own, or trade real money with mode = "live"',
            )

    def _credential_problems(self) -> Iterator[tuple[str, str, str]]:
        needed = {"key": True, "secret": True, "password": EXCHANGES[self.exchange].password}
        for field, is_needed in needed.items():
            value: str | None = getattr(self, field)
            if value is not None:
                wrong = problem(value)
                if wrong:
                    yield field, wrong, REFERENCE_FIX
            elif is_needed:
                yield field, f"is missing; {self.exchange} needs it", f'write {field} = "env:NAME" or "file:PATH"'


def _exchange_problems(name: str) -> Iterator[tuple[str, str, str]]:
    if name in EXCHANGES:
        return
    checked = ", ".join(EXCHANGES)
    known = installed()
    if name in known:
        yield (
            "exchange",
            f"found {name!r}: ccxt has it, but how it keeps our order ids was not checked; checked: {checked}",
            "use one of those; adapters/ccxt/README.md says what a new one needs",
        )
        return
    near = difflib.get_close_matches(name.lower(), list(dict.fromkeys([*EXCHANGES, *known])), n=3)
    fix = f"did you mean {' or '.join(near)}?" if near else f'write exchange = "{next(iter(EXCHANGES))}"'
    yield "exchange", f"found {name!r}, no exchange of that name; allowed: {checked}", fix


def _url_problems(url: str) -> Iterator[tuple[str, str, str]]:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if not host or parts.scheme not in ("http", "https") or parts.path.strip("/") or parts.query or parts.username:
        yield (
            "base_url",
            f"found {url!r}, allowed: a scheme and a host, without path, query or user",
            'write e.g. base_url = "https://api.example.com"',
        )
    elif parts.scheme == "http" and host not in _LOOPBACK:
        yield "base_url", f"found {url!r}: keys would travel unprotected", "use https (http only to this machine)"


def _span_problems(field: str, text: str, least: float, most: float, example: str) -> Iterator[tuple[str, str, str]]:
    try:
        span = seconds(text)
    except ValueError as exc:
        yield field, str(exc), f'write e.g. {field} = "{example}"'
        return
    if not least <= span <= most:
        yield field, f"found {text}, allowed: {least:g}s to {most:g}s", f'write {field} = "{example}"'
