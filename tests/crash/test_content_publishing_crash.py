"""Cut publishing, updating and taking away at each step on channels without git; and count under real kills."""

from __future__ import annotations

import gc
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from tests.builders_channels import a_png
from tests.builders_content import SITE, a_publisher, told, write_draft
from tests.builders_crash import Cut, Cuttable, Steps
from tests.contracts.channels.webhook import settings

from steersman.bootstrap.proof.platforms import webhook as platform
from steersman.bootstrap.proof.platforms.server import Server
from steersman.bootstrap.proof.publishing import kinds, publish_kill
from steersman.content.adapters.memory import MemoryChannel
from steersman.content.adapters.site import SiteChannel
from steersman.content.adapters.webhook import WebhookChannel
from steersman.content.ports import Channel
from steersman.ledger import Ledger
from steersman.ledger.adapters.memory import create as memory_ledger

pytestmark = pytest.mark.crash
ONE = Path("content/one.md")
PNG = a_png()


class Place:
    """A workspace with one channel of a kind, and how many posts it shows."""

    def __init__(self, kind: str, root: Path, server: Server | None = None) -> None:
        self.kind = kind
        self.root = root
        self.ledger: Ledger = memory_ledger()
        self._memory = MemoryChannel()
        self._server = server
        content = root / "content"
        content.mkdir(parents=True)
        (content / "x.png").write_bytes(PNG)

    def channel(self) -> Channel:
        if self.kind == "memory":
            return self._memory
        if self.kind == "site":
            return SiteChannel(settings=msgspec.structs.replace(SITE, git=False), root=self.root)
        assert self._server is not None
        return WebhookChannel(settings=settings(self._server.url), secret=platform.SECRET)

    def count(self) -> int:
        if self.kind == "memory":
            return len(self._memory.posts)
        if self.kind == "site":
            return (self.root / "site" / "feed.xml").read_text(encoding="utf-8").count("<entry>")
        return sum(platform.count(self.root / "state").values())

    def run(self, steps: Steps, monkeypatch: pytest.MonkeyPatch, act: str) -> list[str]:
        with monkeypatch.context() as patched:
            patched.setattr("os.replace", steps.wrap(os.replace))
            patched.setattr(httpx2.HTTPTransport, "handle_request", steps.wrap(httpx2.HTTPTransport.handle_request))
            ledger: Any = Cuttable(self.ledger, steps, "append")
            channel: Any = self.channel()
            if self.kind == "memory":
                channel = Cuttable(channel, steps, "publish", "delete")
            publisher = a_publisher(self.root, ledger, channel)
            if act == "remove":
                return [one.outcome for one in publisher.remove([self.root / ONE], reason="x")]
            return [one.outcome for one in publisher.publish_all()]


@contextmanager
def a_place(kind: str, root: Path) -> Iterator[Place]:
    if kind != "webhook":
        yield Place(kind, root)
        return
    with Server(platform.Receiver(root / "state")) as server:
        yield Place(kind, root, server)


def prepared(place: Place, act: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write_draft(place.root, body="Words. ![A point](x.png)\n")
    if act != "publish":
        assert place.run(Steps(), monkeypatch, "publish") == ["published"]
    if act == "update":
        write_draft(place.root, body="Other words. ![A point](x.png)\n")


def _cuts() -> Iterator[tuple[int, bool]]:
    for cut_at in itertools.count(1):
        yield from ((cut_at, False), (cut_at, True))


# Who is cut in the middle of a request closes no socket.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("act", ["publish", "update", "remove"])
@pytest.mark.parametrize("kind", ["memory", "site", "webhook"])
def test_a_cut_at_any_step_and_a_second_run_do_it_exactly_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, act: str
) -> None:
    whole = Steps()
    with a_place(kind, tmp_path / "whole") as place:
        prepared(place, act, monkeypatch)
        place.run(whole, monkeypatch, act)
    assert whole.done >= 3
    for cut_at, after in _cuts():
        with a_place(kind, tmp_path / f"{cut_at}-{after}") as place:
            prepared(place, act, monkeypatch)
            try:
                place.run(Steps(cut_at, after=after), monkeypatch, act)
            except Cut:
                place.run(Steps(), monkeypatch, act)
                place.run(Steps(), monkeypatch, "publish")
            else:
                break
            where = f"{kind}, {act}, cut at {cut_at} of {whole.done}"
            assert place.count() == (0 if act == "remove" else 1), where
            last = place.run(Steps(), monkeypatch, "publish")
            assert last == (["deleted"] if act == "remove" else ["unchanged"]), where
            said = [kind for kind, _ in told(place.ledger, "content.post.*")]
            assert said.count("post.published") == (2 if act == "update" else 1), where
    assert cut_at == whole.done + 1
    gc.collect()  # what was cut is cleared away here, where its warnings are expected


def test_every_kind_of_channel_can_be_proven() -> None:
    assert {"site", "webhook"} <= set(kinds())


@pytest.mark.parametrize("kind", ["site", "webhook", "wordpress", "mastodon", "bluesky"])
def test_kills_and_faults_leave_one_post_of_each_draft(kind: str) -> None:
    (report,) = publish_kill(2, only=[kind], seed=3).values()
    assert report.ok, report
    assert (report.publishes, report.duplicates, report.lost, report.unconfirmed, report.wrong) == (2, 0, 0, 0, 0)
    assert report.kills >= 1


def test_a_publisher_that_does_not_look_is_found_out() -> None:
    (report,) = publish_kill(8, only=["webhook"], seed=1, careless=True).values()
    assert report.duplicates > 0
    assert not report.ok
