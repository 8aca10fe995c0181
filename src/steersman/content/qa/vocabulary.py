"""The words an author may use: a file of their own, what they published before, and what is no word but a name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from steersman.content.model.distance import edits

WORD: Final = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_TOKEN: Final = re.compile(r"[^\s()\[\]{}<>\"“”‘`*|,;!?…—–]+")
_LONGEST_TOKEN: Final = 200
_SHORTEST_NAME: Final = 6
_ENDINGS: Final = ("'s", "’s", "s'", "s’", "'", "’", "es", "s", "ed", "d", "ing", "er", "ers", "ly")
# A form of these is a contraction that lost its apostrophe: `thats`, `youd`.
_NO_STEMS: Final = frozenset(
    (
        "he",
        "here",
        "how",
        "i",
        "it",
        "let",
        "she",
        "that",
        "there",
        "they",
        "this",
        "we",
        "what",
        "when",
        "where",
        "which",
        "who",
        "why",
        "you",
    )
)
# What has no vowel is an abbreviation, unless it is one of these with a letter missing: `thn`, `wth`.
_COMMON: Final = (
    "from",
    "have",
    "that",
    "the",
    "them",
    "then",
    "there",
    "they",
    "this",
    "what",
    "when",
    "which",
    "with",
)
_PREFIXES: Final = ("auto", "hyper", "inter", "meta", "micro", "multi", "pre", "sub", "super")
_PLURALS: Final = frozenset({"s", "es"})
# A dot inside, a slash, an underscore, a digit, a hump, capitals only: file names, identifiers, versions, acronyms.
_NAME: Final = re.compile(r"[_/\\@#$=~+^%:&]|[^\W\d_]\.\w|\d|[^\W\d_A-Z][A-Z]|^[A-Z]{2,}(?:['’]?s)?$|^[A-Z]{3,}[a-z]+$")
_VOWELS: Final = frozenset("aeiouyàáâäãåæèéêëìíîïòóôöõøùúûüý")


class Vocabulary:
    """What counts as a word of the author's, whatever a dictionary says.

    A word of the file counts at once; one of earlier posts when at least `posts` of them have it, so that a slip
    which was published once does not become a word; with `posts` 0 none of those counts.
    """

    def __init__(self, own: Iterable[str] = (), *, posts: int = 2) -> None:
        self._own = frozenset(word.casefold() for word in own)
        self._posts = posts
        self._seen: Counter[str] = Counter()
        self._by_post: dict[str, frozenset[str]] = {}
        self._names: Counter[str] = Counter(word for word in own if word[:1].isupper())

    def learn(self, post: str, text: str) -> None:
        """Count the words of a published post; one that was counted before is counted anew."""
        words = frozenset(match.group().casefold() for match in WORD.finditer(text))
        self._seen -= Counter(self._by_post.get(post, ()))
        self._by_post[post] = words
        self._seen.update(words)
        self._names.update({match.group() for match in WORD.finditer(text) if match.group()[0].isupper()})

    def knows(self, word: str, *, but: str = "") -> bool:
        """Say whether the author may write `word`, or a form of a word they may write; the post `but` is no proof."""
        return any(self._has(form, but) for form in _forms(word.casefold()))

    def name_like(self, word: str) -> str:
        """Return the author's name for something that `word` is one letter away from; empty if there is none.

        Short names are never asked: too many of them are one letter apart.
        """
        if len(word) < _SHORTEST_NAME:
            return ""
        folded = word.casefold()
        near = [name for name in self._names if abs(len(name) - len(word)) < 2 and len(name) >= _SHORTEST_NAME]
        close = [
            name
            for name in near
            if self._is_only_a_name(name)
            and name.casefold() not in _forms(folded)
            and edits(folded, name.casefold()) == 1
        ]
        return max(close, key=lambda name: (self._names[name], name), default="")

    def _is_only_a_name(self, name: str) -> bool:
        """Say whether the author never writes it small: `Then` at the start of a sentence is no name."""
        return self._names[name] >= self._seen[name.casefold()] or name.casefold() in self._own

    def _has(self, form: str, but: str) -> bool:
        if form in self._own:
            return True
        if not self._posts:
            return False
        count = self._seen[form]
        return count >= self._posts and count - (form in self._by_post.get(but, ())) >= self._posts


def _forms(word: str) -> Iterator[str]:
    """Return `word` and what it may be formed from by an English ending or prefix; `valuess` is formed from nothing."""
    yield word
    for ending in _ENDINGS:
        stem = word.removesuffix(ending)
        if stem != word and len(stem) > 2 and stem not in _NO_STEMS and not (ending in _PLURALS and stem.endswith("s")):
            yield stem
    for prefix in _PREFIXES:
        stem = word.removeprefix(prefix)
        if stem != word and len(stem) > 4:
            yield stem


def token_at(text: str, start: int, end: int) -> str:
    """Return what stands around `text[start:end]` without white space or brackets, ends of sentences taken off."""
    low, high = max(0, start - _LONGEST_TOKEN), min(len(text), end + _LONGEST_TOKEN)
    for token in _TOKEN.finditer(text, low, high):
        if token.end() >= end:
            return token.group().strip(".:'’") if token.start() <= start else text[start:end]
    return text[start:end]


def is_name(token: str, word: str) -> bool:
    """Say whether a token looks like an identifier, a file, a version, an acronym: nothing a dictionary can judge.

    Args:
        token: as it stands between white space.
        word: the part of it that somebody objects to.
    """
    if _NAME.search(token):
        return True
    parts = token.split("-")
    if len(parts) > 2 or (len(parts) == 2 and len(word) <= 3):
        return True
    if not word.isalpha() or _VOWELS & frozenset(word.casefold()):
        return False
    return not any(edits(word.casefold(), common) < 2 for common in _COMMON)


def recurring(text: str, *, times: int = 2) -> frozenset[str]:
    """Return the capitalised words that a draft uses at least `times`, in lower case: likely names."""
    seen = Counter(match.group() for match in WORD.finditer(text) if match.group()[0].isupper())
    return frozenset(word.casefold() for word, count in seen.items() if count >= times)
