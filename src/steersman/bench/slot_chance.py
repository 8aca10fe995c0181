"""Whether what the product says about chance is so: intervals that hold, and no lift proven where there is none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

import numpy as np

from steersman.bench.row import Row
from steersman.bench.slot_history import NOW, RULES, TODAY, history, learned
from steersman.bench.slot_world import TYPES, WORLDS, World
from steersman.content.slots.calendar import candidates, slot_at
from steersman.content.slots.constraints import Constraints
from steersman.content.slots.forecast import fit
from steersman.content.slots.lift import Lift, Outcome, lift
from steersman.content.slots.model import Observation, Taken, WaitingPost
from steersman.content.slots.planner import plan
from steersman.kernel.clock import to_ns

_AHEAD: Final = 30
_BATCH: Final = 20
_BATCHES: Final = 12
_USUAL: Final = "09:00"


def coverage(seeds: Sequence[int]) -> Row:
    """Return the share of the next posts, placed out of habit, that fall into their 90% interval."""
    inside: list[float] = []
    for habits in WORLDS.values():
        for seed in seeds:
            world = World(habits, seed)
            model = learned(history(world, 200, seed))
            draw = np.random.default_rng([seed, 11])
            hits = 0
            for day in range(1, _AHEAD + 1):
                when = (TODAY + dt.timedelta(days=day, hours=float(draw.integers(16, 40)) / 2)).replace(tzinfo=None)
                kind = TYPES[int(draw.choice(3, p=[0.5, 0.3, 0.2]))]
                earned = world.earns(when, kind, [], draw)
                expected = model.forecast(slot_at(to_ns(when.replace(tzinfo=dt.UTC)), RULES.tz), kind)
                hits += expected is not None and expected.low <= earned <= expected.high
            inside.append(hits / _AHEAD)
    share = float(np.mean(inside))
    reach = 2 * float(np.std(inside)) / len(inside) ** 0.5
    return Row(
        bench="slots", metric="share of the next 30 posts inside their 90% interval", value=round(share, 3), unit="",
        target=0.9, met=abs(share - 0.9) <= 0.03, runs=len(inside), low=round(share - reach, 3),
        high=round(share + reach, 3), note="met within .03; six worlds, learned from 200 posts",
    )  # fmt: skip


def proofs(seeds: Sequence[int]) -> list[Row]:
    """Return how often a lift was proven in the flat world (never right), and in one where there is one to find."""
    flat = [_compare("flat", seed) for seed in seeds]
    answers = [found for pair in flat for found in pair if found.ratio is not None]
    false = [found.verdict in ("better", "worse") for found in answers]
    wrong = float(np.mean(false))
    told = [
        Row(
            bench="slots", metric="lifts proven in the flat world (false)",
            value=round(wrong, 3), unit="", target=0.08,
            met=wrong <= 0.08, runs=len(false),
            note=f"nominal .05; {sum(false)} of {len(false)} answers of 240 posts",
        )
    ]  # fmt: skip
    for name in ("by type", "commuters"):
        pairs = [_compare(name, seed) for seed in seeds[: max(len(seeds) // 8, 3)]]
        for index, versus in enumerate(("any slot", f"about {_USUAL}")):
            found = [pair[index] for pair in pairs]
            said = [one.ratio for one in found if one.ratio is not None]
            told.append(
                Row(
                    bench="slots", metric=f"lifts proven in the world '{name}' after 240 posts",
                    value=round(float(np.mean([one.verdict == "better" for one in found])), 3), unit="", target=None,
                    met=None, compared_with=versus, runs=len(found),
                    note=f"median estimate {np.median(said):+.0%}; no answer in {len(found) - len(said)}"
                    if said else "never enough posts on both sides",
                )
            )  # fmt: skip
    return told


def _compare(name: str, seed: int) -> tuple[Lift, Lift]:
    """Let the planner place 240 posts after a past of 60, and ask it what that has brought.

    The forecast it plans by is not learned anew on the way: that costs lift, not truth.
    """
    world = World(WORLDS[name], seed)
    past = history(world, 60, seed)
    model, draw = learned(past), np.random.default_rng([seed, 12])
    rules = Constraints(tz=RULES.tz, horizon_s=_BATCH * 86_400.0, daily_cap=1)
    outcomes: list[Outcome] = []
    for batch in range(_BATCHES):
        now = NOW + batch * _BATCH * 86_400_000_000_000
        posts = [WaitingPost(key=f"c/{seed}-{batch}-{n}", type=TYPES[n % 3]) for n in range(_BATCH)]
        made = plan(
            posts,
            candidates(rules, now),
            model,
            rules,
            seed=seed,
            taken=[Taken(key=o.key, at=o.at) for o in outcomes[-3:]],
        )
        kinds = {post.key: post.type for post in posts}
        for placed in made.placed:
            earned = world.earns(placed.slot.local, kinds[placed.key], [], draw)
            outcomes.append(
                Outcome(
                    key=placed.key, type=kinds[placed.key], at=placed.slot.at, wall=placed.slot.wall, how=placed.how,
                    propensity=placed.propensity, at_best=placed.at_best, candidates=placed.candidates,
                    engagement=earned,
                )
            )  # fmt: skip
    seen = [post.seen(f"past {number}") for number, post in enumerate(past)] + [_seen(outcome) for outcome in outcomes]
    latest = fit(seen, channel="c", tz=RULES.tz, now=outcomes[-1].at)
    return lift(outcomes, latest), lift(outcomes, latest, usual=_USUAL)


def _seen(outcome: Outcome) -> Observation:
    return Observation(
        type=outcome.type, channel="c", published_at=outcome.at, engagement=outcome.engagement, key=outcome.key
    )
