"""One request, one answer: no retry, no redirect, no proxy, nothing endless."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

import msgspec

from steersman.kernel.clock import Clock, to_ns
from steersman.services.credentials.addresses import place
from steersman.services.credentials.deadline import deadline, latest
from steersman.services.credentials.provider import NoAnswer

if TYPE_CHECKING:
    import httpx2

_LARGEST_BYTES: Final = 65_536
# After the client's own timeouts, which say better what did not come.
_LATER_S: Final = 0.5


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back, whole.

    Attributes:
        retry_after_s: what `Retry-After` asked for, in seconds.
        skew_s: seconds by which the other side's clock is ahead of ours, by its `Date` header (exact to a second).
    """

    status: int
    body: bytes
    retry_after_s: float | None
    skew_s: float | None

    def __repr__(self) -> str:
        return f"Answer(status={self.status}, {len(self.body)} bytes)"


def post(url: str, form: Mapping[str, str], *, headers: Mapping[str, str], timeout_s: float, clock: Clock) -> Answer:
    """Send a form and return the answer, whatever its status.

    Raises:
        NoAnswer: no whole answer within `timeout_s`, one of more than 64 KB, or a redirect; or it could not be sent in
            time (`sent_by`). `spent` unless nothing can have been sent.
    """
    import httpx2  # start-up time: leasing what is stored needs no HTTP

    try:
        return _post(url, form, headers, timeout_s, clock)
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol) as exc:
        raise NoAnswer(f"{place(url)} cannot be reached ({type(exc).__name__})") from _without_request(exc)
    except httpx2.HTTPError as exc:
        raise NoAnswer(f"{place(url)} gave no whole answer ({type(exc).__name__})", spent=True) from _without_request(
            exc
        )


def _without_request(exc: Exception) -> Exception:
    """Return the cause as a traceback may show it: the request, which carries secrets, is not reachable from it."""
    return ConnectionError(f"{type(exc).__name__}: {exc}")


def _post(url: str, form: Mapping[str, str], headers: Mapping[str, str], timeout_s: float, clock: Clock) -> Answer:
    import httpx2  # as above

    until = clock.elapsed_ns() + int(timeout_s * 1e9)
    send_until = latest(until)

    def not_too_late() -> None:
        if clock.elapsed_ns() > send_until:
            raise NoAnswer(f"{place(url)} was not asked: this machine stood still, or was held up, before it could be")

    # Plain: a small answer that unpacks to a large one never gets that far.
    plain = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "steersman"}
    asked = {**plain, **headers}
    with (
        deadline(timeout_s + _LATER_S, not_too_late) as extensions,
        _client(url) as client,
        client.stream(
            "POST",
            url,
            data=dict(form),
            headers=asked,
            timeout=httpx2.Timeout(timeout_s),
            extensions=extensions,
        ) as response,
    ):
        now_ns = clock.now_ns()
        if response.is_redirect:
            raise NoAnswer(
                f"{place(url)} answered {response.status_code}, a redirect; secrets are not sent on to other addresses",
                status=response.status_code,
                fix="write the final address into steersman.toml",
            )
        body = _body(response, url, until, clock)
        sent_at = _instant(response.headers.get("date", ""))
        return Answer(
            status=response.status_code,
            body=body,
            retry_after_s=_retry_after(response.headers.get("retry-after", ""), sent_at or now_ns),
            skew_s=None if sent_at is None else (sent_at - now_ns) / 1e9,
        )


def _client(url: str) -> httpx2.Client:
    import ssl  # as above

    import httpx2  # as above

    # Loading the authorities takes longer than a request on this machine, which needs none. A context without any
    # trusts nobody, so the saving cannot become a hole.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if url.startswith("http:") else ssl.create_default_context()
    transport = httpx2.HTTPTransport(verify=context, retries=0, trust_env=False)
    # No proxy and no .netrc: the environment decides nothing about where a secret goes.
    return httpx2.Client(transport=transport, follow_redirects=False, trust_env=False)


def _body(response: httpx2.Response, url: str, until: int, clock: Clock) -> bytes:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise NoAnswer(f"{place(url)} answered packed, unasked", status=response.status_code, spent=True)
    parts, size = [], 0
    for part in response.iter_raw():
        size += len(part)
        if size > _LARGEST_BYTES:
            raise NoAnswer(
                f"{place(url)} answered with more than {_LARGEST_BYTES:,} bytes",
                status=response.status_code,
                spent=True,
            )
        # A timeout is for one wait; a body that drips would get a new one with every drop.
        if clock.elapsed_ns() > until:
            raise NoAnswer(f"{place(url)} answers too slowly", status=response.status_code, spent=True)
        parts.append(part)
    return b"".join(parts)


def _instant(text: str) -> int | None:
    """Return ns since 1970 UTC of an HTTP date, None for anything else."""
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        found = parsedate_to_datetime(text)
        return to_ns(found if found.tzinfo is not None else found.replace(tzinfo=UTC))
    return None


def _retry_after(text: str, now_ns: int) -> float | None:
    """Return the seconds of `Retry-After`, which may be a number or an HTTP date (RFC 9110 section 10.2.3)."""
    if text.strip().isdecimal() and len(text) < 10:
        return float(text)
    at = _instant(text)
    return None if at is None else max((at - now_ns) / 1e9, 0.0)
