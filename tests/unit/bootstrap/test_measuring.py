"""The desk looks at posts of equal age and gives waiting ones their times, by the real outbox and the real files."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.builders_content import told, write_draft

from steersman.bootstrap import content
from steersman.bootstrap.desk import Desk, open_desk
from steersman.bootstrap.measuring import Measuring
from steersman.content.adapters.memory import MemoryChannel
from steersman.kernel.clock import FakeClock

TOML = """
[desk]
name = "t"
[channel.site]
kind = "site"
git = false
[channel.chat]
kind = "memory"
[voice]
enabled = false
"""


def a_desk(root: Path, slots: str = "") -> Desk:
    (root / "steersman.toml").write_text(TOML + slots, encoding="utf-8")
    return open_desk(root, clock=FakeClock())


def test_a_post_of_ours_is_looked_at_on_channels_that_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = a_desk(tmp_path)
    # One memory channel for the whole test: else each opening would be a platform of its own.
    kept = MemoryChannel()
    monkeypatch.setattr("steersman.content.adapters.memory.create", lambda **_: kept)
    try:
        write_draft(tmp_path, body="Some words that say enough.\n")
        outcomes = content.publisher(desk, only=None, actor="t").publish_all()
        assert {o.channel: o.outcome for o in outcomes} == {"site": "published", "chat": "published"}
        assert isinstance(desk.clock, FakeClock)
        work = Measuring(desk, say=lambda _: None)
        work.tick()
        desk.clock.advance(3600)
        work.tick()
        work.tick()
        seen = [d for _, d in told(desk.ledger, "content.engagement.observed")]
        assert [(d["key"], d["age_s"], d["type"]) for d in seen] == [("chat/one", 3600, "post")]
    finally:
        desk.close()


def test_a_waiting_post_gets_a_slot_only_where_that_is_left_to_the_desk(tmp_path: Path) -> None:
    desk = a_desk(tmp_path, '[slots]\nautomatic = true\nhours = ["09:00-10:00"]\n')
    said: list[str] = []
    try:
        write_draft(tmp_path, body="Some words that say enough.\n")
        publisher = content.publisher(desk, only=None, actor="t")
        assert {i.action for i in publisher.intents(due=True)} == {"waits"}
        work = Measuring(desk, say=said.append)
        work.tick()
        work.tick()
        slots = [d for _, d in told(desk.ledger, "content.post.scheduled")]
        assert sorted(d["key"] for d in slots) == ["chat/one", "site/one"]
        assert len(said) == 2
        assert all(d["wall"][11:13] in ("09", "10") for d in slots)
        assert {i.action for i in publisher.intents(due=True)} == {"waits"}
        due = max(d["due_at"] for d in slots)
        assert isinstance(desk.clock, FakeClock)
        desk.clock.set(due)
        assert {o.outcome for o in publisher.publish_all(due=True)} == {"published"}
    finally:
        desk.close()


def test_without_that_a_ready_draft_goes_out_at_once_as_before(tmp_path: Path) -> None:
    desk = a_desk(tmp_path)
    try:
        write_draft(tmp_path, body="Some words that say enough.\n")
        Measuring(desk, say=lambda _: None).tick()
        assert told(desk.ledger, "content.post.scheduled") == []
        publisher = content.publisher(desk, only=None, actor="t")
        assert {i.action for i in publisher.intents(due=True)} == {"publish"}
        assert all(i.needs_slot for i in publisher.intents(due=True))
    finally:
        desk.close()
