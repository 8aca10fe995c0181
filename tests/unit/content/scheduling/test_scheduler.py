"""Waiting posts get their slots, chance and reasons recorded; what stands is kept; the pictures say what they show."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass, field
from xml.etree import ElementTree

import pytest
from tests.builders_content import told

from steersman.content.events.engagement import ENGAGEMENT_OBSERVED, EngagementObserved
from steersman.content.events.publishing import POST_DELETED, POST_PUBLISHED, PostDeleted, PostPublished
from steersman.content.scheduling import Proposal, Scheduler, Unplaced, Waiting
from steersman.content.scheduling.pictures import calendar, heatmap_svg, heatmap_text, spoken
from steersman.content.scheduling.scheduler import replannable
from steersman.content.settings.slots import SlotSettings
from steersman.content.slots.heatmap import heatmap
from steersman.kernel.clock import FakeClock, to_ns, utc
from steersman.kernel.errors import Conflict, Misconfigured, Rejected, SteersmanError
from steersman.ledger import Ledger, new_event
from steersman.ledger.adapters.memory import create as memory_ledger

DAY = 86_400
MONDAY = to_ns(dt.datetime(2026, 11, 30, 7, 0, tzinfo=dt.UTC))


@dataclass
class World:
    settings: SlotSettings = field(default_factory=lambda: SlotSettings(random_ratio=0.0))
    tz: str = "Europe/Berlin"
    clock: FakeClock = field(default_factory=lambda: FakeClock(MONDAY))
    ledger: Ledger = field(default_factory=memory_ledger)

    def scheduler(self) -> Scheduler:
        return Scheduler(ledger=self.ledger, clock=self.clock, settings=self.settings, tz=self.tz, actor="t")

    def publish(self, slug: str) -> None:
        now = self.clock.now_ns()
        same = {"draft": f"content/{slug}.md", "content_sha256": "", "title": slug, "url": "u", "revision": "1"}
        out = PostPublished(key=f"site/{slug}", channel="site", at=now, **same)
        self.ledger.append([new_event(POST_PUBLISHED, stream=f"post/site/{slug}", data=out, actor="t", now_ns=now)])

    def observe(self, posts: int) -> None:
        """Record `posts` posts of the last months that earn ten times as much at 18:00 as at other hours."""
        draw, events = random.Random(1), []
        for number in range(posts):
            hour = draw.choice((8, 10, 12, 14, 16, 18))
            at = MONDAY - (2 + number) * DAY * 10**9 + (hour - 8) * 3600 * 10**9
            earned = draw.randint(90, 110) if hour == 18 else draw.randint(8, 12)
            seen = EngagementObserved(
                key=f"site/old-{number}", channel="site", type="post", published_at=at, age_s=DAY, observed_age_s=DAY,
                counts={"likes": earned}, engagement=earned, at=at,
            )  # fmt: skip
            stream = f"post/{seen.key}"
            events.append(new_event(ENGAGEMENT_OBSERVED, stream=stream, data=seen, actor="t", now_ns=at))
        self.ledger.append(events)


def waits(slug: str, **fields: object) -> Waiting:
    given = {"key": f"site/{slug}", "channel": "site", "draft": f"content/{slug}.md", "type": "post", **fields}
    return Waiting(**given)  # type: ignore[arg-type]  # a test spells out only what it is about


def plan_of(one: Proposal | Unplaced) -> Proposal:
    assert isinstance(one, Proposal)
    return one


def test_accepted_slots_are_recorded_whole_and_stand_in_the_calendar() -> None:
    world = World()
    world.observe(60)
    own = world.scheduler()
    (found,) = own.propose([waits("one"), waits("two")], {})
    own.accept(plan_of(found))
    said = [data for kind, data in told(world.ledger, "content.post.*") if kind == "post.scheduled"]
    assert {d["wall"][11:13] for d in said} <= {"18", "19"}  # summer days of the past are an hour off
    assert all(d["tz"] == "Europe/Berlin" and d["n"] == 60 and d["how"] == "best" and d["at_best"] for d in said)
    assert all(d["low"] < d["expected"] < d["high"] and d["propensity"] == 1.0 and d["candidates"] > 10 for d in said)
    entries = own.standing.entries("site")
    assert [e.key for e in entries] == ["site/one", "site/two"]
    assert replannable(entries) == entries


def test_a_random_post_keeps_its_draw_however_often_it_is_asked() -> None:
    world = World(settings=SlotSettings(random_ratio=1.0))
    world.observe(60)
    slots = {plan_of(world.scheduler().propose([waits("one")], {})[0]).plan.placed[0] for _ in range(3)}
    (placed,) = slots
    assert placed.how == "random"
    assert placed.propensity == pytest.approx(1 / placed.candidates)


def test_what_stands_holds_gap_cap_and_campaign(  # one post a day, the first part on Wednesday
) -> None:
    world = World(settings=SlotSettings(daily_cap=1, random_ratio=0.0, horizon="5d"))
    own = world.scheduler()
    own.put(waits("part-one", campaign="c", order=1), "2026-12-02T10:00")
    (found,) = own.propose([waits("part-two", campaign="c", order=2)], {"site/part-one": ("c", 1)})
    (placed,) = plan_of(found).plan.placed
    assert placed.slot.wall > "2026-12-03"


def test_a_post_without_room_is_named_with_the_rule_and_the_way_out() -> None:
    world = World(settings=SlotSettings(daily_cap=1, horizon="1d", hours=("09:00-10:00",), random_ratio=0.0))
    (found,) = world.scheduler().propose([waits("one"), waits("two")], {})
    assert isinstance(found, Unplaced)
    assert found.key in ("site/one", "site/two")
    assert found.fix


def test_a_slot_of_a_post_that_changed_meanwhile_is_a_conflict_and_nothing_is_scheduled() -> None:
    world = World()
    own = world.scheduler()
    (found,) = own.propose([waits("one")], {})
    world.scheduler().put(waits("one"), "2026-12-01T09:00")
    with pytest.raises(Conflict):
        own.accept(plan_of(found))
    assert [k for k, _ in told(world.ledger, "content.post.*")] == ["post.scheduled"]


@pytest.mark.parametrize(
    ("wall", "says", "error"),
    [
        ("tomorrow", "allowed: a time like", Misconfigured),
        ("2026-12-03T09:00+05:00", "on the wall of", Misconfigured),
        ("2026-11-30T07:59", "is past", Rejected),
        ("2027-03-28T02:30", "the clocks skip it", Rejected),
        ("2026-12-01T09:00", "before its embargo", Rejected),
    ],
)
def test_a_time_that_cannot_be_is_refused(wall: str, says: str, error: type[SteersmanError]) -> None:
    embargo = to_ns(dt.datetime(2026, 12, 2, tzinfo=dt.UTC))
    with pytest.raises(error, match=says):
        World().scheduler().put(waits("one", not_before=embargo), wall)


def test_a_persons_time_wins_over_rules_and_says_which_it_breaks() -> None:
    world = World()
    own = world.scheduler()
    own.put(waits("one"), "2026-12-01T09:00")
    said = own.put(waits("two"), "2026-12-01T10:00")
    assert said.how == "person"
    assert "4 h" in said.reason
    assert replannable(own.standing.entries()) == []


def test_a_time_can_be_taken_away_until_the_post_is_out() -> None:
    world = World()
    own = world.scheduler()
    own.put(waits("one"), "2026-12-01T09:00")
    own.clear("site/one", "changed my mind")
    assert own.standing.entries() == []
    with pytest.raises(Rejected, match="has no time"):
        own.clear("site/one", "again")
    own.put(waits("one"), "2026-12-01T09:00")
    world.publish("one")
    with pytest.raises(Rejected, match="is out already"):
        own.clear("site/one", "too late")
    now = world.clock.now_ns()
    gone = PostDeleted(key="site/one", channel="site", draft="content/one.md", reason="", at=now)
    world.ledger.append([new_event(POST_DELETED, stream="post/site/one", data=gone, actor="t", now_ns=now)])
    assert own.standing.entries() == []


def test_the_model_is_made_once_and_again_when_something_was_observed() -> None:
    world = World()
    world.observe(40)
    own = world.scheduler()
    first = own.model("site")
    assert own.model("site") is first
    world.clock.advance(60)
    world.observe(41)  # one more, the others as they were
    assert own.model("site") is not first


def test_the_calendar_names_what_is_out_to_come_and_late() -> None:
    world = World()
    own = world.scheduler()
    world.publish("out")
    own.put(waits("late"), "2026-11-30T08:30")
    own.put(waits("soon"), "2026-12-01T09:00")
    own.put(waits("far"), "2026-12-20T09:00")
    world.clock.advance(3600)
    shown = calendar(own.standing.entries(), first=dt.date(2026, 11, 30), days=7, tz=world.tz, now=world.clock.now_ns())
    assert [(e.day, e.time, e.state, e.key) for e in shown] == [
        ("2026-11-30", "08:00", "published", "site/out"),
        ("2026-11-30", "08:30", "late", "site/late"),
        ("2026-12-01", "09:00", "scheduled", "site/soon"),
    ]


def test_a_heatmap_shows_every_hour_its_posts_and_the_best_one() -> None:
    world = World()
    world.observe(90)
    own = world.scheduler()
    cells = heatmap(own.model("site"), "post", own.rules("site"), world.clock.now_ns())
    assert len(cells) == 168
    assert sum(cell.n for cell in cells) == 90
    best = max(cells, key=lambda cell: cell.ratio or 0)
    assert best.hour in (17, 18, 19)
    assert best.low is not None
    assert best.low <= (best.ratio or 0)
    assert {cell.hour for cell in cells if cell.allowed} == set(range(8, 20))
    assert spoken(best).startswith(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"))
    drawn = ElementTree.fromstring(heatmap_svg(cells, "A <title>"))  # noqa: S314 - our own picture, just drawn
    assert len(drawn.findall("{http://www.w3.org/2000/svg}g")) == 168
    assert drawn.attrib["aria-label"] == "A <title>"
    lines = heatmap_text(cells)
    assert len(lines) == 8
    assert {len(line) for line in lines[1:]} == {29}


def test_a_heatmap_without_data_says_so_in_every_cell() -> None:
    own = World().scheduler()
    cells = heatmap(own.model("site"), "post", own.rules("site"), MONDAY)
    assert {cell.ratio for cell in cells} == {None}
    assert "not enough data" in spoken(cells[0])
    assert "?" in "".join(heatmap_text(cells))
    assert utc(MONDAY).weekday() == 0
