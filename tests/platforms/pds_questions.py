"""What two servers are both asked, so that ours answers as the real one does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from steersman.content.adapters.bluesky.record import blob_cid

_POST: Final = "app.bsky.feed.post"
_WORDS: Final = {"$type": _POST, "text": "Words.", "createdAt": "2026-11-30T12:00:00Z"}
_LINK: Final = {"$type": "app.bsky.richtext.facet#link", "uri": "https://example.com/"}
_BLOB: Final = {"$type": "blob", "ref": {"$link": blob_cid("00" * 32)}, "mimeType": "image/png", "size": 5}


def _facet(start: int, end: int, **feature: str) -> dict[str, Any]:
    return {"facets": [{"index": {"byteStart": start, "byteEnd": end}, "features": [{**_LINK, **feature}]}]}


def _pictures(count: int = 1, **blob: Any) -> dict[str, Any]:
    images = [{"alt": "", "image": {**_BLOB, **blob}}] * count
    return {"embed": {"$type": "app.bsky.embed.images", "images": images}}


def _card(**external: str) -> dict[str, Any]:
    return {"embed": {"$type": "app.bsky.embed.external", "external": {"uri": "https://example.com/", **external}}}


RECORDS: Final[dict[str, dict[str, Any]]] = {
    "too many graphemes": {"text": "é" * 301},
    "too many bytes": {"text": "👩‍👩‍👧" * 167},
    "no words": {"text": None},
    "no moment": {"createdAt": None},
    "a moment without a zone": {"createdAt": "2026-11-30T12:00:00"},
    "a moment in microseconds": {"createdAt": "2026-11-30T12:00:00.123456Z"},
    "another type": {"$type": "app.bsky.feed.like"},
    "four languages": {"langs": ["en", "de", "fr", "es"]},
    "a language that is none": {"langs": ["no language"]},
    "a facet without an address": _facet(0, 3, uri="no"),
    "a facet with an address of many alphabets": _facet(0, 3, uri="https://example.com/ü?日本"),
    "a facet before the text": _facet(-1, 3),
    "a facet behind the text": _facet(0, 99),
    "a card": _card(title="T", description=""),
    "a card without words": _card(title="T"),
    "a card without an address": _card(title="T", description="", uri=""),
    "a picture nobody uploaded": _pictures(),
    "five pictures": _pictures(5),
    "a picture too large": _pictures(size=1_000_001),
    "a picture as large as allowed, which nobody uploaded": _pictures(size=1_000_000),
    "a picture that is text": _pictures(mimeType="text/plain"),
}
"""What is changed in a good record, by case."""


def answers_of(ask: Callable[..., tuple[int, Any]], did: str, token: str) -> dict[str, tuple[int, str]]:
    """Return (status, error) for every case the channel may meet.

    Args:
        ask: as `RealPds.ask`.
        token: an access token of the account `did`.
    """
    told: dict[str, tuple[int, str]] = {}
    where = {"repo": did, "collection": _POST, "rkey": "3kaaaaaaaaaa2"}

    def call(case: str, method: str, **fields: Any) -> dict[str, Any]:
        status, answer = ask(method, **fields)
        told[case] = status, answer.get("error", "")
        return dict(answer)

    def put(case: str, token: str = token, **fields: Any) -> dict[str, Any]:
        body = {**where, "record": _WORDS, **fields}
        return call(case, "com.atproto.repo.putRecord", token=token, body=body)

    def delete(case: str, **fields: Any) -> None:
        call(case, "com.atproto.repo.deleteRecord", token=token, body={**where, **fields})

    login = "com.atproto.server.createSession"
    call("a wrong password", login, body={"identifier": "desk.test", "password": "x"})
    call("nobody", login, body={"identifier": "nobody.test", "password": "x"})
    call("a login without fields", login, body={})
    call("no record", "com.atproto.repo.getRecord", **where)
    call("no such method", "com.atproto.repo.nothing")
    put("no token", "")
    put("nonsense for a token", "nonsense")
    put("another account", repo="did:plc:2222222222222222222222222"[:32])
    put("a key that is no TID", rkey="self")
    for case, changes in RECORDS.items():
        put(case, record={name: value for name, value in {**_WORDS, **changes}.items() if value is not None})
    delete("delete what was written so far")

    other = {**_WORDS, "text": "Other."}
    first = put("written", swapRecord=None)
    put("written again", swapRecord=None)
    put("must be new and is not", record=other, swapRecord=None)
    put("over the right one", record=other, swapRecord=first["cid"])
    put("over a stale one", record={**_WORDS, "text": "Third."}, swapRecord=first["cid"])
    put("must be there and is not", rkey="3kaaaaaaaaab2", swapRecord=first["cid"])
    call("create what is there", "com.atproto.repo.createRecord", token=token, body={**where, "record": _WORDS})
    delete("delete a stale one", swapRecord=first["cid"])
    delete("delete")
    delete("delete again")
    return told
