"""The only way out to an exchange: what ccxt wants sent passes here, once, and what came of it is known exactly.

ccxt folds "never sent" and "sent, no answer" into the same errors. Here they differ, because an order may be given up
after the first and never after the second.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests import exceptions as failed
from urllib3.exceptions import HTTPError as BrokenBody
from urllib3.exceptions import NewConnectionError

from steersman.kernel.clock import Clock, SystemClock
from steersman.kernel.errors import Misconfigured, OutcomeUnknown, SteersmanError, Unavailable

RECONCILE: Final = "run `steersman reconcile`: the order may be there"
_LARGEST_BYTES: Final = 64 * 2**20
_CHUNK_BYTES: Final = 65_536
_WAIT_S: Final = 10.0
"""How long to stay away when an exchange asks us to, but does not say for how long."""


def address(url: str) -> str:
    """Return scheme, host and port: what decides where a request ends up."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{parts.hostname}:{port}"


class _Unfinished(failed.ReadTimeout):
    """An answer that goes on and on, one byte at a time."""


class Wire:
    """Stands in for the `requests.Session` that ccxt would make. One thread.

    Attributes:
        status: of the last answer that was let through to ccxt since `begin`; None: none was.
        changes: the call that began asks for something to be done.
        sent: a request for that left since `begin`.
        told: the JSON of the last answer that was let through since `begin`.
    """

    def __init__(self, *, name: str, clock: Clock, timeout_s: float, secrets: Sequence[str] = ()) -> None:
        self._name = name
        self._secrets = tuple(secret for secret in secrets if secret)
        self._clock = clock
        self._watch = SystemClock()  # sockets wait in real time, whatever clock the desk lives by
        self._timeout_s = timeout_s
        self._allowed: frozenset[str] = frozenset()
        self._header: tuple[str, str] | None = None
        self._until_ns: int | None = None
        self._away_until_ns = 0
        self.changes = False
        self._made: set[str] = set()
        self.status: int | None = None
        self.sent = False
        self.told: Any = None
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy and no .netrc that only the environment knows of
        # What ccxt touches on a session besides `request`:
        self.headers: dict[str, str] = {}
        self.cookies = self._session.cookies

    def allow(self, urls: Iterator[str], header: tuple[str, str] | None) -> None:
        """Let requests go to the addresses of `urls` only, and only with `header` if there is one."""
        self._allowed = frozenset(address(url) for url in urls)
        self._header = header

    @contextmanager
    def within(self) -> Iterator[None]:
        """Bound all requests within together by the timeout."""
        self._until_ns = self._watch.elapsed_ns() + round(self._timeout_s * 1e9)
        try:
            yield
        finally:
            self._until_ns = None

    def begin(self, *, changes: bool) -> None:
        """Begin one call of ccxt; with `changes` it asks for something to be done, which must not happen twice."""
        self.changes = changes
        self.status, self.sent, self.told = None, False, None
        self._made.clear()

    def close(self) -> None:
        self._session.close()

    def request(self, method: str, url: str, **given: Any) -> requests.Response:
        """Send one request, without following redirects, and return an answer of JSON with a status below 500.

        Raises:
            Unavailable: certainly not taken.
            OutcomeUnknown: it changes something, and may have been taken.
            Misconfigured: it would have gone somewhere it must not.
        """
        self._check(method, url, given.get("headers") or {})
        # Some exchanges ask questions with POST too: what a request is for decides, not its method.
        changes = self.changes and method != "GET"
        self.status = None
        self.sent = self.sent or changes
        try:
            answer = self._session.request(
                method,
                url,
                data=given.get("data"),
                headers=given.get("headers"),
                timeout=self._left_s(),
                allow_redirects=False,
                stream=True,
            )
            with answer:
                body = self._body(answer)
        except (failed.RequestException, BrokenBody, OSError) as exc:
            raise self._lost(exc, changes=changes) from exc
        self.told = self._judge(answer, body, changes=changes)
        self.status = answer.status_code
        return _again(answer, body)

    def _check(self, method: str, url: str, headers: dict[str, str]) -> None:
        if address(url) not in self._allowed:
            raise Misconfigured(
                f"{self._name}: a request to {address(url)} was held back; allowed: {', '.join(sorted(self._allowed))}",
                fix="this is a fault of the adapter or of ccxt: report it",
            )
        if self._header is not None and str(headers.get(self._header[0])) != self._header[1]:
            raise Misconfigured(
                f"{self._name}: a request without {self._header[0]} would reach the live account, and was held back",
                fix="this is a fault of the adapter or of ccxt: report it",
            )
        wait_s = (self._away_until_ns - self._clock.elapsed_ns()) / 1e9
        if wait_s > 0:
            raise Unavailable(
                f"{self._name} asked to be left alone for {wait_s:.0f} s more", fix="wait; ask less often (poll_every)"
            )
        self._once(method, url)

    def _once(self, method: str, url: str) -> None:
        if not self.changes or method == "GET":
            return
        path = urlsplit(url).path
        if path in self._made:
            raise OutcomeUnknown(f"{self._name}: {method} {path} was to be sent again by itself", fix=RECONCILE)
        self._made.add(path)

    def _left_s(self) -> float:
        """Return what is left of the time of this call."""
        if self._until_ns is None:
            return self._timeout_s
        left = min((self._until_ns - self._watch.elapsed_ns()) / 1e9, self._timeout_s)
        if left <= 0:
            raise Unavailable(
                f"{self._name}: {self._timeout_s:g} s were over before everything was asked", fix="raise timeout"
            )
        return left

    def _body(self, answer: requests.Response) -> bytes:
        """Return the body, read with an eye on the clock: a socket timeout starts again with every byte."""
        parts, size = [], 0
        # Not from the start of the call: an answer on its way has waited long enough to be read.
        until_ns = self._watch.elapsed_ns() + round(self._timeout_s * 1e9)
        while part := answer.raw.read1(_CHUNK_BYTES, decode_content=True):
            parts.append(part)
            size += len(part)
            if size > _LARGEST_BYTES:
                raise failed.ContentDecodingError(f"more than {_LARGEST_BYTES} bytes")
            if self._watch.elapsed_ns() > until_ns:
                raise _Unfinished(f"{size} bytes")
        return b"".join(parts)

    def _lost(self, exc: Exception, *, changes: bool) -> SteersmanError:
        if isinstance(exc, failed.ConnectTimeout) or _refused(exc):
            return Unavailable(f"{self._name} cannot be reached: nothing was sent", fix="check the network; try again")
        if isinstance(exc, _Unfinished):
            return self._unsure(f"did not finish its answer within {self._timeout_s:g} s", changes=changes)
        if isinstance(exc, failed.Timeout):
            return self._unsure(f"did not answer within {self._timeout_s:g} s", changes=changes)
        return self._unsure(f"broke off the connection ({type(exc).__name__})", changes=changes)

    def _unsure(self, what: str, *, changes: bool) -> SteersmanError:
        if changes:
            return OutcomeUnknown(f"{self._name} {what}", fix=RECONCILE)
        return Unavailable(f"{self._name} {what}", fix="try again; its status page may say more")

    def clean(self, text: str) -> str:
        """Return the first 200 characters of what was found, on one line and without our secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return " ".join(text[:200].split())

    def _judge(self, answer: requests.Response, body: bytes, *, changes: bool) -> Any:
        """Return the JSON of an answer that ccxt may read; raise for any other."""
        status = answer.status_code
        if status in (418, 429):
            wait_s = _seconds(answer.headers.get("Retry-After"))
            self._away_until_ns = self._clock.elapsed_ns() + round(wait_s * 1e9)
            raise Unavailable(
                f"{self._name} answered {status}: too many requests; nothing was taken",
                fix=f"wait {wait_s:g} s; ask less often (poll_every)",
            )
        found = self.clean(body[:10_000].decode(errors="replace"))
        if status >= 500 or 300 <= status < 400:
            raise self._unsure(f"answered {status}: {found or 'nothing'}", changes=changes)
        told = _json(body)
        if told is None:
            raise self._unsure(f"answered {status} with something unreadable: {found or 'nothing'}", changes=changes)
        return told


def _refused(exc: Exception) -> bool:
    """Say whether no connection was made: refused, no route, no such host."""
    reason = getattr(exc.args[0], "reason", None) if exc.args else None
    return isinstance(reason, NewConnectionError)


def _seconds(text: str | None) -> float:
    """Return what Retry-After asks for, if it does so in seconds."""
    with suppress(TypeError, ValueError):
        return min(max(float(text or ""), 0.0), 3600.0)
    return _WAIT_S


def _json(body: bytes) -> Any:
    """Return the object or list that `body` is; None if it is neither."""
    with suppress(ValueError, RecursionError):
        told = decode(body.decode())
        return told if isinstance(told, dict | list) else None
    return None


def decode(text: str) -> Any:
    """Return the JSON of `text` with every number as the text it was written as: no float ever exists.

    Raises:
        ValueError: it is no JSON; `NaN` and `Infinity` are none.
    """
    return json.loads(text, parse_float=str, parse_int=str, parse_constant=_no_constant)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


def _again(answer: requests.Response, body: bytes) -> requests.Response:
    """Return the answer with a body that was read already."""
    copy = requests.Response()
    copy.status_code, copy.reason, copy.url = answer.status_code, answer.reason, answer.url
    copy.headers = answer.headers
    copy.raw = io.BytesIO(body)
    return copy
