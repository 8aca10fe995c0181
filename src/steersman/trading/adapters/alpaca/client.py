"""One request, one answer: nothing here sends twice, follows a redirect or waits without a limit."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from steersman.kernel.errors import Misconfigured, OutcomeUnknown, Unavailable
from steersman.trading.adapters.alpaca import wire

if TYPE_CHECKING:
    import httpx2

_LARGEST_BYTES: Final = 8_000_000
RECONCILE: Final = "steersman reconcile"
_KEYS: Final = "check key and secret, and that they belong to this mode (paper and live have different ones)"


class Answer(msgspec.Struct, frozen=True):
    """What came back, whole."""

    status: int
    body: bytes


class Credentials:
    """The two parts of an API key. Never shown: not in a repr, not in a message."""

    __slots__ = ("_key", "_secret")

    def __init__(self, key: str, secret: str) -> None:
        """Keep them.

        Raises:
            Misconfigured: they cannot be sent as they are (the value is not quoted).
        """
        for name, value in (("key", key), ("secret", secret)):
            if not value.isascii() or not value.isprintable() or " " in value:
                raise Misconfigured(
                    f"alpaca: the {name} has characters that no API key has (spaces, line ends or others)",
                    fix="put the key alone into the variable or file",
                )
        self._key, self._secret = key, secret

    def __repr__(self) -> str:
        return "Credentials(***)"

    def headers(self) -> dict[str, str]:
        return {"APCA-API-KEY-ID": self._key, "APCA-API-SECRET-KEY": self._secret}

    def without(self, body: bytes) -> bytes:
        """Return `body` with both blacked out, should the other side have echoed them."""
        return body.replace(self._secret.encode(), b"***").replace(self._key.encode(), b"***")


class Client:
    """Talks to one address. Connects at the first request; `timeout_s` is for connecting, and again for the answer."""

    def __init__(self, url: str, credentials: Credentials, *, timeout_s: float) -> None:
        self._url = url
        self._credentials = credentials
        self._timeout_s = timeout_s
        self._until = 0.0
        self._open: httpx2.Client | None = None

    def __repr__(self) -> str:
        return f"Client({self._url})"

    def begin(self) -> None:
        """Start the clock of one question that may take several requests: together they get one timeout."""
        self._until = time.monotonic() + self._timeout_s

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """Ask.

        Raises:
            Unavailable: no answer, or one that says nothing (anything but 200 and 404).
        """
        import httpx2  # heavy: see `_connected`

        left = self._until - time.monotonic()
        if left <= 0:
            raise self._silent(f"GET {path}", f"not all answers came within {self._timeout_s:g} s")
        try:
            answer = self._send("GET", path, params=params, timeout_s=left)
        except httpx2.HTTPError as exc:
            raise self._silent(f"GET {path}", f"{type(exc).__name__} {exc}") from exc
        if answer.status not in (200, 404):
            raise self.refused(f"GET {path}", answer)
        return answer

    def change(self, method: str, path: str, content: bytes | None = None) -> Answer:
        """Send what takes effect, once. Any answer is returned, whatever its status.

        Raises:
            Unavailable: certainly not sent: there was no connection.
            OutcomeUnknown: it may have taken effect: no (whole) answer came.
        """
        import httpx2  # heavy: see `_connected`

        try:
            return self._send(method, path, content=content, timeout_s=self._timeout_s)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol) as exc:
            raise Unavailable(
                f"alpaca: {method} {path}: not sent: {type(exc).__name__} {exc}",
                fix=f"check the connection to {self._url}",
            ) from exc
        except httpx2.HTTPError as exc:
            raise self.unknown(f"{method} {path}", f"{type(exc).__name__} {exc}") from exc

    def refused(self, what: str, answer: Answer) -> Unavailable:
        """Return the error for an answer that is none."""
        fix = {
            401: _KEYS,
            403: _KEYS,
            404: "check base_url",
            429: "nothing was done; write a longer poll_every if it stays",
        }.get(answer.status, "asked again by itself; see Alpaca's status page if it stays")
        return Unavailable(self.said(what, answer), fix=fix)

    def unknown(self, what: str, problem: str) -> OutcomeUnknown:
        """Return the error for a request that may have taken effect."""
        return OutcomeUnknown(f"alpaca: {what}: {problem}; it may have taken effect", fix=RECONCILE)

    def said(self, what: str, answer: Answer) -> str:
        """Return what was answered, readable."""
        return f"alpaca: {what}: answered {answer.status}: {wire.shown(answer.body)}"

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    def _silent(self, what: str, problem: str) -> Unavailable:
        return Unavailable(
            f"alpaca: {what}: {problem}",
            fix=f"asked again by itself; check the connection to {self._url}",
        )

    def _send(
        self,
        method: str,
        path: str,
        *,
        timeout_s: float,
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Answer:
        import httpx2  # heavy: see `_connected`

        until = time.monotonic() + self._timeout_s + timeout_s
        headers = {"Content-Type": "application/json"} if content is not None else {}
        with self._connected().stream(
            method,
            f"{self._url}{path}",
            params=dict(params or {}),
            content=content,
            headers=headers,
            timeout=httpx2.Timeout(timeout_s),
        ) as response:
            parts, size = [], 0
            for part in response.iter_bytes():
                size += len(part)
                # A timeout is for one wait; a body that drips would get a new one with every drop.
                if size > _LARGEST_BYTES or time.monotonic() > until:
                    raise httpx2.ReadTimeout(f"the answer is too long or too slow ({size} bytes so far)")
                parts.append(part)
            return Answer(response.status_code, self._credentials.without(b"".join(parts)))

    def _connected(self) -> httpx2.Client:
        if self._open is None:
            # Heavy, and an extra: whoever trades on paper pays for neither.
            import httpx2

            self._open = httpx2.Client(
                headers={**self._credentials.headers(), "User-Agent": "steersman", "Accept": "application/json"},
                transport=httpx2.HTTPTransport(retries=0, trust_env=False),
                follow_redirects=False,
                # No proxy, no .netrc, nothing the environment could put between an order and the exchange.
                trust_env=False,
            )
        return self._open
