"""Whatever is asked, a plan breaks no rule, its solver is never worse than one by one, and asking again is the same."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.builders_slots import DAY_NS, a_model, a_past, an_instant

from steersman.content.model.walltime import instant_again
from steersman.content.slots.board import Board
from steersman.content.slots.calendar import candidates
from steersman.content.slots.constraints import Constraints, local, objection
from steersman.content.slots.greedy import Worth, greedy
from steersman.content.slots.model import Slot, Taken, WaitingPost
from steersman.content.slots.optimum import optimum
from steersman.content.slots.planner import NoPlan, plan
from steersman.kernel.clock import utc

# Over this week the clocks of Berlin are set back.
BEGINS = an_instant("2026-10-22T00:00")
MODEL = a_model(a_past(60), tz="Europe/Berlin")
FEW = a_model(a_past(5), tz="Europe/Berlin")

some_rules = st.builds(
    Constraints,
    tz=st.just("Europe/Berlin"),
    hours=st.sampled_from([((480, 1200),), ((60, 240),), ((1320, 120),), ((540, 720), (1020, 1260))]),
    quiet=st.sampled_from([(), ((720, 780),), ((1380, 60),)]),
    weekdays=st.sampled_from([frozenset(range(7)), frozenset(range(5)), frozenset({5, 6})]),
    min_gap_s=st.sampled_from([0.0, 1800.0, 5 * 3600.0, 30 * 3600.0]),
    daily_cap=st.integers(1, 4),
    step_min=st.sampled_from([30, 60]),
    horizon_s=st.sampled_from([2 * 86_400.0, 7 * 86_400.0]),
    random_ratio=st.sampled_from([0.0, 0.2, 1.0]),
)
moments = st.integers(-12, 7 * 24).map(lambda hour: BEGINS + hour * DAY_NS // 24)


@st.composite
def some_posts(draw: st.DrawFn) -> list[WaitingPost]:
    return [
        WaitingPost(
            key=f"c/{number}",
            type=draw(st.sampled_from(["essay", "note"])),
            not_before=draw(st.none() | moments),
            not_after=draw(st.none() | moments),
            campaign=draw(st.sampled_from(["", "", "launch"])),
            order=draw(st.integers(0, 2)),
        )
        for number in range(draw(st.integers(1, 6)))
    ]


some_taken = st.lists(
    st.builds(
        Taken,
        key=st.sampled_from(["c/out", "c/other"]),
        at=moments,
        campaign=st.sampled_from(["", "launch"]),
        order=st.integers(0, 2),
    ),
    max_size=3,
)


def broken(put: Sequence[tuple[WaitingPost, Slot]], taken: Sequence[Taken], rules: Constraints) -> list[str]:
    """Return what is against a plan, by the rules in words: another road than the planner's arrays."""
    said = []
    for post, slot in put:
        others = [*taken, *(Taken(key=p.key, at=s.at, campaign=p.campaign, order=p.order) for p, s in put if p != post)]
        against = objection(slot, post, others, rules)
        said += [f"{post.key}: {against.text}"] if against else []
        said += [] if rules.allows(slot.local) else [f"{post.key}: {slot.wall} is not allowed"]
    return said


@settings(max_examples=150, deadline=None)
@given(posts=some_posts(), taken=some_taken, rules=some_rules, seed=st.integers(0, 9), knows=st.booleans())
def test_a_plan_keeps_every_rule_and_is_the_same_when_asked_again(
    posts: list[WaitingPost], taken: list[Taken], rules: Constraints, seed: int, knows: bool
) -> None:
    slots, model = candidates(rules, BEGINS), MODEL if knows else FEW
    try:
        found = plan(posts, slots, model, rules, seed=seed, taken=taken)
    except NoPlan:
        return
    by_key = {post.key: post for post in posts}
    assert sorted(placed.key for placed in found.placed) == sorted(by_key)
    assert broken([(by_key[p.key], p.slot) for p in found.placed], taken, rules) == []
    assert found == plan(posts, slots, model, rules, seed=seed, taken=taken)
    for placed in found.placed:
        assert placed.reason
        assert placed.candidates >= 1
        assert placed.propensity is None or 0 < placed.propensity <= 1


@settings(max_examples=100, deadline=None)
@given(posts=some_posts(), taken=some_taken, rules=some_rules, seed=st.integers(0, 9))
def test_the_solver_keeps_every_rule_and_is_never_worse_than_one_by_one(
    posts: list[WaitingPost], taken: list[Taken], rules: Constraints, seed: int
) -> None:
    slots = candidates(rules, BEGINS)
    worth = dict(zip(("essay", "note"), np.random.default_rng(seed).uniform(1, 2, (2, len(slots))), strict=True))
    each: Worth = {post.key: worth[post.type] for post in posts}
    alone, solved = (Board(slots, taken, rules) for _ in range(2))
    left = greedy(alone, posts, each)
    outcome = optimum(solved, posts, each)
    if outcome == "none exists":
        assert left is not None
        return
    assert outcome == "found"
    assert broken([(post, slots[solved.put[post.key]]) for post in posts], taken, rules) == []
    if left is None:
        assert broken([(post, slots[alone.put[post.key]]) for post in posts], taken, rules) == []
        total = [sum(each[post.key][board.put[post.key]] for post in posts) for board in (alone, solved)]
        assert total[1] >= total[0] * (1 - 1e-5)


@settings(max_examples=150, deadline=None)
@given(
    rules=some_rules,
    hour=st.integers(0, 24 * 365),
    tz=st.sampled_from(
        ["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca"]
    ),
)
def test_every_candidate_is_the_time_its_wall_shows(rules: Constraints, hour: int, tz: str) -> None:
    rules = msgspec.structs.replace(rules, tz=tz)
    now = an_instant("2026-01-01T00:00") + hour * DAY_NS // 24
    offered = candidates(rules, now)
    assert len({slot.wall for slot in offered}) == len(offered)
    assert [slot.at for slot in offered] == sorted({slot.at for slot in offered})
    for slot in offered:
        assert now < slot.at <= now + rules.horizon_s * 1e9
        assert rules.allows(slot.local)
        assert utc(slot.at).astimezone(ZoneInfo(tz)).replace(tzinfo=None) == slot.local
        assert instant_again(slot.wall, tz, 0) == slot.at
        assert local(slot.at, tz).fold == 0
