"""Learning while publishing: what drawing a fifth of the slots costs, beside drawing none."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Final

import numpy as np

from steersman.bench.row import Row
from steersman.bench.slot_history import DAY_NS, NOW, RULES, history
from steersman.bench.slot_world import TYPES, WORLDS, World
from steersman.content.slots.calendar import candidates
from steersman.content.slots.constraints import Constraints
from steersman.content.slots.forecast import fit
from steersman.content.slots.model import Observation, Taken, WaitingPost
from steersman.content.slots.planner import plan

_WORLDS: Final = ("by type", "two continents", "crowded")
_BATCH: Final = 20
_BATCHES: Final = 10
_RATIOS: Final = (0.2, 0.0)


def rows(seeds: Sequence[int]) -> list[Row]:
    """Return what 200 posts lost against the best slot of each day, with a fifth drawn and with none, and the price."""
    lost = {ratio: [_lost(name, seed, ratio) for name in _WORLDS for seed in seeds] for ratio in _RATIOS}
    price = [some - none for some, none in zip(lost[0.2], lost[0.0], strict=True)]
    where = f"{len(_WORLDS)} worlds, learned anew each {_BATCH} posts, after a past of 60"
    return [
        _row("regret over 200 posts placed by us, a fifth drawn", lost[0.2], where),
        _row("regret over 200 posts placed by us, none drawn", lost[0.0], "no lift can be shown then"),
        _row("regret that drawing a fifth adds", price, "the price of being able to know one's lift"),
    ]


def _lost(name: str, seed: int, ratio: float) -> float:
    """Return the mean share of the best allowed slot's worth of its day that each post lost."""
    world = World(WORLDS[name], seed)
    seen = [post.seen(f"past {number}") for number, post in enumerate(history(world, 60, seed))]
    draw, lost, taken = np.random.default_rng([seed, 13]), list[float](), list[Taken]()
    for batch in range(_BATCHES):
        now = NOW + batch * _BATCH * DAY_NS
        rules = Constraints(tz=RULES.tz, horizon_s=_BATCH * 86_400.0, daily_cap=1, random_ratio=ratio)
        slots = candidates(rules, now)
        posts = [WaitingPost(key=f"c/{batch}-{n}", type=TYPES[n % 3]) for n in range(_BATCH)]
        model = fit(seen, channel="c", tz=RULES.tz, now=now)
        kinds = {post.key: post.type for post in posts}
        for placed in plan(posts, slots, model, rules, seed=seed, taken=taken[-1:]).placed:
            kind, when = kinds[placed.key], placed.slot.local
            best = max(world.worth(slot.local, kind) for slot in slots if slot.wall[:10] == placed.slot.wall[:10])
            lost.append(1 - world.worth(when, kind) / best)
            taken.append(Taken(key=placed.key, at=placed.slot.at))
            earned = world.earns(when, kind, [], draw)
            seen.append(
                Observation(type=kind, channel="c", published_at=placed.slot.at, engagement=earned, key=placed.key)
            )
    return statistics.mean(lost)


def _row(metric: str, values: Sequence[float], note: str) -> Row:
    middle = 100 * statistics.mean(values)
    reach = 200 * statistics.stdev(values) / len(values) ** 0.5
    return Row(
        bench="slots", metric=metric, value=round(middle, 2), unit="%", target=None, met=None, runs=len(values),
        low=round(middle - reach, 2), high=round(middle + reach, 2), note=note,
    )  # fmt: skip
