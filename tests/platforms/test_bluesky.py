"""The Bluesky channel on the reference server of the AT Protocol, and our own server beside it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import signal
import struct
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.builders_content import a_post
from tests.contracts.channels.local import Open
from tests.contracts.test_channel import *  # noqa: F403 - the whole suite, on `reopen` below
from tests.platforms.pds_questions import answers_of
from tests.platforms.pds_server import RealPds, pds

from steersman.bootstrap.proof.platforms import bluesky as ours
from steersman.bootstrap.proof.platforms.server import Answer, Fault, Request, Server
from steersman.content.adapters.bluesky.record import blob_cid
from steersman.content.ports import Media, Post, TextLink
from steersman.kernel.errors import Misconfigured, OutcomeUnknown, Rejected, Unavailable

# The first run installs and compiles the server.
pytestmark = [pytest.mark.platform, pytest.mark.timeout(1200)]

POST = "app.bsky.feed.post"


@pytest.fixture(scope="module")
def server() -> Iterator[RealPds]:
    with pds() as running:
        yield running


@pytest.fixture
def real(server: RealPds) -> RealPds:
    """The server with nothing on it."""
    token = server.token()
    for rkey in server.records():
        body = {"repo": server.did, "collection": POST, "rkey": rkey}
        server.ask("com.atproto.repo.deleteRecord", token=token, body=body)
    return server


@pytest.fixture  # type: ignore[no-redef]  # it takes the place of the suite's own
def reopen(real: RealPds) -> Open:
    return real.channel


def a_text_post(slug: str = "one", text: str = "Words.", **fields: Any) -> Post:
    post = a_post(slug, "", text=text, **fields)
    return msgspec.structs.replace(post, remote_key=RealPds.channel(NOBODY).remote_key(post.key, post.published_at))


NOBODY = RealPds(
    url="http://127.0.0.1:9", did="", handle="desk.test", account_password="", app_password="x", jwt_secret=""
)


# -- what is shown -----------------------------------------------------------------------------------------------


def test_links_and_hashtags_are_where_they_belong_whatever_comes_before(real: RealPds) -> None:
    text = "👩‍👩‍👧 e\u0301 שלום #café see https://example.com/ü and 日本 #日本語"
    start = text.index("https")
    link = TextLink(start=start, end=start + len("https://example.com/ü"), url="https://example.com/ü")
    post = a_text_post(text=text, links=(link,))
    published = real.channel().publish(post)
    shown = real.records()[post.remote_key]
    data = shown["text"].encode()
    spans = [data[f["index"]["byteStart"] : f["index"]["byteEnd"]].decode() for f in shown["facets"]]
    assert spans == ["#café", "https://example.com/ü", "#日本語"]
    assert real.channel().lookup(post) == published


def test_the_longest_text_goes_out_and_one_character_more_does_not(real: RealPds) -> None:
    longest = a_text_post("longest", "👩‍👩‍👧" * 166 + "x" * 12)
    assert len(longest.text.encode()) == 3000
    assert real.channel().publish(longest).content_sha256
    assert real.channel().publish(a_text_post("graphemes", "é" * 300)).content_sha256
    with pytest.raises(Rejected):
        real.channel().publish(a_text_post("too-many", "é" * 301))
    with pytest.raises(Rejected):
        real.channel().publish(a_text_post("too-long", longest.text + "x"))
    assert set(real.records()) == {longest.remote_key, a_text_post("graphemes").remote_key}


def test_a_card_leads_to_the_whole_piece(real: RealPds) -> None:
    post = a_text_post(link="https://example.com/one", summary="What it is about")
    published = real.channel().publish(post)
    assert real.records()[post.remote_key]["embed"]["external"] == {
        "uri": "https://example.com/one",
        "title": post.title,
        "description": "What it is about",
    }
    assert real.channel().lookup(post) == published


def a_png(folder: Path, shade: int) -> Media:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    rows = (b"\0" + bytes([shade]) * 40) * 30
    head = struct.pack(">IIBBBBB", 40, 30, 8, 0, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path = folder / f"{shade}.png"
    path.write_bytes(data)
    return Media(
        name=path.name,
        path=str(path),
        alt=f"A field of grey {shade}",
        mime="image/png",
        sha256=hashlib.sha256(data).hexdigest(),
        size_bytes=len(data),
    )


def test_four_pictures_keep_words_shape_and_address(real: RealPds, tmp_path: Path) -> None:
    post = a_text_post(media=tuple(a_png(tmp_path, shade) for shade in (0, 80, 160, 240)))
    published = real.channel().publish(post)
    shown = real.records()[post.remote_key]["embed"]["images"]
    assert [one["alt"] for one in shown] == [one.alt for one in post.media]
    assert [one["image"]["ref"]["$link"] for one in shown] == [blob_cid(one.sha256) for one in post.media]
    assert all(one["aspectRatio"] == {"width": 40, "height": 30} for one in shown)
    assert real.channel().lookup(post) == published
    other = msgspec.structs.replace(post, media=post.media[:1], content_sha256="other")
    assert real.channel().publish(other).revision != published.revision
    real.channel().delete(other)
    assert real.channel().publish(post).revision == published.revision


def test_what_somebody_edited_there_is_seen_and_replaced_only_when_asked(real: RealPds) -> None:
    post = a_text_post()
    published = real.channel().publish(post)
    edited = {**real.records()[post.remote_key], "text": "Edited elsewhere."}
    body = {"repo": real.did, "collection": POST, "rkey": post.remote_key, "record": edited}
    assert real.ask("com.atproto.repo.putRecord", token=real.token(), body=body)[0] == 200
    seen = real.channel().lookup(post)
    assert seen is not None
    assert seen.content_sha256 == ""
    assert real.channel().publish(post).revision == published.revision


# -- logging in --------------------------------------------------------------------------------------------------


def test_an_access_token_that_ran_out_is_renewed_by_the_refresh_token(real: RealPds) -> None:
    channel = real.channel()
    channel.publish(a_text_post())
    session = channel._session
    assert session._tokens is not None
    expired = _signed({**_claims(session._tokens.access), "exp": 1_000_000_000}, real.jwt_secret)
    session._tokens = msgspec.structs.replace(session._tokens, access=expired)
    session._password = "not asked for again"
    assert channel.publish(a_text_post("two")).url


def test_both_tokens_run_out_and_the_password_opens_a_new_session(real: RealPds) -> None:
    channel = real.channel()
    channel.publish(a_text_post())
    session = channel._session
    assert session._tokens is not None
    access, refresh = (
        _signed({**_claims(token), "exp": 1_000_000_000}, real.jwt_secret)
        for token in (session._tokens.access, session._tokens.refresh)
    )
    session._tokens = msgspec.structs.replace(session._tokens, access=access, refresh=refresh)
    assert channel.publish(a_text_post("two")).url


def test_a_wrong_password_is_for_the_operator(real: RealPds) -> None:
    with pytest.raises(Misconfigured, match="wrong identifier or password"):
        real.channel(password="wrong").publish(a_text_post())


def test_too_many_logins_say_when_to_come_back() -> None:
    with pds(rateLimitsEnabled=True) as limited, pytest.raises(Unavailable) as later:
        [limited.channel().lookup(a_text_post()) for _ in range(40)]
    assert later.value.retry_after_s is not None
    assert 0 < later.value.retry_after_s <= 300


def _claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def _signed(claims: dict[str, Any], secret: str) -> str:
    typ = "refresh+jwt" if str(claims.get("scope", "")).endswith(".refresh") else "at+jwt"
    parts = [json.dumps(part, separators=(",", ":")).encode() for part in ({"typ": typ, "alg": "HS256"}, claims)]
    body = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    mac = hmac.new(secret.encode(), body.encode(), hashlib.sha256).digest()
    return f"{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


# -- faults between us and it ------------------------------------------------------------------------------------


class Forwarder:
    """Hands every request on to the real server; `before` and `after` are called around it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.before: Callable[[Request], None] = lambda _: None
        self.after: Callable[[Request], None] = lambda _: None

    def answer(self, request: Request) -> Answer:
        self.before(request)
        query = "?" + urllib.parse.urlencode(request.query) if request.query else ""
        kept = {name: request.headers[name] for name in ("authorization", "content-type") if name in request.headers}
        asked = urllib.request.Request(  # noqa: S310 - a server on this machine
            f"{self._url}{request.path}{query}",
            data=None if request.method == "GET" else request.body,
            headers=kept,
            method=request.method,
        )
        try:
            with urllib.request.urlopen(asked, timeout=30) as told:  # noqa: S310 - as above
                answer = Answer(status=told.status, body=told.read(), headers={"Content-Type": "application/json"})
        except urllib.error.HTTPError as exc:
            with exc:
                answer = Answer(status=exc.code, body=exc.read(), headers={"Content-Type": "application/json"})
        self.after(request)
        return answer


@pytest.mark.parametrize("how", ["silent", "reset", "garbled"])
def test_a_post_that_the_real_server_took_without_an_answer_is_found(how: Any, real: RealPds) -> None:
    with Server(Forwarder(real.url)) as between:
        channel = real.channel(service=between.url, timeout="3s")
        between.add(Fault(how=how, path="putRecord"))
        with pytest.raises(OutcomeUnknown):
            channel.publish(a_text_post())
        found = channel.lookup(a_text_post())
        assert found is not None
        assert found.content_sha256
        assert channel.publish(a_text_post()) == found
    assert len(real.records()) == 1


PUBLISH = """
import msgspec, sys
from steersman.content.adapters.bluesky import BlueskyChannel
from steersman.content.adapters.bluesky.settings import BlueskySettings
from steersman.content.ports import Post
settings, password, post = (msgspec.json.decode(part) for part in sys.argv[1:4])
channel = BlueskyChannel(settings=msgspec.convert(settings, BlueskySettings), password=password)
channel.publish(msgspec.convert(post, Post))
"""
STEPS = ["createSession", "getRecord", "uploadBlob", "putRecord"]


@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_any_request_leaves_exactly_one_post(step: str, is_done: bool, real: RealPds, tmp_path: Path) -> None:
    post = a_text_post(media=(a_png(tmp_path, 80),))
    forwarder = Forwarder(real.url)
    with Server(forwarder) as between:
        settings = {"service": between.url, "identifier": real.handle, "appview": ""}
        arguments = [msgspec.json.encode(part).decode() for part in (settings, real.app_password, post)]
        with subprocess.Popen([sys.executable, "-c", PUBLISH, *arguments]) as process:

            def kill(request: Request) -> None:
                if request.path.endswith(step):
                    process.kill()
                    process.wait()

            if is_done:
                forwarder.after = kill
            else:
                forwarder.before = kill
            assert process.wait(60) == -signal.SIGKILL
    was_written = step == "putRecord"  # What a killed process had on the wire is done, before or after its death.
    found = real.channel().lookup(post)
    assert (found is not None) == was_written
    published = real.channel().publish(post)
    assert found in (None, published)
    assert list(real.records()) == [post.remote_key]


# -- our own server answers as this one does ---------------------------------------------------------------------


def _ask_both(real: RealPds, folder: Path) -> Iterator[tuple[str, Callable[..., tuple[int, Any]], dict[str, str]]]:
    yield "real", real.ask, {"did": real.did, "token": real.token()}
    with Server(ours.Server(folder)) as server:
        mine = RealPds(
            url=server.url,
            did=ours.DID,
            handle=ours.HANDLE,
            account_password=ours.PASSWORD,
            app_password=ours.PASSWORD,
            jwt_secret="",
        )
        yield "ours", mine.ask, {"did": ours.DID, "token": mine.token()}


def test_our_own_server_answers_as_the_real_one(real: RealPds, tmp_path: Path) -> None:
    answers = {name: answers_of(ask, **who) for name, ask, who in _ask_both(real, tmp_path)}
    differing = {
        case: (answers["real"][case], answers["ours"][case])
        for case in answers["real"]
        if answers["real"][case] != answers["ours"][case]
    }
    assert differing == {}
