"""Publishing through the outbox: once each, gates hold, doubt is looked up, edits are revisions."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.builders_content import a_publisher, told, write_draft

from steersman.content import queries
from steersman.content.adapters.memory import MemoryChannel
from steersman.content.ports import Post, Publication
from steersman.content.projections import PROJECTIONS
from steersman.kernel.clock import FakeClock, to_ns
from steersman.kernel.errors import Misconfigured, OutcomeUnknown, Rejected, SteersmanError, Unavailable
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.ledger.projections import Projector, open_reader

ONE = Path("content/one.md")


class Flaky(MemoryChannel):
    """A channel that does what it is asked, and then raises what it was given."""

    def __init__(self, *troubles: BaseException, before: bool = False) -> None:
        super().__init__()
        self.troubles = list(troubles)
        self.before = before
        self.lookups = 0

    def lookup(self, post: Post) -> Publication | None:
        self.lookups += 1
        return super().lookup(post)

    def publish(self, post: Post) -> Publication:
        trouble = self.troubles.pop(0) if self.troubles else None
        if trouble is not None and self.before:
            raise trouble
        done = super().publish(post)
        if trouble is not None:
            raise trouble
        return done


class Killed(BaseException):
    """The process ends here."""


def posts(ledger: object) -> list[str]:
    """Return what was said about posts, but for the calls themselves."""
    said = [kind for kind, _ in told(ledger, "content.post.*")]  # type: ignore[arg-type]
    return [kind for kind in said if kind != "post.sent"]


def test_the_plan_is_durable_before_the_channel_is_called(tmp_path: Path) -> None:
    ledger, seen = memory_ledger(), []

    class Watching(MemoryChannel):
        def publish(self, post: Post) -> Publication:
            seen.append((post.key, [kind for kind, _ in told(ledger, "content.post.*")]))
            return super().publish(post)

    write_draft(tmp_path)
    (outcome,) = a_publisher(tmp_path, ledger, Watching()).publish_all()
    assert seen == [("site/one", ["post.planned", "post.sent"])]
    assert (outcome.outcome, outcome.url) == ("published", "memory:///one")
    assert posts(ledger) == ["post.planned", "post.published"]


def test_publishing_again_does_nothing(tmp_path: Path) -> None:
    ledger, channel = memory_ledger(), MemoryChannel()
    write_draft(tmp_path)
    publisher = a_publisher(tmp_path, ledger, channel)
    publisher.publish_all()
    head = ledger.head()
    assert [o.outcome for o in publisher.publish_all()] == ["unchanged"]
    assert (len(channel.calls), ledger.head()) == (1, head)


def test_an_edited_draft_is_a_revision_under_the_same_key_and_date(tmp_path: Path) -> None:
    ledger, channel, clock = memory_ledger(), MemoryChannel(), FakeClock()
    publisher = a_publisher(tmp_path, ledger, channel, clock=clock)
    write_draft(tmp_path)
    publisher.publish_all()
    clock.advance(86_400)
    write_draft(tmp_path, body="Other words.\n")
    assert [i.action for i in publisher.intents()] == ["update"]
    (outcome,) = publisher.publish_all()
    assert (outcome.outcome, outcome.revision, len(channel.posts)) == ("updated", "2", 1)
    first, second = channel.calls
    assert (first.key, first.published_at) == (second.key, second.published_at)
    assert second.updated_at - first.updated_at == 86_400 * 10**9
    projector = Projector(ledger, tmp_path / "p.db", PROJECTIONS)
    projector.catch_up()
    db = open_reader(tmp_path / "p.db")
    (row,) = queries.posts(db)
    assert (row.status, row.revisions, row.published_at) == ("published", 2, first.published_at)
    assert queries.counts(db).published == 1
    assert queries.drafts(db)[0].status == "published"
    projector.close()


def test_an_open_gate_stops_a_post_and_is_recorded(tmp_path: Path) -> None:
    ledger, channel = memory_ledger(), MemoryChannel()
    write_draft(tmp_path, body="A TODO.\n")
    (outcome,) = a_publisher(tmp_path, ledger, channel).publish_all()
    assert (outcome.outcome, outcome.reason) == ("blocked", "1 open gate: line 6, Unfinished")
    assert channel.calls == []
    assert [kind for kind, _ in told(ledger)] == ["finding.raised", "draft.checked"]


def test_a_draft_waits_for_its_status_and_its_date_in_the_desks_zone(tmp_path: Path) -> None:
    channel, clock = MemoryChannel(), FakeClock()
    publisher = a_publisher(tmp_path, memory_ledger(), channel, clock=clock)
    write_draft(tmp_path, status="draft")
    assert [o.outcome for o in publisher.publish_all([tmp_path / ONE])] == ["waits"]
    write_draft(tmp_path, date="2026-01-05 09:00")
    assert [o.reason for o in publisher.publish_all(due=True)] == ["due 2026-01-05 09:00 UTC"]
    assert [i.action for i in publisher.intents([tmp_path / ONE])] == ["publish"], "named, it may go out before"
    from datetime import UTC, datetime

    clock.set(to_ns(datetime(2026, 1, 5, 9, tzinfo=UTC)))
    assert [o.outcome for o in publisher.publish_all(due=True)] == ["published"]


def test_two_processes_at_once_make_one_post(tmp_path: Path) -> None:
    ledger = memory_ledger()

    class Overtaken(MemoryChannel):
        """While the first caller waits in `publish`, a second process tries the same."""

        def publish(self, post: Post) -> Publication:
            if not self.calls:
                self.calls.append(post)
                others.extend(o.outcome for o in a_publisher(tmp_path, ledger, self).publish_all())
            return super().publish(post)

    others: list[str] = []
    channel = Overtaken()
    write_draft(tmp_path)
    (outcome,) = a_publisher(tmp_path, ledger, channel).publish_all()
    assert (others, outcome.outcome) == (["taken"], "published")
    assert channel.revisions == {"site/one": 1}
    assert posts(ledger) == ["post.planned", "post.published"]


@pytest.mark.parametrize("happened", [True, False])
def test_a_process_killed_around_the_call_publishes_once(tmp_path: Path, happened: bool) -> None:
    ledger, channel = memory_ledger(), Flaky(Killed(), before=not happened)
    write_draft(tmp_path)
    with pytest.raises(Killed):
        a_publisher(tmp_path, ledger, channel).publish_all()
    assert posts(ledger) == ["post.planned"]
    (outcome,) = a_publisher(tmp_path, ledger, channel).publish_all()
    assert outcome.outcome == "published"
    assert channel.lookups == 1
    assert len(channel.calls) == 1, "what had happened is not done again"
    assert posts(ledger) == ["post.planned", "post.published"]


def test_a_killed_post_is_confirmed_even_if_the_draft_has_changed_since(tmp_path: Path) -> None:
    ledger, channel = memory_ledger(), Flaky(Killed())
    write_draft(tmp_path)
    with pytest.raises(Killed):
        a_publisher(tmp_path, ledger, channel).publish_all()
    write_draft(tmp_path, body="Edited.\n")
    publisher = a_publisher(tmp_path, ledger, channel)
    assert [o.outcome for o in publisher.publish_all()] == ["published"]
    assert [o.outcome for o in publisher.publish_all()] == ["updated"]
    assert len(channel.posts) == 1
    assert posts(ledger) == ["post.planned", "post.published"] * 2


def test_a_plan_that_never_went_out_is_dropped_for_the_edited_draft(tmp_path: Path) -> None:
    ledger, channel = memory_ledger(), Flaky(Killed(), before=True)
    write_draft(tmp_path)
    with pytest.raises(Killed):
        a_publisher(tmp_path, ledger, channel).publish_all()
    write_draft(tmp_path, body="A TODO.\n")
    assert [o.outcome for o in a_publisher(tmp_path, ledger, channel).publish_all()] == ["blocked"]
    write_draft(tmp_path, body="Edited.\n")
    assert [o.outcome for o in a_publisher(tmp_path, ledger, channel).publish_all()] == ["published"]
    assert posts(ledger) == ["post.planned", "post.failed", "post.planned", "post.published"]
    assert [post.body for post in channel.posts.values()] == ["\nEdited.\n"]


def test_an_unknown_outcome_is_looked_up_before_anything_else(tmp_path: Path) -> None:
    ledger, channel = memory_ledger(), Flaky(OutcomeUnknown("no answer"))
    write_draft(tmp_path)
    publisher = a_publisher(tmp_path, ledger, channel)
    (outcome,) = publisher.publish_all()
    assert (outcome.outcome, outcome.is_trouble) == ("unconfirmed", True)
    assert [o.outcome for o in publisher.publish_all()] == ["published"]
    assert len(channel.calls) == 1
    assert posts(ledger) == ["post.planned", "post.unconfirmed", "post.published"]


@pytest.mark.parametrize("trouble", [Rejected("too long"), Unavailable("down"), Misconfigured("no key", fix="add it")])
def test_a_failure_is_recorded_stops_no_other_and_may_be_tried_again(tmp_path: Path, trouble: SteersmanError) -> None:
    ledger, channel = memory_ledger(), Flaky(trouble, before=True)
    write_draft(tmp_path, "a.md")
    write_draft(tmp_path, "b.md")
    publisher = a_publisher(tmp_path, ledger, channel)
    assert [o.outcome for o in publisher.publish_all()] == ["failed", "published"]
    assert [o.outcome for o in publisher.publish_all()] == ["published", "unchanged"]
    assert len(channel.posts) == 2


def test_two_drafts_cannot_share_an_address_but_a_renamed_one_keeps_it(tmp_path: Path) -> None:
    ledger, channel = memory_ledger(), MemoryChannel()
    publisher = a_publisher(tmp_path, ledger, channel)
    first = write_draft(tmp_path, "a.md", slug="same")
    publisher.publish_all()
    second = write_draft(tmp_path, "b.md", body="Other.\n", slug="same")
    assert [o.outcome for o in publisher.publish_all()] == ["unchanged", "taken"]
    first.unlink()
    second.rename(tmp_path / "content" / "c.md")
    assert [o.outcome for o in publisher.publish_all()] == ["updated"]
    assert len(channel.posts) == 1


def test_a_channel_nobody_declared_is_refused_and_none_at_all_is_a_mistake(tmp_path: Path) -> None:
    write_draft(tmp_path, channels="[blog]")
    publisher = a_publisher(tmp_path, memory_ledger(), MemoryChannel())
    (outcome,) = publisher.publish_all()
    assert (outcome.outcome, outcome.reason) == ("refused", "channel 'blog' is not declared; declared: site")


def test_asking_what_would_be_done_calls_no_channel_and_plans_nothing(tmp_path: Path) -> None:
    ledger, channel = memory_ledger(), MemoryChannel()
    write_draft(tmp_path)
    (intent,) = a_publisher(tmp_path, ledger, channel).intents()
    assert (intent.action, intent.key) == ("publish", "site/one")
    assert (channel.calls, posts(ledger)) == ([], [])
