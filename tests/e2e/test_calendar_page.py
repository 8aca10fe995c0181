"""The calendar in the browser: posts by day with their reasons, and what the hours of the week are worth."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.builders_console import TOML, Served, a_desk, served
from tests.builders_content import write_draft
from tests.e2e.test_overview import enter, overflow, violations

from steersman.bootstrap import scheduling
from steersman.bootstrap.desk import Desk
from steersman.content.events.engagement import ENGAGEMENT_OBSERVED, EngagementObserved
from steersman.kernel.clock import utc
from steersman.ledger import new_event

pytestmark = pytest.mark.e2e

DAY = 86_400
SITE = """
[channel.site]
kind = "site"
base_url = "https://example.com/"
[slots]
usual = "09:00"
random_ratio = 0.0
"""


def planned(desk: Desk) -> None:
    """Put three posts into the next days, one with a hostile title, and sixty behind it."""
    now, draw, events = desk.clock.now_ns(), random.Random(2), []
    for number in range(60):
        at = now - (3 + number) * DAY * 10**9 + draw.randrange(24) * 3600 * 10**9
        earned = 100 if utc(at).hour >= 16 else 10
        seen = EngagementObserved(
            key=f"site/o-{number}", channel="site", type="post", published_at=at, age_s=DAY, observed_age_s=DAY,
            counts={"likes": earned}, engagement=earned, at=at,
        )  # fmt: skip
        events.append(new_event(ENGAGEMENT_OBSERVED, stream=f"post/{seen.key}", data=seen, actor="t", now_ns=at))
    desk.ledger.append(events)
    for name in ("one.md", "two.md"):
        write_draft(desk.workspace.root, name)
    own = scheduling.scheduler(desk, actor="t")
    drafts = scheduling.read(desk)
    posts = [scheduling.of(desk, draft, "site") for draft in drafts.values()]
    for proposal in own.propose(posts, {}):
        own.accept(proposal)  # type: ignore[arg-type]  # an unplaced post would fail here, as it should


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Served]:
    opened = a_desk(tmp_path / "desk", text=TOML + SITE)
    planned(opened)
    with served(opened) as here:
        yield here


def test_the_calendar_shows_slots_with_reasons_and_the_hours_of_the_week(page: Page, desk: Served) -> None:
    enter(page, desk, "/content")
    page.get_by_role("link", name="Calendar").click()
    page.wait_for_url(f"{desk.url}/content/calendar")
    calendar = page.get_by_role("region", name="Calendar")
    slots = calendar.locator("details")
    expect(slots).to_have_count(2)
    slots.first.locator("summary").click()
    expect(slots.first).to_contain_text("learned from 60 posts")
    expect(calendar).to_contain_text("today")
    hours = page.get_by_role("region", name="Hours of the week on site")
    expect(hours).to_contain_text("learned from 60 posts")
    expect(hours).to_contain_text("not enough data: 0 of 20 posts with a known chance")
    assert hours.locator("svg g title").count() == 168
    page.get_by_role("link", name="Earlier").click()
    expect(calendar).to_contain_text("Nothing in these weeks")


def test_the_calendar_fits_a_phone_and_has_no_serious_finding(page: Page, desk: Served) -> None:
    enter(page, desk, "/content/calendar")
    assert violations(page, "serious", "critical") == []
    page.set_viewport_size({"width": 360, "height": 740})
    assert overflow(page) == 0
