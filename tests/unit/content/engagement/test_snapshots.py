"""Looks at equal ages: each once, in time or not at all, and none lost to a channel that is down."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from tests.builders_content import a_post, told

from steersman.content.adapters.memory import MemoryChannel
from steersman.content.engagement import History, Snapshots, is_in_time, total
from steersman.content.events.publishing import POST_DELETED, POST_PUBLISHED, PostDeleted, PostPublished
from steersman.content.ports import Engagement, Limits, Post
from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Unavailable
from steersman.ledger import Ledger, new_event
from steersman.ledger.adapters.memory import create as memory_ledger

HOUR, DAY = 3_600, 86_400


class Moody(MemoryChannel):
    """A channel that can be down, or have lost a post."""

    down = False
    lost = False

    def engagement(self, post: Post) -> Engagement | None:
        if self.down:
            raise Unavailable("it does not answer", fix="wait")
        return None if self.lost else super().engagement(post)


@dataclass
class World:
    clock: FakeClock = field(default_factory=FakeClock)
    ledger: Ledger = field(default_factory=memory_ledger)
    channel: Moody = field(default_factory=Moody)

    def snapshots(self) -> Snapshots:
        """Return what a process that was just started would take looks with."""
        return Snapshots(
            ledger=self.ledger,
            clock=self.clock,
            channels={"site": self.channel},
            post=lambda key: self.channel.posts[key],
        )

    def publish(self, slug: str = "one", **counts: int) -> None:
        post = a_post(slug)
        self.channel.publish(post)
        self.channel.counts[post.key] = counts or {"likes": 3, "replies": 2, "views": 900}
        now = self.clock.now_ns()
        out = PostPublished(
            key=post.key,
            channel="site",
            draft="content/one.md",
            content_sha256="",
            title="",
            url="",
            revision="",
            at=now,
        )
        self.ledger.append([new_event(POST_PUBLISHED, stream=f"post/{post.key}", data=out, actor="t", now_ns=now)])

    def observed(self) -> list[tuple[str, int, int]]:
        return [(d["key"], d["age_s"], d["engagement"]) for _, d in told(self.ledger, "content.engagement.observed")]


@pytest.fixture
def world() -> World:
    return World()


def test_a_post_is_looked_at_once_at_each_age_whoever_looks(world: World) -> None:
    world.publish()
    taken = world.snapshots()
    assert taken.tick() == []
    for step in (HOUR, DAY - HOUR, 6 * DAY, DAY):
        world.clock.advance(step)
        taken.tick()
        world.snapshots().tick()  # a second process, or this one after a restart
    assert world.observed() == [("site/one", HOUR, 5), ("site/one", DAY, 5), ("site/one", 7 * DAY, 5)]


def test_a_look_that_comes_too_late_is_left_out_and_the_next_age_is_taken(world: World) -> None:
    world.publish()
    world.clock.advance(3 * HOUR)
    assert world.snapshots().tick() == []
    world.clock.advance(DAY - 2 * HOUR)
    (look,) = world.snapshots().tick()
    assert (look.outcome, look.age_s) == ("observed", DAY)
    assert told(world.ledger, "content.engagement.observed")[0][1]["observed_age_s"] == DAY + HOUR


@pytest.mark.parametrize(
    ("age", "observed", "expected"),
    [
        (HOUR, HOUR - 1, False),
        (HOUR, HOUR + 600, True),
        (HOUR, HOUR + 601, False),
        (DAY, DAY + 8640, True),
        (DAY, DAY + 8641, False),
    ],
)
def test_in_time_is_a_tenth_or_ten_minutes_late(age: int, observed: float, expected: bool) -> None:
    assert is_in_time(age, observed) is expected


def test_a_channel_that_is_down_is_asked_again_after_a_while_and_loses_nothing(world: World) -> None:
    world.publish()
    taken = world.snapshots()
    world.clock.advance(HOUR)
    world.channel.down = True
    assert [look.outcome for look in taken.tick()] == ["failed"]
    world.channel.down = False
    assert taken.tick() == []
    world.clock.advance(301)
    assert [look.outcome for look in taken.tick()] == ["observed"]


def test_a_post_that_is_gone_or_was_deleted_is_followed_no_longer(world: World) -> None:
    world.publish("one")
    world.publish("two")
    taken = world.snapshots()
    world.clock.advance(HOUR)
    now = world.clock.now_ns()
    gone = PostDeleted(key="site/two", channel="site", draft="content/two.md", reason="", at=now)
    world.ledger.append([new_event(POST_DELETED, stream="post/site/two", data=gone, actor="t", now_ns=now)])
    world.channel.lost = True
    assert [(look.key, look.outcome) for look in taken.tick()] == [("site/one", "gone")]
    assert taken.tick() == []
    assert world.observed() == []


def test_a_channel_without_engagement_is_never_asked(world: World) -> None:
    world.channel.limits = Limits(has_engagement=False)
    world.publish()
    world.clock.advance(HOUR)
    assert world.snapshots().tick() == []


def test_views_are_no_engagement() -> None:
    assert total({"likes": 2, "reposts": 3, "views": 1000, "impressions": 50}) == 5


def test_history_compares_at_the_age_with_most_posts(world: World) -> None:
    history = History(world.ledger)
    assert history.age("site") == DAY
    world.publish("one")
    world.publish("two")
    taken = world.snapshots()
    world.clock.advance(HOUR)
    taken.tick()
    assert history.age("site") == HOUR
    world.clock.advance(DAY - HOUR)
    taken.tick()
    assert history.age("site") == DAY
    assert [seen.key for seen in history.observations("site", DAY)] == ["site/one", "site/two"]
    assert history.observations("site", 7 * DAY) == []
    assert history.channels() == ["site"]
