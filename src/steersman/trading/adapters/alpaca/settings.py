"""`[venue.NAME]` with `kind = "alpaca"`."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Final, Literal
from urllib.parse import SplitResult, urlsplit

from steersman.kernel import references
from steersman.kernel.durations import seconds
from steersman.trading.settings import VenueSettings

LIVE: Final = "https://api.alpaca.markets"
PAPER: Final = "https://paper-api.alpaca.markets"
DATA: Final = "https://data.alpaca.markets"
_LONGEST_S: Final = 60.0
_SHORTEST_S: Final = 0.1


class AlpacaSettings(VenueSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One account at Alpaca.

    Attributes:
        mode: sandbox is the paper account, live is real money.
        key, secret: where the two parts of the API key are: `env:NAME` or `file:PATH`, never the key itself.
        base_url: of the trading API, without `/v2`; empty: Alpaca's own for the mode.
        data_url: of the market data API; empty: Alpaca's own, or no quotes where `base_url` is another one.
        timeout: span for connecting, and again for the answer.
        poll_every: span between two questions for reports.
    """

    kind: str = "alpaca"
    mode: Literal["sandbox", "live"] = "sandbox"
    key: str = "env:APCA_API_KEY_ID"
    secret: str = "env:APCA_API_SECRET_KEY"  # noqa: S105 - a reference, as everything that may stand here
    base_url: str = ""
    data_url: str = ""
    timeout: str = "5s"
    poll_every: str = "1s"

    @property
    def timeout_s(self) -> float:
        return seconds(self.timeout)

    @property
    def poll_every_ns(self) -> int:
        return round(seconds(self.poll_every) * 1e9)

    @property
    def trading_url(self) -> str:
        """Return where orders go, without a slash at the end."""
        return (self.base_url or (LIVE if self.mode == "live" else PAPER)).rstrip("/")

    @property
    def quotes_url(self) -> str:
        """Return where prices come from, without a slash at the end; empty: nowhere."""
        return (self.data_url or ("" if self.base_url else DATA)).rstrip("/")

    def problems(self) -> Iterator[tuple[str, str, str]]:
        for field in ("key", "secret"):
            wrong = references.problem(getattr(self, field))
            if wrong:
                yield field, wrong, references.FIX
        for field in ("timeout", "poll_every"):
            yield from self._bad_span(field)
        for field in ("base_url", "data_url"):
            value = getattr(self, field)
            wrong = _bad_url(value) if value else ""
            if wrong:
                yield field, wrong, f'write {field} = "https://...", or leave it out for Alpaca\'s own'
        yield from self._wrong_account()

    def _bad_span(self, field: str) -> Iterator[tuple[str, str, str]]:
        text = getattr(self, field)
        try:
            found = seconds(text)
        except ValueError as exc:
            yield field, str(exc), f'write e.g. {field} = "1s"'
            return
        if not _SHORTEST_S <= found <= _LONGEST_S:
            yield field, f"found {text}, allowed: 100ms to 60s", f'write e.g. {field} = "1s"'

    def _wrong_account(self) -> Iterator[tuple[str, str, str]]:
        """Refuse an address that belongs to the other mode: a sandbox never reaches real money by a slip."""
        if not self.base_url:
            return
        host = _host(self.base_url)
        if self.mode == "sandbox" and host == _host(LIVE):
            fix = 'leave base_url out; real money needs mode = "live"'
            yield "base_url", f'found the live endpoint {host} with mode = "sandbox"', fix
        if self.mode == "live" and host == _host(PAPER):
            fix = 'leave base_url out, or write mode = "sandbox"'
            yield "base_url", f'found the paper endpoint {host} with mode = "live"', fix


def _split(url: str) -> SplitResult | None:
    try:
        found = urlsplit(url)
        _ = found.port  # a port that is no number is found out here
    except ValueError:
        return None
    return found


def _host(url: str) -> str:
    found = _split(url)
    return (found.hostname or "").rstrip(".") if found else ""


def _bad_url(url: str) -> str:
    """Say what is wrong with an address; empty if nothing is."""
    found = _split(url)
    if found is None or found.scheme not in ("http", "https") or not _host(url):
        return "found no address; allowed: https:// and a host"
    if found.username is not None or found.password is not None:
        return "found a user name or password in the address; allowed: host, port and path"
    if found.query or found.fragment or any(c.isspace() for c in url) or not url.isascii():
        return "found more than host, port and path"
    if found.path.rstrip("/").endswith(("/v2", "/v1")):
        return f"found {url}; the version is not part of it"
    if found.scheme == "http" and not _is_here(_host(url)):
        return f"found {url}; without https the key could be read on the way (allowed only on this machine)"
    return ""


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
