"""One piece stays one post when a draft, its slug or a channel is renamed, and when an older ledger is put back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.builders_content import a_checker, a_publisher, told, write_draft

from steersman.content.adapters.memory import MemoryChannel
from steersman.content.ports import Channel, Post, Publication
from steersman.content.publishing.publisher import Outcome, Publisher
from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import OutcomeUnknown, Unavailable
from steersman.ledger import Ledger
from steersman.ledger.adapters.memory import create as memory_ledger

ONE = Path("content/one.md")
LONG = "A first line.\n\nA second line.\n\nA third line.\n"


class Keyed(MemoryChannel):
    """A platform whose key follows from the first plan, and that is asked by nothing else."""

    def __init__(self, *troubles: Unavailable) -> None:
        super().__init__()
        self.troubles = list(troubles)

    def remote_key(self, key: str, at: int) -> str:
        return f"{key}@{at}"

    def lookup(self, post: Post) -> Publication | None:
        if self.troubles:
            raise self.troubles.pop(0)
        shown = self.posts.get(post.remote_key)
        if shown is None:
            return None
        sha256 = post.content_sha256 if shown.content_sha256 == post.content_sha256 else ""
        return Publication(key=post.key, url="memory:///x", revision="1", content_sha256=sha256, remote_id=shown.key)

    def publish(self, post: Post) -> Publication:
        self.calls.append(post)
        self.posts[post.remote_key] = post
        return Publication(
            key=post.key, url="memory:///x", revision="1", content_sha256=post.content_sha256, remote_id=post.key
        )


class _Cut(Keyed):
    """Does what it is told, and nobody hears of it."""

    def __init__(self, inner: Keyed) -> None:
        super().__init__()
        self.posts = inner.posts

    def publish(self, post: Post) -> Publication:
        super().publish(post)
        raise OutcomeUnknown("no answer", fix="wait")


def outcomes(found: list[Outcome]) -> list[str]:
    return [one.outcome for one in found]


def publisher_on(root: Path, ledger: Ledger, **channels: Channel) -> Publisher:
    clock = FakeClock()
    return Publisher(
        checker=a_checker(root, ledger, clock=clock), ledger=ledger, clock=clock, channels=channels, patience_s=0
    )


# -- renames ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fields", [{}, {"title": "Another title"}])
@pytest.mark.parametrize("is_named", [False, True])
def test_another_slug_makes_no_second_post(tmp_path: Path, fields: dict[str, str], is_named: bool) -> None:
    ledger, channel = memory_ledger(), MemoryChannel()
    write_draft(tmp_path, body=LONG)
    publisher = a_publisher(tmp_path, ledger, channel)
    publisher.publish_all()
    write_draft(tmp_path, body=LONG + "\nAnd an end.\n", slug="other", **fields)
    (found,) = publisher.publish_all([tmp_path / ONE] if is_named else ())
    assert found.outcome == "taken"
    assert "write slug: one" in found.reason
    assert list(channel.posts) == ["site/one"]
    write_draft(tmp_path, body=LONG + "\nAnd an end.\n", slug="one", **fields)
    assert outcomes(publisher.publish_all()) == ["updated"]


def test_a_file_that_is_written_anew_each_day_makes_a_post_each_day(tmp_path: Path) -> None:
    ledger, channel = memory_ledger(), MemoryChannel()
    publisher = a_publisher(tmp_path, ledger, channel)
    write_draft(tmp_path, body=LONG, slug="monday", title="Monday")
    publisher.publish_all()
    write_draft(tmp_path, body="All of it is new.\n", slug="tuesday", title="Tuesday")
    assert outcomes(publisher.publish_all()) == ["published"]


def test_a_file_of_another_name_makes_no_second_post(tmp_path: Path) -> None:
    ledger, channel = memory_ledger(), MemoryChannel()
    path = write_draft(tmp_path)
    publisher = a_publisher(tmp_path, ledger, channel)
    publisher.publish_all()
    path.rename(path.with_name("two.md"))
    (found,) = publisher.publish_all()
    assert found.outcome == "taken"
    assert "content/one.md, which is gone" in found.reason
    write_draft(tmp_path, "two.md", body="Other words.\n", slug="one")
    assert outcomes(publisher.publish_all()) == ["updated"]
    assert list(channel.posts) == ["site/one"]


def test_a_copy_beside_its_original_is_a_post_of_its_own(tmp_path: Path) -> None:
    ledger, channel = memory_ledger(), MemoryChannel()
    path = write_draft(tmp_path)
    publisher = a_publisher(tmp_path, ledger, channel)
    publisher.publish_all()
    shutil.copy(path, path.with_name("two.md"))
    assert outcomes(publisher.publish_all()) == ["unchanged", "published"]


def test_after_it_was_taken_away_it_goes_out_under_its_new_slug(tmp_path: Path) -> None:
    ledger, channel = memory_ledger(), MemoryChannel()
    write_draft(tmp_path)
    publisher = a_publisher(tmp_path, ledger, channel)
    publisher.publish_all()
    publisher.remove([tmp_path / ONE], reason="it gets another address")
    write_draft(tmp_path, slug="other")
    assert outcomes(publisher.publish_all()) == ["published"]
    assert list(channel.posts) == ["site/other"]


def test_a_channel_of_another_name_gets_nothing_a_second_time_by_itself(tmp_path: Path) -> None:
    ledger, channel = memory_ledger(), Keyed()
    write_draft(tmp_path)
    publisher_on(tmp_path, ledger, old=channel).publish_all()
    renamed = publisher_on(tmp_path, ledger, new=channel)
    (found,) = renamed.publish_all(due=True)
    assert found.outcome == "refused"
    assert "call it old again" in found.reason
    assert len(channel.posts) == 1
    write_draft(tmp_path, "two.md", title="A new piece")
    assert outcomes(renamed.publish_all(due=True)) == ["refused", "published"]
    # Somebody who names the draft means another channel.
    assert outcomes(renamed.publish_all([tmp_path / ONE])) == ["published"]


def test_a_channel_that_comes_in_addition_gets_the_post(tmp_path: Path) -> None:
    ledger, old, new = memory_ledger(), Keyed(), Keyed()
    write_draft(tmp_path)
    publisher_on(tmp_path, ledger, old=old).publish_all()
    both = publisher_on(tmp_path, ledger, old=old, new=new)
    assert outcomes(both.publish_all(due=True)) == ["unchanged", "published"]


# -- an older ledger is put back -------------------------------------------------------------------------------------


def test_what_an_older_ledger_does_not_know_is_taken_from_the_outbox(tmp_path: Path) -> None:
    channel, clock = Keyed(), FakeClock()
    write_draft(tmp_path)
    a_publisher(tmp_path, memory_ledger(), channel, clock=clock).publish_all()
    first = clock.now_ns()
    clock.advance(86_400)
    ledger = memory_ledger()
    publisher = a_publisher(tmp_path, ledger, channel, clock=clock)
    (intent,) = publisher.intents()
    assert (intent.action, intent.reason) == (
        "confirm",
        "the outbox knows of it and the ledger does not: an older ledger was put back",
    )
    assert outcomes(publisher.publish_all()) == ["published"]
    assert len(channel.calls) == len(channel.posts) == 1
    assert told(ledger, "content.post.planned")[0][1]["at"] == first
    assert outcomes(publisher.publish_all()) == ["unchanged"]
    write_draft(tmp_path, body="Other words.\n")
    assert outcomes(publisher.publish_all()) == ["updated"]
    assert len(channel.posts) == 1


def test_a_draft_edited_since_an_older_ledger_replaces_what_is_out(tmp_path: Path) -> None:
    channel, clock = Keyed(), FakeClock()
    write_draft(tmp_path)
    a_publisher(tmp_path, memory_ledger(), channel, clock=clock).publish_all()
    clock.advance(86_400)
    write_draft(tmp_path, body="Other words.\n")
    publisher = a_publisher(tmp_path, memory_ledger(), channel, clock=clock)
    assert outcomes(publisher.publish_all()) == ["published"]
    assert outcomes(publisher.publish_all()) == ["updated"]
    (shown,) = channel.posts.values()
    assert shown.body.strip() == "Other words."


def test_what_an_older_ledger_does_not_know_and_nobody_can_look_up_is_not_sent(tmp_path: Path) -> None:
    channel, clock = Keyed(), FakeClock()
    write_draft(tmp_path)
    a_publisher(tmp_path, memory_ledger(), channel, clock=clock).publish_all()
    clock.advance(86_400)
    channel.troubles = [Unavailable("no answer", fix="wait")]
    ledger = memory_ledger()
    publisher = a_publisher(tmp_path, ledger, channel, clock=clock)
    assert outcomes(publisher.publish_all()) == ["unconfirmed"]
    assert told(ledger, "content.post.*") == []
    assert outcomes(publisher.publish_all()) == ["published"]
    assert len(channel.posts) == 1


def test_a_post_stored_but_never_planned_goes_out_once(tmp_path: Path) -> None:
    channel, clock = Keyed(), FakeClock()
    write_draft(tmp_path)
    a_publisher(tmp_path, memory_ledger(), channel, clock=clock).publish_all()
    channel.posts.clear()  # as if the process had died right after it had stored the post
    assert outcomes(a_publisher(tmp_path, memory_ledger(), channel, clock=clock).publish_all()) == ["published"]
    assert len(channel.posts) == 1


def test_a_doubt_is_settled_though_draft_and_outbox_are_gone(tmp_path: Path) -> None:
    ledger, channel = memory_ledger(), Keyed()
    path = write_draft(tmp_path)
    publisher = a_publisher(tmp_path, ledger, _Cut(channel))
    assert outcomes(publisher.publish_all()) == ["unconfirmed"]
    path.unlink()
    shutil.rmtree(tmp_path / ".steersman/outbox")
    assert outcomes(a_publisher(tmp_path, ledger, channel).publish_all()) == ["published"]
