"""Plans keep every rule, say why, are the same when asked twice, and say who cannot be placed and by which rule."""

from __future__ import annotations

import datetime as dt
import sys

import numpy as np
import pytest
from tests.builders_slots import NOW, a_model, a_past, a_post, an_instant, rules

from steersman.content.slots.calendar import candidates
from steersman.content.slots.model import Taken
from steersman.content.slots.planner import NoPlan, plan

EVENING = a_model(a_past(120, lambda when, kind: 100.0 if when.hour >= 17 else 40.0))
FEW = a_model(a_past(12))
ALWAYS = rules(random_ratio=0.0)


def test_the_best_slot_is_taken_and_the_next_best_is_told() -> None:
    found = plan([a_post()], candidates(ALWAYS, NOW), EVENING, ALWAYS, seed=1)
    (placed,) = found.placed
    assert placed.slot.local.hour >= 17
    assert (placed.how, placed.at_best, placed.propensity, placed.candidates) == ("best", True, 1.0, 336)
    assert placed.reason == "expected highest of 336 free slots, learned from 120 posts"
    assert placed.runner_up is not None
    assert placed.why_not[-1].startswith(f"{placed.runner_up.spoken}: free, expected ")


def test_a_higher_slot_that_breaks_a_rule_is_told_with_the_rule() -> None:
    day = rules(random_ratio=0.0, horizon_s=86_400.0)
    best = plan([a_post()], candidates(day, NOW), EVENING, day, seed=1).placed[0].slot
    near = [Taken(key="c/out", at=best.at + 3_600_000_000_000)]
    found = plan([a_post()], candidates(day, NOW), EVENING, day, seed=1, taken=near).placed[0]
    assert found.slot != best
    assert any(best.spoken in said and "closer than 4 h to c/out" in said for said in found.why_not)


def test_one_in_five_is_drawn_and_its_chance_is_told() -> None:
    loose = rules(min_gap_s=0.0, daily_cap=100)
    posts = [a_post(f"c/{n}") for n in range(40)]
    found = plan(posts, candidates(loose, NOW), EVENING, loose, seed=7).placed
    drawn = [one for one in found if one.how == "random"]
    assert 3 <= len(drawn) <= 14
    for one in found:
        assert one.propensity == pytest.approx(0.2 / one.candidates + (0.8 if one.at_best else 0.0))
    assert all("to learn from" in one.reason for one in drawn)


def test_asking_twice_or_for_one_post_more_gives_the_same_draw() -> None:
    chance = rules(random_ratio=1.0, min_gap_s=0.0, daily_cap=100)
    slots = candidates(chance, NOW)
    one = plan([a_post("c/a"), a_post("c/b")], slots, EVENING, chance, seed=3)
    again = plan([a_post("c/b"), a_post("c/a")], slots, EVENING, chance, seed=3)
    more = plan([a_post("c/a"), a_post("c/b"), a_post("c/z")], slots, EVENING, chance, seed=3)
    where = {placed.key: placed.slot for placed in one.placed}
    assert {placed.key: placed.slot for placed in again.placed} == where
    assert {placed.key: placed.slot for placed in more.placed if placed.key in where} == where
    assert plan([a_post("c/a")], slots, EVENING, chance, seed=4).placed[0].slot != where["c/a"]


def test_draws_are_even_over_what_is_free() -> None:
    chance = rules(random_ratio=1.0, hours=((480, 600),), horizon_s=86_400.0)  # four slots
    slots = candidates(chance, NOW)
    hits = dict.fromkeys((slot.wall for slot in slots), 0)
    for number in range(400):
        hits[plan([a_post(f"c/{number}")], slots, EVENING, chance, seed=1).placed[0].slot.wall] += 1
    assert len(hits) == 4
    assert all(70 <= count <= 130 for count in hits.values())


def test_without_enough_data_posts_are_spread_over_hours_and_days_and_it_says_so() -> None:
    posts = [a_post(f"c/{n}") for n in range(6)]
    found = plan(posts, candidates(ALWAYS, NOW), FEW, ALWAYS, seed=1)
    assert found.method == "spread"
    assert found.total is None
    assert found.notes == ("not enough data (12 of 30 posts)",)
    assert len({placed.slot.wall[:10] for placed in found.placed}) == 6
    assert len({placed.slot.local.hour for placed in found.placed}) >= 3
    assert all(placed.expected is None and placed.how == "spread" for placed in found.placed)
    assert found.placed[0].reason.startswith("not enough data (12 of 30 posts): spread over hours and days")


def test_a_campaign_goes_out_in_its_order_and_behind_what_is_out() -> None:
    parts = [a_post(f"c/part{n}", campaign="launch", order=n) for n in (3, 2)]
    out = Taken(key="c/part1", at=an_instant("2026-06-09T18:30"), campaign="launch", order=1)
    found = plan(parts, candidates(ALWAYS, NOW), EVENING, ALWAYS, seed=1, taken=[out])
    assert [placed.key for placed in found.placed] == ["c/part2", "c/part3"]
    assert found.placed[0].slot.at > out.at


def test_an_embargo_and_a_last_date_hold() -> None:
    opens, ends = an_instant("2026-06-04T10:00"), an_instant("2026-06-04T12:00")
    posts = [a_post(not_before=opens, not_after=ends)]
    placed = plan(posts, candidates(ALWAYS, NOW), EVENING, ALWAYS, seed=1).placed[0]
    assert opens <= placed.slot.at <= ends
    assert placed.candidates == 5


def test_who_cannot_be_placed_is_told_with_the_rules_against_it() -> None:
    strict = rules(horizon_s=2 * 86_400.0, daily_cap=1)
    posts = [a_post(f"c/{n}", not_before=an_instant("2026-06-02T12:00")) for n in range(2)]
    with pytest.raises(NoPlan) as refused:
        plan(posts, candidates(strict, NOW), EVENING, strict, seed=1)
    assert refused.value.post in ("c/0", "c/1")
    assert set(refused.value.counts) >= {"embargo", "daily_cap"}
    assert "finds no slot among 48" in refused.value.message
    assert "before its embargo, Tue 02 Jun 12:00" in refused.value.message
    assert "[slots] daily_cap" in refused.value.fix


def test_no_allowed_time_at_all_is_told_as_such() -> None:
    black = rules(blackout=((dt.date(2026, 1, 1), dt.date(2026, 12, 31)),))
    with pytest.raises(NoPlan, match="blackout leave nothing"):
        plan([a_post()], candidates(black, NOW), EVENING, black, seed=1)


def test_a_tight_plan_that_one_by_one_would_miss_is_found() -> None:
    # Three posts in a day of three slots: taking the middle one first would leave room for nobody else.
    tight = rules(
        hours=((480, 481), (720, 721), (960, 961)), min_gap_s=4 * 3600.0, horizon_s=86_400.0, random_ratio=0.0
    )
    found = plan([a_post(f"c/{n}") for n in range(3)], candidates(tight, NOW), EVENING, tight, seed=1)
    assert [placed.slot.wall[11:] for placed in found.placed] == ["08:00", "12:00", "16:00"]
    packed = rules(hours=((480, 721),), min_gap_s=2 * 3600.0, horizon_s=86_400.0, random_ratio=0.0)
    found = plan([a_post(f"c/{n}") for n in range(3)], candidates(packed, NOW), EVENING, packed, seed=1)
    assert [placed.slot.wall[11:] for placed in found.placed] == ["08:00", "10:00", "12:00"]


def test_a_draw_that_leaves_no_room_is_given_up_and_counts_in_no_lift() -> None:
    packed = rules(hours=((480, 721),), min_gap_s=2 * 3600.0, horizon_s=86_400.0, random_ratio=1.0)
    found = plan([a_post(f"c/{n}") for n in range(3)], candidates(packed, NOW), EVENING, packed, seed=1)
    assert [placed.slot.wall[11:] for placed in found.placed] == ["08:00", "10:00", "12:00"]
    assert all(placed.propensity is None for placed in found.placed)
    assert any("no post here counts in lift" in note for note in found.notes)


def test_more_than_forty_posts_get_the_solver_and_never_a_worse_plan() -> None:
    competing = rules(horizon_s=17 * 86_400.0, random_ratio=0.0)
    posts = [a_post(f"c/{n}", type=("essay", "note")[n % 2]) for n in range(48)]
    slots = candidates(competing, NOW)
    solved = plan(posts, slots, EVENING, competing, seed=1)
    assert len({placed.key for placed in solved.placed}) == 48
    assert solved == plan(posts, slots, EVENING, competing, seed=1)


def test_without_scipy_the_plan_is_made_one_by_one_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    competing = rules(horizon_s=17 * 86_400.0, random_ratio=0.0)
    posts = [a_post(f"c/{n}") for n in range(48)]
    with_solver = plan(posts, candidates(competing, NOW), EVENING, competing, seed=1)
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    found = plan(posts, candidates(competing, NOW), EVENING, competing, seed=1)
    assert found.method == "greedy"
    assert found.notes == ("48 posts compete and scipy is not installed: placed one by one (steersman[slots])",)
    assert found.total is not None
    assert with_solver.total is not None
    assert with_solver.total >= found.total - 1e-9


def test_expected_is_told_in_counts_with_its_interval() -> None:
    placed = plan([a_post(type="note")], candidates(ALWAYS, NOW), EVENING, ALWAYS, seed=1).placed[0]
    assert placed.expected is not None
    assert np.isfinite([placed.expected.low, placed.expected.mean, placed.expected.high]).all()
    assert 60 < placed.expected.mean < 160


def test_over_many_seeds_the_best_slot_comes_as_often_as_its_propensity_says() -> None:
    chance = rules(hours=((480, 720),), horizon_s=86_400.0)
    slots = candidates(chance, NOW)
    placed = [plan([a_post()], slots, EVENING, chance, seed=seed).placed[0] for seed in range(600)]
    told = next(one.propensity for one in placed if one.at_best)
    assert told == pytest.approx(0.8 + 0.2 / 8)
    assert abs(sum(one.at_best for one in placed) / 600 - 0.825) < 0.05
    assert {one.slot.wall for one in placed} == {slot.wall for slot in slots}


def test_ninety_days_of_five_minutes_are_planned_without_fuss() -> None:
    fine = rules(hours=((0, 1440),), step_min=5, horizon_s=90 * 86_400.0, random_ratio=0.0)
    slots = candidates(fine, NOW)
    assert len(slots) == 90 * 288
    assert plan([a_post(), a_post("c/two")], slots, EVENING, fine, seed=1).method == "greedy"


def test_two_posts_with_one_key_are_refused() -> None:
    with pytest.raises(ValueError, match="unique keys"):
        plan([a_post(), a_post()], candidates(ALWAYS, NOW), EVENING, ALWAYS, seed=1)
