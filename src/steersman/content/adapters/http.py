"""One request, one answer: nothing here sends twice, follows a redirect, or waits without a limit."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from steersman.content.deadline import Deadline
from steersman.kernel.clock import to_ns
from steersman.kernel.errors import Misconfigured, OutcomeUnknown, Rejected, SteersmanError, Unavailable

if TYPE_CHECKING:
    import ssl

    import httpx2

_LARGEST_BYTES: Final = 32_000_000
_SLOWEST_BYTES_S: Final = 16_384
"""How slow a line may take what is sent: a picture of 5 MB gets five minutes more."""
_LONGEST_MESSAGE: Final = 200
_LONGEST_READ: Final = 2000
_QUOTE_WORDS: Final = 3
"""How many words in a row make a quotation: fewer are also the platform's own."""
_WORD: Final = re.compile(r"\w+")
_SEE_OTHER: Final = 303
DOUBT: Final = "; it may have taken effect"
"""How a message ends when nobody knows."""
_RESETS: Final = ("ratelimit-reset", "x-ratelimit-reset")


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back, whole; header names in small letters. `login` and `sent` are what was asked with: never shown."""

    what: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    login: str = ""
    sent: bytes = b""

    @property
    def is_json(self) -> bool:
        with contextlib.suppress(ValueError, RecursionError):
            json.loads(self.body)
            return True
        return False

    def json(self) -> Any:
        """Return the decoded body.

        Raises:
            Unavailable: it is no JSON: something else than the platform's API answered.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as exc:
            kind = self.headers.get("content-type", "no type").partition(";")[0][:40]
            raise Unavailable(
                f"{self.what}: answered {self.status} with {kind} instead of JSON",
                fix="check the address; a login page, a firewall or maintenance may have answered in its place",
            ) from exc

    @property
    def sent_at(self) -> int | None:
        """Return when it was sent by the other side's clock, ns since 1970 UTC."""
        return _instant(self.headers.get("date", ""))

    @property
    def retry_after_s(self) -> float | None:
        """Return when to come back: `Retry-After` (RFC 9110 section 10.2.3), or the reset of a rate limit."""
        text = self.headers.get("retry-after", "").strip()
        if text.isdecimal() and len(text) < 10:
            return float(text)
        for at in (_instant(text), *(_instant(self.headers.get(name, "")) for name in _RESETS)):
            if at is not None and self.sent_at is not None:
                return max((at - self.sent_at) / 1e9, 0.0)
        return None


class Http:
    """Talks to one address as one user. No connection is kept between requests: a stale one would leave doubts."""

    def __init__(self, base_url: str, *, name: str, authorization: str, secret: str, timeout_s: float) -> None:
        """Set up; nothing is sent.

        Args:
            base_url: what paths are put behind.
            name: of the platform, for messages.
            authorization: the header's whole value; empty: none, or one with each request.
            secret: the part of it that must never be shown.
            timeout_s: for connecting, and again for the whole answer.
        """
        self._base_url = base_url
        self._name = name
        self._authorization = authorization
        self._secret = secret
        self._timeout_s = timeout_s
        self._open: httpx2.Client | None = None

    def __repr__(self) -> str:
        return f"Http({self._base_url})"

    def ask(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        judged: Collection[int] = (),
    ) -> Answer:
        """Read. Answers other than 200 are returned where they mean something: 2xx, 400, 404, 410, 422 and `judged`.

        Raises:
            Unavailable: no answer, or "later".
            Misconfigured: it will not answer us.
        """
        import httpx2  # start-up time: only what goes out needs it

        what = f"{self._name}: GET {_short(path)}"
        try:
            answer = self._send("GET", path, what=what, params=params, headers=headers)
        except httpx2.HTTPError as exc:
            raise self._silent(what, exc) from exc
        if answer.status not in judged:
            self._check(answer)
        if answer.status >= 500 or answer.status == 408:
            raise self.unavailable(answer)
        return answer

    def change(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: object | None = None,
        files: Mapping[str, tuple[str, bytes, str]] | None = None,
        data: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        judged: Collection[int] = (),
        nos: Collection[str] = (),
    ) -> Answer:
        """Send what takes effect, once. Answers from 200 to 499 that say what became of it are returned.

        Args:
            judged: statuses the caller makes something of, which would be an error otherwise (a token that ran out).
            nos: the platform's words (`code` or `error`) for a plain no that it answers with a server's status.

        Raises:
            Unavailable: certainly without effect: no connection, or "later".
            OutcomeUnknown: it may have taken effect: no whole answer, a server's error, or no JSON.
            Misconfigured: refused for who we are, or sent on to another address: without effect.
        """
        import httpx2  # as above

        what = f"{self._name}: {method} {_short(path)}"
        sent: dict[str, Any] = {"params": params, "files": files, "data": data, "content": content, "headers": headers}
        sent |= {} if json is None else {"json": json}
        try:
            answer = self._send(method, path, what=what, **sent)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol) as exc:
            raise self._silent(what, exc) from exc
        except httpx2.HTTPError as exc:
            raise self.unknown(what, f"no whole answer came ({type(exc).__name__})") from exc
        if answer.status == _SEE_OTHER:
            raise self.unknown(what, f"answered {answer.status} (see another address), as after something was done")
        if answer.status not in judged:
            self._check(answer)
        # A gateway says 408 or 5xx when it has waited long enough, whatever is still going on behind it.
        if (answer.status >= 500 or answer.status == 408) and not _is_no(answer, nos):
            raise self.unknown(what, f"answered {answer.status}{self.said(answer)}")
        if answer.status < 300 and not answer.is_json:
            raise self.unknown(what, f"answered {answer.status} without JSON")
        return answer

    def unknown(self, what: str, problem: str) -> OutcomeUnknown:
        """Return the error for a request that may have taken effect."""
        return OutcomeUnknown(f"{what}: {problem}{DOUBT}", fix="it is looked up before anything else")

    def unavailable(self, answer: Answer) -> Unavailable:
        """Return the error for an answer that says "later"."""
        return Unavailable(
            f"{answer.what}: answered {answer.status}{self.said(answer)}",
            fix="tried again by itself; see the platform's status page if it stays",
            retry_after_s=answer.retry_after_s,
        )

    def rejected(self, answer: Answer, fix: str = "change the draft or the channel's settings") -> Rejected:
        """Return the error for an answer that will stay the same."""
        return Rejected(f"{answer.what}: answered {answer.status}{self.said(answer)}", fix=fix)

    def said(self, answer: Answer) -> str:
        """Return the platform's own words in one short line, or nothing if there are none.

        Never the secret, nor the login made of it, nor words of the draft: a platform may repeat what it did not like.
        """
        with contextlib.suppress(SteersmanError, AttributeError):
            told = answer.json()
            words = [str(told[name]) for name in ("code", "error", "message") if isinstance(told.get(name), str)]
            line = " ".join(" ".join(words)[:_LONGEST_READ].split())
            for secret in (self._secret, answer.login.rpartition(" ")[2]):
                line = line.replace(secret, "***") if secret else line
            line = _without_quotes(line, answer.sent)
            shown = "".join(c for c in line if c.isprintable())[:_LONGEST_MESSAGE]
            return f": {shown}" if shown else ""
        return ""

    def _check(self, answer: Answer) -> None:
        """Raise for answers that mean the same whatever was asked."""
        if 300 <= answer.status < 400:
            target = answer.headers.get("location", "nowhere")[:200].partition("?")[0]
            raise Misconfigured(
                f"{answer.what}: sent on to {target} ({answer.status})",
                fix="write the final address into steersman.toml",
            )
        if answer.status in (401, 403):
            raise Misconfigured(
                f"{answer.what}: refused ({answer.status}){self.said(answer)}",
                fix="check the login and what it is allowed to do",
            )
        if answer.status in (425, 429):
            raise self.unavailable(answer)

    def _silent(self, what: str, exc: Exception) -> Unavailable:
        return Unavailable(
            f"{what}: no answer ({type(exc).__name__}{f': {exc}' if str(exc) else ''})",
            fix=f"tried again by itself; check the connection to {self._base_url.partition('?')[0]}",
        )

    def _send(self, method: str, path: str, *, what: str, **sent: Any) -> Answer:
        client = self._client()
        request = client.build_request(method, f"{self._base_url}{path}", **sent)
        with Deadline(2 * self._timeout_s + int(request.headers.get("content-length", 0)) / _SLOWEST_BYTES_S) as end:
            request.extensions["trace"] = end.watch
            response = client.send(request, stream=True)
            try:
                body = b"".join(self._parts(response))
            finally:
                response.close()
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(
            what=what,
            status=response.status_code,
            headers=headers,
            body=body,
            login=request.headers.get("authorization", ""),
            sent=b"" if sent.get("files") else request.content,
        )

    def _parts(self, response: httpx2.Response) -> Iterator[bytes]:
        import httpx2  # as above

        # Nothing packed was asked for, and unpacking can make gigabytes of a few bytes.
        if response.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
            raise httpx2.DecodingError("the answer is packed", request=response.request)
        size = 0
        for part in response.iter_raw():
            size += len(part)
            if size > _LARGEST_BYTES:
                raise httpx2.ReadTimeout(f"the answer is too long ({size:,} bytes so far)", request=response.request)
            yield part

    def _client(self) -> httpx2.Client:
        if self._open is None:
            import httpx2  # as above

            self._open = httpx2.Client(
                headers={
                    **({"Authorization": self._authorization} if self._authorization else {}),
                    "User-Agent": "steersman",
                    "Accept": "application/json",
                    "Accept-Encoding": "identity",
                },
                timeout=httpx2.Timeout(self._timeout_s),
                transport=httpx2.HTTPTransport(
                    verify=_trust(self._base_url),
                    retries=0,
                    trust_env=False,
                    limits=httpx2.Limits(max_keepalive_connections=0),
                ),
                follow_redirects=False,
                # No proxy and no .netrc: the environment decides nothing about where a secret goes.
                trust_env=False,
            )
        return self._open


def _short(path: str) -> str:
    """Return a path without what it asks for: that may be an address or a word of a draft."""
    return re.split("[&?]", path, maxsplit=1)[0] or "/"


def _without_quotes(line: str, sent: bytes) -> str:
    """Return `line` with "..." in place of runs of words that stand in what was sent."""
    if not sent:
        return line
    there = " ".join(_WORD.findall(sent.decode("utf-8", "replace").replace("\\n", " "))).casefold()
    words = list(_WORD.finditer(line))
    quoted = [False] * len(words)
    for at in range(len(words) - _QUOTE_WORDS + 1):
        run = " ".join(word[0] for word in words[at : at + _QUOTE_WORDS]).casefold()
        if f" {run} " in f" {there} ":
            quoted[at : at + _QUOTE_WORDS] = [True] * _QUOTE_WORDS
    for number in reversed(range(len(words))):
        if quoted[number]:
            follows = number + 1 < len(words) and quoted[number + 1]
            line = line[: words[number].start()] + ("" if follows else "...") + line[words[number].end() :]
    return " ".join(line.split())


def _is_no(answer: Answer, nos: Collection[str]) -> bool:
    if not nos or not answer.is_json:
        return False
    told = answer.json()
    return isinstance(told, dict) and any(told.get(name) in nos for name in ("code", "error"))


def _trust(url: str) -> ssl.SSLContext:
    import ssl  # start-up time

    # Loading the authorities takes longer than a request on this machine, which needs none. A context without any
    # trusts nobody, so the saving cannot become a hole.
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if url.startswith("http:") else ssl.create_default_context()


def _instant(text: str) -> int | None:
    """Return ns since 1970 UTC of an HTTP date, an RFC 3339 instant or seconds since 1970; None for anything else."""
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        if text.isdecimal():
            return int(text) * 1_000_000_000 if len(text) == 10 else None
        found = datetime.fromisoformat(text) if text[:4].isdecimal() else parsedate_to_datetime(text)
        return to_ns(found if found.tzinfo is not None else found.replace(tzinfo=UTC))
    return None
