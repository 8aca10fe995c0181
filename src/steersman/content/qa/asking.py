"""One address asked: HEAD, then GET without its body, each redirect looked at before it is followed."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

import msgspec

from steersman.content.deadline import Deadline

if TYPE_CHECKING:
    from httpx2 import Client, Response

TIMEOUT_S: Final = 10.0
_AT_ONCE: Final = 6
_MOST_REDIRECTS: Final = 5
_DEAD: Final = (404, 410)
_NO_HEAD: Final = (400, 403, 404, 405, 406, 410, 500, 501, 503)
# Some sites send every unknown agent away; saying who asks is still better than pretending to be a browser.
_AGENT: Final = "steersman-links/1 (checks the links of a draft)"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """`kind` is fine, dead, unclear or unasked; `says` is the sentence for people."""

    kind: str
    says: str = ""


Resolve = Callable[[str, int], Sequence[str]]


def resolve(host: str, port: int) -> Sequence[str]:
    """Return the IP addresses of `host`.

    Raises:
        OSError: there is no such host, or nobody to ask.
    """
    return [str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Asker:
    """Asks addresses; those of private networks only if it may.

    The name is looked up before each request, and what the request is really connected to is looked at again before
    anything is sent: a name server that changes its mind in between leads nowhere. It sends no cookies and no login,
    and nothing it gets is shown or kept.
    """

    def __init__(
        self, *, allow_private: bool = False, resolve: Resolve = resolve, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._allow_private = allow_private
        self._resolve = resolve
        self._timeout_s = timeout_s

    def ask(self, urls: Sequence[str]) -> dict[str, Answer]:
        """Return the answer for each of `urls`; never raises for what a server does."""
        if not urls:
            return {}
        import httpx2  # start-up time: only --links needs it

        with (
            httpx2.Client(
                timeout=self._timeout_s,
                follow_redirects=False,
                headers={"User-Agent": _AGENT},
                trust_env=False,
                # Each request has a connection of its own: one that is used again would not be looked at again.
                limits=httpx2.Limits(max_keepalive_connections=0),
            ) as client,
            ThreadPoolExecutor(_AT_ONCE) as pool,
        ):
            return dict(zip(urls, pool.map(lambda url: self._one(client, url), urls), strict=True))

    def _one(self, client: Client, url: str) -> Answer:
        import httpx2  # as above

        try:
            return self._follow(client, url)
        except _Inside:
            return _PRIVATE
        except httpx2.TimeoutException:
            return Answer(kind="unclear", says=f"No answer in {self._timeout_s:.0f} s")
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as exc:
            return Answer(kind="unclear", says=f"It could not be asked: {type(exc).__name__}")

    def _follow(self, client: Client, url: str) -> Answer:
        for _ in range(_MOST_REDIRECTS + 1):
            refusal = self._refusal(url)
            if refusal is not None:
                return refusal
            status, location = self._status(client, url)
            if location is None:
                return _judged(status)
            url = urljoin(url, location)
        return Answer(kind="unclear", says=f"More than {_MOST_REDIRECTS} redirects")

    def _refusal(self, url: str) -> Answer | None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return Answer(kind="unasked", says="Not checked: it leads to an address that is not http or https")
        try:
            found = self._resolve(parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))
        except socket.gaierror as exc:
            if exc.errno == socket.EAI_NONAME:
                return Answer(kind="dead", says="There is no such host")
            return Answer(kind="unclear", says="Its host could not be looked up: is there a network?")
        except OSError:
            return Answer(kind="unclear", says="Its host could not be looked up: is there a network?")
        return _PRIVATE if not self._allow_private and not all(_is_global(address) for address in found) else None

    def _status(self, client: Client, url: str) -> tuple[int, str | None]:
        status, location = self._ask(client, "HEAD", url)
        return self._ask(client, "GET", url) if status in _NO_HEAD else (status, location)

    def _ask(self, client: Client, method: str, url: str) -> tuple[int, str | None]:
        with (
            Deadline(2 * self._timeout_s, connected=self._check) as end,
            client.stream(method, url, extensions={"trace": end.watch}) as streamed,
        ):
            return streamed.status_code, _location(streamed)  # the body is never read

    def _check(self, connection: socket.socket) -> None:
        if not self._allow_private and not _is_global(str(connection.getpeername()[0])):
            raise _Inside


class _Inside(Exception):
    """The connection leads into this network."""


_PRIVATE: Final = Answer(kind="unasked", says="Not checked: it is an address of this network (--private-links asks)")


def _is_global(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    # An address of the new kind may hold one of the old kind, of this machine too.
    inner = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (inner or found).is_global and not (inner or found).is_multicast


def _location(response: Response) -> str | None:
    return response.headers.get("location") if response.status_code in (301, 302, 303, 307, 308) else None


def _judged(status: int) -> Answer:
    if status in _DEAD:
        return Answer(kind="dead", says=f"It is gone: the server answers {status}")
    if 200 <= status < 300:
        return Answer(kind="fine")
    return Answer(kind="unclear", says=f"No clear answer: the server says {status}")
