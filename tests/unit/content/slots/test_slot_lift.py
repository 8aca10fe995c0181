"""Lift is told where chance has shown it, and not otherwise."""

from __future__ import annotations

import msgspec
import numpy as np
from tests.builders_slots import DAY_NS, NOW, a_model

from steersman.content.slots.lift import Outcome, lift

FREE = 24


def outcomes(count: int, *, best_earns: float, seed: int = 1, ratio: float = 0.2) -> list[Outcome]:
    """Return posts whose slot was given by chance: the best one at 18:00, or any half hour from 8 to 20."""
    draw = np.random.default_rng(seed)
    made = []
    for number in range(count):
        is_drawn = draw.random() < ratio
        minute = 480 + 30 * int(draw.integers(0, FREE)) if is_drawn else 1080
        at_best = minute == 1080
        worth = 40.0 * (best_earns if at_best else 1.0)
        made.append(
            Outcome(
                key=f"c/{number}", type="note", at=NOW - (count - number) * DAY_NS,
                wall=f"2026-06-01T{minute // 60:02}:{minute % 60:02}", how="random" if is_drawn else "best",
                propensity=ratio / FREE + (1 - ratio) * at_best, at_best=at_best, candidates=FREE,
                engagement=worth * float(np.exp(draw.normal(0.0, 0.3))),
            )
        )  # fmt: skip
    return made


def test_a_large_lift_is_proven_with_an_interval_that_holds_it() -> None:
    found = lift(outcomes(300, best_earns=1.6))
    assert found.verdict == "better"
    assert found.low is not None
    assert found.high is not None
    # Any slot is the best one in 1 of 24, so that much of the lift is in the other side too.
    assert found.low < 0.55 < found.high
    assert found.text.startswith("proven better: +")


def test_a_loss_is_proven_as_plainly() -> None:
    assert lift(outcomes(300, best_earns=0.5)).verdict == "worse"


def test_no_lift_is_not_proven_in_nearly_all_of_many_worlds() -> None:
    proven = [lift(outcomes(150, best_earns=1.0, seed=seed)).verdict for seed in range(200)]
    false = sum(verdict in ("better", "worse") for verdict in proven)
    assert false <= 20  # nominal 10 of 200
    assert "not proven" in proven


def test_the_usual_hour_is_compared_with_the_posts_that_chance_put_there() -> None:
    found = lift(outcomes(600, best_earns=1.6), usual="09:00")
    assert found.versus == "about 09:00"
    assert found.verdict == "better"
    assert found.ratio is not None
    assert abs(found.ratio - 0.6) < 0.35


def test_without_overlap_nothing_is_said_but_why() -> None:
    found = lift(outcomes(100, best_earns=3.0, ratio=0.01))
    assert found.verdict == "no overlap"
    assert found.ratio is None
    assert "posts stand for any allowed slot" in found.text
    rare = lift(outcomes(100, best_earns=3.0), usual="03:00")
    assert rare.verdict == "no overlap"


def test_too_few_posts_of_known_chance_are_not_enough() -> None:
    some = outcomes(60, best_earns=2.0)
    unknown = [msgspec.structs.replace(one, propensity=None) for one in some]
    spread = [msgspec.structs.replace(one, how="spread") for one in some]
    assert lift(unknown).text == "not enough data: 0 of 20 posts with a known chance"
    early = [msgspec.structs.replace(one, informed=False) for one in some]
    assert lift(early).n == 0
    assert lift(spread + some[:8]).text == "not enough data: 8 of 20 posts with a known chance"


def test_one_post_that_goes_far_proves_nothing() -> None:
    some = outcomes(150, best_earns=1.0, seed=4)
    hit = [msgspec.structs.replace(some[0], engagement=1e9), *some[1:]]
    assert lift(hit).verdict == "not proven"


def test_type_and_level_are_taken_off_where_a_model_is_given() -> None:
    some = outcomes(150, best_earns=1.3)
    bare, taken = lift(some), lift(some, a_model())
    assert bare.ratio is not None
    assert taken.ratio is not None
    assert bare.n == taken.n
