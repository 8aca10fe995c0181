"""The Bluesky channel against a server that refuses, is silent, lies or forgets: nothing doubled, and a clear word."""

from __future__ import annotations

import hashlib
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.builders_content import a_post

from steersman.bootstrap.proof.platforms import bluesky as platform
from steersman.bootstrap.proof.platforms.process import running
from steersman.bootstrap.proof.platforms.server import Fault, Server
from steersman.content.adapters.bluesky import BlueskyChannel, create
from steersman.content.adapters.bluesky.session import Session
from steersman.content.adapters.bluesky.settings import BlueskySettings
from steersman.content.ports import Media, Post
from steersman.kernel.errors import Misconfigured, OutcomeUnknown, Rejected, SteersmanError, Unavailable
from steersman.kernel.toml_file import TomlFile

PUT, GET, LOGIN, REFRESH = "putRecord", "getRecord", "createSession", "refreshSession"
PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 640, 480) + bytes(9)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(platform.Server(tmp_path / "server")) as server:
        yield server


def channel_on(server: Server, *, password: str = platform.PASSWORD, **fields: Any) -> BlueskyChannel:
    given = {**platform.settings(server.url), "timeout": "5s", **fields}
    return create(settings=msgspec.convert(given, BlueskySettings), root=Path(), secret=lambda _: password)


def a_text_post(slug: str = "one", text: str = "Words and #more", **fields: Any) -> Post:
    post = a_post(slug, "", text=text, **fields)
    key = BlueskyChannel(settings=BlueskySettings(), password="").remote_key(post.key, post.published_at)
    return msgspec.structs.replace(post, remote_key=key)


def a_picture(folder: Path, data: bytes = PNG, **fields: Any) -> Media:
    path = folder / "curve.png"
    path.write_bytes(data)
    given = {"name": "curve.png", "path": str(path), "alt": "A curve", "mime": "image/png"}
    return Media(**{**given, "sha256": hashlib.sha256(data).hexdigest(), "size_bytes": len(data), **fields})


def records(tmp_path: Path) -> list[str]:
    """Return the keys of all posts."""
    told = msgspec.json.decode((tmp_path / "server" / "state.json").read_bytes())
    return [uri.rpartition("/")[2] for uri in told["records"]]


def methods(server: Server) -> list[str]:
    return [path.rpartition(".")[2] for _, path in server.requests]


# -- what may have happened --------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["silent", "reset", "garbled"])
def test_a_post_that_was_taken_without_an_answer_is_unknown_then_found(
    how: Any, server: Server, tmp_path: Path
) -> None:
    post = a_text_post()
    channel = channel_on(server, timeout="1s")
    server.add(Fault(how=how, path=PUT))
    with pytest.raises(OutcomeUnknown, match="may have taken effect"):
        channel.publish(post)
    found = channel.lookup(post)
    assert found is not None
    assert found.content_sha256 == post.content_sha256
    assert channel.publish(post) == found
    assert methods(server).count(PUT) == 1
    assert records(tmp_path) == [post.remote_key]


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_servers_error_after_sending_is_unknown_and_sent_once(status: int, server: Server) -> None:
    server.add(Fault(how="answer", path=PUT, status=status, body='{"error":"InternalServerError"}'))
    with pytest.raises(OutcomeUnknown):
        channel_on(server).publish(a_text_post())
    assert methods(server).count(PUT) == 1
    assert channel_on(server).lookup(a_text_post()) is None


def test_a_connection_that_broke_before_anything_was_done_is_unknown_until_looked_up(server: Server) -> None:
    server.add(Fault(how="refuse", path=PUT))
    with pytest.raises(OutcomeUnknown):
        channel_on(server).publish(a_text_post())
    assert channel_on(server).lookup(a_text_post()) is None


def test_a_post_that_landed_between_look_and_write_is_taken_for_what_it_is(server: Server, tmp_path: Path) -> None:
    # A request of a process that was killed arrives late: the second writer meets its own post.
    post = a_text_post()
    channel_on(server).publish(post)
    server.add(Fault(how="answer", path=GET, status=400, body='{"error":"RecordNotFound"}'))
    assert channel_on(server).publish(post) == channel_on(server).lookup(post)
    assert records(tmp_path) == [post.remote_key]


def test_somebody_elses_change_at_the_same_moment_is_not_written_over(server: Server) -> None:
    channel_on(server).publish(a_text_post(text="Theirs."))
    server.add(Fault(how="answer", path=GET, status=400, body='{"error":"RecordNotFound"}'))
    with pytest.raises(Rejected, match="changed there by somebody else"):
        channel_on(server).publish(a_text_post(text="Ours."))


# -- logging in --------------------------------------------------------------------------------------------------


def test_tokens_that_run_out_are_renewed_once_and_the_password_is_sent_once(tmp_path: Path) -> None:
    with Server(platform.Server(tmp_path / "server", uses=1)) as server:
        channel = channel_on(server)
        for number in range(3):
            channel.publish(a_text_post(f"post-{number}"))
        assert methods(server).count(LOGIN) == 1
        assert methods(server).count(REFRESH) == 5
    assert len(records(tmp_path)) == 3


@pytest.mark.parametrize("error", ["ExpiredToken", "InvalidToken"])
@pytest.mark.parametrize("status", [400, 401])
def test_a_refused_renewal_leads_to_one_new_login(error: str, status: int, server: Server) -> None:
    body = f'{{"error":"{error}","message":"Token has expired"}}'
    server.add(
        Fault(how="answer", path=GET, status=status, body=body),
        Fault(how="answer", path=REFRESH, status=400, body='{"error":"ExpiredToken"}'),
    )
    channel_on(server).publish(a_text_post())
    assert methods(server).count(LOGIN) == 2


LIES = {
    "no DID": {"did": "me", "accessJwt": "a", "refreshJwt": "b"},
    "a number": {"did": 5, "accessJwt": "a", "refreshJwt": "b"},
    "a token of two lines": {"did": "did:plc:x", "accessJwt": "a\nb", "refreshJwt": "b"},
    "a token no header can hold": {"did": "did:plc:x", "accessJwt": "é", "refreshJwt": "b"},
    "no document": {"did": "did:plc:x", "accessJwt": "a", "refreshJwt": "b", "didDoc": {"service": [5]}},
}


@pytest.mark.parametrize("lie", list(LIES))
def test_a_login_that_makes_no_sense_is_not_used(lie: str, server: Server) -> None:
    server.add(Fault(how="answer", path=LOGIN, status=200, body=msgspec.json.encode(LIES[lie]).decode()))
    with pytest.raises(Unavailable, match="something else than a login"):
        channel_on(server).publish(a_text_post())
    assert methods(server) == [LOGIN]


def test_a_token_refused_for_ever_ends_and_says_what_to_do(server: Server) -> None:
    server.add(Fault(how="answer", path=PUT, status=401, body='{"error":"AuthMissing"}', times=99))
    with pytest.raises(Misconfigured, match="app password"):
        channel_on(server).publish(a_text_post())
    assert methods(server).count(PUT) == 2


REFUSED: dict[str, tuple[int, str, str]] = {
    "wrong password": (
        401,
        '{"error":"AuthenticationRequired","message":"Invalid identifier or password"}',
        "wrong identifier",
    ),
    "second factor": (401, '{"error":"AuthFactorTokenRequired","message":"A sign in code"}', "code by e-mail"),
    "taken down": (401, '{"error":"AccountTakedown","message":"x"}', "taken down"),
    "html": (403, "<html>blocked</html>", "refused \\(403\\)"),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_a_login_that_is_refused_is_for_the_operator(name: str, server: Server) -> None:
    status, body, words = REFUSED[name]
    server.add(Fault(how="answer", path=LOGIN, status=status, body=body))
    with pytest.raises(Misconfigured, match=words) as refused:
        channel_on(server).lookup(a_text_post())
    assert refused.value.fix
    assert platform.PASSWORD not in str(refused.value)


def test_a_login_without_an_answer_is_no_doubt_about_the_post(server: Server) -> None:
    server.add(Fault(how="silent", path=LOGIN))
    with pytest.raises(Unavailable) as later:
        channel_on(server, timeout="300ms").publish(a_text_post())
    assert not isinstance(later.value, OutcomeUnknown)


def test_the_password_is_blacked_out_where_a_server_repeats_it(server: Server) -> None:
    body = f'{{"error":"BadPassword","message":"{platform.PASSWORD} is wrong"}}'
    server.add(Fault(how="answer", path=LOGIN, status=401, body=body))
    with pytest.raises(Misconfigured) as refused:
        channel_on(server).lookup(a_text_post())
    assert "*** is wrong" in str(refused.value)
    assert platform.PASSWORD not in str(refused.value)
    assert platform.PASSWORD not in repr(vars(channel_on(server)))


def test_records_are_written_where_the_account_lives(tmp_path: Path) -> None:
    state = tmp_path / "server"
    with Server(platform.Server(state)) as home, Server(platform.Server(state, home=home.url)) as front:
        channel_on(front).publish(a_text_post())
        assert set(methods(front)) == {LOGIN}
        assert PUT in methods(home)


@pytest.mark.parametrize(
    ("service", "home", "allowed"),
    [
        ("https://pds.example", "http://127.0.0.1:8200", False),
        ("https://pds.example", "https://10.0.0.1", False),
        ("https://pds.example", "https://169.254.169.254", False),
        ("https://pds.example", "https://[::1]", False),
        ("https://pds.example", "https://vault.internal", False),
        ("https://pds.example", "https://other.example", True),
        ("http://127.0.0.1:3000", "http://127.0.0.1:3001", True),
    ],
)
def test_a_service_out_there_sends_nobody_into_this_network(service: str, home: str, allowed: bool) -> None:
    session = Session(service, identifier="desk.test", password="app", timeout_s=1)
    if allowed:
        assert session._checked(home) == home
    else:
        with pytest.raises(Misconfigured, match="inside of this network"):
            session._checked(home)


@pytest.mark.parametrize("home", ["http://example.com", "ftp://x", "https://user:pw@example.com"])
def test_a_home_without_https_is_refused_before_a_token_goes_there(home: str, tmp_path: Path) -> None:
    with Server(platform.Server(tmp_path, home=home)) as server, pytest.raises(Misconfigured, match="lives at"):
        channel_on(server).lookup(a_text_post())


def test_a_token_that_runs_out_at_once_is_later_not_the_operators_fault(server: Server) -> None:
    server.add(Fault(how="answer", path=PUT, status=400, body='{"error":"ExpiredToken"}', times=99))
    with pytest.raises(Unavailable, match="ran out"):
        channel_on(server).publish(a_text_post())
    assert methods(server).count(PUT) == 2


def test_threads_renew_one_session_once(tmp_path: Path) -> None:
    with Server(platform.Server(tmp_path / "server", uses=10)) as server:
        channel = channel_on(server)
        threads = [
            threading.Thread(target=channel.publish, args=[a_text_post(f"post-{number}")]) for number in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (methods(server).count(LOGIN), methods(server).count(REFRESH)) == (1, 1)
    assert len(records(tmp_path)) == 8


# -- "later", and "no" -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [PUT, GET, LOGIN])
def test_a_rate_limit_says_when_to_come_back(path: str, server: Server) -> None:
    for header, least in (("Retry-After", 7.0), ("RateLimit-Reset", 1e9)):
        headers = {header: "7" if least == 7.0 else "9999999999"}
        server.add(Fault(how="answer", path=path, status=429, headers=headers, body='{"error":"RateLimitExceeded"}'))
        with pytest.raises(Unavailable) as later:
            channel_on(server).publish(a_text_post())
        assert not isinstance(later.value, OutcomeUnknown)
        assert later.value.retry_after_s is not None
        assert later.value.retry_after_s >= least


NONSENSE = ["", "null", "[]", '"x"', "5", "{}", '{"cid": 5}', "<html>", "[" * 5000]


@pytest.mark.parametrize("number", range(len(NONSENSE)))
@pytest.mark.parametrize("path", [PUT, GET, LOGIN, "uploadBlob", "getPosts"])
def test_no_nonsense_of_a_server_is_taken_for_success(path: str, number: int, server: Server, tmp_path: Path) -> None:
    post = a_text_post(media=(a_picture(tmp_path),))
    server.add(Fault(how="answer", path=path, status=200, body=NONSENSE[number], times=9))
    channel = channel_on(server)
    if path == "getPosts":
        channel.publish(post)
        try:
            assert channel.engagement(post) is None
        except Unavailable:
            return
        return
    with pytest.raises(SteersmanError) as failed:
        channel.publish(post)
    assert failed.value.fix
    assert isinstance(failed.value, OutcomeUnknown) == (path == PUT)


NOTHING = {
    "by name": (400, '{"error":"RecordNotFound"}'),
    "by name with 404": (404, '{"error":"RecordNotFound"}'),
    "in words": (400, '{"error":"InvalidRequest","message":"Could not locate record: at://x"}'),
}


@pytest.mark.parametrize("how", list(NOTHING))
def test_servers_say_in_several_ways_that_there_is_no_record(how: str, server: Server) -> None:
    status, body = NOTHING[how]
    server.add(Fault(how="answer", path=GET, status=status, body=body))
    assert channel_on(server).lookup(a_text_post()) is None


def test_any_other_refusal_of_a_look_is_not_taken_for_nothing_there(server: Server) -> None:
    server.add(Fault(how="answer", path=GET, status=400, body='{"error":"InvalidRequest","message":"Bad"}'))
    with pytest.raises(Unavailable, match="InvalidRequest Bad"):
        channel_on(server).publish(a_text_post())
    assert PUT not in methods(server)


def test_a_record_that_is_refused_says_the_servers_reason(server: Server) -> None:
    with pytest.raises(Rejected, match="maximum 300, got 301"):
        channel_on(server).publish(a_text_post(text="é" * 301))


def test_words_that_a_server_quotes_do_not_reach_the_record_of_the_error(server: Server) -> None:
    body = '{"error":"InvalidRequest","message":"Invalid uri (got \\"secret words\\") at $.record.facets[0]"}'
    server.add(Fault(how="answer", path=PUT, status=400, body=body))
    with pytest.raises(Rejected, match=r"Invalid uri at \$.record.facets") as refused:
        channel_on(server).publish(a_text_post())
    assert "secret" not in str(refused.value)


def test_another_post_under_the_same_key_is_left_alone(server: Server) -> None:
    theirs = a_text_post(published_at=5_000_000_000)
    channel = channel_on(server)
    channel.publish(theirs)
    ours = msgspec.structs.replace(a_text_post(), remote_key=theirs.remote_key)
    assert channel.lookup(ours) is None
    for act in (channel.publish, channel.delete):
        with pytest.raises(Rejected, match="another post lies under the key"):
            act(ours)
    assert channel.lookup(theirs) is not None


def test_edits_are_refused_where_the_operator_wants_no_silent_ones(server: Server) -> None:
    channel = channel_on(server, edits="refuse")
    published = channel.publish(a_text_post(text="One."))
    assert not channel.limits.can_update
    assert channel.publish(a_text_post(text="One.")) == published
    with pytest.raises(Rejected, match="edits are refused"):
        channel.publish(a_text_post(text="Two."))
    assert channel.lookup(a_text_post(text="One.")) == published


def test_a_post_that_is_out_on_another_account_does_not_come_out_here(server: Server, tmp_path: Path) -> None:
    post = a_text_post(remote_id="at://did:plc:other/app.bsky.feed.post/3kaaaaaaaaaa2")
    assert channel_on(server).lookup(post) is None
    for act in (channel_on(server).publish, channel_on(server).delete):
        with pytest.raises(Rejected, match="the login is did:plc:steersman"):
            act(post)
    assert records(tmp_path) == []


def test_an_address_that_is_no_server_is_for_the_operator(server: Server) -> None:
    server.add(Fault(how="answer", status=404, body="<html>not found</html>", times=9))
    with pytest.raises(Misconfigured):
        channel_on(server).lookup(a_text_post())


def test_nobody_at_the_address_is_later() -> None:
    channel = BlueskyChannel(
        settings=BlueskySettings(service="http://127.0.0.1:9", identifier="desk.test", timeout="1s"), password="x"
    )
    with pytest.raises(Unavailable, match="no answer"):
        channel.publish(a_text_post())


# -- pictures ----------------------------------------------------------------------------------------------------


def test_pictures_go_out_with_words_and_shape(server: Server, tmp_path: Path) -> None:
    post = a_text_post(media=(a_picture(tmp_path),), link="https://example.com/one")
    published = channel_on(server).publish(post)
    told = msgspec.json.decode((tmp_path / "server" / "state.json").read_bytes())
    (shown,) = told["records"][published.remote_id]["value"]["embed"]["images"]
    assert (shown["alt"], shown["aspectRatio"]) == ("A curve", {"width": 640, "height": 480})
    Path(post.media[0].path).unlink()
    assert channel_on(server).lookup(post) == published
    assert channel_on(server).publish(post) == published


@pytest.mark.parametrize("how", ["silent", "reset", "garbled"])
def test_an_upload_without_an_answer_is_done_again_without_a_doubt(how: Any, server: Server, tmp_path: Path) -> None:
    post = a_text_post(media=(a_picture(tmp_path),))
    server.add(Fault(how=how, path="uploadBlob"))
    with pytest.raises(Unavailable) as later:
        channel_on(server, timeout="300ms").publish(post)
    assert not isinstance(later.value, OutcomeUnknown)
    assert records(tmp_path) == []
    channel_on(server).publish(post)
    assert records(tmp_path) == [post.remote_key]


def test_a_picture_that_cannot_go_out_is_refused_before_anything_does(server: Server, tmp_path: Path) -> None:
    good = a_picture(tmp_path)
    bad = {
        "1,000,000": a_picture(tmp_path, PNG + bytes(1_000_000), path=str(tmp_path / "large.png")),
        "cannot be read": msgspec.structs.replace(good, path=str(tmp_path / "gone.png")),
        "not what was planned": msgspec.structs.replace(good, sha256="00" * 32),
    }
    (tmp_path / "large.png").write_bytes(PNG + bytes(1_000_000))
    (tmp_path / "curve.png").write_bytes(PNG)
    for words, media in bad.items():
        with pytest.raises(Rejected, match=words):
            channel_on(server).publish(a_text_post(media=(media,)))
    with pytest.raises(Rejected, match="5 pictures, allowed: 4"):
        channel_on(server).publish(a_text_post(media=(good,) * 5))
    assert records(tmp_path) == []


# -- engagement and settings -------------------------------------------------------------------------------------


def test_the_server_of_the_proof_keeps_posts_and_counts_them(tmp_path: Path) -> None:
    with running("bluesky", tmp_path / "server") as first:
        settings = msgspec.convert(platform.settings(first.url), BlueskySettings)
        published = create(settings=settings, root=tmp_path, secret=lambda _: platform.PASSWORD).publish(a_text_post())
    assert platform.count(tmp_path / "server") == {"Words and #more": 1}
    with Server(platform.Server(tmp_path / "server")) as again:
        found = channel_on(again).lookup(a_text_post())
        channel_on(again).publish(a_text_post("two"))
    assert found is not None
    assert (found.revision, found.remote_id) == (published.revision, published.remote_id)
    assert platform.count(tmp_path / "server") == {"Words and #more": 2}


def test_nobody_counts_without_an_appview(server: Server) -> None:
    channel = channel_on(server, appview="")
    channel.publish(a_text_post())
    assert not channel.limits.has_engagement
    assert channel.engagement(a_text_post()) is None


def test_an_appview_that_fails_is_later(server: Server) -> None:
    server.add(Fault(how="answer", path="getPosts", status=400, body='{"error":"InvalidRequest"}'))
    with pytest.raises(Unavailable):
        channel_on(server).engagement(a_text_post())


WRONG: dict[str, tuple[str, str]] = {
    'identifier = "@desk.bsky.social"': ("identifier", "without @"),
    'identifier = "desk"': ("identifier", "a handle with a dot"),
    "": ("identifier", "found ''"),
    'service = "http://example.com"': ("service", "without https"),
    'appview = "nowhere"': ("appview", "no address"),
    'password = "abcd-efgh"': ("password", "never the secret"),
    'languages = ["english please"]': ("languages", "up to 3"),
    'post_url = "https://x.org/{key}"': ("post_url", "rkey"),
    'post_url = "https://x.org/{rkey"': ("post_url", "rkey"),
    'timeout = "0s"': ("timeout", "0.1 s"),
    'timeout = "soon"': ("timeout", "span"),
    "max_image_bytes = 0": ("max_image_bytes", "1 or more"),
}


@pytest.mark.parametrize("line", list(WRONG))
def test_a_setting_that_cannot_be_used_names_itself_and_what_is_allowed(line: str, tmp_path: Path) -> None:
    field, words = WRONG[line]
    read = TomlFile(f"[channel.bluesky]\n{line}\n", name="steersman.toml").section(
        ("channel", "bluesky"), BlueskySettings
    )
    if "identifier" not in line and line:
        read = msgspec.structs.replace(read, identifier="desk.bsky.social")
    problems = list(read.problems(tmp_path))
    assert [name for name, _, _ in problems] == [field]
    assert words in problems[0][1]
    assert problems[0][2]


def test_the_settings_of_the_examples_can_be_used(tmp_path: Path) -> None:
    for identifier in ("desk.bsky.social", "did:plc:abc234", "did:web:example.com", "me@example.com"):
        assert list(BlueskySettings(identifier=identifier).problems(tmp_path)) == []
