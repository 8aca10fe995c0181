"""A personal data server of the AT Protocol, as far as the channel `bluesky` uses one, with its own AppView.

Answers and error bodies are those of the reference server (@atproto/pds 0.4.217); tests/platforms/test_bluesky.py asks
both the same. An access token is good for a number of requests instead of two hours, so no clock is needed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from steersman.bootstrap.proof.platforms.server import Answer, Request, Shelf, json_answer, run
from steersman.content.publishing.graphemes import count as graphemes

DID: Final = "did:plc:steersmanproof2222222222"
HANDLE: Final = "desk.test"
PASSWORD: Final = "proo-fapp-pass-word"  # noqa: S105 - of a server on 127.0.0.1 that holds nothing
SECRETS: Final = {"STEERSMAN_PROOF_BLUESKY": PASSWORD}
_POST: Final = "app.bsky.feed.post"
_TID: Final = re.compile(r"[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}")
_URI: Final = re.compile(r"\w+:(?://)?[^\s/]\S*")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_MAGIC: Final = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}
_LARGEST_UPLOAD: Final = 5 * 1024 * 1024
_LARGEST_IMAGE: Final = 1_000_000

Json = dict[str, Any]


class _Refused(Exception):
    def __init__(self, error: str, message: str, status: int = 400) -> None:
        super().__init__(error)
        self.answer = json_answer({"error": error, "message": message}, status)


class Server:
    """One account and its records."""

    def __init__(self, state: Path, *, uses: int = 40, home: str = "") -> None:
        """Open the state.

        Args:
            uses: how many requests an access token is good for.
            home: where the account says it lives, as with a service that logs in for many servers; empty: here.
        """
        self._shelf = Shelf(state)
        self._uses = uses
        self._home = home
        self._methods: dict[tuple[str, str], Callable[[Request, Json], object]] = {
            ("POST", "com.atproto.server.createSession"): self._create_session,
            ("POST", "com.atproto.server.refreshSession"): self._refresh_session,
            ("GET", "com.atproto.repo.getRecord"): self._get_record,
            ("GET", "com.atproto.repo.listRecords"): self._list_records,
            ("POST", "com.atproto.repo.putRecord"): self._put_record,
            ("POST", "com.atproto.repo.createRecord"): self._create_record,
            ("POST", "com.atproto.repo.deleteRecord"): self._delete_record,
            ("POST", "com.atproto.repo.uploadBlob"): self._upload_blob,
            ("GET", "app.bsky.feed.getPosts"): self._get_posts,
        }

    def answer(self, request: Request) -> Answer:
        method = self._methods.get((request.method, request.path.removeprefix("/xrpc/")))
        if method is None and "authorization" not in request.headers:
            return json_answer({"error": "AuthMissing", "message": "Authentication Required"}, 401)
        if method is None:
            return json_answer({"error": "MethodNotImplemented", "message": "Method Not Implemented"}, 501)
        state = self._shelf.read()
        for part in ("access", "refresh", "records", "blobs"):
            state.setdefault(part, {})
        try:
            answer = json_answer(method(request, state))
        except _Refused as refused:
            answer = refused.answer
        if request.method == "POST" or "authorization" in request.headers:
            self._shelf.write(state)
        return answer

    # -- sessions ------------------------------------------------------------------------------------------------

    def _create_session(self, request: Request, state: Json) -> object:
        said = _body(request)
        if not isinstance(said.get("identifier"), str) or not isinstance(said.get("password"), str):
            raise _Refused("InvalidRequest", "Missing required key at $")
        known = {DID, HANDLE, "desk@example.com"}
        if said.get("identifier") not in known or said.get("password") != PASSWORD:
            raise _Refused("AuthenticationRequired", "Invalid identifier or password", 401)
        return self._session(state)

    def _refresh_session(self, request: Request, state: Json) -> object:
        token = _token(request)
        if token not in state["refresh"]:
            raise _Refused("InvalidToken", "Token could not be verified")
        if state["refresh"][token]:
            raise _Refused("ExpiredToken", "Token has been revoked")
        state["refresh"][token] = True
        return self._session(state)

    def _session(self, state: Json) -> Json:
        number = len(state["refresh"]) + 1
        access, refresh = f"access.{number}", f"refresh.{number}"
        state["access"][access], state["refresh"][refresh] = self._uses, False
        pds = {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": self._home}
        return {
            "did": DID,
            "didDoc": {"id": DID, "alsoKnownAs": [f"at://{HANDLE}"], "service": [pds] if self._home else []},
            "handle": HANDLE,
            "email": "desk@example.com",
            "emailConfirmed": True,
            "accessJwt": access,
            "refreshJwt": refresh,
            "active": True,
        }

    def _authorise(self, request: Request, state: Json) -> None:
        token = _token(request)
        if token not in state["access"]:
            raise _Refused("InvalidToken", "Token could not be verified")
        if state["access"][token] < 1:
            raise _Refused("ExpiredToken", "Token has expired")
        state["access"][token] -= 1

    # -- records -------------------------------------------------------------------------------------------------

    def _get_record(self, request: Request, state: Json) -> object:
        if "authorization" in request.headers:
            self._authorise(request, state)
        uri = _uri(request.query)
        if uri not in state["records"]:
            raise _Refused("RecordNotFound", f"Could not locate record: {uri}")
        return {"uri": uri, **state["records"][uri]}

    def _list_records(self, request: Request, state: Json) -> object:
        prefix = f"at://{DID}/{request.query.get('collection', '')}/"
        newest = sorted((uri for uri in state["records"] if uri.startswith(prefix)), reverse=True)
        return {"records": [{"uri": uri, **state["records"][uri]} for uri in newest[:100]]}

    def _put_record(self, request: Request, state: Json) -> object:
        self._authorise(request, state)
        said = _body(request)
        uri, value = _uri(said), said.get("record")
        _check(value, str(said.get("rkey", "")), state["blobs"])
        cid, before = _cid(value), state["records"].get(uri, {}).get("cid")
        if cid != before:
            _check_swap(said, before)
            state["records"][uri] = {"cid": cid, "value": value}
        return {"uri": uri, "cid": cid, "validationStatus": "valid"}

    def _create_record(self, request: Request, state: Json) -> object:
        self._authorise(request, state)
        said = _body(request)
        number = 1 + sum(map(len, (state["records"], state["refresh"])))
        rkey = str(said.get("rkey") or f"3{number:012d}".translate(str.maketrans("0189", "aceg")))
        uri, value = _uri({**said, "rkey": rkey}), said.get("record")
        _check(value, rkey, state["blobs"])
        if uri in state["records"]:
            raise _Refused("InternalServerError", "Internal Server Error", 500)
        state["records"][uri] = {"cid": _cid(value), "value": value}
        return {"uri": uri, "cid": _cid(value), "validationStatus": "valid"}

    def _delete_record(self, request: Request, state: Json) -> object:
        self._authorise(request, state)
        said = _body(request)
        uri = _uri(said)
        if uri in state["records"]:
            _check_swap(said, state["records"][uri]["cid"])
            del state["records"][uri]
        return {}

    def _upload_blob(self, request: Request, state: Json) -> object:
        self._authorise(request, state)
        if len(request.body) > _LARGEST_UPLOAD:
            raise _Refused("PayloadTooLarge", "request entity too large", 413)
        cid = _address(0x55, request.body)
        mime = next((mime for magic, mime in _MAGIC.items() if request.body.startswith(magic)), "")
        if request.body[:4] == b"RIFF" and request.body[8:12] == b"WEBP":
            mime = "image/webp"
        blob = {
            "$type": "blob",
            "ref": {"$link": cid},
            "mimeType": mime or request.headers.get("content-type", "application/octet-stream"),
            "size": len(request.body),
        }
        state["blobs"][cid] = blob
        return {"blob": blob}

    def _get_posts(self, request: Request, state: Json) -> object:
        uri = request.query.get("uris", "")
        found = state["records"].get(uri)
        counts = dict.fromkeys(("likeCount", "repostCount", "replyCount", "quoteCount", "bookmarkCount"), 0)
        return {"posts": [{"uri": uri, "cid": found["cid"], "record": found["value"], **counts}] if found else []}


def _body(request: Request) -> Json:
    try:
        said = request.json()
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise _Refused("InvalidRequest", "Input must be an object")
    return said


def _token(request: Request) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if not token:
        raise _Refused("AuthMissing", "Authentication Required", 401)
    if kind != "Bearer":
        raise _Refused("InvalidToken", f"Unsupported authorization type: {kind}")
    return token


def _uri(said: Json) -> str:
    if said.get("repo") not in (DID, HANDLE):
        raise _Refused("AccountNotFound", "Account not found", 403)
    if not said.get("collection") or not said.get("rkey"):
        raise _Refused("InvalidRequest", "Missing required key")
    return f"at://{DID}/{said['collection']}/{said['rkey']}"


def _check_swap(said: Json, before: str | None) -> None:
    if "swapRecord" in said and said["swapRecord"] != before:
        raise _Refused("InvalidSwap", f"Record was at {before or 'null'}")


def _check(value: object, rkey: str, blobs: Json) -> None:
    """Refuse a record that the lexicon does not allow."""
    problem = _problem(value, rkey) if isinstance(value, dict) else "record must be an object"
    if problem:
        raise _Refused("InvalidRequest", f"Invalid {_POST} record: {problem}")
    for image in _images(value):
        if image["ref"].get("$link") not in blobs:
            raise _Refused("BlobNotFound", f"Could not find blob: {image['ref'].get('$link')}")


def _problem(value: Json, rkey: str) -> str:
    if not _TID.fullmatch(rkey):
        return f"Invalid record key: {rkey}"
    if value.get("$type", _POST) != _POST:
        return f"Invalid $type: expected {_POST}"
    text = value.get("text")
    if not isinstance(text, str):
        return "Missing required key at $.record.text"
    if len(text.encode()) > 3000:
        return f"string too big (maximum 3000, got {len(text.encode())}) at $.record.text"
    if graphemes(text) > 300:
        return f"grapheme too big (maximum 300, got {graphemes(text)}) at $.record.text"
    if len(value.get("langs", [])) > 3 or not all(_LANGUAGE.fullmatch(str(one)) for one in value.get("langs", [])):
        return "array too big (maximum 3) or Invalid language at $.record.langs"
    return _bad_moment(value) or _bad_facet(value) or _bad_embed(value)


def _bad_moment(value: Json) -> str:
    try:
        at = datetime.fromisoformat(value["createdAt"])
    except (KeyError, TypeError, ValueError):
        return "Invalid datetime at $.record.createdAt"
    return "" if at.tzinfo is not None else "Invalid datetime at $.record.createdAt"


def _bad_facet(value: Json) -> str:
    for facet in value.get("facets", []):
        ends = [facet.get("index", {}).get(name) for name in ("byteStart", "byteEnd")]
        if any(not isinstance(end, int) or end < 0 for end in ends):
            return "integer too small (minimum 0) at $.record.facets"
        for feature in facet.get("features", []):
            if "uri" in feature and not _URI.fullmatch(str(feature["uri"])):
                return "Invalid uri at $.record.facets"
            if "tag" in feature and (graphemes(feature["tag"]) > 64 or len(feature["tag"].encode()) > 640):
                return "string too big (maximum 640) at $.record.facets"
    return ""


def _bad_embed(value: Json) -> str:
    embed = value.get("embed", {})
    external = embed.get("external")
    if external is not None and not all(isinstance(external.get(name), str) for name in ("title", "description")):
        return "Missing required key at $.record.embed.external"
    if external is not None and not _URI.fullmatch(str(external.get("uri", ""))):
        return "Invalid uri at $.record.embed.external.uri"
    shown = embed.get("images", [])
    if len(shown) > 4:
        return f"array too big (maximum 4, got {len(shown)}) at $.record.embed.images"
    for one in shown:
        if not isinstance(one.get("alt"), str):
            return "Missing required key at $.record.embed.images.alt"
        blob = one.get("image") or {}
        if not str(blob.get("mimeType", "")).startswith("image/"):
            return "Unacceptable mime type at $.record.embed.images.image"
        if blob.get("size", 0) > _LARGEST_IMAGE:
            return f"blob too big (maximum {_LARGEST_IMAGE}, got {blob['size']}) at $.record.embed.images.image"
    return ""


def _images(value: Any) -> list[Json]:
    return [one["image"] for one in value.get("embed", {}).get("images", [])]


def _cid(value: object) -> str:
    """Return an address of the record: of its sorted JSON, where the reference server takes DAG-CBOR."""
    return _address(0x71, json.dumps(value, sort_keys=True).encode())


def _address(codec: int, data: bytes) -> str:
    digest = bytes((1, codec, 0x12, 0x20)) + hashlib.sha256(data).digest()
    return "b" + base64.b32encode(digest).decode().lower().rstrip("=")


def count(state: Path) -> dict[str, int]:
    """Return how many posts there are under each title: a record key holds one record by nature, so a post that came
    out twice would be the same words under two keys."""
    records = Shelf(state).read().get("records", {})
    return dict(Counter(str(one["value"]["text"]).partition("\n")[0] for one in records.values()))


def settings(url: str) -> dict[str, object]:
    """Return what `[channel.NAME]` says to publish on the server at `url`."""
    return {
        "kind": "bluesky",
        "service": url,
        "appview": url,
        "identifier": HANDLE,
        "password": "env:STEERSMAN_PROOF_BLUESKY",
    }


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM."""
    return run("bluesky", Server, argv)


if __name__ == "__main__":
    sys.exit(main())
