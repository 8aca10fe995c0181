"""The worlds that slots are tried in: nothing to find where that is said, luck with a long tail, the same each time."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from steersman.bench.slot_history import history, week
from steersman.bench.slot_world import TYPES, WORLDS, World


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_only_the_flat_world_has_nothing_to_find(name: str) -> None:
    world = World(WORLDS[name], seed=5)
    worth = np.array([world.worth(slot.local, "note") for slot in week()])
    spread = worth.max() / worth.min()
    assert (spread < 1.02) if name == "flat" else (1.2 < spread < 10)


def test_where_the_feed_is_crowded_the_busiest_hour_is_not_the_best() -> None:
    crowded, empty = (World(WORLDS[name], seed=5) for name in ("crowded", "two continents"))
    nineteen, half_past_five = (dt.datetime.fromisoformat(f"2025-07-01T{at}") for at in ("19:00", "17:30"))
    assert crowded.worth(half_past_five, "note") > crowded.worth(nineteen, "note")
    assert empty.worth(nineteen, "note") > empty.worth(half_past_five, "note")


def test_each_type_has_its_best_hour_where_that_is_said() -> None:
    world = World(WORLDS["by type"], seed=5)
    walls = [slot.local for slot in week()]
    best = {kind: walls[int(np.argmax([world.worth(wall, kind) for wall in walls]))].hour for kind in TYPES}
    assert best["essay"] < 12 < best["release"]


def test_a_past_is_the_same_each_time_and_holds_posts_that_went_far() -> None:
    past = history(World(WORLDS["commuters"], 5), 300, 5)
    assert past == history(World(WORLDS["commuters"], 5), 300, 5)
    earned = np.array([post.earned for post in past])
    assert earned.min() >= 0
    assert earned.max() > 6 * np.median(earned)


def test_a_post_eats_into_the_next_ones_readers() -> None:
    world, when = World(WORLDS["commuters"], 5), dt.datetime.fromisoformat("2025-07-01T12:00")
    alone = np.mean([world.earns(when, "note", [], np.random.default_rng(n)) for n in range(300)])
    close = [when - dt.timedelta(minutes=30)]
    behind = np.mean([world.earns(when, "note", close, np.random.default_rng(n)) for n in range(300)])
    assert behind < 0.75 * alone
