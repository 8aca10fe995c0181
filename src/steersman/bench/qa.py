"""How much the first pass finds, and what that costs in false alarms: two histories replayed, half of each held out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from time import process_time
from typing import Final

from steersman.bench.prose import DEEP, HARPER, OURS, RULES, contestants
from steersman.bench.row import Row, not_measured
from steersman.content.model.fix import Contestant
from steersman.content.replay.corpus import Corpus, read_corpus
from steersman.content.replay.run import Played, replay
from steersman.content.replay.score import Figure, Score, pooled, score
from steersman.kernel.errors import SteersmanError

_CORPORA: Final = ("til", "rust_book")
_WITHIN: Final = 0.02
_HALF: Final = 0.5
_SPEED_WORDS: Final = 20_000


def run() -> list[Row]:
    """Return recall and false alarms of ours beside the better engine, on each history and on both, then speed."""
    folder = data_folder()
    rows: list[Row] = []
    together: dict[str, list[Played]] = {}
    for name in _CORPORA:
        path = folder / "prose" / f"{name}_edits.jsonl"
        if not path.is_file():
            rows.append(not_measured("qa", f"replay of {name}", "", None, f"no {path.name}: set STEERSMAN_DATA"))
            continue
        corpus = read_corpus(path)
        taking_part, notes = contestants(corpus)
        played = replay(corpus, taking_part, lambda *_: None)
        for one in played:
            together.setdefault(one.name, []).append(one)
        rows += _rows(name, played)
        rows += [not_measured("qa", f"replay of {name}", "", None, note) for note in notes]
        rows += _speed(name, corpus, taking_part)
    both = [pooled(many) for many in together.values() if len(many) == len(_CORPORA)]
    if both:
        rows += _rows("both together", both)
    return [*rows, *_recheck()]


def data_folder() -> Path:
    """Return where the corpora lie: `STEERSMAN_DATA`, or `../shared/data` beside where it is run."""
    return Path(os.environ.get("STEERSMAN_DATA") or Path("..") / "shared" / "data")


def _rows(name: str, played: Sequence[Played]) -> list[Row]:
    rows: list[Row] = []
    for part in ("later", "earlier"):
        scores = {one.name: score(one, part) for one in played}
        if part == "later":
            for kinds in ("mistakes", "objective"):
                for ours in (DEEP, OURS):
                    rows += _targets(name, scores, kinds, ours)
        rows += [row for one in scores.values() for row in _plain(name, one)]
    return rows


def _targets(name: str, scores: dict[str, Score], kinds: str, ours_name: str) -> list[Row]:
    """Compare with the engine of the higher recall; of two that find as much, the one with fewer alarms."""
    engines = [scores[engine] for engine in (HARPER, RULES) if engine in scores]
    ours = scores.get(ours_name)
    if ours is None or not engines:
        return []
    best = max(engines, key=lambda one: (one.recall[kinds].value or 0.0, -(one.flags_per_1000.value or 0.0)))
    rows = [_given_up(name, kinds, ours, best), _alarms(name, kinds, ours, best)]
    return [row for row in rows if row is not None]


def _given_up(name: str, kinds: str, ours: Score, best: Score) -> Row | None:
    theirs, mine = best.recall[kinds], ours.recall[kinds]
    if theirs.value is None or mine.value is None:
        return None
    gap = round(theirs.value - mine.value, 9)
    cause = "" if gap <= _WITHIN else f"; {theirs.count - mine.count} short"
    return Row(
        bench="qa",
        metric=f"recall of {kinds} that {ours.name} gives up, {name}, later half",
        value=gap,
        unit="",
        target=_WITHIN,
        met=gap <= _WITHIN,
        compared_with=best.name,
        note=f"{mine.count} against {theirs.count} of {mine.of} edits{cause}",
    )


def _alarms(name: str, kinds: str, ours: Score, best: Score) -> Row | None:
    theirs, mine = best.flags_per_1000, ours.flags_per_1000
    if not theirs.value or mine.value is None:
        return None
    ratio = mine.value / theirs.value
    cause = "" if ratio <= _HALF else f"; {mine.count - int(_HALF * theirs.count)} too many"
    return Row(
        bench="qa",
        metric=f"false alarms of {ours.name} (where {kinds} decide), {name}, later half",
        value=ratio,
        unit="x",
        target=_HALF,
        met=ratio <= _HALF,
        compared_with=best.name,
        note=f"{mine.value:.1f} against {theirs.value:.1f} per 1,000 words{cause}",
    )


def _plain(name: str, one: Score) -> list[Row]:
    where = f"{one.name}: {name}, {one.part} half"
    rows = [
        _row(f"recall of mistakes, {where}", one.recall["mistakes"], ""),
        _row(f"recall of objective edits, {where}", one.recall["objective"], ""),
        _row(f"flags per 1,000 published words, {where}", one.flags_per_1000, ""),
    ]
    if one.part == "later":
        rows += [
            _bare(f"recall at {budget} flags per 1,000 words, {where}", value)
            for budget, value in one.recall_at.items()
        ]
        rows += [
            _row(f"first suggestion exact, {where}", one.exact, ""),
            _row(f"typo rounds avoided, {where}", one.typo_rounds, ""),
            _row(f"rounds avoided, {where}", one.rounds, ""),
        ]
    return rows


def _row(metric: str, figure: Figure, unit: str) -> Row:
    if figure.value is None:
        return not_measured("qa", metric, unit, None, "nothing to count")
    return Row(
        bench="qa",
        metric=metric,
        value=figure.value,
        unit=unit,
        target=None,
        met=None,
        low=figure.low,
        high=figure.high,
        note=f"{figure.count} of {figure.of}; range: 95% interval",
    )


def _bare(metric: str, value: float | None) -> Row:
    if value is None:
        return not_measured("qa", metric, "", None, "no published text")
    return Row(bench="qa", metric=metric, value=value, unit="", target=None, met=None, note="objective edits")


def _speed(name: str, corpus: Corpus, taking_part: Sequence[Contestant]) -> list[Row]:
    """Return words per second of processor time of a pass over published text, engines warm, nothing remembered."""
    texts = [(document.name, text) for document in corpus.documents for text in document.paragraphs]
    rows = []
    names = {one.name for one in taking_part}
    for ours in (OURS, DEEP):
        if ours not in names or not texts:
            continue
        fresh, _ = contestants(corpus, peers=False)
        one = next(other for other in fresh if other.name == ours)
        one.flags("warm-up", "This warms teh engines up.")
        before, words = process_time(), 0
        for doc, text in texts:
            one.flags(doc, text)
            words += len(text.split())
            if words >= _SPEED_WORDS:
                break
        spent = process_time() - before
        rows.append(
            Row(bench="qa", metric=f"words per CPU second, {ours}, {name}", value=words / spent, unit="words/s",
                target=None, met=None, note=f"{words} words, paragraph by paragraph")
        )  # fmt: skip
    return rows


def _recheck() -> list[Row]:
    try:
        from steersman.bench import qa_recheck  # measured where watching is

        rows: list[Row] = qa_recheck.rows()
    except (ImportError, SteersmanError) as exc:
        return [not_measured("qa", "warm re-check of a paragraph", "ms", 50.0, str(exc).replace("\n ", ";"))]
    return rows
