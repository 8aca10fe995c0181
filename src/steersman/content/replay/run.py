"""The replay itself: everything once, in the order of time, to everyone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from steersman.content.model.fix import Contestant, Fix, Flag, overlaps
from steersman.content.replay.classes import Kind, kind_of, known_words, words
from steersman.content.replay.corpus import Corpus

_STARTS: Final = frozenset({"SentenceCapitalization", "UPPERCASE_SENTENCE_START"})


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """One edit as a contestant saw it before: `confidence` of its best flag there, None if it saw nothing.

    Attributes:
        at: 0..1, how much of the history was over.
        is_exact: what its first suggestion there gives is what the author wrote.
    """

    commit: str
    at: float
    kind: Kind
    confidence: float | None
    is_exact: bool = False


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """A flag on published text; `at` 0..1, how much of the published words was over."""

    at: float
    confidence: float
    rule: str


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """What one contestant did in a replay. `words` of published text, with how much of it was over at each document."""

    name: str
    hits: tuple[Hit, ...]
    alarms: tuple[Alarm, ...]
    words: tuple[tuple[float, int], ...]


def replay(corpus: Corpus, contestants: Sequence[Contestant], tell: Callable[[int, int], None]) -> list[Played]:
    """Show `corpus` to every contestant; `tell(done, of)` is called after each round and document."""
    known = known_words(
        [
            *(fix.after for round_ in corpus.rounds for fix in round_.fixes),
            *(text for document in corpus.documents for text in document.paragraphs),
        ]
    )
    steps = len(corpus.rounds) + len(corpus.documents)
    hits: list[list[Hit]] = [[] for _ in contestants]
    count, done = sum(len(round_.fixes) for round_ in corpus.rounds), 0
    for step, round_ in enumerate(corpus.rounds, 1):
        for contestant, mine in zip(contestants, hits, strict=True):
            flags = [without_cut_start(contestant.flags(fix.doc, fix.before), fix.before) for fix in round_.fixes]
            for number, (fix, said) in enumerate(zip(round_.fixes, flags, strict=True)):
                mine += _hits(round_.commit, fix, said, (done + number) / count, known)
            contestant.fixed(round_, flags)
        done += len(round_.fixes)
        tell(step, steps)
    alarms, lengths = _published(corpus, contestants, lambda number: tell(len(corpus.rounds) + number, steps))
    return [
        Played(name=contestant.name, hits=tuple(mine), alarms=tuple(theirs), words=tuple(lengths))
        for contestant, mine, theirs in zip(contestants, hits, alarms, strict=True)
    ]


def _hits(commit: str, fix: Fix, said: Sequence[Flag], at: float, known: frozenset[str]) -> Iterator[Hit]:
    for edit in fix.edits:
        met = max((flag for flag in said if overlaps(flag, edit)), key=lambda flag: flag.confidence, default=None)
        yield Hit(
            commit=commit,
            at=at,
            kind=kind_of(edit, known),
            confidence=None if met is None else met.confidence,
            is_exact=met is not None and _is_exact(met, fix.before, edit.start, edit.end, edit.new),
        )


def _published(
    corpus: Corpus, contestants: Sequence[Contestant], tell: Callable[[int], None]
) -> tuple[list[list[Alarm]], list[tuple[float, int]]]:
    alarms: list[list[Alarm]] = [[] for _ in contestants]
    lengths = [sum(len(words(text)) for text in document.paragraphs) for document in corpus.documents]
    whole, over = sum(lengths) or 1, 0
    marks: list[tuple[float, int]] = []
    for contestant in contestants:
        contestant.begin_published()
    for number, (document, length) in enumerate(zip(corpus.documents, lengths, strict=True), 1):
        at = over / whole
        for contestant, mine in zip(contestants, alarms, strict=True):
            flags = [contestant.flags(document.name, text) for text in document.paragraphs]
            mine += [Alarm(at=at, confidence=f.confidence, rule=f.rule) for said in flags for f in said]
            contestant.published(document, flags)
        marks.append((at, length))
        over += length
        tell(number)
    return alarms, marks


def without_cut_start(flags: Sequence[Flag], text: str) -> list[Flag]:
    """Leave out what is only said because a line was cut out of its paragraph: that it begins with a small letter."""
    first = len(text) - len(text.lstrip())
    return [f for f in flags if not (f.start <= first and f.rule in _STARTS)]


def _is_exact(flag: Flag, before: str, start: int, end: int, new: str) -> bool:
    """Say whether the first suggestion gives what the edit alone gives, white space aside."""
    if not flag.suggestions:
        return False
    wanted = before[:start] + new + before[end:]
    given = before[: flag.start] + flag.suggestions[0] + before[flag.end :]
    return "".join(given.split()) == "".join(wanted.split())
