"""What every channel promises, run on each adapter: a key is one post, whatever is repeated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.builders_content import SITE, a_post

from steersman.content.adapters.memory import MemoryChannel
from steersman.content.adapters.site import SiteChannel
from steersman.content.ports import Channel

Open = Callable[[], Channel]


@pytest.fixture(params=["memory", "site", "site without git"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Return how a later process gets at the same channel."""
    if request.param == "memory":
        kept = MemoryChannel()
        return lambda: kept
    import msgspec

    settings = msgspec.structs.replace(SITE, git=request.param == "site")
    return lambda: SiteChannel(settings=settings, root=tmp_path)


def test_nothing_is_found_before_the_first_post(reopen: Open) -> None:
    assert reopen().lookup("site/one") is None


def test_what_was_published_is_found_by_its_key(reopen: Open) -> None:
    post = a_post()
    published = reopen().publish(post)
    assert (published.key, published.content_sha256) == (post.key, post.content_sha256)
    assert published.url.endswith(("one", "one.html"))
    assert published.revision
    assert reopen().lookup(post.key) == published
    assert reopen().lookup("site/on") is None


def test_publishing_the_same_again_changes_nothing(reopen: Open) -> None:
    first = reopen().publish(a_post())
    assert reopen().publish(a_post()) == first
    assert reopen().lookup("site/one") == first


def test_another_content_is_another_revision_at_the_same_address(reopen: Open) -> None:
    first = reopen().publish(a_post(body="One.\n"))
    second = reopen().publish(a_post(body="Two.\n"))
    assert second.url == first.url
    assert second.revision != first.revision
    assert reopen().lookup("site/one") == second


def test_posts_do_not_disturb_each_other(reopen: Open) -> None:
    one = reopen().publish(a_post("one"))
    more = reopen().publish(a_post("one-more"))
    assert one.url != more.url
    assert reopen().lookup("site/one") == one
    assert reopen().lookup("site/one-more") == more


def test_going_back_to_an_earlier_content_is_one_more_revision(reopen: Open) -> None:
    channel = reopen()
    for body in ("One.\n", "Two.\n", "One.\n"):
        last = channel.publish(a_post(body=body))
    found = reopen().lookup("site/one")
    assert found == last
    assert found is not None
    assert found.content_sha256 == a_post(body="One.\n").content_sha256
