"""What is left of what several engines say: rules that earn their place, words nobody knows, agreement on spelling."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from steersman.content.model.draft import Draft
from steersman.content.model.finding import Found
from steersman.content.qa.noise import ADVICE, ENGINES, NOISE
from steersman.content.qa.vocabulary import WORD, Vocabulary, is_name, recurring, token_at

SPELLING: Final = frozenset({"SpellCheck", "SplitWords", "MORFOLOGIK_RULE"})
"""Rules that say no more than that a word is in no dictionary: two dictionaries know more than one."""
_ARTICLES: Final = frozenset({"AnA", "EN_A_VS_AN"})
_STARTS: Final = frozenset({"SentenceCapitalization", "UPPERCASE_SENTENCE_START"})
_WORDS: Final = frozenset({"spelling", "typo", "capitalization"})
_CONTEXT: Final = 80


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Which rules are heard.

    Attributes:
        off: rules and categories that are not reported.
        on: rules that are reported although they were measured to be noise.
    """

    off: frozenset[str] = frozenset()
    on: frozenset[str] = frozenset()

    def hears(self, one: Found) -> bool:
        names = {one.rule, one.category}
        if names & self.off:
            return False
        is_noise = one.source in ENGINES and (one.rule in NOISE or one.category in ADVICE)
        return not is_noise or bool(names & self.on)


def family(rule: str) -> str:
    """Return the name of a rule without its variant of English, so that all variants are one rule."""
    return "MORFOLOGIK_RULE" if rule.startswith("MORFOLOGIK_RULE_") else rule


def agreed(
    found: Iterable[Found], draft: Draft, *, ran: frozenset[str], policy: Policy, words: Vocabulary
) -> list[Found]:
    """Return what is worth saying about `draft`.

    A word is reported only where nothing vouches for it: the author's vocabulary, its shape, its use as a name. With
    both engines, spelling and articles are reported only where both object.

    Args:
        found: what the engines that `ran` say.
    """
    heard = [one for one in found if policy.hears(one)]
    vouched = _Words(draft, words)
    kept = [one for one in heard if not vouched.vouches(one)]
    if not ran >= ENGINES:
        return [one for one in kept if one.rule not in _ARTICLES or not vouched.is_before_name(one)]
    spoken = [one for one in kept if _is_shared(one)]
    return [one for one in kept if not _is_shared(one) or _is_seconded(one, spoken, draft.masked.source)]


class _Words:
    """What vouches for the words of one draft."""

    def __init__(self, draft: Draft, words: Vocabulary) -> None:
        self._draft = draft
        self._words = words
        self._names = recurring(draft.masked.prose)

    def vouches(self, one: Found) -> bool:
        if one.category not in _WORDS:
            return False
        source = self._draft.masked.source
        text = source[one.start : one.end]
        if one.rule == "SentenceCapitalization":
            text = (text.split() or [""])[0]  # it marks the sentence, and means its first word
        if not text or any(character.isspace() for character in text):
            return False
        if self._words.knows(text, but=self._draft.name):
            return not _is_case(text, one.suggestions)
        if self._words.name_like(text):
            return False
        if is_name(token_at(source, one.start, one.start + len(text)), text):
            return one.rule in _STARTS or not _is_case(text, one.suggestions)
        # A capitalised word that no dictionary has and the draft uses again is what something is called.
        return family(one.rule) in SPELLING and text[0].isupper() and text.casefold() in self._names

    def is_before_name(self, one: Found) -> bool:
        """Say whether an article stands before something whose sound its letters do not tell: `a SQL`, `an npm`."""
        source = self._draft.masked.source
        after = WORD.search(source, one.end, one.end + _CONTEXT)
        return after is not None and is_name(token_at(source, *after.span()), after.group())


def _is_shared(one: Found) -> bool:
    return family(one.rule) in SPELLING or one.rule in _ARTICLES


def _is_seconded(one: Found, others: Sequence[Found], source: str) -> bool:
    is_article = one.rule in _ARTICLES
    return _is_sure(one, source[one.start : one.end]) or any(
        other.source != one.source
        and (other.rule in _ARTICLES) == is_article
        and other.start < one.end
        and one.start < other.end
        for other in others
    )


def _is_sure(one: Found, word: str) -> bool:
    """Say whether one engine's word is enough.

    Harper's list has more of the words of technical prose than the other engine's: of the small words that it alone
    objected to, one stands in 20,000 words of published text (the earlier half of both corpora), and most were fixed.
    """
    return one.rule == "SpellCheck" and word.islower() and len(word) > 3


def _is_case(word: str, suggestions: Sequence[str]) -> bool:
    return any(word != other and word.casefold() == other.casefold() for other in suggestions[:1])
