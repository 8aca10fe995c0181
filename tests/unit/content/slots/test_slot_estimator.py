"""What is expected of slots: found where there is something, near nothing where there is not, never from too little."""

from __future__ import annotations

import datetime as dt
import math
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest
from tests.builders_slots import DAY_NS, NOW, a_model, a_past, a_slot, rules

from steersman.content.slots.calendar import candidates, slot_at
from steersman.content.slots.forecast import fit
from steersman.content.slots.model import Observation
from steersman.kernel.clock import to_ns


def evening(when: dt.datetime, kind: str) -> float:
    return 100.0 if when.hour >= 17 else 40.0


def test_below_thirty_posts_nothing_is_expected_and_it_says_how_many_are_missing() -> None:
    model = a_model(a_past(12))
    assert not model.enough
    assert model.standing == "not enough data (12 of 30 posts)"
    assert model.forecast(a_slot("2026-06-02T09:00"), "note") is None
    with pytest.raises(ValueError, match="12 of 30 posts"):
        model.forecasts([a_slot("2026-06-02T09:00")], "note")


def test_hours_that_earn_more_are_found_and_named() -> None:
    model = a_model(a_past(200, evening))
    late, early = a_slot("2026-06-02T18:30"), a_slot("2026-06-02T10:00")
    found = model.difference(late, early, "note")
    assert found.ratio > 0.4
    assert found.told_apart
    expected = model.forecast(late, "note")
    assert expected is not None
    assert expected.n == 200
    assert expected.low < expected.mean < expected.high
    assert any(reason.startswith("hour of the day +") for reason in expected.reasons)


def test_where_every_hour_is_alike_no_slot_is_told_apart_from_another() -> None:
    model = a_model(a_past(200))
    slots = candidates(rules(horizon_s=7 * 86_400.0), NOW)
    mean = model.forecasts(slots, "note").mean
    assert mean.max() / mean.min() < 1.25
    assert model.slot_ratio < 0.2


def test_few_wild_posts_do_not_make_a_slot() -> None:
    past = a_past(120)
    wild = [
        msgspec.structs.replace(post, engagement=post.engagement * 5_000)
        if post.key in ("c/20", "c/60", "c/100")
        else post
        for post in past
    ]
    slots = candidates(rules(horizon_s=7 * 86_400.0), NOW)
    plain, hit = (a_model(posts).forecasts(slots, "note").mean for posts in (past, wild))
    assert hit.max() / hit.min() < 2 * plain.max() / plain.min()


def test_only_one_age_is_compared_and_the_rest_is_counted() -> None:
    past = a_past(40)
    early = [msgspec.structs.replace(post, age_s=3_600, engagement=1.0) for post in past]
    model = a_model(past + early)
    assert (model.posts.n, model.posts.other_age) == (40, 40)
    assert np.array_equal(model.posts.earned, a_model(past).posts.earned)


def test_posts_seen_twice_in_the_future_or_uncountable_are_left_out_and_counted() -> None:
    past = a_past(40)
    ahead = msgspec.structs.replace(past[0], published_at=NOW + 1, key="c/ahead")
    broken = msgspec.structs.replace(past[0], engagement=math.nan, key="c/nan")
    negative = msgspec.structs.replace(past[0], engagement=-1.0, key="c/negative")
    elsewhere = msgspec.structs.replace(past[0], channel="d", key="d/0")
    model = a_model([*past, past[3], ahead, broken, negative, elsewhere])
    assert (model.posts.n, model.posts.repeated, model.posts.unusable) == (40, 1, 3)


def test_posts_that_nobody_read_break_nothing() -> None:
    past = a_past(60, lambda when, kind: 0.0 if when.day % 2 else 30.0)
    expected = a_model(past).forecast(a_slot("2026-06-02T09:00"), "essay")
    assert expected is not None
    assert expected.low == 0.0
    assert expected.mean > 0
    nothing = a_model(a_past(60, lambda when, kind: 0.0)).forecast(a_slot("2026-06-02T09:00"), "essay")
    assert nothing is not None
    assert nothing.low == 0.0
    assert nothing.high < 0.2


def test_a_type_never_seen_is_an_average_post() -> None:
    expected = a_model().forecast(a_slot("2026-06-02T09:00"), "podcast")
    assert expected is not None
    assert math.isfinite(expected.mean)


def test_all_posts_at_one_instant_and_of_many_types_are_survived() -> None:
    same = [
        Observation(type=f"t{n}", channel="c", published_at=NOW - DAY_NS, engagement=float(n), key=str(n))
        for n in range(50)
    ]
    expected = fit(same, channel="c", tz="UTC", now=NOW).forecast(a_slot("2026-06-02T09:00"), "t1")
    assert expected is not None
    assert math.isfinite(expected.mean)


def test_a_level_that_rises_does_not_favour_later_days() -> None:
    past = a_past(150)
    rising = [
        msgspec.structs.replace(post, engagement=post.engagement * (1 + number / 20))
        for number, post in enumerate(past)
    ]
    same = a_model(rising).difference(a_slot("2026-06-16T09:00"), a_slot("2026-06-02T09:00"), "note")
    assert same.ratio == pytest.approx(0.0, abs=1e-9)
    expected = a_model(rising).forecast(a_slot("2026-06-02T09:00"), "note")
    assert expected is not None
    assert expected.mean > 150  # of today's level, not of the past's average, which is near 190/2


def test_hours_are_those_of_the_wall_not_of_utc() -> None:
    # Nine on the wall of Berlin is worth double, in summer and in winter: in UTC these are two hours.
    berlin = ZoneInfo("Europe/Berlin")
    past = a_past(365, lambda when, kind: 100.0 if 9 <= when.astimezone(berlin).hour < 11 else 40.0, luck=0.2)
    model = fit(past, channel="c", tz="Europe/Berlin", now=NOW)
    for day in ("2026-06-02", "2026-12-01"):
        nine, seventeen = (slot_at(to_ns(dt.datetime.fromisoformat(f"{day}T{hour}").replace(tzinfo=berlin)
                           .astimezone(dt.UTC)), "Europe/Berlin") for hour in ("09:30", "17:00"))  # fmt: skip
        assert model.difference(nine, seventeen, "note").ratio > 0.5


def test_the_order_of_observations_changes_nothing() -> None:
    past = a_past(60, evening)
    slot = a_slot("2026-06-02T18:00")
    assert a_model(past).forecast(slot, "note") == a_model(past[::-1]).forecast(slot, "note")


def test_the_interval_holds_about_nine_in_ten_of_posts_to_come() -> None:
    past = a_past(360, evening, luck=0.8)
    held = 0
    model = fit(past[:300], channel="c", tz="UTC", now=past[299].published_at)
    for post in past[300:]:
        expected = model.forecast(slot_at(post.published_at, "UTC"), post.type)
        held += expected is not None and expected.low <= post.engagement <= expected.high
    assert 47 <= held <= 60  # of 60: 54 are expected, and three standard deviations are 7
