"""One request to an address that is a secret: nothing of it is in any message, nothing is followed, nothing endless."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from steersman.kernel.errors import Misconfigured, OutcomeUnknown, Rejected, Unavailable
from steersman.services.credentials.addresses import bad_address
from steersman.services.credentials.deadline import deadline

_LATER_S: Final = 0.5
_LATER: Final = (408, 425, 429)
_NOT_LET_IN: Final = (401, 403, 404, 405, 410)


def check(url: str, named: str) -> str:
    """Return `url` if secrets may be sent there: https, or this machine.

    Args:
        named: how messages call it, such as `env:OPS_HOOK`.

    Raises:
        Misconfigured: it is no such address; nothing of it is quoted.
    """
    for _, problem, _ in bad_address("url", url):
        # Not all of the problem: it may name the host.
        why = "found http; without https what it carries can be read on the way" if "http to" in problem else problem
        raise Misconfigured(f"{named}: {why}", fix=f"put an https:// address into {named}")
    return url


def send(url: str, body: bytes | None, *, headers: Mapping[str, str], timeout_s: float, named: str) -> int:
    """POST `body`, or GET without one, and return the status, 200 to 299.

    Raises:
        Unavailable: nothing arrived, or the other side said "later".
        OutcomeUnknown: it may have arrived.
        Rejected: it does not take this (4xx).
        Misconfigured: it does not let us in, or lies elsewhere (redirect).
    """
    import ssl  # start-up time: most commands tell nobody anything

    import httpx2  # as above

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if url.startswith("http:") else ssl.create_default_context()
    transport = httpx2.HTTPTransport(verify=context, retries=0, trust_env=False)
    asked = {"User-Agent": "steersman", "Accept-Encoding": "identity", **headers}
    try:
        with (
            deadline(timeout_s + _LATER_S) as extensions,
            httpx2.Client(transport=transport, follow_redirects=False, trust_env=False) as client,
            client.stream(
                "GET" if body is None else "POST",
                url,
                content=body,
                headers=asked,
                timeout=httpx2.Timeout(timeout_s),
                extensions=extensions,
            ) as response,
        ):
            status, retry_after = response.status_code, response.headers.get("retry-after", "")
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol) as exc:
        # Without the cause: its request carries the address.
        raise Unavailable(
            f"{named} cannot be reached ({type(exc).__name__})", fix=f"see that what {named} names is up"
        ) from None
    except httpx2.InvalidURL:
        raise Misconfigured(f"{named}: found no address that can be asked", fix=f"correct what {named} holds") from None
    except httpx2.HTTPError as exc:
        raise OutcomeUnknown(
            f"{named} gave no answer ({type(exc).__name__}); it may have arrived", fix=f"see what {named} names"
        ) from None
    return _judged(status, retry_after, named)


def host(url: str) -> str:
    """Return the host alone, for the operator's terminal."""
    return urlsplit(url).hostname or ""


def _judged(status: int, retry_after: str, named: str) -> int:
    if 200 <= status < 300:
        return status
    said = f"{named} answered {status}"
    if status >= 500 or status in _LATER:
        asked = retry_after.strip()
        wait_s = float(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 20 else None
        raise Unavailable(said, fix="it is tried again by itself", retry_after_s=wait_s)
    if status < 400 or status in _NOT_LET_IN:
        raise Misconfigured(said, fix=f"correct the address or the token in {named}")
    raise Rejected(said, fix="see what the receiver says to it")
