"""Slots: what is lost against the best, whether chance is told right, what a decision costs, what real pages show.

The worlds are audiences of another kind than the estimator assumes (`slot_world`), drawn from seeds that were not
looked at while it was made.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from time import process_time
from typing import Final

import numpy as np

from steersman.bench import slot_chance, slot_loop, slot_regret, slot_replay
from steersman.bench.measure import row_of
from steersman.bench.row import Row, not_measured
from steersman.bench.slot_history import NOW, TZ, history, learned
from steersman.bench.slot_world import TYPES, WORLDS, World
from steersman.content.slots.board import Board
from steersman.content.slots.calendar import candidates
from steersman.content.slots.constraints import Constraints
from steersman.content.slots.forecast import Forecast
from steersman.content.slots.greedy import greedy
from steersman.content.slots.model import WaitingPost
from steersman.content.slots.optimum import optimum
from steersman.content.slots.planner import plan

_SEEDS: Final = tuple(range(1000, 1020))
_CHANCE_SEEDS: Final = tuple(range(2000, 2120))
_ROUNDS: Final = 9
_DECISION_MS: Final = 100.0


def run() -> list[Row]:
    """Return every row; takes a few minutes of one core."""
    return [
        *slot_regret.rows(_SEEDS),
        slot_chance.coverage(_SEEDS[:6]),
        *slot_chance.proofs(_CHANCE_SEEDS),
        *slot_loop.rows(_SEEDS[:6]),
        *_decision(),
        *_solver(60),
        *_solver(90),
        *slot_replay.rows(),
    ]


def _decision() -> list[Row]:
    """Return the CPU of placing one post with a forecast at hand, and of making that forecast."""
    past = history(World(WORLDS["by type"], _SEEDS[0]), 400, _SEEDS[0])
    rules = Constraints(tz=TZ)
    model = learned(past)

    def place(number: int) -> None:
        plan([WaitingPost(key=f"c/{number}")], candidates(rules, NOW), model, rules, seed=number)

    decide = [_cpu_ms(partial(place, number)) for number in range(_ROUNDS)]
    fitted = [_cpu_ms(lambda: learned(past)) for _ in range(3)]
    return [
        row_of(
            "slots", "CPU to place a post, forecast at hand", decide, "ms", at_most=_DECISION_MS,
            note="two weeks of half hours, reasons included",
        ),
        row_of("slots", "CPU to learn from 400 posts, once for each new figure", fitted, "ms"),
    ]  # fmt: skip


def _solver(count: int) -> list[Row]:
    """Return how much more the solver's plan is expected to earn than placing one by one, and what that costs."""
    gains, costs, over_queue = [], [], []
    metric = f"expected engagement the solver adds at {count} posts"
    for seed in _SEEDS[:5]:
        world = World(WORLDS["by type"], seed)
        model = learned(history(world, 200, seed))
        # Days for about a tenth more posts than there are: they compete for nearly every slot.
        rules = Constraints(tz=TZ, horizon_s=(count // 3 + count // 30 + 1) * 86_400.0)
        posts = [WaitingPost(key=f"c/{n}", type=TYPES[n % 3]) for n in range(count)]
        worth = _worth(posts, model, rules)
        boards = [Board(candidates(rules, NOW), (), rules) for _ in range(2)]
        if greedy(boards[0], posts, worth) is not None:
            return [not_measured("slots", metric, "%", 0.0, "placing one by one found no plan to compare with")]
        before = process_time()
        if optimum(boards[1], posts, worth) != "found":
            return [not_measured("slots", metric, "%", 0.0, "the extra `slots` (scipy) is not installed")]
        costs.append(1000 * (process_time() - before))
        queued = Board(boards[0].slots, (), rules)
        for post in posts:
            queued.place(post, int(np.argmax(np.where(queued.free(post), worth[post.key], -np.inf))))
        alone, best, first = (sum(worth[p.key][b.put[p.key]] for p in posts) for b in (*boards, queued))
        over_queue.append(100 * (float(best / first) - 1))
        gains.append(100 * (float(best / alone) - 1))
    return [
        Row(
            bench="slots", metric=metric, value=round(statistics.median(gains), 2), unit="%", target=0.0,
            met=min(gains) >= 0, compared_with="placing one by one, then moving", runs=len(gains),
            low=round(min(gains), 2), high=round(max(gains), 2), note=f"{statistics.median(costs):,.0f} ms of CPU; "
            f"{statistics.median(over_queue):.1f}% over first come, first served",
        )
    ]  # fmt: skip


def _worth(posts: list[WaitingPost], model: Forecast, rules: Constraints) -> dict[str, np.ndarray]:
    slots = candidates(rules, NOW)
    by_type = {kind: model.forecasts(slots, kind).mean for kind in TYPES}
    return {post.key: by_type[post.type] for post in posts}


def _cpu_ms(work: Callable[[], object]) -> float:
    before = process_time()
    work()
    return 1000 * (process_time() - before)
