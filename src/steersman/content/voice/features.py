"""What a window of text is measured by: function words, lengths, punctuation, contractions, persons."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from statistics import fmean, pstdev
from typing import Final

from steersman.content.model.draft import Draft
from steersman.content.model.spans import WORD, paragraphs, sentences

WINDOW_WORDS: Final = 150
FEWEST_WORDS: Final = 100
FUNCTION_WORDS: Final = (
    "a", "about", "after", "all", "also", "although", "an", "and", "another", "any", "are", "as", "at", "be",
    "because", "been", "before", "being", "between", "both", "but", "by", "can", "could", "did", "do", "does",
    "down", "each", "either", "else", "even", "ever", "every", "few", "for", "from", "had", "has", "have", "having",
    "he", "her", "here", "his", "how", "if", "in", "into", "is", "it", "its", "itself", "just", "less", "like",
    "many", "may", "me", "might", "more", "most", "much", "must", "my", "never", "no", "nor", "not", "now", "of",
    "off", "on", "once", "one", "only", "onto", "or", "other", "our", "out", "over", "own", "per", "quite",
    "rather", "same", "she", "should", "since", "so", "some", "still", "such", "than", "that", "the", "their",
    "them", "then", "there", "these", "they", "this", "those", "though", "through", "to", "too", "under", "until",
    "up", "upon", "us", "very", "was", "we", "were", "what", "when", "where", "whether", "which", "while", "who",
    "whose", "why", "will", "with", "within", "without", "would", "yet", "you", "your",
)  # fmt: skip
_CONTRACTED: Final = re.compile(r"[’'](?:t|s|re|ve|ll|d|m)\Z", re.IGNORECASE)
# Not the s of a possessive: "it's" and "that's" are contractions, "Anna's" is none.
_S_CONTRACTED: Final = frozenset(["it", "that", "what", "there", "here", "he", "she", "who", "let", "where", "how"])
_LONG: Final = 7

STYLE: Final[dict[str, str]] = {
    "sentence_words": "words a sentence",
    "sentence_spread": "spread of sentence lengths, in words",
    "word_letters": "letters a word",
    "long_words": "words of seven letters or more, per 100",
    "commas": "commas per 100 words",
    "colons": "colons and semicolons per 100 words",
    "dashes": "dashes per 100 words",
    "parentheses": "parentheses per 100 words",
    "quotes": "quotation marks per 100 words",
    "questions": "questions per 100 sentences",
    "exclamations": "exclamations per 100 sentences",
    "contractions": "contractions per 100 words",
    "first_person": "“I”, “me” and “my” per 100 words",
    "we": "“we”, “us” and “our” per 100 words",
    "you": "“you” and “your” per 100 words",
}
"""Features a person can act on, each with what it counts; function words are counted per 1,000 words beside them."""

Window = tuple[int, int]


def names() -> tuple[str, ...]:
    """Return the features in the order of `measure`."""
    return (*STYLE, *(f"word:{word}" for word in FUNCTION_WORDS))


def label(name: str) -> str:
    """Return what a feature counts, in words."""
    return STYLE.get(name) or f"“{name.removeprefix('word:')}” per 1,000 words"


def windows(draft: Draft) -> list[list[Window]]:
    """Return the windows of a draft, each a list of sentence spans with about 150 words, 100 at least."""
    prose = draft.masked.prose
    done: list[list[Window]] = []
    current: list[Window] = []
    size = 0
    for span in chain.from_iterable(sentences(prose, *p) for p in paragraphs(draft)):
        current.append(span)
        size += _count(prose, span)
        if size >= WINDOW_WORDS:
            done.append(current)
            current, size = [], 0
    if size >= FEWEST_WORDS:
        done.append(current)
    return done


def measure(prose: str, spans: Sequence[Window]) -> tuple[float, ...]:
    """Return the features of the sentences at `spans`, in the order of `names`."""
    lengths = [n for span in spans if (n := _count(prose, span))]
    words = [w.casefold().replace("’", "'") for w in _words(prose, spans)]
    count, rows = max(1, len(words)), max(1, len(lengths))
    marks = Counter(chain.from_iterable(prose[start:end] for start, end in spans))
    plain = Counter(words)

    def share(number: float, of: int = count) -> float:
        return 100 * number / of

    style = (
        fmean(lengths or [0]),
        pstdev(lengths or [0]),
        fmean(map(len, words or [""])),
        share(sum(len(word) >= _LONG for word in words)),
        share(marks[","]),
        share(marks[":"] + marks[";"]),
        share(marks["—"] + marks["–"] + sum(prose.count(" - ", *span) for span in spans)),
        share(marks["("]),
        share(marks['"'] + marks["“"]),
        share(sum(prose[start:end].rstrip("\"'”’)*_ ").endswith("?") for start, end in spans), rows),
        share(sum(prose[start:end].rstrip("\"'”’)*_ ").endswith("!") for start, end in spans), rows),
        share(sum(map(_is_contraction, words))),
        share(plain["i"] + plain["me"] + plain["my"] + sum(n for w, n in plain.items() if w.startswith("i'"))),
        share(plain["we"] + plain["us"] + plain["our"] + sum(n for w, n in plain.items() if w.startswith("we'"))),
        share(plain["you"] + plain["your"] + sum(n for w, n in plain.items() if w.startswith("you'"))),
    )
    return (*style, *(1000 * plain[word] / count for word in FUNCTION_WORDS))


def _words(prose: str, spans: Iterable[Window]) -> Iterator[str]:
    for start, end in spans:
        for match in WORD.finditer(prose, start, end):
            yield match.group()


def _count(prose: str, span: Window) -> int:
    return sum(1 for _ in WORD.finditer(prose, *span))


def _is_contraction(word: str) -> bool:
    if not _CONTRACTED.search(word):
        return False
    stem, _, ending = word.rpartition("'")
    return ending != "s" or stem in _S_CONTRACTED
