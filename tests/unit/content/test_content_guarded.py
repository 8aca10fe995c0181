"""An adapter that stumbles, a stored post that is damaged, a disk that takes nothing: the other posts go out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.builders_content import a_checker, a_post, a_publisher, told, write_draft

from steersman.content.adapters.memory import MemoryChannel
from steersman.content.guarded import Guarded
from steersman.content.ports import Post, Publication
from steersman.content.publishing.publisher import Publisher
from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Conflict, Corrupt, Misconfigured, OutcomeUnknown, Rejected, Unavailable
from steersman.ledger.adapters.memory import create as memory_ledger

SECRET = "words of a draft"


class Stumbling(MemoryChannel):
    """Raises `error` at every call of the method `where`."""

    def __init__(self, where: str, error: Exception) -> None:
        super().__init__()
        self.where, self.error = where, error

    def _stumble(self, where: str) -> None:
        if where == self.where:
            raise self.error

    def lookup(self, post: Post) -> Publication | None:
        self._stumble("lookup")
        return super().lookup(post)

    def publish(self, post: Post) -> Publication:
        done = super().publish(post)
        self._stumble("publish")
        return done

    def delete(self, post: Post) -> None:
        self._stumble("delete")
        super().delete(post)

    def engagement(self, post: Post) -> Any:
        self._stumble("engagement")
        return super().engagement(post)


@pytest.mark.parametrize("where", ["lookup", "publish", "delete", "engagement"])
@pytest.mark.parametrize("error", [KeyError(SECRET), RecursionError(SECRET), OSError(5, SECRET)])
def test_a_mistake_of_an_adapter_is_an_error_of_the_family_without_its_words(where: str, error: Exception) -> None:
    guarded = Guarded(Stumbling(where, error), "toot")
    call: Callable[[Post], Any] = getattr(guarded, where)
    with pytest.raises(Unavailable) as refusal:
        call(a_post())
    assert isinstance(refusal.value, OutcomeUnknown) == (where == "publish")
    assert "toot" in refusal.value.message
    assert type(error).__name__ in refusal.value.message
    assert SECRET not in refusal.value.message


@pytest.mark.parametrize(
    ("where", "error", "expected"),
    [
        ("lookup", Rejected("no"), Unavailable),
        ("lookup", OutcomeUnknown("?"), Unavailable),
        ("lookup", Misconfigured("no"), Misconfigured),
        ("delete", OutcomeUnknown("?"), Unavailable),
        ("delete", Rejected("no"), Rejected),
        ("publish", Conflict("!"), OutcomeUnknown),
        ("publish", Unavailable("later"), Unavailable),
        ("engagement", Corrupt("!"), Unavailable),
    ],
)
def test_only_errors_that_the_port_names_pass(where: str, error: Exception, expected: type[Exception]) -> None:
    with pytest.raises(expected) as refusal:
        getattr(Guarded(Stumbling(where, error), "toot"), where)(a_post())
    assert type(refusal.value) is expected


class Lying(MemoryChannel):
    def __init__(self, **lies: str) -> None:
        super().__init__()
        self.lies = lies

    def publish(self, post: Post) -> Publication:
        return msgspec.structs.replace(super().publish(post), **self.lies)


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "http://a.example/\x1b[31m", "https://a.example/ b", "x", ""]
)
def test_an_address_that_no_page_may_link_to_is_not_recorded(url: str) -> None:
    assert Guarded(Lying(url=url), "toot").publish(a_post()).url == "urn:steersman:site/one"


def test_what_is_too_long_to_be_a_name_is_a_doubt_or_cut() -> None:
    assert Guarded(Lying(url="https://a.example/" + "x" * 9_999), "t").publish(a_post()).url == "urn:steersman:site/one"
    assert len(Guarded(Lying(revision="r" * 9_999), "t").publish(a_post()).revision) == 2000
    with pytest.raises(OutcomeUnknown, match="a name that is none"):
        Guarded(Lying(remote_id="9" * 9_999), "t").publish(a_post())


@pytest.mark.parametrize("due", [False, True])
def test_one_channel_that_stumbles_stops_no_other(tmp_path: Path, due: bool) -> None:
    ledger, clock = memory_ledger(), FakeClock()
    write_draft(tmp_path)
    write_draft(tmp_path, "two.md")
    good = MemoryChannel()
    publisher = Publisher(
        checker=a_checker(tmp_path, ledger, clock=clock),
        ledger=ledger,
        clock=clock,
        channels={"bad": Stumbling("publish", KeyError("id")), "good": good},
        patience_s=0,
    )
    found = [(o.channel, o.outcome) for o in publisher.publish_all(due=due)]
    assert found == [("bad", "unconfirmed"), ("good", "published")] * 2
    clock.advance(3600)
    # It had gone out: the look finds that out, and nothing is sent again.
    assert {(o.channel, o.outcome) for o in publisher.publish_all(due=due)} == {
        ("bad", "published"),
        ("good", "unchanged"),
    }


def test_a_damaged_post_in_the_outbox_stops_no_other(tmp_path: Path) -> None:
    ledger, channel = memory_ledger(), Stumbling("publish", OutcomeUnknown("no answer"))
    write_draft(tmp_path)
    publisher = a_publisher(tmp_path, ledger, channel)
    assert [o.outcome for o in publisher.publish_all()] == ["unconfirmed"]
    (stored,) = (tmp_path / ".steersman/outbox/site/one").glob("*.json")
    stored.write_bytes(b"{")
    channel.where = ""
    write_draft(tmp_path, "two.md")
    found = publisher.publish_all()
    assert [o.outcome for o in found] == ["unconfirmed", "published"]
    assert "cannot be read" in found[0].reason
    assert "backup" in found[0].reason


def test_a_damaged_copy_of_what_is_out_stops_nothing(tmp_path: Path) -> None:
    ledger, channel = memory_ledger(), MemoryChannel()
    write_draft(tmp_path)
    publisher = a_publisher(tmp_path, ledger, channel)
    publisher.publish_all()
    (stored,) = (tmp_path / ".steersman/outbox/site/one").glob("*.json")
    stored.write_bytes(b"{")
    write_draft(tmp_path, "two.md")
    assert [o.outcome for o in publisher.publish_all()] == ["unchanged", "published"]


def test_an_outbox_that_cannot_be_used_is_said_of_each_post(tmp_path: Path) -> None:
    ledger, channel = memory_ledger(), MemoryChannel()
    write_draft(tmp_path)
    write_draft(tmp_path, "two.md")
    (tmp_path / ".steersman").mkdir()
    (tmp_path / ".steersman/outbox").write_text("a file, not a folder", encoding="utf-8")
    found = a_publisher(tmp_path, ledger, channel).publish_all()
    assert [o.outcome for o in found] == ["failed", "failed"]
    assert ".steersman/outbox cannot be used" in found[0].reason
    assert channel.calls == []
    assert told(ledger, "content.post.*") == []
