"""What a rewording may not touch: numbers, names, links, code, quotations and the marks of Markdown."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from steersman.content.llm.locate import level

_NUMBER: Final = re.compile(r"[+-]?(?:\d+(?:[.,:/]\d+)*|[½¼¾⅓⅔])(?:\s?%|[a-zA-Z]{1,3}\b)?")
_NUMERAL: Final = re.compile(
    r"\b(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|sixty|seventy|"
    r"eighty|ninety|hundred|thousand|million|billion|trillion|half|twice|dozen|percent)s?\b",
    re.IGNORECASE,
)
_WORD: Final = re.compile(r"[^\W\d_][\w'’.&-]*")
_LINK: Final = re.compile(r"(?:https?://|www\.|mailto:)[^\s<>)\]\"']+|[\w.+-]+@[\w-]+\.\w+", re.IGNORECASE)
_TARGET: Final = re.compile(r"\]\([^)\n]*\)|\]\[[^\]\n]*\]")
_CODE: Final = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
_QUOTATION: Final = re.compile(r"\"[^\"\n]+\"|(?<!\w)'[^'\n]+'(?!\w)")
_MARKS: Final = re.compile(r"[`<>\[\]{}|\\*_~$#]|!\[|^\s*(?:[-+]|\d+[.)])\s", re.MULTILINE)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069]")
_SENTENCE_START: Final = re.compile(r"(?:\A|[.!?:]['\")\]]*\s+|\n\s*\n)[\s\"'(\[*_]*")
# Words that open sentences so often that their capital says nothing about a name.
_OPENING_WORDS: Final = (
    "a about after all although also an and another any are as at because before both but by can did do does "
    "during each either even every few finally first for from had has have he her here his how however i if in "
    "instead into is it its last later like many maybe more most much my neither never next no nobody none not "
    "nothing now of often on once one only or other our out over perhaps she since so some someone something "
    "sometimes soon still such than that the their them then there therefore these they this those though through "
    "thus to today together too under unless until up us use using very was we well were what when where whether "
    "which while who whoever whole why will with within without yes yet you your let make take see just "
)
_OPENERS: Final = frozenset(_OPENING_WORDS.split())


def why_not(original: str, replacement: str, small: frozenset[str]) -> str:
    """Return why `replacement` may not stand in place of `original`; empty: it may.

    Args:
        original: the words as they stand in the draft.
        small: what `small_words` found in the whole draft: such a word is no name where it opens a sentence.
    """
    old, new = level(original), level(replacement)
    if _CONTROL.search(replacement) or re.search(r"\n\s*\n", replacement):
        return "it holds signs or breaks that do not belong into a sentence"
    for what, found in (("a link", _links), ("code", _code), ("a quotation", _quotations), ("Markdown", _marks)):
        if found(old) != found(new):
            return f"it changes {what}"
    if _numbers(old) != _numbers(new):
        return "it changes a number"
    lost = _names(old, small) - _all_words(new)
    gained = _names(new, small) - _all_words(old)
    if lost or gained:
        return "it changes a name, or what may be one"
    return ""


def _links(text: str) -> Counter[str]:
    return Counter(_LINK.findall(text)) + Counter(_TARGET.findall(text))


def _code(text: str) -> Counter[str]:
    return Counter(m.group() for m in _CODE.finditer(text))


def _quotations(text: str) -> Counter[str]:
    return Counter(" ".join(q.split()) for q in _QUOTATION.findall(text))


def _marks(text: str) -> Counter[str]:
    return Counter(m.group().strip() for m in _MARKS.finditer(text))


def _numbers(text: str) -> Counter[str]:
    return Counter(_NUMBER.findall(text)) + Counter(word.lower() for word in _NUMERAL.findall(text))


def _bare(word: str) -> str:
    return word.removesuffix("'s").rstrip(".'-&")


def _all_words(text: str) -> set[str]:
    return {_bare(word) for word in _WORD.findall(text)}


def small_words(text: str) -> frozenset[str]:
    """Return the words that stand in `text` in small letters."""
    return frozenset(_bare(word) for word in _WORD.findall(level(text)) if word[0].islower())


def _names(text: str, small: frozenset[str]) -> set[str]:
    """Return the words that are names, or cannot be told from one."""
    openings = {m.end() for m in _SENTENCE_START.finditer(text)}
    names = set()
    for match in _WORD.finditer(text):
        word = _bare(match.group())
        if not any(c.isupper() for c in word) or word in ("I", "I'm", "I've", "I'd", "I'll"):
            continue
        is_plain = (word[0].isupper() and word[1:].islower()) or len(word) == 1
        if match.start() in openings and is_plain and (word.lower() in _OPENERS or word.lower() in small):
            continue
        names.add(word)
    return names


def invents(text: str, known: str) -> str:
    """Return what `text` says that `known` does not: a link, a number, a name in the middle of a sentence."""
    new, old = level(text), level(known)
    if set(_links(new)) - set(_links(old)):
        return "holds a link that the draft does not"
    if set(_NUMBER.findall(new)) - set(_NUMBER.findall(old)):
        return "holds a number that the draft does not"
    spoken = {word.lower() for word in _all_words(old)}
    # Titles may be in title case: a word that the draft has in whatever case is no invention.
    if any(name.lower() not in spoken for name in _names(new, frozenset())):
        return "holds a name, or a capital, that the draft does not"
    return ""
