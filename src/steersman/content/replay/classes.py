"""What kind of mistake an edit put right, told from its words alone: no engine that is measured has a say.

A word is a run of letters and digits, apostrophes and hyphens inside; curly apostrophes count as straight ones.

| class | an edit is that when |
| --- | --- |
| punctuation | the words stay, or their letters do while spaces and hyphens move |
| case | the words stay but for their case |
| function-word | all words on both sides are articles, prepositions, pronouns, auxiliaries and the like |
| agreement | one word becomes another form of it (ending in s, es, ed, ing, ly, 's) |
| spelling | one word becomes one at most two letters away, and the old one stands nowhere else in the corpus |
| real-word | the same, but the old one is a word the author uses |
| wording | everything else: taste, facts, code, numbers |
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final, Literal, get_args

from steersman.content.model.distance import edits
from steersman.content.model.fix import Edit

Kind = Literal["spelling", "real-word", "function-word", "agreement", "punctuation", "case", "wording"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
MISTAKES: Final = frozenset({"spelling", "real-word", "agreement"})
"""What a typo round is made of, function words left out: most edits of those are taste."""
OBJECTIVE: Final = frozenset(KINDS) - {"wording"}
_WORD: Final = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
_ENDINGS: Final = ("", "'s", "es", "s", "ed", "d", "ing", "ly")
_LONGEST: Final = 40
_FUNCTION_WORDS: Final = frozenset(
    (
        "a", "an", "the", "of", "to", "in", "on", "at", "by", "for", "from", "with", "into", "onto", "about", "as",
        "is", "are", "was", "were", "be", "been", "being", "am", "it", "its", "this", "that", "these", "those",
        "and", "or", "but", "nor", "if", "then", "than", "so", "because", "while", "when", "where", "which", "who",
        "whom", "whose", "what", "how", "there", "here", "i", "you", "he", "she", "we", "they", "me", "him", "her",
        "us", "them", "my", "your", "his", "our", "their", "not", "no", "do", "does", "did", "have", "has", "had",
        "will", "would", "can", "could", "should", "may", "might", "must", "shall", "also", "just", "only", "both",
        "each", "some", "any", "all",
    )
)  # fmt: skip


def words(text: str) -> list[str]:
    """Return the words of a text, apostrophes straight."""
    return _WORD.findall(text.replace("’", "'"))


def known_words(texts: Iterable[str]) -> frozenset[str]:
    """Return, in small letters, the words that stand in at least two of the texts: those are no slips."""
    seen: Counter[str] = Counter()
    for text in texts:
        seen.update({word.casefold() for word in words(text)})
    return frozenset(word for word, count in seen.items() if count > 1)


def kind_of(edit: Edit, known: frozenset[str]) -> Kind:
    """Return the class of an edit, see the table of this module."""
    if "`" in edit.old or "`" in edit.new:
        return "wording"
    old, new = words(edit.old), words(edit.new)
    if any(any(letter.isdigit() for letter in word) for word in [*old, *new]):
        return "wording"
    folded_old, folded_new = [w.casefold() for w in old], [w.casefold() for w in new]
    if folded_old == folded_new:
        return "punctuation" if old == new else "case"
    if "".join(folded_old).replace("-", "") == "".join(folded_new).replace("-", ""):
        return "punctuation"
    if all(word in _FUNCTION_WORDS for word in [*folded_old, *folded_new]):
        return "function-word"
    if len(old) != 1 or len(new) != 1:
        return "wording"
    return _of_one_word(folded_old[0], folded_new[0], known)


def _of_one_word(old: str, new: str, known: frozenset[str]) -> Kind:
    longest = max(len(old), len(new))
    if longest > _LONGEST:
        return "wording"
    if old in known and _stems(old) & _stems(new):
        return "agreement"
    apart = edits(old, new)
    if apart > 2 or 2 * apart >= longest:
        return "wording"
    return "real-word" if old in known else "spelling"


def _stems(word: str) -> frozenset[str]:
    return frozenset(word.removesuffix(ending) for ending in _ENDINGS if word.endswith(ending)) - {""}
