"""What every channel promises, run on each adapter: a key is one post, whatever is repeated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.builders_content import a_post
from tests.contracts.channels import bluesky, local, mastodon, webhook, wordpress
from tests.contracts.channels.local import Open

from steersman.content.ports import Post
from steersman.kernel.errors import Rejected

CHANNELS: dict[str, Callable[[Path], AbstractContextManager[Open]]] = {
    "bluesky": bluesky.bluesky,
    "mastodon": mastodon.mastodon,
    "memory": local.memory,
    "site": local.site,
    "site without git": local.site_without_git,
    "webhook": webhook.webhook,
    "wordpress": wordpress.wordpress,
    "wordpress as an author": wordpress.wordpress_as_author,
}


@pytest.fixture(params=list(CHANNELS))
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Return how a later process gets at the same channel."""
    with CHANNELS[request.param](tmp_path) as opened:
        yield opened


def post_for(reopen: Open, slug: str = "one", body: str = "Some *words*.\n", **fields: Any) -> Post:
    """Return a post as the outbox stores it for this channel: the form it shows, under its own key."""
    channel = reopen()
    given = a_post(slug, body, **fields)
    if channel.limits.shows == "text":
        given = a_post(slug, "", text=f"Post {slug}: {body.strip()}", content_sha256=given.content_sha256, **fields)
    return a_post(
        slug,
        given.body,
        text=given.text,
        content_sha256=given.content_sha256,
        remote_key=channel.remote_key(given.key, given.published_at),
        **fields,
    )


def test_a_remote_key_is_the_same_for_the_same_post_and_another_for_another(reopen: Open) -> None:
    keys = [reopen().remote_key(key, at) for key, at in (("c/one", 5), ("c/one", 5), ("c/two", 5))]
    assert keys[0] == keys[1]
    assert keys[0] != keys[2] or keys == [""] * 3


def test_nothing_is_found_before_the_first_post(reopen: Open) -> None:
    assert reopen().lookup(post_for(reopen)) is None


def test_what_was_published_is_found_by_its_key(reopen: Open) -> None:
    post = post_for(reopen)
    published = reopen().publish(post)
    assert (published.key, published.content_sha256) == (post.key, post.content_sha256)
    assert published.url
    assert published.revision
    assert published.remote_id
    assert reopen().lookup(post) == published
    assert reopen().lookup(post_for(reopen, "on")) is None


def test_publishing_the_same_again_changes_nothing(reopen: Open) -> None:
    post = post_for(reopen)
    first = reopen().publish(post)
    assert reopen().publish(post) == first
    assert reopen().lookup(post) == first


def test_another_content_is_another_revision_at_the_same_address(reopen: Open) -> None:
    if not reopen().limits.can_update:
        pytest.skip("this channel cannot change what is out")
    one, two = post_for(reopen, body="One.\n"), post_for(reopen, body="Two.\n")
    first = reopen().publish(one)
    second = reopen().publish(two)
    assert second.url == first.url
    assert second.remote_id == first.remote_id
    assert second.revision != first.revision
    assert reopen().lookup(two) == second
    as_seen_by_the_first = reopen().lookup(one)
    assert as_seen_by_the_first is not None
    assert as_seen_by_the_first.content_sha256 == ""


def test_posts_do_not_disturb_each_other(reopen: Open) -> None:
    posts = [post_for(reopen, slug) for slug in ("one", "one-more")]
    published = [reopen().publish(post) for post in posts]
    assert published[0].url != published[1].url
    assert [reopen().lookup(post) for post in posts] == published


def test_going_back_to_an_earlier_content_shows_it_again(reopen: Open) -> None:
    channel = reopen()
    if not channel.limits.can_update:
        pytest.skip("this channel cannot change what is out")
    for body in ("One.\n", "Two.\n", "One.\n"):
        last = channel.publish(post_for(reopen, body=body))
    found = reopen().lookup(post_for(reopen, body="One.\n"))
    assert found == last
    assert found is not None
    assert found.content_sha256 == post_for(reopen, body="One.\n").content_sha256


def test_what_was_deleted_is_gone_and_deleting_it_again_is_fine(reopen: Open) -> None:
    post = post_for(reopen)
    reopen().publish(post)
    if not reopen().limits.can_delete:
        with pytest.raises(Rejected):
            reopen().delete(post)
        return
    for _ in range(2):
        reopen().delete(post)
        assert reopen().lookup(post) is None
    later = msgspec.structs.replace(post, updated_at=post.updated_at + 1_000_000_000)
    again = reopen().publish(later)
    assert reopen().lookup(later) == again


def test_engagement_is_counts_or_nothing(reopen: Open) -> None:
    post = post_for(reopen)
    assert reopen().engagement(post) is None
    reopen().publish(post)
    found = reopen().engagement(post)
    assert (found is not None) == reopen().limits.has_engagement
    assert found is None or all(count >= 0 for count in found.counts.values())
