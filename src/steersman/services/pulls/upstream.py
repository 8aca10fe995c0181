"""One request to the other side, believed in nothing: every size, wait and hop has an end."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

import msgspec

from steersman.kernel.clock import Clock
from steersman.services.pulls.settings import check_address

if TYPE_CHECKING:
    import httpx2

_HOPS: Final = 5
_CHUNK: Final = 1 << 16
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_LATER: Final = (408, 425, 429, 500, 502, 503, 504)


class Failed(Exception):
    """Upstream gave nothing of use.

    Attributes:
        problem: in words of ours, without what it sent.
        again: whether the same request may succeed in a moment; `retry_after_s` is what upstream asked for.
        received: bytes over the wire.
    """

    def __init__(
        self,
        problem: str,
        *,
        status: int | None = None,
        again: bool,
        retry_after_s: float | None = None,
        received: int = 0,
    ) -> None:
        super().__init__(problem)
        self.problem, self.status, self.again = problem, status, again
        self.retry_after_s, self.received = retry_after_s, received


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent. `headers` may carry a login: never shown."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes
    timeout_s: float
    max_bytes: int

    def __repr__(self) -> str:
        return f"Question({self.method})"


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A 200 (the body lies in the file that was named) or a 304; headers in small letters."""

    status: int
    headers: dict[str, str]
    received: int
    size_bytes: int
    content_hash: str


class Upstream:
    """Asks over HTTPS (HTTP on this machine). Thread safe; one pool of connections."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._open: httpx2.Client | None = None

    def ask(self, question: Question, into: Path) -> Reply:
        """Send `question` once, follow redirects on the same host, and write the decoded body to `into`.

        Raises:
            Failed: anything else than a whole 200 or a 304 within the bounds.
        """
        import httpx2  # start-up time: only who asks upstream needs it

        until = self._clock.elapsed_ns() + int(question.timeout_s * 1e9)
        url = question.url
        try:
            for _ in range(_HOPS):
                answer = self._hop(question, url, into, until)
                if isinstance(answer, Reply):
                    return answer
                url = answer
        except UnicodeError as exc:
            # Of a parameter or a reference: what it says would quote the value.
            raise Failed("a header has characters that no header has", again=False) from exc
        except (httpx2.HTTPError, httpx2.InvalidURL) as exc:
            # The kind says enough; the words of the library may quote the address with its query.
            raise Failed(
                f"{_in_words(exc)} ({type(exc).__name__})", again=not isinstance(exc, httpx2.InvalidURL)
            ) from exc
        raise Failed(f"more than {_HOPS - 1} redirects", again=False)

    def prepare(self) -> None:
        """Load what asking needs, which may take a while: before a call's turn has come, not after."""
        self._client()

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            if self._open is not None:
                self._open.close()
                self._open = None

    def _hop(self, question: Question, url: str, into: Path, until: int) -> Reply | str:
        """Return the reply, or the address to go on to."""
        import httpx2  # start-up time: only who asks upstream needs it

        left_s = max(0.001, (until - self._clock.elapsed_ns()) / 1e9)
        headers = {**question.headers, "Accept-Encoding": "gzip"}
        sent = self._client().stream(
            question.method, url, headers=headers, content=question.body or None, timeout=httpx2.Timeout(left_s)
        )
        with sent as response:
            found = {name.lower(): value for name, value in response.headers.items()}
            if response.status_code in _REDIRECTS:
                return _next(url, found.get("location", ""), question)
            if response.status_code == 304:
                if self._clock.elapsed_ns() > until:  # a machine that slept meanwhile finds it there, hours old
                    raise Failed(f"no answer within {question.timeout_s:g} s", again=True)
                return Reply(status=304, headers=found, received=0, size_bytes=0, content_hash="")
            if response.status_code != 200:
                raise self._refused(response.status_code, found)
            return self._body(question, response, found, into, until)

    def _refused(self, status: int, headers: Mapping[str, str]) -> Failed:
        again = status in _LATER
        wait = retry_after_s(headers.get("retry-after", ""), self._clock.now_ns()) if again else None
        return Failed(f"answered {status}", status=status, again=again, retry_after_s=wait)

    def _body(
        self, question: Question, response: httpx2.Response, headers: dict[str, str], into: Path, until: int
    ) -> Reply:
        digest, size, received = hashlib.sha256(), 0, 0
        with into.open("wb") as file:
            # As it comes: with a size, pieces would be held back until they are full, and the clock not looked at.
            for part in _decoded(response.iter_raw(), headers.get("content-encoding", "")):
                size += len(part)
                received = response.num_bytes_downloaded
                # A timeout is for one wait; a body that drips would get a new one with every drop.
                if self._clock.elapsed_ns() > until:
                    raise Failed(f"not all came within {question.timeout_s:g} s", again=True, received=received)
                if size > question.max_bytes:
                    raise Failed(
                        f"more than {question.max_bytes:,} bytes came (max_bytes)", again=False, received=received
                    )
                digest.update(part)
                file.write(part)
        return Reply(
            status=200,
            headers=headers,
            received=response.num_bytes_downloaded,
            size_bytes=size,
            content_hash=digest.hexdigest(),
        )

    def _client(self) -> httpx2.Client:
        import httpx2  # start-up time: only who asks upstream needs it

        with self._lock:
            if self._open is None:
                self._open = httpx2.Client(
                    headers={"User-Agent": "steersman"},
                    transport=httpx2.HTTPTransport(retries=0, trust_env=False),
                    follow_redirects=False,
                    # No .netrc: a login comes from the broker or not at all.
                    trust_env=False,
                )
            return self._open


def _in_words(exc: Exception) -> str:
    import httpx2  # start-up time: only who asks upstream needs it

    kinds = ((httpx2.ConnectError, "no connection"), (httpx2.TimeoutException, "no answer in time"))
    return next((words for kind, words in kinds if isinstance(exc, kind)), "no whole answer")


def _next(url: str, location: str, question: Question) -> str:
    """Return where a redirect leads, if that is the same host: a login must not travel elsewhere."""
    there = ""
    try:
        there = urljoin(url, location)
        same = urlsplit(there)[:2] == urlsplit(url)[:2]
    except ValueError:
        same = False
    if not location or not same or check_address(there):
        raise Failed("redirects to another host or scheme; write that address if it is meant", again=False)
    if question.method != "GET":
        raise Failed("redirects a POST; write the address it leads to", again=False)
    return there


def _decoded(parts: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Yield the body in pieces of bounded size, whatever it was packed into."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        yield from parts
    elif encoding in ("gzip", "x-gzip"):
        yield from _gunzipped(parts)
    else:
        raise Failed(f"came as {encoding[:20]!r}, which was not asked for; allowed: gzip or plain", again=False)


def _gunzipped(parts: Iterator[bytes]) -> Iterator[bytes]:
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        for part in parts:
            rest = part
            while rest:
                if unpack.eof:  # a gzip file may consist of several, one after the other
                    unpack = zlib.decompressobj(zlib.MAX_WBITS | 16)
                yield unpack.decompress(rest, _CHUNK)
                rest = unpack.unconsumed_tail or unpack.unused_data
            while not unpack.eof and (more := unpack.decompress(b"", _CHUNK)):
                yield more
    except zlib.error as exc:
        raise Failed("the gzip data is damaged", again=True) from exc
    if not unpack.eof:
        raise Failed("the gzip data is cut short", again=True)


def retry_after_s(text: str, now_ns: int) -> float | None:
    """Return the seconds of a Retry-After header (RFC 9110 section 10.2.3), an hour at most; None if there is none."""
    text = text.strip()
    if text.isascii() and text.isdecimal():
        return min(float(text), 3600.0)
    from email.utils import parsedate_to_datetime  # only an answer that says "later" with a date needs it

    with contextlib.suppress(ValueError, OverflowError):
        return min(max(parsedate_to_datetime(text).timestamp() - now_ns / 1e9, 0.0), 3600.0)
    return None
