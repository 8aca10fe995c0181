"""How hard a piece reads: long sentences where they stand, and one grade for the whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from steersman.content.model.draft import Draft
from steersman.content.model.finding import Found
from steersman.content.model.spans import WORD, paragraphs, sentences, words
from steersman.content.qa.packs.objection import found
from steersman.content.qa.packs.pack import Readability

_VOWELS: Final = re.compile(r"[aeiouyàâäáéèêëíîïóôöúùûü]+")
_SILENT: Final = re.compile(r"(?:(?:[^laeiouy]|[aeiouy]l)e|[^td]ed|(?:[^sxzcgl]|[aeiouy]l)es)$")
_ENOUGH_WORDS: Final = 100


def check_readability(draft: Draft, rule: Readability) -> Iterator[Found]:
    """Yield sentences and paragraphs that are too long, and the grade of a piece of 100 words or more."""
    prose = draft.masked.prose
    counted = counted_sentences = syllabic = 0
    first: tuple[int, int] | None = None
    for start, end in paragraphs(draft):
        first = first or (start, end)
        size = words(prose, start, end)
        if rule.max_paragraph_words and size > rule.max_paragraph_words:
            message = f"{size} words, {rule.max_paragraph_words} at most: where does the next thought begin?"
            yield found(_opening(prose, start, end), "LongParagraph", "readability", message)
        for begin, stop in sentences(prose, start, end):
            length = words(prose, begin, stop)
            counted_sentences += length > 0
            if rule.max_sentence_words and length > rule.max_sentence_words:
                message = f"{length} words, {rule.max_sentence_words} at most: two sentences would be read"
                yield found(_opening(prose, begin, stop), "LongSentence", "readability", message)
        counted += size
        if rule.max_grade:
            syllabic += sum(syllables(word.group()) for word in WORD.finditer(prose, start, end))
    if rule.max_grade and first and counted >= _ENOUGH_WORDS and counted_sentences:
        grade = flesch_kincaid(counted, counted_sentences, syllabic)
        if grade > rule.max_grade:
            message = (
                f"School grade {grade:.1f}, {rule.max_grade:g} at most: "
                f"{counted / counted_sentences:.0f} words a sentence, {syllabic / counted:.2f} syllables a word"
            )
            yield found(_opening(prose, *first), "HardToRead", "readability", message)


def flesch_kincaid(words: int, sentences: int, syllables: int) -> float:
    """Return the U.S. school grade that a text of so many words, sentences and syllables asks for.

    Source: Kincaid, Fishburne, Rogers and Chissom, Derivation of New Readability Formulas (1975).
    """
    return 0.39 * words / sentences + 11.8 * syllables / words - 15.59


def syllables(word: str) -> int:
    """Return about how many syllables an English word has, 1 at least: groups of vowels, without a silent ending."""
    plain = word.lower()
    count = len(_VOWELS.findall(plain))
    if count > 1 and _SILENT.search(plain):
        count -= 1
    return max(1, count)


def _opening(prose: str, start: int, end: int) -> tuple[int, int]:
    """Return the span of the first words: a mark under forty words helps nobody to find where to cut."""
    stop = start
    for number, word in enumerate(WORD.finditer(prose, start, end)):
        if number == 6:
            break
        stop = word.end()
    return start, stop or end
