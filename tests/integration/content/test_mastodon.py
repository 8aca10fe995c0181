"""The channel `mastodon`: which status is ours, pictures that take time, limits, answers that are none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.builders_channels import BreakingServer, a_picture
from tests.builders_content import a_post
from tests.contracts.channels.mastodon import channel

from steersman.bootstrap.proof.platforms import mastodon as platform
from steersman.bootstrap.proof.platforms.server import Answer, Fault, Request, Server, json_answer
from steersman.content.adapters.mastodon.settings import MastodonSettings
from steersman.content.ports import Media, Post
from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Misconfigured, OutcomeUnknown, Rejected, Unavailable

_HOUR = 3600


class Home(msgspec.Struct, frozen=True, kw_only=True):
    """A server of ours with a clock that can be moved."""

    server: BreakingServer
    clock: FakeClock
    folder: Path

    @property
    def url(self) -> str:
        return self.server.url

    def statuses(self) -> list[dict[str, Any]]:
        """Return what the server keeps."""
        found: list[dict[str, Any]] = self._app._shelf.read().get("statuses", [])
        return found

    def write(self, text: str, key: str = "") -> dict[str, Any]:
        """Post as a person would."""
        self._app._state = self._app._shelf.read() or {
            "next": platform._FIRST_ID,
            "statuses": [],
            "media": [],
            "keys": {},
        }
        made = self._app._create({"status": text}, key)
        self._app._shelf.write(self._app._state)
        return made

    def edit(self, number: int, text: str) -> None:
        """Edit a status as a person would."""
        self._app._state = self._app._shelf.read()
        self._app._edit(self._app._state["statuses"][number], {"status": text})
        self._app._shelf.write(self._app._state)

    @property
    def _app(self) -> platform.Mastodon:
        assert isinstance(self.server.app, platform.Mastodon)
        return self.server.app


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    clock = FakeClock()
    with BreakingServer(platform.Mastodon(tmp_path, clock=clock)) as server:
        yield Home(server=server, clock=clock, folder=tmp_path)


def a_text(text: str = "Some words. https://example.com/notes/one.html", **fields: Any) -> Post:
    """Return a post as the outbox stores it for this channel."""
    return a_post("one", "", text=text, remote_key="a" * 32, **fields)


def test_after_the_key_is_forgotten_the_status_is_still_found(home: Home) -> None:
    # Account, own statuses, limits; then the status, whose answer is lost.
    home.server.break_at(3, "reset")
    with pytest.raises(OutcomeUnknown):
        channel(home.url, home.folder).publish(a_text())
    home.clock.advance(2 * _HOUR)
    published = channel(home.url, home.folder).publish(a_text())
    assert published.content_sha256 == a_text().content_sha256
    assert len(home.statuses()) == 1


def test_within_its_hour_the_key_holds_even_if_nothing_could_be_found(home: Home) -> None:
    # A replica that lags behind: our own status is not in the list yet, as its text is not.
    home.write("Some other words first.", key="a" * 32)
    published = channel(home.url, home.folder).publish(a_text())
    assert [one["text"] for one in home.statuses()] == [a_text().text]
    assert published.content_sha256 == a_text().content_sha256


def test_the_same_words_from_before_the_plan_are_another_status(home: Home) -> None:
    home.write(a_text().text)
    home.clock.advance(3 * _HOUR)
    later = a_text(published_at=home.clock.now_ns())
    assert channel(home.url, home.folder).lookup(later) is None
    channel(home.url, home.folder).publish(later)
    assert len(home.statuses()) == 2


def test_a_clock_that_is_behind_ours_hides_nothing(home: Home) -> None:
    ahead = a_text(published_at=home.clock.now_ns() + 50 * 60 * 1_000_000_000)
    channel(home.url, home.folder).publish(ahead)
    assert channel(home.url, home.folder).lookup(ahead) is not None


def test_of_the_same_words_twice_the_first_is_ours(home: Home) -> None:
    first = channel(home.url, home.folder).publish(a_text())
    home.clock.advance(10)
    home.write(a_text().text)
    assert channel(home.url, home.folder).lookup(a_text()) == first


def test_a_status_is_found_behind_many_later_ones(home: Home) -> None:
    first = channel(home.url, home.folder).publish(a_text())
    for number in range(95):
        home.write(f"Word number {number}")
    before = len(home.server.requests)
    assert channel(home.url, home.folder).lookup(a_text()) == first
    asked = [path for _, path in home.server.requests[before:]]
    # Three pages with statuses and an empty one; the source of the only one that may be ours, found and compared.
    assert sum(path.endswith("/statuses") for path in asked) == 4
    assert sum(path.endswith("/source") for path in asked) == 2


def test_an_edit_by_hand_before_anybody_looked_is_recognised_and_replaced(home: Home) -> None:
    channel(home.url, home.folder).publish(a_text())
    home.clock.advance(2 * _HOUR)
    home.edit(0, "Quite different words.")
    found = channel(home.url, home.folder).lookup(a_text())
    assert found is not None
    assert found.content_sha256 == ""
    again = channel(home.url, home.folder).publish(a_text())
    assert again.remote_id == found.remote_id
    assert [one["text"] for one in home.statuses()] == [a_text().text]


@pytest.mark.parametrize(
    "text",
    [
        "Hello @friend@example.org and @other@example.com, see https://example.com/a/very/long/address/of/a/piece?x=1&y=2",
        "<b>no tag</b> & #one #Zwei",
        "👩‍👩‍👧 🇩🇪 é\n\nnext  line\n",
        "مرحبا بالعالم https://example.com",
        "🚀🚀",
    ],
)
def test_any_text_is_found_again_letter_by_letter(home: Home, text: str) -> None:
    home.write("Something else. #one")
    published = channel(home.url, home.folder).publish(a_text(text))
    assert channel(home.url, home.folder).lookup(a_text(text)) == published
    assert channel(home.url, home.folder).lookup(a_text(f"{text}!")) is None


def test_a_deleted_status_can_be_posted_again_within_its_hour(home: Home) -> None:
    channel(home.url, home.folder).publish(a_text())
    channel(home.url, home.folder).delete(a_text())
    again = a_text(updated_at=a_text().updated_at + 1)
    assert channel(home.url, home.folder).publish(again).content_sha256 == again.content_sha256
    assert len(home.statuses()) == 1


def test_deleting_what_is_known_and_gone_touches_no_other_status(home: Home) -> None:
    home.write(a_text().text)
    channel(home.url, home.folder).delete(a_text(remote_id="110999"))
    assert len(home.statuses()) == 1


def test_pictures_go_out_once_the_server_has_prepared_them(home: Home) -> None:
    waits: list[float] = []
    post = a_text(media=(a_picture(home.folder), a_picture(home.folder, "b.png", "A ship", shade=5)))
    published = channel(home.url, home.folder, waits=waits).publish(post)
    assert waits == [0.5, 0.5]
    assert channel(home.url, home.folder).lookup(post) == published
    other_words = msgspec.structs.replace(post.media[1], alt="A boat")
    found = channel(home.url, home.folder).lookup(msgspec.structs.replace(post, media=(post.media[0], other_words)))
    assert found is not None
    assert found.content_sha256 == ""


def test_another_picture_with_the_same_words_is_another_revision(home: Home) -> None:
    post = a_text(media=(a_picture(home.folder),))
    first = channel(home.url, home.folder).publish(post)
    home.clock.advance(600)
    new = msgspec.structs.replace(
        post, media=(a_picture(home.folder, shade=9),), updated_at=home.clock.now_ns(), remote_id=first.remote_id
    )
    found = channel(home.url, home.folder).lookup(new)
    assert found is not None
    assert found.content_sha256 == ""
    second = channel(home.url, home.folder).publish(new)
    assert (second.remote_id, second.revision != first.revision) == (first.remote_id, True)
    assert channel(home.url, home.folder).lookup(new) == second


def test_a_picture_that_is_never_ready_leaves_nothing_out(tmp_path: Path) -> None:
    with BreakingServer(platform.Mastodon(tmp_path, clock=FakeClock(), polls=1000)) as server:
        waits: list[float] = []
        with pytest.raises(Unavailable, match="still being prepared") as raised:
            channel(server.url, tmp_path, waits=waits, media_wait="10s").publish(a_text(media=(a_picture(tmp_path),)))
        assert not isinstance(raised.value, OutcomeUnknown)
        assert 10 <= sum(waits) < 20
        assert platform.count(tmp_path) == {}


def _too_many(folder: Path) -> tuple[Media, ...]:
    return tuple(a_picture(folder, f"{n}.png", shade=n) for n in range(5))


def _too_wordy(folder: Path) -> tuple[Media, ...]:
    return (a_picture(folder, alt="x" * 1501),)


def _too_large(folder: Path) -> tuple[Media, ...]:
    return (msgspec.structs.replace(a_picture(folder), size_bytes=17 * 1024 * 1024),)


@pytest.mark.parametrize(
    ("media", "words"),
    [(_too_many, "5 pictures, this server allows 4"), (_too_wordy, "has 1501 characters"), (_too_large, "17,825,792")],
)
def test_more_than_the_server_allows_is_refused_with_figures(home: Home, media: Any, words: str) -> None:
    with pytest.raises(Rejected, match=words):
        channel(home.url, home.folder).publish(a_text(media=media(home.folder)))
    assert home.statuses() == []


def test_a_text_that_is_too_long_is_refused_in_the_servers_words(home: Home) -> None:
    with pytest.raises(Rejected, match="character limit of 500 exceeded"):
        channel(home.url, home.folder).publish(a_text("x" * 501))


def test_limits_are_what_the_server_said_last_without_asking(home: Home) -> None:
    asking = channel(home.url, home.folder)
    assert asking.limits.max_graphemes == 500
    told = {"configuration": {"statuses": {"max_characters": 5000, "max_media_attachments": True}}}
    home.server.add(Fault(how="answer", status=200, path="/instance", body=json.dumps(told)))
    asking.publish(a_text())
    before = len(home.server.requests)
    known = channel(home.url, home.folder).limits
    assert (known.max_graphemes, known.url_graphemes, known.max_media) == (5000, 23, 4)
    assert len(home.server.requests) == before


@pytest.mark.parametrize("damage", [b"", b"{", b'{"max_characters": "many"}'])
def test_limits_that_were_damaged_are_those_of_a_server_never_asked(home: Home, damage: bytes) -> None:
    (home.folder / "instance.json").write_bytes(damage)
    assert channel(home.url, home.folder).limits.max_graphemes == 500


def test_engagement_is_what_readers_did(home: Home) -> None:
    channel(home.url, home.folder).publish(a_text())
    state = home._app._shelf.read()
    state["statuses"][0] |= {"favourites": 3, "reblogs": 2, "replies": 1}
    home._app._shelf.write(state)
    found = channel(home.url, home.folder).engagement(a_text())
    assert found is not None
    assert found.counts == {"favourites": 3, "reblogs": 2, "replies": 1}


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (
            Fault(how="answer", status=401, body='{"error":"The access token is invalid"}'),
            Misconfigured,
            "token is invalid",
        ),
        (
            Fault(how="answer", status=403, body='{"error":"This action is outside the authorized scopes"}'),
            Misconfigured,
            "scopes",
        ),
        (
            Fault(how="answer", status=429, headers={"X-RateLimit-Reset": "2099-01-01T00:00:00.000Z"}),
            Unavailable,
            "429",
        ),
        (Fault(how="answer", status=503), Unavailable, "503"),
        (Fault(how="garbled"), Unavailable, "instead of JSON"),
    ],
)
def test_an_answer_that_is_none_leaves_nothing_out(
    home: Home, fault: Fault, error: type[Exception], words: str
) -> None:
    home.server.add(fault)
    with pytest.raises(error, match=words) as raised:
        channel(home.url, home.folder).publish(a_text())
    assert not isinstance(raised.value, OutcomeUnknown)
    assert platform.TOKEN not in str(raised.value)
    assert (getattr(raised.value, "retry_after_s", None) or 0) > 0 or "429" not in words
    assert home.statuses() == []


def test_a_server_that_keeps_sources_to_itself_is_refused_before_a_second_post(home: Home) -> None:
    channel(home.url, home.folder).publish(a_text())
    home.server.add(Fault(how="answer", status=404, path="/source", body='{"error":"Record not found"}'))
    with pytest.raises(Misconfigured, match="does not tell the source") as raised:
        channel(home.url, home.folder).publish(a_text())
    assert "3.5" in raised.value.fix


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("base_url", "https://mastodon.example", "slash at its end"),
        ("base_url", "https://mastodon.example/api/v1/", "the server's address"),
        ("base_url", "http://mastodon.example/", "without https"),
        ("token", "abcdefghijk", "without env:"),
        ("language", "english please", "a language code"),
        ("timeout", "0s", "1 s to 5 m"),
        ("media_wait", "x", "not a span"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(field: str, value: str, words: str) -> None:
    given = {"kind": "mastodon", "base_url": "https://mastodon.example/", field: value}
    problems = list(msgspec.convert(given, MastodonSettings).problems(Path()))
    assert any(name == field and words in text for name, text, _ in problems)
    assert all(fix for _, _, fix in problems)


class _Endless:
    """A server that has one page of statuses and gives it for ever."""

    def answer(self, request: Request) -> Answer:
        if request.path.endswith("verify_credentials"):
            return json_answer({"id": "1"})
        return json_answer([{"id": "5", "created_at": "2999-01-01T00:00:00Z", "content": "Other words."}])


def test_a_list_of_statuses_that_never_ends_is_left(tmp_path: Path) -> None:
    with Server(_Endless()) as server, pytest.raises(Unavailable, match="has no end"):
        channel(server.url, tmp_path).lookup(a_text())


def test_a_picture_the_author_posted_by_hand_is_not_a_post_whose_words_were_not_kept(home: Home) -> None:
    home.write("x")
    home._app._state["statuses"][0]["text"] = ""
    home._app._shelf.write(home._app._state)
    bare = msgspec.structs.replace(a_text(), text="")
    used = channel(home.url, home.folder)
    assert used.lookup(bare) is None
    used.delete(bare)
    assert len(home.statuses()) == 1


def test_a_platform_that_forgets_its_keys_shows_who_does_not_look(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the proof of publishing relies on: otherwise the key of an hour would hide a look-up that is broken."""
    used = channel(home.url, home.folder)
    monkeypatch.setattr(used, "_find", lambda _: None)
    used.publish(a_text())
    used.publish(a_text())
    assert len(home.statuses()) == 1
    home._app.forget()
    used.publish(a_text())
    assert len(home.statuses()) == 2
