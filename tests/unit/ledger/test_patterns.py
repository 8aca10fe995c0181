"""What an event pattern means."""

from __future__ import annotations

import uuid

import msgspec
import pytest

from steersman.ledger.event import Event
from steersman.ledger.patterns import EventPattern, pattern


def an_event(kind: str = "automation.run.finished", data: bytes = b'{"status":"failed","run":{"exit":1}}') -> Event:
    return Event(
        pos=1, id=uuid.UUID(int=1), recorded_at=1, stream="run/1", version=1, type=kind, schema=1, actor="desk",
        causation_id=None, correlation_id=None, data=data, hash=b"",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("where", "fits"),
    [
        ({}, True),
        ({"status": "failed"}, True),
        ({"status": ("timed_out", "failed")}, True),
        ({"status": "succeeded"}, False),
        ({"run.exit": 1}, True),
        ({"run.exit": True}, False),
        ({"run.exit.deeper": 1}, False),
        ({"nothing": ""}, False),
        ({"status": "failed", "run.exit": 2}, False),
    ],
)
def test_every_condition_must_hold(where: dict[str, object], fits: bool) -> None:
    made = msgspec.convert({"event": "automation.run.finished", "where": where}, EventPattern)

    assert made.matches(an_event()) is fits


def test_a_star_means_all_types_that_begin_so() -> None:
    assert EventPattern(event="automation.*").matches(an_event())
    assert not EventPattern(event="automation.*").matches(an_event("automationx.y"))
    assert not EventPattern(event="trading.*").matches(an_event())


def test_data_that_is_no_object_has_no_fields() -> None:
    wanted = EventPattern(event="automation.run.finished", where={"status": "failed"})

    assert not wanted.matches(an_event(data=b"[1]"))
    assert not wanted.matches(an_event(data=b"\xff"))


def test_it_reads_as_it_was_written() -> None:
    assert str(pattern("policy.halt.set")) == "policy.halt.set"
    assert str(EventPattern(event="a.b", where={"x": ("1", "2"), "y": 3})) == "a.b where x = 1 or 2, y = 3"
    steers = EventPattern(event="a.b", where={"x": "\x1b[31m\u202e\x07\né"})
    assert str(steers) == "a.b where x = \ufffd[31m\ufffd\ufffd\ufffdé"
