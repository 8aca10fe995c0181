"""What HTTP says about keeping an answer: RFC 9111, by hishel's rules without its storage and its client.

hishel's own transport would keep whole bodies in its own database and time them by the machine's clock; its states are
plain functions of requests and answers, and those are what is used here. The cache is private (one person's), so
`private` may be kept and `s-maxage` means nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    import hishel

# What is remembered of an answer; nothing else is needed to judge it, and a Set-Cookie must not lie around.
KEPT: Final = ("age", "cache-control", "content-type", "date", "etag", "expires", "last-modified", "vary")
_LARGEST_DELTA_S: Final = 2.0**31


class HttpTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer's headers say.

    Attributes:
        lifetime_s: seconds it stays fresh from when it was made; None: they say nothing.
        age_s: how old it was when it came.
        may_store: False: it answers those who asked, and nobody after them.
        may_be_stale: False: never served past its lifetime (must-revalidate, no-cache).
    """

    lifetime_s: float | None
    age_s: float
    may_store: bool
    may_be_stale: bool


def kept(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that are remembered, in small letters."""
    return {name: headers[name] for name in KEPT if name in headers}


def terms(headers: Mapping[str, str], *, received_ns: int) -> HttpTerms:
    """Return what the headers of a 200 answer to a GET say; `received_ns` is since 1970 UTC."""
    import hishel  # start-up time: only who asks upstream needs it
    from hishel._core._spec import get_freshness_lifetime  # the rule itself, without hishel's clock; pinned by a test

    options = hishel.CacheOptions(shared=False, allow_stale=False)
    answer = hishel.Response(200, hishel.Headers(headers))
    miss = hishel.CacheMiss(request=_request(), options=options).next(answer)
    said = {part.strip().lower().partition("=")[0] for part in headers.get("cache-control", "").split(",")}
    always_ask = bool(said & {"no-cache"}) or headers.get("vary", "").strip() == "*"
    # Without Last-Modified there is no guess: where the other side says nothing, the declared `ttl` is better.
    explicit = hishel.Response(200, hishel.Headers({k: v for k, v in headers.items() if k != "last-modified"}))
    lifetime = get_freshness_lifetime(explicit, is_cache_shared=False)
    return HttpTerms(
        lifetime_s=0.0 if always_ask else None if lifetime is None else float(max(lifetime, 0)),
        age_s=_age(headers, received_ns),
        may_store=isinstance(miss, hishel.StoreAndUse),
        may_be_stale=not always_ask and not said & {"must-revalidate", "no-store"},
    )


def conditions(stored: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that ask "only if it changed" ; empty without an ETag or Last-Modified."""
    import hishel  # start-up time: only who asks upstream needs it

    state = _idle(stored)
    if not isinstance(state, hishel.NeedRevalidation):
        return {}
    return {name: state.request.headers[name] for name in state.request.headers}


def freshened(stored: Mapping[str, str], not_modified: Mapping[str, str]) -> dict[str, str]:
    """Return the remembered headers after a 304 (RFC 9111 section 3.2); empty if it is about something else."""
    import hishel  # start-up time: only who asks upstream needs it

    state = _idle(stored)
    if not isinstance(state, hishel.NeedRevalidation):
        return {}
    then = state.next(hishel.Response(304, hishel.Headers(not_modified)))
    if not isinstance(then, hishel.NeedToBeUpdated):
        return {}
    headers = then.updating_entries[-1].response.headers
    return {**kept({name: headers[name] for name in headers}), **kept(not_modified)}


def _request() -> hishel.Request:
    import hishel  # start-up time: only who asks upstream needs it

    return hishel.Request("GET", "https://stored.invalid/", hishel.Headers({}))


def _idle(stored: Mapping[str, str]) -> object:
    import hishel  # start-up time: only who asks upstream needs it

    # `no-cache` makes the stored answer a candidate for revalidation whatever hishel's own clock thinks of its age.
    headers = hishel.Headers({**stored, "cache-control": "no-cache"})
    entry = hishel.Entry(uuid.UUID(int=0), _request(), hishel.Response(200, headers))
    return hishel.IdleClient(options=hishel.CacheOptions(shared=False)).next(_request(), [entry])


def _age(headers: Mapping[str, str], received_ns: int) -> float:
    """Return the corrected initial age. Source: RFC 9111 section 4.2.3, without the delay of the response."""
    told = headers.get("age", "").strip()
    # At most what section 1.2.2 makes of a number that is too large.
    age = min(float(told), _LARGEST_DELTA_S) if told.isascii() and told.isdecimal() else 0.0
    try:
        made = parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, ValueError, OverflowError):
        return age
    return max(age, received_ns / 1e9 - made, 0.0)
