"""When a post may go out: slots, dates, embargoes, the days on which clocks change; and when it is tried again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.builders_content import a_draft

from steersman.content.events.publishing import PostEnded, PostScheduled
from steersman.content.publishing.due import due
from steersman.content.publishing.retry import pause_s, why_not_yet
from steersman.kernel.clock import to_ns

BERLIN = ZoneInfo("Europe/Berlin")


def ns(*at: int) -> int:
    return to_ns(datetime(*at, tzinfo=UTC))  # type: ignore[misc,arg-type]


def a_slot(wall: str, tz: str = "Europe/Berlin", **fields: Any) -> PostScheduled:
    given: dict[str, Any] = {
        "key": "site/one",
        "channel": "site",
        "draft": "content/one.md",
        "type": "post",
        "wall": wall,
        "tz": tz,
        "due_at": 7,
        "how": "person",
        "at": 1,
    }
    return PostScheduled(**{**given, **fields})


def test_a_slot_comes_before_the_drafts_date_and_an_embargo_moves_both() -> None:
    draft = a_draft(date="2026-07-01")
    assert due(draft, None, BERLIN).at == ns(2026, 6, 30, 22)
    assert due(draft, a_slot("2026-07-02T09:00"), BERLIN).at == ns(2026, 7, 2, 7)
    held = due(a_draft(date="2026-07-01", embargo="2026-07-03 12:00"), a_slot("2026-07-02T09:00"), BERLIN)
    assert (held.at, held.why) == (ns(2026, 7, 3, 10), "embargo")
    assert due(a_draft(), None, BERLIN).at is None
    assert due(a_draft(embargo="2026-07-01"), a_slot("2026-07-02T09:00"), BERLIN).why == "scheduled"


def test_pauses_grow_to_an_hour_stay_apart_and_respect_what_was_asked() -> None:
    pauses = [pause_s(attempt, seed="site/one") for attempt in range(1, 12)]
    assert 24 <= pauses[0] <= 36
    assert all(2880 <= pause <= 4320 for pause in pauses[8:])
    assert pauses == [pause_s(attempt, seed="site/one") for attempt in range(1, 12)]
    assert pause_s(1, seed="site/one") != pause_s(1, seed="site/two")
    assert pause_s(1, seed="x", retry_after_s=900) == 900
    assert pause_s(10_000, seed="x") <= 4320


@pytest.mark.parametrize(
    ("cause", "changed", "later", "waits"),
    [
        ("rejected", False, True, True),
        ("rejected", True, True, False),
        ("misconfigured", False, True, True),
        ("unavailable", False, False, True),
        ("unavailable", False, True, False),
        ("unavailable", True, False, False),
        ("", False, False, False),
    ],
)
def test_what_failed_is_tried_again_when_that_can_help(cause: str, changed: bool, later: bool, waits: bool) -> None:
    failed = PostEnded(
        key="site/one",
        channel="site",
        draft="d",
        reason="no",
        at=0,
        cause=cause,
        retry_at=100 if cause == "unavailable" else None,
        draft_sha256="a",
        settings_sha256="s",
    )
    said = why_not_yet(failed, draft_sha256="b" if changed else "a", settings_sha256="s", now_ns=101 if later else 99)
    assert bool(said) == waits
