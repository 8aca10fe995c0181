"""The channel `wordpress` where a site is unlike a dictionary: addresses that are taken, filters, clocks, logins."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.builders_channels import BreakingServer, a_picture
from tests.builders_content import a_post
from tests.contracts.channels.wordpress import channel

from steersman.bootstrap.proof.platforms import wordpress as platform
from steersman.bootstrap.proof.platforms.server import Fault, Request, Server, Shelf
from steersman.content.adapters.wordpress import create
from steersman.content.adapters.wordpress.settings import WordPressSettings
from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Misconfigured, OutcomeUnknown, Rejected, Unavailable


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Server]:
    with Server(platform.WordPress(tmp_path)) as server:
        yield server


def stored(site: Server) -> dict[str, Any]:
    """Return what the site keeps."""
    assert isinstance(site.app, platform.WordPress)
    return site.app._shelf.read()


@contextmanager
def edited_by_hand(site: Server) -> Iterator[dict[str, Any]]:
    """Change what the site keeps, as its owner would."""
    assert isinstance(site.app, platform.WordPress)
    state = site.app._shelf.read()
    yield state
    site.app._shelf.write(state)


def test_an_address_that_is_taken_is_refused_and_nothing_is_left_behind(site: Server) -> None:
    channel(site.url).publish(a_post("one", key="other/one"))
    with pytest.raises(Rejected, match="the address one is not free; WordPress offers one-2") as refusal:
        channel(site.url).publish(a_post("one"))
    assert "slug:" in refusal.value.fix
    assert channel(site.url).lookup(a_post("one")) is None
    assert len(stored(site)["posts"]) == 1


def test_a_post_the_user_cannot_see_still_keeps_its_address(site: Server) -> None:
    channel(site.url).publish(a_post("one", key="other/one"))
    as_author = channel(site.url, user=platform.AUTHOR)
    with pytest.raises(Rejected, match="not free"):
        as_author.publish(a_post("one"))
    assert len(stored(site)["posts"]) == 1


def test_an_address_wordpress_keeps_for_itself_is_refused(site: Server) -> None:
    with pytest.raises(Rejected, match="offers feed-2"):
        channel(site.url).publish(a_post("feed"))
    assert stored(site)["posts"] == []


def test_a_draft_that_a_crash_left_is_published_not_joined(tmp_path: Path) -> None:
    with BreakingServer(platform.WordPress(tmp_path)) as site:
        # Looked up, drafted, and then the publication was refused a connection.
        site.break_at(2, "refuse")
        with pytest.raises(OutcomeUnknown):
            channel(site.url).publish(a_post())
        assert [one["status"] for one in stored(site)["posts"]] == ["draft"]
        assert channel(site.url).lookup(a_post()) is None
        channel(site.url).publish(a_post())
        assert [one["status"] for one in stored(site)["posts"]] == ["publish"]


def test_a_second_draft_of_the_same_post_is_taken_away(site: Server) -> None:
    channel(site.url).publish(a_post())
    with edited_by_hand(site) as state:
        # A request that was still on its way when we asked again.
        late = {**state["posts"][0], "id": 900, "slug": "one-2", "status": "draft"}
        state["posts"].append(late)
    channel(site.url).publish(a_post(body="New words.\n"))
    assert [one["slug"] for one in stored(site)["posts"]] == ["one"]


def test_an_edit_by_hand_is_seen_and_the_next_revision_replaces_it(site: Server) -> None:
    first = channel(site.url).publish(a_post())
    with edited_by_hand(site) as state:
        state["posts"][0]["content"] = state["posts"][0]["content"].replace("words", "swords")
    found = channel(site.url).lookup(a_post())
    assert found is not None
    assert found.content_sha256 == ""
    again = channel(site.url).publish(a_post())
    assert (again.remote_id, again.content_sha256) == (first.remote_id, first.content_sha256)


@pytest.mark.parametrize("field", ["title", "excerpt"])
def test_another_title_or_excerpt_is_another_post_than_ours(site: Server, field: str) -> None:
    channel(site.url).publish(a_post())
    with edited_by_hand(site) as state:
        state["posts"][0][field] = "Something else"
    found = channel(site.url).lookup(a_post())
    assert found is not None
    assert found.content_sha256 == ""


def test_a_mark_that_was_edited_away_does_not_hide_a_post_known_by_its_id(site: Server) -> None:
    first = channel(site.url).publish(a_post())
    with edited_by_hand(site) as state:
        state["posts"][0]["content"] = "Rewritten."
    known = a_post(remote_id=first.remote_id)
    assert channel(site.url).lookup(a_post()) is None
    assert channel(site.url).publish(known).url == first.url
    assert len(stored(site)["posts"]) == 1


def test_a_post_in_the_trash_is_not_out_and_comes_back_under_its_id(site: Server) -> None:
    first = channel(site.url).publish(a_post())
    channel(site.url).delete(a_post())
    assert channel(site.url).lookup(a_post()) is None
    assert stored(site)["posts"][0]["slug"] == "one__trashed"
    again = channel(site.url).publish(a_post())
    # Its revision is another when the clock went on by a second meanwhile: WordPress names it by the time.
    assert msgspec.structs.replace(again, revision=first.revision) == first


def test_erasing_leaves_nothing(site: Server) -> None:
    erasing = channel(site.url, on_delete="erase")
    erasing.publish(a_post())
    for _ in range(2):
        erasing.delete(a_post())
    assert stored(site)["posts"] == []


def test_a_site_without_a_trash_says_what_to_write(site: Server) -> None:
    channel(site.url).publish(a_post())
    body = json.dumps({"code": "rest_trash_not_supported", "message": "The post does not support trashing."})
    site.add(Fault(how="answer", method="DELETE", status=501, body=body))
    with pytest.raises(Rejected) as refusal:
        channel(site.url).delete(a_post())
    assert 'on_delete = "erase"' in refusal.value.fix


def test_a_clock_that_is_behind_does_not_leave_the_post_to_a_scheduler(tmp_path: Path) -> None:
    now = a_post().published_at
    with Server(platform.WordPress(tmp_path, clock=FakeClock(now - 7200 * 1_000_000_000))) as site:
        published = channel(site.url).publish(a_post())
        assert stored(site)["posts"][0]["status"] == "publish"
        assert channel(site.url).lookup(a_post()) == published


def test_pictures_are_uploaded_once_with_their_words(site: Server, tmp_path: Path) -> None:
    media = (a_picture(tmp_path), a_picture(tmp_path, "cover.png", "A ship", shade=9))
    post = a_post(body="![A curve](images/curve.png)\n", media=media)
    site.add(Fault(how="reset", method="POST", path="/"))
    with pytest.raises(Unavailable):
        channel(site.url).publish(post)
    channel(site.url).publish(post)
    library = stored(site)["media"]
    assert [one["alt_text"] for one in library] == ["A curve that rises", "A ship"]
    (shown,) = stored(site)["posts"]
    assert f'src="{library[0]["source_url"]}"' in shown["content"]
    # What the body does not show leads the post.
    assert shown["featured_media"] == library[1]["id"]


def test_the_words_of_a_picture_change_without_another_upload(site: Server, tmp_path: Path) -> None:
    for alt in ("A curve", "A better curve"):
        channel(site.url).publish(
            a_post(media=(a_picture(tmp_path, alt=alt),), content_sha256=hashlib.sha256(alt.encode()).hexdigest())
        )
    assert [one["alt_text"] for one in stored(site)["media"]] == ["A better curve"]


def test_a_file_wordpress_will_not_take_is_refused_before_anything_is_out(site: Server, tmp_path: Path) -> None:
    media = msgspec.structs.replace(a_picture(tmp_path, "x.svg"), mime="image/svg+xml")
    with pytest.raises(Rejected, match="not allowed to upload this file type"):
        channel(site.url).publish(a_post(media=(media,)))
    assert stored(site).get("posts", []) == []


def test_tags_and_categories_are_found_or_made_never_doubled(site: Server) -> None:
    filing = channel(site.url, categories=["Notes & more"])
    for slug in ("one", "two"):
        filing.publish(a_post(slug, tags=("R&D", "r&d", "Épée", " ")))
    names = [(one["kind"], one["name"]) for one in stored(site)["terms"]]
    assert names == [("tags", "R&amp;D"), ("tags", "Épée"), ("categories", "Notes &amp; more")]
    assert all(len(one["tags"]) == 2 for one in stored(site)["posts"])


def test_a_tag_that_looks_like_html_is_a_tag(site: Server) -> None:
    channel(site.url).publish(a_post(tags=("<t>", "a<b")))
    assert [one["name"] for one in stored(site)["terms"]] == ["&lt;t&gt;", "a&lt;b"]


def test_a_slug_that_wordpress_would_cut_is_refused(site: Server) -> None:
    with pytest.raises(Rejected, match="the slug has 201 characters, WordPress keeps 200"):
        channel(site.url).publish(a_post("x" * 201))


def test_a_category_the_user_may_not_make_is_named(site: Server) -> None:
    with pytest.raises(Rejected, match="no 'Notes' among the site's categories"):
        channel(site.url, user=platform.AUTHOR, categories=["Notes"]).publish(a_post())
    channel(site.url, categories=["Notes"]).publish(a_post("other"))
    channel(site.url, user=platform.AUTHOR, categories=["Notes"]).publish(a_post())


def test_comments_are_counted(site: Server) -> None:
    published = channel(site.url).publish(a_post())
    with edited_by_hand(site) as state:
        state["comments"][published.remote_id] = 3
    engagement = channel(site.url).engagement(a_post())
    assert engagement is not None
    assert engagement.counts == {"comments": 3}


@pytest.mark.parametrize("wrong", [{"user": "nobody"}, {"password": "wrong"}])
def test_a_refused_login_says_what_to_check_and_never_the_password(site: Server, wrong: dict[str, str]) -> None:
    settings = msgspec.convert({**platform.settings(site.url), "user": wrong.get("user", "desk")}, WordPressSettings)
    refused = create(settings=settings, root=Path(), secret=lambda _: wrong.get("password", platform.PASSWORD))
    known = channel(site.url).publish(a_post()).remote_id
    acts = [
        (act, post)
        for act in (refused.lookup, refused.publish, refused.delete)
        for post in (a_post(), a_post(remote_id=known))
    ]
    for act, post in acts:
        with pytest.raises(Misconfigured, match="login was not accepted") as refusal:
            act(post)
        assert "application password" in refusal.value.fix
        assert platform.PASSWORD not in str(refusal.value)


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (
            Fault(how="answer", status=301, headers={"Location": "https://www.example.com/?p=1"}),
            Misconfigured,
            "sent on",
        ),
        (Fault(how="answer", status=429, headers={"Retry-After": "90"}), Unavailable, "429"),
        (Fault(how="answer", status=503), Unavailable, "503"),
        (Fault(how="garbled"), Unavailable, "instead of JSON"),
        (Fault(how="answer", status=404, body='{"code":"rest_no_route"}'), Unavailable, "rest_no_route"),
        (Fault(how="answer", status=200, body="[" * 100_000), Unavailable, "instead of JSON"),
        (Fault(how="answer", status=200, body='{"not": "a list"}'), Unavailable, "200"),
    ],
)
def test_an_answer_that_is_none_leaves_nothing_out(
    site: Server, fault: Fault, error: type[Exception], words: str
) -> None:
    site.add(fault)
    with pytest.raises(error, match=words) as raised:
        channel(site.url).publish(a_post())
    assert not isinstance(raised.value, OutcomeUnknown)
    assert getattr(raised.value, "retry_after_s", None) == (90.0 if "429" in words else None)
    assert stored(site).get("posts", []) == []


def test_a_site_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="no answer") as raised:
        channel("http://127.0.0.1:9").publish(a_post())
    assert not isinstance(raised.value, OutcomeUnknown)


def test_code_and_brackets_are_no_commands_to_wordpress(site: Server) -> None:
    channel(site.url).publish(a_post(body="[gallery]\n\n```\n[audio]\nhttps://example.com/watch\n```\n"))
    content = stored(site)["posts"][0]["content"]
    assert "[" not in content
    assert "&#091;audio]" in content
    assert "https:&#047;/example.com/watch" in content


def test_comments_of_a_draft_and_html_never_go_out(site: Server) -> None:
    channel(site.url).publish(a_post(body="Seen <!-- private --> <script>alert(1)</script>\n", title="A <b> & c"))
    (shown,) = stored(site)["posts"]
    assert "private" not in shown["content"]
    assert "<script" not in shown["content"]
    assert shown["title"] == "A &lt;b&gt; &amp; c"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("base_url", "https://example.com", "without a slash"),
        ("base_url", "http://example.com/", "without https"),
        ("base_url", "https://desk:secret@example.com/", "user name or password"),
        ("base_url", "https://example.com/?p=1/", "a query"),
        ("api", "https://example.com/wp-json", "without a slash"),
        ("user", "", "a user name"),
        ("user", "a:b", "a user name"),
        ("password", "abcd efgh ijkl", "without env:"),
        ("timeout", "soon", "not a span"),
        ("timeout", "1h", "allowed: 1 s to 5 m"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(field: str, value: str, words: str) -> None:
    given = {"kind": "wordpress", "base_url": "https://example.com/", "user": "desk", field: value}
    problems = list(msgspec.convert(given, WordPressSettings).problems(Path()))
    assert any(name == field and words in text for name, text, _ in problems)
    assert not any(secret in text for _, text, _ in problems for secret in ("desk:secret", "abcd"))


def test_the_server_of_ours_answers_a_login_that_is_none_as_wordpress_does(tmp_path: Path) -> None:
    app = platform.WordPress(tmp_path)
    for header in ("", "Basic !!!", "Bearer x"):
        request = Request(
            method="POST",
            path="/",
            query={"rest_route": "/wp/v2/posts"},
            headers={"authorization": header},
            body=b"{}",
        )
        assert app.answer(request).status == 401
    assert Shelf(tmp_path).read().get("posts", []) == []
