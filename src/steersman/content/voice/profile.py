"""An author's profile of one content type: the usual value and spread of each feature, and how far windows stray."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, pstdev
from typing import Final

import msgspec

FEWEST_WINDOWS: Final = 10
"""1,500 words: with less, a profile is more about its topics than about its author."""
_CLIP: Final = 3.0
# A feature that hardly varies in a small corpus must not make every stranger look infinitely strange.
_LEAST_SPREAD: Final = 0.25
_MOST_LEFT_OUT: Final = 200


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """How somebody writes one type of text.

    Attributes:
        type: the content type; empty if it is made of all types, for want of text of one.
        words, windows: what it was made from.
        mean, spread: of each feature, in the order of `features.names()`.
        own: distances of the author's own windows from the rest of them, sorted: what a draft's is compared with.
    """

    type: str
    words: int
    windows: int
    mean: tuple[float, ...]
    spread: tuple[float, ...]
    own: tuple[float, ...]


def profile(type_: str, vectors: Sequence[tuple[float, ...]], *, words: int) -> Profile:
    """Make a profile of the windows of a corpus.

    Raises:
        ValueError: fewer than `FEWEST_WINDOWS`.
    """
    if len(vectors) < FEWEST_WINDOWS:
        raise ValueError(f"{len(vectors)} windows, {FEWEST_WINDOWS} at least")
    columns = list(zip(*vectors, strict=True))
    sums = [sum(column) for column in columns]
    spread = [_spread(column) for column in columns]
    count = len(vectors)
    own = []
    # Every window against the others: against itself it would always look at home.
    step = max(1, count // _MOST_LEFT_OUT)
    for vector in vectors[::step]:
        mean = [(total - value) / (count - 1) for total, value in zip(sums, vector, strict=True)]
        own.append(distance(vector, mean, spread))
    return Profile(
        type=type_,
        words=words,
        windows=count,
        mean=tuple(total / count for total in sums),
        spread=tuple(spread),
        own=tuple(sorted(own)),
    )


def distance(vector: Sequence[float], mean: Sequence[float], spread: Sequence[float]) -> float:
    """Return the mean absolute z-score, each clipped at 3.

    Source: Burrows, 'Delta': a Measure of Stylistic Difference (2002); clipped, so that one odd word is not the voice.
    """
    return fmean(min(_CLIP, abs(v - m) / s) for v, m, s in zip(vector, mean, spread, strict=True))


def _spread(column: Sequence[float]) -> float:
    return max(pstdev(column), _LEAST_SPREAD * abs(fmean(column)), 1e-3)
