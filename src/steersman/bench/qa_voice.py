"""How well the voice tells one author from another: part of the bench `qa`."""

from __future__ import annotations

import bisect
import json
import random
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from statistics import median
from typing import Final

from steersman.bench.row import Row
from steersman.content.model.draft import parse
from steersman.content.voice.compare import UNLIKE
from steersman.content.voice.corpus import text_of
from steersman.content.voice.profile import Profile, distance, profile

_SPLITS: Final = 5
_PIECE_WORDS: Final = 200


def rows(data: Path) -> list[Row]:
    """Return, for each of the two corpora as author and the other as stranger, AUC and error rates over five splits.

    Args:
        data: the folder with `prose/til_clean.jsonl` and `prose/rust_book_clean.jsonl`.
    """
    texts = {name: _texts(data / "prose" / f"{name}_clean.jsonl") for name in ("til", "rust_book")}
    found: list[Row] = []
    for author, stranger in (("til", "rust_book"), ("rust_book", "til")):
        other = _vectors(texts[stranger])
        scores = [_split(texts[author], other, seed) for seed in range(_SPLITS)]
        note = "half of the author's files make the profile, the other half is told from the stranger's, per 150 words"
        columns = zip(*scores, strict=True)
        what = ("AUC", "author's own windows called unlike", "stranger's windows called unlike")
        for metric, unit, values in zip(what, ("", "ratio", "ratio"), columns, strict=True):
            found.append(
                Row(
                    bench="qa",
                    metric=f"voice, {author} against {stranger}: {metric}",
                    value=median(values),
                    unit=unit,
                    target=None,
                    met=None,
                    runs=_SPLITS,
                    low=min(values),
                    high=max(values),
                    note=note,
                )
            )
    return found


def _split(texts: Sequence[str], other: Sequence[tuple[float, ...]], seed: int) -> tuple[float, float, float]:
    shuffled = list(texts)
    random.Random(seed).shuffle(shuffled)
    half = len(shuffled) // 2
    own = profile("post", _vectors(shuffled[:half]), words=0)
    at_home = [distance(v, own.mean, own.spread) for v in _vectors(shuffled[half:])]
    strange = [distance(v, own.mean, own.spread) for v in other]
    return _auc(strange, at_home), _unlike(at_home, own), _unlike(strange, own)


def _unlike(distances: Sequence[float], own: Profile) -> float:
    called = [bisect.bisect_left(own.own, d) / len(own.own) >= UNLIKE for d in distances]
    return sum(called) / len(called)


def _auc(above: Sequence[float], below: Sequence[float]) -> float:
    """Return the probability that one of `above` is larger than one of `below`; ties count half."""
    wins = sum((a > b) + 0.5 * (a == b) for a, b in product(above, below))
    return wins / (len(above) * len(below))


def _texts(path: Path) -> list[str]:
    by_file: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        by_file.setdefault(record["file"], []).append(record["text"])
    return ["\n\n".join(paragraphs) for paragraphs in by_file.values()]


def _vectors(texts: Iterable[str]) -> list[tuple[float, ...]]:
    """Measure windows of pieces of 200 words or more: the corpora keep a few sentences of each file."""
    found: list[tuple[float, ...]] = []
    piece = ""
    for text in texts:
        piece += "\n\n" + text
        if len(piece.split()) >= _PIECE_WORDS:
            draft = parse(f"---\ntitle: x\n---\n{piece}".encode(), name="content/piece.md", folder="content")
            found += text_of(draft).vectors
            piece = ""
    return found
