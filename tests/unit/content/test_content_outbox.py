"""The outbox: posts stored whole, retries that know why, deletion, and ledgers of the first version."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.builders_channels import a_png
from tests.builders_content import a_checker, a_publisher, told, write_draft

from steersman.content.adapters.memory import MemoryChannel
from steersman.content.events.publishing import POST_PLANNED, POST_PUBLISHED, POST_SCHEDULED, PostScheduled
from steersman.content.model.draft import Draft
from steersman.content.ports import Limits, Post, Publication
from steersman.content.publishing.outbox import Outbox
from steersman.content.publishing.publisher import ChannelRules, Publisher
from steersman.content.publishing.stored import PostStore
from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Corrupt, Misconfigured, OutcomeUnknown, Rejected, SteersmanError, Unavailable
from steersman.ledger import Ledger, NewEvent, new_event
from steersman.ledger.adapters.memory import create as memory_ledger

ONE = Path("content/one.md")
PNG, OTHER = a_png(), a_png(200)


class Troubled(MemoryChannel):
    """Raises what it was given, one after the other, before (or after) doing what it was asked."""

    def __init__(self, *troubles: SteersmanError, after: bool = False, **limits: Any) -> None:
        super().__init__(limits=Limits(**limits))
        self.troubles = list(troubles)
        self.after = after
        self.lookups: list[Post] = []

    def lookup(self, post: Post) -> Publication | None:
        self.lookups.append(post)
        return super().lookup(post)

    def publish(self, post: Post) -> Publication:
        trouble = self.troubles.pop(0) if self.troubles else None
        if trouble is not None and not self.after:
            raise trouble
        done = super().publish(post)
        if trouble is not None:
            raise trouble
        return done


def stored(root: Path) -> list[Path]:
    return sorted(path for path in (root / ".steersman" / "outbox").rglob("*") if path.is_file())


def test_the_whole_post_lies_in_a_private_file_before_the_channel_is_called(tmp_path: Path) -> None:
    ledger, seen = memory_ledger(), []

    class Watching(MemoryChannel):
        def publish(self, post: Post) -> Publication:
            seen.append(PostStore(tmp_path / ".steersman" / "outbox").find(post.key, post.content_sha256))
            return super().publish(post)

    (tmp_path / "content").mkdir()
    (tmp_path / "content" / "x.png").write_bytes(PNG)
    write_draft(tmp_path, body="Words ![A point](x.png)\n")
    channel = Watching()
    a_publisher(tmp_path, ledger, channel).publish_all()
    assert seen == [channel.posts["site/one"]]
    (media,) = channel.posts["site/one"].media
    assert Path(media.path).read_bytes() == PNG
    assert media.path.startswith(str(tmp_path / ".steersman" / "outbox" / "site" / "one" / "media"))
    files = [path for path in stored(tmp_path) if path.suffix != ".lock"]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)
    assert not any("Words" in str(data) for _, data in told(ledger))


def test_what_was_sent_is_looked_up_as_it_was_meant_though_the_draft_is_gone(tmp_path: Path) -> None:
    ledger, channel = memory_ledger(), Troubled(OutcomeUnknown("no answer"), after=True)
    path = write_draft(tmp_path)
    publisher = a_publisher(tmp_path, ledger, channel)
    publisher.publish_all()
    path.unlink()
    (outcome,) = publisher.publish_all()
    assert (outcome.outcome, outcome.reason) == ("published", "it had gone out")
    assert channel.lookups[0].body == "\nSome words.\n"
    assert publisher.publish_all() == []


def test_what_never_arrived_and_has_no_draft_any_more_is_given_up(tmp_path: Path) -> None:
    ledger, channel = memory_ledger(), Troubled(OutcomeUnknown("no answer"))
    path = write_draft(tmp_path)
    publisher = a_publisher(tmp_path, ledger, channel)
    publisher.publish_all()
    path.unlink()
    assert [o.outcome for o in publisher.publish_all()] == ["failed"]
    assert publisher.publish_all() == []
    assert channel.posts == {}


def test_a_retry_sends_what_was_stored_not_what_is_made_of_the_draft_by_then(tmp_path: Path) -> None:
    ledger, channel = memory_ledger(), Troubled(OutcomeUnknown("no answer"))
    (tmp_path / "content").mkdir()
    picture = tmp_path / "content" / "x.png"
    picture.write_bytes(PNG)
    write_draft(tmp_path, body="![A point](x.png)\n")
    publisher = a_publisher(tmp_path, ledger, channel)
    publisher.publish_all()
    picture.write_bytes(OTHER)
    assert [o.outcome for o in publisher.publish_all()] == ["published"]
    assert channel.posts["site/one"].media[0].sha256 == hashlib.sha256(PNG).hexdigest()
    assert [o.outcome for o in publisher.publish_all()] == ["updated"], "another picture is another revision"
    assert channel.posts["site/one"].media[0].sha256 == hashlib.sha256(OTHER).hexdigest()


def test_a_look_up_that_finds_nothing_proves_nothing_while_a_request_may_still_be_at_work(tmp_path: Path) -> None:
    clock, ledger = FakeClock(), memory_ledger()
    channel = Troubled(OutcomeUnknown("no answer"), settle_s=60)
    write_draft(tmp_path)
    publisher = a_publisher(tmp_path, ledger, channel, clock=clock)
    publisher.publish_all()
    clock.advance(20)
    (outcome,) = publisher.publish_all()
    assert outcome.outcome == "unconfirmed"
    assert outcome.reason == "not there yet; what was sent may still arrive: asked again in 40 s"
    clock.advance(41)
    assert [o.outcome for o in publisher.publish_all()] == ["published"]
    assert len(channel.calls) == 1


def test_unavailable_is_tried_again_later_by_itself_and_at_once_when_asked(tmp_path: Path) -> None:
    clock, ledger = FakeClock(), memory_ledger()
    channel = Troubled(Unavailable("down", retry_after_s=300), Unavailable("down"))
    write_draft(tmp_path)
    publisher = a_publisher(tmp_path, ledger, channel, clock=clock)
    (first,) = publisher.publish_all(due=True)
    assert first.outcome == "failed"
    assert first.retry_at == clock.now_ns() + 300 * 10**9
    clock.advance(299)
    (early,) = publisher.publish_all(due=True)
    assert early.outcome == "failed"
    assert "tried again after" in early.reason
    assert [o.outcome for o in publisher.publish_all()] == ["failed"], "a person may try at once"
    assert channel.troubles == []
    clock.advance(3600)
    assert [o.outcome for o in publisher.publish_all(due=True)] == ["published"]


@pytest.mark.parametrize("trouble", [Unavailable("down"), OutcomeUnknown("no answer")])
def test_a_failure_written_by_a_clock_that_was_years_ahead_keeps_no_post_back(
    tmp_path: Path, trouble: SteersmanError
) -> None:
    ahead, ledger, channel = FakeClock(4_000_000_000_000_000_000), memory_ledger(), Troubled(trouble)
    write_draft(tmp_path)
    a_publisher(tmp_path, ledger, channel, clock=ahead).publish_all(due=True)
    right = a_publisher(tmp_path, ledger, channel, clock=FakeClock())
    assert [o.outcome for o in right.publish_all(due=True)] == ["published"]


def test_a_platform_that_asks_for_ten_years_is_given_a_day(tmp_path: Path) -> None:
    clock, channel = FakeClock(), Troubled(Unavailable("later", retry_after_s=3.2e8))
    write_draft(tmp_path)
    publisher = a_publisher(tmp_path, memory_ledger(), channel, clock=clock)
    (found,) = publisher.publish_all(due=True)
    assert found.retry_at == clock.now_ns() + 86_400 * 10**9


@pytest.mark.parametrize("trouble", [Rejected("too long"), Misconfigured("wrong password")])
def test_a_no_stays_until_the_draft_or_the_settings_change(tmp_path: Path, trouble: SteersmanError) -> None:
    clock, ledger, channel = FakeClock(), memory_ledger(), Troubled(trouble, trouble, trouble)
    write_draft(tmp_path)

    def publisher(settings: str) -> Publisher:
        return Publisher(
            checker=a_checker(tmp_path, ledger, clock=clock),
            ledger=ledger,
            clock=clock,
            channels={"site": channel},
            rules={"site": ChannelRules(settings_sha256=settings)},
        )

    publisher("a").publish_all(due=True)
    clock.advance(10**6)
    (still,) = publisher("a").publish_all(due=True)
    assert (still.outcome, len(channel.troubles)) == ("failed", 2)
    assert "[channel.site] changes" in still.reason
    publisher("b").publish_all(due=True)
    assert len(channel.troubles) == 1
    write_draft(tmp_path, body="Other words.\n")
    publisher("b").publish_all(due=True)
    assert channel.troubles == []


def test_a_channel_that_cannot_be_set_up_stops_no_other(tmp_path: Path) -> None:
    ledger = memory_ledger()
    write_draft(tmp_path)
    good = MemoryChannel()
    publisher = Publisher(
        checker=a_checker(tmp_path, ledger),
        ledger=ledger,
        clock=FakeClock(),
        channels={"broken": MemoryChannel(), "site": good},
        rules={"broken": ChannelRules(problem="no secret; export it")},
    )
    assert {o.channel: o.outcome for o in publisher.publish_all()} == {"broken": "refused", "site": "published"}


# -- channels that follow one another ---------------------------------------------------------------------------------


def two(root: Path, ledger: Ledger, site: MemoryChannel, short: MemoryChannel, **rules: Any) -> Publisher:
    return Publisher(
        checker=a_checker(root, ledger),
        ledger=ledger,
        clock=FakeClock(),
        channels={"short": short, "site": site},
        rules={"short": ChannelRules(link="site", **rules)},
    )


def test_a_short_post_waits_for_the_address_it_carries(tmp_path: Path) -> None:
    ledger, site = memory_ledger(), Troubled(Unavailable("down"))
    short = MemoryChannel(limits=Limits(shows="text", max_graphemes=300))
    write_draft(tmp_path, summary="What it says.")
    publisher = two(tmp_path, ledger, site, short)
    assert {o.channel: o.outcome for o in publisher.publish_all()} == {"site": "failed", "short": "waits"}
    assert {o.channel: o.outcome for o in publisher.publish_all()} == {"site": "published", "short": "published"}
    assert short.posts["short/one"].text == "A title\n\nWhat it says.\n\nmemory:///one"
    assert {o.outcome for o in publisher.publish_all()} == {"unchanged"}


def test_a_draft_that_goes_to_no_other_channel_waits_for_no_address(tmp_path: Path) -> None:
    short = MemoryChannel(limits=Limits(shows="text", max_graphemes=300))
    write_draft(tmp_path, channels="[short]")
    two(tmp_path, memory_ledger(), MemoryChannel(), short).publish_all()
    assert short.posts["short/one"].text == "Some words."


def test_a_channel_takes_its_types_and_what_names_it(tmp_path: Path) -> None:
    short = MemoryChannel()
    write_draft(tmp_path, "a.md", type="essay")
    write_draft(tmp_path, "b.md", type="note")
    write_draft(tmp_path, "c.md", type="essay", channels="[short, site]")
    two(tmp_path, memory_ledger(), MemoryChannel(), short, types=("note",)).publish_all()
    assert sorted(short.posts) == ["short/b", "short/c"]


# -- taking away ------------------------------------------------------------------------------------------------------


def test_what_was_taken_away_stays_away_until_somebody_names_it(tmp_path: Path) -> None:
    ledger, channel = memory_ledger(), MemoryChannel()
    write_draft(tmp_path)
    publisher = a_publisher(tmp_path, ledger, channel)
    publisher.publish_all()
    (intent,) = publisher.removals([tmp_path / ONE])
    assert (intent.action, intent.reason) == ("delete", "out as memory:///one")
    (outcome,) = publisher.remove([tmp_path / ONE], reason="a mistake")
    assert (outcome.outcome, channel.posts) == ("deleted", {})
    write_draft(tmp_path, body="Edited.\n")
    assert [o.outcome for o in publisher.publish_all()] == ["deleted"]
    assert [o.outcome for o in publisher.publish_all(due=True)] == ["deleted"]
    assert publisher.removals([tmp_path / ONE]) == []
    assert [o.outcome for o in publisher.publish_all([tmp_path / ONE])] == ["published"]
    kinds = [kind for kind, _ in told(ledger, "content.post.*")]
    assert kinds[3:5] == ["post.withdrawn", "post.deleted"]
    assert {data["reason"] for kind, data in told(ledger, "content.post.*") if kind == "post.deleted"} == {"a mistake"}


def test_a_removal_that_failed_is_finished_by_the_next_run(tmp_path: Path) -> None:
    class Stuck(MemoryChannel):
        refuses = True

        def delete(self, post: Post) -> None:
            if self.refuses:
                raise Unavailable("down")
            super().delete(post)

    ledger, channel = memory_ledger(), Stuck()
    path = write_draft(tmp_path)
    publisher = a_publisher(tmp_path, ledger, channel)
    publisher.publish_all()
    assert [o.outcome for o in publisher.remove([tmp_path / ONE], reason="x")] == ["failed"]
    path.unlink()
    channel.refuses = False
    assert [o.outcome for o in publisher.publish_all(due=True)] == ["deleted"]
    assert channel.posts == {}


def test_what_may_be_out_can_be_taken_away_too(tmp_path: Path) -> None:
    ledger, channel = memory_ledger(), Troubled(OutcomeUnknown("no answer"), after=True)
    write_draft(tmp_path)
    publisher = a_publisher(tmp_path, ledger, channel)
    publisher.publish_all()
    assert [o.outcome for o in publisher.remove([tmp_path / ONE], reason="x")] == ["deleted"]
    assert channel.posts == {}


@pytest.mark.parametrize("change", ["gone", "broken", "another slug"])
def test_a_post_is_taken_away_whatever_became_of_its_draft(tmp_path: Path, change: str) -> None:
    ledger, channel = memory_ledger(), MemoryChannel()
    path = write_draft(tmp_path)
    publisher = a_publisher(tmp_path, ledger, channel)
    publisher.publish_all()
    if change == "gone":
        path.unlink()
    elif change == "broken":
        path.write_text("no front matter", encoding="utf-8")
    else:
        write_draft(tmp_path, slug="other")
    assert [o.outcome for o in publisher.remove([Path("one")], reason="x")] == ["deleted"]
    assert channel.posts == {}


def test_taking_away_a_draft_leaves_the_post_of_another_with_its_slug(tmp_path: Path) -> None:
    ledger, channel = memory_ledger(), MemoryChannel()
    write_draft(tmp_path)
    publisher = a_publisher(tmp_path, ledger, channel)
    publisher.publish_all()
    write_draft(tmp_path, "two.md", slug="one")
    assert publisher.remove([tmp_path / "content/two.md"], reason="x") == []
    assert list(channel.posts) == ["site/one"]
    with pytest.raises(Misconfigured, match="there is no draft never"):
        publisher.removals([Path("never.md")])


# -- when ------------------------------------------------------------------------------------------------------------


def test_the_latest_slot_decides_when_it_goes_out(tmp_path: Path) -> None:
    clock, ledger, channel = FakeClock(), memory_ledger(), MemoryChannel()
    write_draft(tmp_path)
    for wall in ("2023-11-14T23:00", "2023-11-15T09:00"):
        slot = PostScheduled(
            key="site/one", channel="site", draft="content/one.md", type="post", wall=wall, tz="UTC", due_at=0,
            how="person", at=1,
        )  # fmt: skip
        ledger.append([new_event(POST_SCHEDULED, stream="post/site/one", data=slot, actor="t", now_ns=1)])
    publisher = a_publisher(tmp_path, ledger, channel, clock=clock)
    clock.advance(2 * 3600)
    assert [o.outcome for o in publisher.publish_all()] == ["waits"], "the first slot has passed, and was replaced"
    clock.advance(9 * 3600)
    assert [o.outcome for o in publisher.publish_all(due=True)] == ["published"]


def test_an_embargo_holds_even_for_who_names_the_draft(tmp_path: Path) -> None:
    clock, channel = FakeClock(), MemoryChannel()
    write_draft(tmp_path, embargo="2023-11-16")
    publisher = a_publisher(tmp_path, memory_ledger(), channel, clock=clock)
    (outcome,) = publisher.publish_all([tmp_path / ONE])
    assert (outcome.outcome, outcome.reason) == ("waits", "embargo until 2023-11-16 00:00 UTC")
    clock.advance(2 * 86_400)
    assert [o.outcome for o in publisher.publish_all([tmp_path / ONE])] == ["published"]


def test_a_clock_that_goes_back_publishes_nothing_twice(tmp_path: Path) -> None:
    clock, channel = FakeClock(), MemoryChannel()
    write_draft(tmp_path)
    publisher = a_publisher(tmp_path, memory_ledger(), channel, clock=clock)
    publisher.publish_all(due=True)
    clock.set(clock.now_ns() - 86_400 * 10**9)
    assert [o.outcome for o in publisher.publish_all(due=True)] == ["unchanged"]
    assert len(channel.calls) == 1


def test_people_who_must_approve_are_asked_and_heard(tmp_path: Path) -> None:
    class Closed:
        reason = "nobody approved this version"

        def why_not(self, draft: Draft) -> str:
            return self.reason

    ledger, channel, closed = memory_ledger(), MemoryChannel(), Closed()
    write_draft(tmp_path)
    publisher = Publisher(
        checker=a_checker(tmp_path, ledger), ledger=ledger, clock=FakeClock(), channels={"site": channel},
        clearance=closed,
    )  # fmt: skip
    (outcome,) = publisher.publish_all([tmp_path / ONE])
    assert (outcome.outcome, outcome.reason) == ("waits", "nobody approved this version")
    closed.reason = ""
    assert [o.outcome for o in publisher.publish_all()] == ["published"]


# -- the first version ------------------------------------------------------------------------------------------------


def recorded(kind: str, sha256: str, **more: Any) -> NewEvent:
    """Return an event as the first version wrote it: without draft_sha256, remote_key and remote_id."""
    data = {
        "key": "site/one", "channel": "site", "draft": "content/one.md", "content_sha256": sha256, "title": "A title",
        "at": 1_700_000_000_000_000_000, **more,
    }  # fmt: skip
    return new_event(kind, stream="post/site/one", data=data, actor="person:cli", now_ns=data["at"])


def sha_of(root: Path) -> str:
    return hashlib.sha256((root / ONE).read_bytes()).hexdigest()


def test_what_the_first_version_published_is_unchanged_after_the_upgrade(tmp_path: Path) -> None:
    ledger, channel = memory_ledger(), MemoryChannel()
    write_draft(tmp_path)
    sha256 = sha_of(tmp_path)
    ledger.append([recorded(POST_PLANNED, sha256), recorded(POST_PUBLISHED, sha256, url="u", revision="r")])
    publisher = a_publisher(tmp_path, ledger, channel)
    assert [o.outcome for o in publisher.publish_all()] == ["unchanged"]
    write_draft(tmp_path, body="Edited.\n")
    assert [o.outcome for o in publisher.publish_all()] == ["updated"]
    assert [o.outcome for o in publisher.publish_all()] == ["unchanged"]


@pytest.mark.parametrize("is_out", [True, False])
def test_a_plan_that_the_first_version_left_open_is_looked_up(tmp_path: Path, is_out: bool) -> None:
    ledger, channel = memory_ledger(), Troubled()
    write_draft(tmp_path)
    sha256 = sha_of(tmp_path)
    ledger.append([recorded(POST_PLANNED, sha256)])
    if is_out:
        post = Post(
            key="site/one", slug="one", title="A title", summary="", tags=(), body="", content_sha256=sha256,
            published_at=1, updated_at=1,
        )  # fmt: skip
        channel.publish(post)
    assert [o.outcome for o in a_publisher(tmp_path, ledger, channel).publish_all()] == ["published"]
    assert len(channel.lookups) == 1
    assert len(channel.calls) == 1
    assert [o.outcome for o in a_publisher(tmp_path, ledger, channel).publish_all()] == ["unchanged"]


# -- the store --------------------------------------------------------------------------------------------------------


def test_a_stored_post_that_was_damaged_is_said_so(tmp_path: Path) -> None:
    ledger, channel = memory_ledger(), Troubled(OutcomeUnknown("no answer"))
    write_draft(tmp_path)
    a_publisher(tmp_path, ledger, channel).publish_all()
    (path,) = (tmp_path / ".steersman" / "outbox" / "site" / "one").glob("*.json")
    path.write_bytes(b"{")
    with pytest.raises(Corrupt, match="cannot be read"):
        PostStore(tmp_path / ".steersman" / "outbox").find("site/one", path.stem)


def test_the_store_keeps_what_is_out_and_nothing_older(tmp_path: Path) -> None:
    ledger, channel = memory_ledger(), MemoryChannel()
    publisher = a_publisher(tmp_path, ledger, channel)
    for body in ("One.\n", "Two.\n", "Three.\n"):
        write_draft(tmp_path, body=body)
        publisher.publish_all()
    names = [path.name for path in (tmp_path / ".steersman" / "outbox" / "site" / "one").glob("*.json")]
    assert names == [f"{channel.posts['site/one'].content_sha256}.json"]


def test_a_slot_given_while_a_post_is_on_its_way_does_not_disturb_it(tmp_path: Path) -> None:
    ledger = memory_ledger()

    class Interrupted(MemoryChannel):
        def publish(self, post: Post) -> Publication:
            slot = PostScheduled(
                key=post.key, channel="site", draft="content/one.md", type="post", wall="2023-11-14T09:00", tz="UTC",
                due_at=1, how="person", at=1,
            )  # fmt: skip
            ledger.append([new_event(POST_SCHEDULED, stream="post/site/one", data=slot, actor="t", now_ns=1)])
            return super().publish(post)

    write_draft(tmp_path)
    assert [o.outcome for o in a_publisher(tmp_path, ledger, Interrupted()).publish_all()] == ["published"]
    state = Outbox(ledger, FakeClock(), actor="t").state("site/one")
    assert (state.is_open, state.scheduled is not None) == (False, True)
    assert msgspec.structs.asdict(state)["trying_since"] is None
