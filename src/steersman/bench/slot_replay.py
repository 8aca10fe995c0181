"""Real pages, in the order of time: what knowing the slot adds to a forecast, and what such a log cannot tell."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from steersman.bench.row import Row, not_measured
from steersman.content.slots.calendar import slot_at
from steersman.content.slots.constraints import local
from steersman.content.slots.forecast import fit
from steersman.content.slots.importing import read_engagement
from steersman.content.slots.model import Observation
from steersman.kernel.errors import Rejected, Unavailable

_FILE: Final = "engagement/facebook_live_sellers.csv"
_TZ: Final = "Asia/Bangkok"
_LEAST: Final = 200  # posts of a page
_BLOCKS: Final = 5
_FIRST: Final = 0.4  # share of a page's posts before the first forecast
_AGE_S: Final = 604_800


def rows() -> list[Row]:
    """Return the rows of the replay, or why it was not run."""
    path = Path(os.environ.get("STEERSMAN_DATA", "../shared/data")) / _FILE
    if not path.is_file():
        return [
            not_measured(
                "slots", "replay of real pages", "", None, f"no {_FILE} below STEERSMAN_DATA or ../shared/data"
            )
        ]
    try:
        found = read_engagement(path.read_bytes(), channel="", tz=_TZ, age_s=_AGE_S)
    except (OSError, Rejected) as exc:
        raise Unavailable(f"{path}: {exc}", fix="set STEERSMAN_DATA to the folder of the data") from exc
    pages: dict[str, list[Observation]] = {}
    for post in sorted(found.observations, key=lambda o: (o.published_at, o.key)):
        pages.setdefault(post.key.partition("_")[0], []).append(post)
    large = [posts for posts in pages.values() if len(posts) >= _LEAST]
    told = [
        Row(
            bench="slots", metric="real posts read", value=float(len(found.observations)), unit="posts", target=None,
            met=None, note=f"{len(found.problems)} lines left out (ids that stand twice), {len(pages)} pages, "
            f"{len(large)} with {_LEAST} posts or more; the zone of its times is not documented",
        )
    ]  # fmt: skip
    return [*told, _in_sample(large), *_held_out(large)]


def _in_sample(pages: Sequence[Sequence[Observation]]) -> Row:
    gains = [_adjusted_gain(posts) for posts in pages]
    return Row(
        bench="slots", metric="adjusted R2 that hour and weekday add to type and month, in sample",
        value=round(float(np.median(gains)), 3), unit="", target=None, met=None, runs=len(gains),
        low=round(min(gains), 3), high=round(max(gains), 3), note="ordinary least squares, page by page",
    )  # fmt: skip


def _adjusted_gain(posts: Sequence[Observation]) -> float:
    earned = np.log1p([post.engagement for post in posts])
    walls = [local(post.published_at, _TZ) for post in posts]
    base = _dummies([post.type for post in posts], [f"{wall:%Y-%m}" for wall in walls])
    full = np.hstack([base, _dummies([str(wall.hour) for wall in walls], [str(wall.weekday()) for wall in walls])])
    return _adjusted(earned, full) - _adjusted(earned, base)


def _dummies(*labels: Sequence[str]) -> np.ndarray:
    """Return a column of ones and one for each value of each label."""
    columns = [np.ones((len(labels[0]), 1))]
    for each in labels:
        values = sorted(set(each))[1:]
        columns.append(
            np.array([[one == value for value in values] for one in each], dtype=float).reshape(len(each), -1)
        )
    return np.hstack(columns)


def _adjusted(earned: np.ndarray, columns: np.ndarray) -> float:
    weights, _, rank, _ = np.linalg.lstsq(columns, earned, rcond=None)
    left = float(((earned - columns @ weights) ** 2).sum()) / (len(earned) - int(rank))
    return 1 - left / float(earned.var(ddof=1))


def _held_out(pages: Sequence[Sequence[Observation]]) -> list[Row]:
    """Return what the slot adds when each block of posts is forecast from those before it alone."""
    gains, inside, tops = [], [], []
    for posts in pages:
        with_slot, without, covered, top = _replayed(posts)
        gains.append(1 - with_slot / without)
        inside.append(covered)
        tops.append(top)
    middle, reach = float(np.mean(tops)), 2 * float(np.std(tops, ddof=1)) / len(tops) ** 0.5
    return [
        Row(
            bench="slots", metric="squared error that the slot saves on real posts, held out in time",
            value=round(float(np.median(gains)), 4), unit="", target=0.0, met=float(np.median(gains)) > 0,
            compared_with="type and level alone", runs=len(gains), low=round(min(gains), 4), high=round(max(gains), 4),
            note="share of the error of log1p, page by page: this is how little there is to gain",
        ),
        Row(
            bench="slots", metric="share of real posts inside their 90% interval, held out in time",
            value=round(float(np.mean(inside)), 3), unit="", target=0.9, met=abs(float(np.mean(inside)) - 0.9) <= 0.03,
            runs=len(inside), low=round(min(inside), 3), high=round(max(inside), 3), note="met within .03",
        ),
        Row(
            bench="slots", metric="real posts in slots forecast to be the better half earned more by",
            value=round(100 * float(np.expm1(middle)), 1), unit="%", target=None, met=None, runs=len(tops),
            low=round(100 * float(np.expm1(middle - reach)), 1), high=round(100 * float(np.expm1(middle + reach)), 1),
            compared_with="the other half, type and level taken off",
            note="what was published where was the page's choice, not chance: this cannot rank rules, nor prove a lift",
        ),
    ]  # fmt: skip


def _replayed(posts: Sequence[Observation]) -> tuple[float, float, float, float]:
    """Return squared errors with and without the slot, the share inside, and the log gap of better and worse slots."""
    edges = np.linspace(_FIRST, 1, _BLOCKS + 1) * len(posts)
    errors, inside, effects, left = [], [], [], []
    for first, last in zip(edges[:-1].astype(int), edges[1:].astype(int), strict=True):
        now = posts[first - 1].published_at
        models = [fit(posts[:first], channel="", tz=_TZ, now=now, age_s=_AGE_S, slots=slots) for slots in (True, False)]
        for post in posts[first:last]:
            slot = slot_at(post.published_at, _TZ)
            earned = float(np.log1p(post.engagement))
            full, plain = (model.typical(slot, post.type) for model in models)
            expected = models[0].forecast(slot, post.type)
            errors.append(((earned - full) ** 2, (earned - plain) ** 2))
            inside.append(expected is not None and expected.low <= post.engagement <= expected.high)
            effects.append(full - plain)
            left.append(earned - plain)
    total = np.sum(errors, axis=0)
    better = np.array(effects) > np.median(effects)
    gap = np.array(left)
    return float(total[0]), float(total[1]), float(np.mean(inside)), float(gap[better].mean() - gap[~better].mean())
