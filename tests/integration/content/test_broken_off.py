"""WordPress and Mastodon broken off at every request, in every way: never a second post, never a lost one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from tests.builders_channels import BreakingServer, How, a_picture
from tests.builders_content import a_post
from tests.contracts.channels import mastodon, wordpress

from steersman.bootstrap.proof.platforms import mastodon as mastodon_platform
from steersman.bootstrap.proof.platforms import wordpress as wordpress_platform
from steersman.content.ports import Channel, Post
from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import OutcomeUnknown, Unavailable

HOWS: list[How] = ["refuse", "reset", "answer", "garbled"]
_MOST_REQUESTS = 40


class Place:
    """A platform, how to get at it as a new process, and how many posts it has."""

    def __init__(
        self, server: BreakingServer, channel: Callable[[], Channel], count: Callable[[], dict[str, int]]
    ) -> None:
        self.server = server
        self.channel = channel
        self.count = count

    def post(self, body: str, picture_in: Path, **fields: object) -> Post:
        """Return a post with a picture and a tag as the outbox stores it."""
        post = a_post("one", f"{body}\n\n![A curve](images/curve.png)\n", text=body, tags=("R&D",), **fields)
        key = self.channel().remote_key(post.key, post.published_at)
        return msgspec.structs.replace(post, remote_key=key, media=(a_picture(picture_in),))

    def settle(self, post: Post) -> None:
        """Do what the outbox does with a post in doubt: look it up, and send it again if it is not there."""
        self.server.break_at(-1, "reset")
        found = self.channel().lookup(post)
        if found is None or found.content_sha256 != post.content_sha256:
            found = self.channel().publish(post)
        assert self.channel().lookup(post) == found
        assert found.content_sha256 == post.content_sha256
        assert list(self.count().values()) == [1]


@contextmanager
def _wordpress(folder: Path, user: str) -> Iterator[Place]:
    with BreakingServer(wordpress_platform.WordPress(folder)) as server:
        yield Place(server, lambda: wordpress.channel(server.url, user=user), lambda: wordpress_platform.count(folder))


@contextmanager
def _mastodon(folder: Path) -> Iterator[Place]:
    with BreakingServer(mastodon_platform.Mastodon(folder, clock=FakeClock())) as server:
        yield Place(server, lambda: mastodon.channel(server.url, folder), lambda: mastodon_platform.count(folder))


@pytest.fixture(params=["wordpress", "wordpress as an author", "mastodon"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[int], Place]]:
    """Return how to get at a new and empty platform, as often as wanted."""
    open_places: list[object] = []

    def make(number: int) -> Place:
        folder = tmp_path / str(number)
        user = wordpress_platform.AUTHOR if "author" in request.param else wordpress_platform.EDITOR
        opening = _mastodon(folder) if request.param == "mastodon" else _wordpress(folder, user)
        made = opening.__enter__()
        open_places.append(opening)
        return made

    yield make
    for opening in open_places:
        opening.__exit__(None, None, None)  # type: ignore[attr-defined]


def _broken_at_every_request(
    place: Callable[[int], Place], how: How, tmp_path: Path, act: Callable[[Place], tuple[Post, Callable[[], object]]]
) -> int:
    """Break `act` off at its first request, its second and so on until it ends in peace; return how often it broke."""
    for number in range(_MOST_REQUESTS):
        here = place(number)
        post, step = act(here)
        here.server.break_at(number, how)
        is_in_doubt = True
        try:
            step()
        except OutcomeUnknown:
            pass
        except Unavailable:
            is_in_doubt = False
        has_broken = here.server.has_broken
        here.server.break_at(-1, how)
        if not is_in_doubt:
            found = here.channel().lookup(post)
            assert found is None or found.content_sha256 != post.content_sha256, f"said not out at {number}, is out"
        here.settle(post)
        if not has_broken:
            return number
    raise AssertionError(f"more than {_MOST_REQUESTS} requests for one post")


@pytest.mark.parametrize("how", HOWS)
def test_a_first_post_broken_off_anywhere_is_one_post(place: Callable[[int], Place], how: How, tmp_path: Path) -> None:
    def act(here: Place) -> tuple[Post, Callable[[], object]]:
        post = here.post("Some & more words.", tmp_path)
        return post, lambda: here.channel().publish(post)

    assert _broken_at_every_request(place, how, tmp_path, act) >= 5


@pytest.mark.parametrize("how", HOWS)
def test_an_update_broken_off_anywhere_is_one_post_with_the_new_text(
    place: Callable[[int], Place], how: How, tmp_path: Path
) -> None:
    def act(here: Place) -> tuple[Post, Callable[[], object]]:
        first = here.channel().publish(here.post("One & all.", tmp_path))
        post = here.post("Two & all.", tmp_path, remote_id=first.remote_id, content_sha256="2" * 64)
        return post, lambda: here.channel().publish(post)

    assert _broken_at_every_request(place, how, tmp_path, act) >= 4


@pytest.mark.parametrize("how", ["refuse", "reset", "answer"])
def test_a_deletion_broken_off_anywhere_can_be_asked_for_again(
    place: Callable[[int], Place], how: How, tmp_path: Path
) -> None:
    for number in range(_MOST_REQUESTS):
        here = place(number)
        post = here.post("Soon gone.", tmp_path)
        here.channel().publish(post)
        here.server.break_at(number, how)
        with contextlib.suppress(Unavailable):
            here.channel().delete(post)
        has_broken = here.server.has_broken
        here.server.break_at(-1, how)
        here.channel().delete(post)
        assert here.channel().lookup(post) is None
        if not has_broken:
            return
    pytest.fail(f"a deletion took more than {_MOST_REQUESTS} requests")


def test_a_post_that_was_taken_but_never_answered_is_found(place: Callable[[int], Place], tmp_path: Path) -> None:
    # The last request that changes anything is the one that shows the post to readers.
    here = place(0)
    post = here.post("Some words.", tmp_path)
    here.channel().publish(post)
    last = max(n for n, (method, _) in enumerate(here.server.requests) if method in ("POST", "PUT"))
    other = place(1)
    asked = len(other.server.requests)
    other.server.break_at(last - asked, "reset")
    with pytest.raises(OutcomeUnknown):
        other.channel().publish(post)
    found = other.channel().lookup(post)
    assert found is not None
    assert found.content_sha256 == post.content_sha256
    assert list(other.count().values()) == [1]
