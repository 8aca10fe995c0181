"""LanguageTool's English rules, run in this process by lingotweaker (LGPL-2.1-or-later; extra `deep`)."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

from steersman.content.model.draft import Draft
from steersman.content.model.finding import Found
from steersman.content.model.mask import Masked
from steersman.content.qa.engines.plain import Plain, paragraphs
from steersman.kernel.errors import Misconfigured

if TYPE_CHECKING:
    from lt_py import Engine

_MOST_SUGGESTIONS: Final = 3
# There is no Indian English among its variants; British spelling is the nearest.
_VARIANTS: Final = {
    "american": "en-US",
    "british": "en-GB",
    "australian": "en-AU",
    "canadian": "en-CA",
    "indian": "en-GB",
}
_CATEGORIES: Final = {
    "TYPOS": "spelling",
    "GRAMMAR": "grammar",
    "PUNCTUATION": "punctuation",
    "TYPOGRAPHY": "formatting",
    "CASING": "capitalization",
    "REDUNDANCY": "redundancy",
    "CONFUSED_WORDS": "malapropism",
    "COLLOCATIONS": "usage",
    "COLLOQUIALISMS": "style",
    "NONSTANDARD_PHRASES": "nonstandard",
    "SEMANTICS": "usage",
    "COMPOUNDING": "punctuation",
    "PROPER_NOUNS": "capitalization",
}
_RULES: Final = {
    "EN_A_VS_AN": "miscellaneous",
    "ENGLISH_WORD_REPEAT_RULE": "repetition",
    "POSSESSIVE_APOSTROPHE": "punctuation",
    "EN_UNPAIRED_BRACKETS": "punctuation",
    "EN_UNPAIRED_QUOTES": "formatting",
}
_ISSUES: Final = {
    "grammar": "grammar",
    "duplication": "repetition",
    "typographical": "formatting",
    "misspelling": "spelling",
}
_SUGGESTION: Final = re.compile(r"</?suggestion>")
_APOSTROPHED: Final = re.compile(r"(?<!\w)'([^'\n]{1,200})'(?!\w)")


class LingotweakerChecker:
    """One engine for as long as the object lives: loading its rules costs a second and a half.

    It reads one paragraph at a time and knows nothing of the others, so what it says of a paragraph stays true while
    the rest of the draft changes.
    """

    name = "lingotweaker"

    def __init__(self, *, dialect: str = "american") -> None:
        """Remember the dialect; the rules are loaded with the first draft.

        Raises:
            Misconfigured: the extra is not installed.
        """
        try:
            from lt_py import Engine  # an optional dependency, 15 MB of library
        except ImportError as exc:
            raise Misconfigured(
                "[content] deep = true needs a second engine that is not installed",
                fix="pip install 'steersman[deep]', or write deep = false",
            ) from exc
        self._make = Engine
        self._variant = _VARIANTS[dialect]

    @cached_property
    def _engine(self) -> Engine:
        try:
            return self._make(self._variant)
        except (OSError, RuntimeError, ValueError) as exc:
            raise Misconfigured(
                f"the rules of [content] deep cannot be loaded for {self._variant}: {exc}",
                fix="pip install --force-reinstall 'steersman[deep]'",
            ) from exc

    def check(self, draft: Draft) -> list[Found]:
        return [one for block in paragraphs(draft.masked) for one in self._check(draft.masked, block)]

    def _check(self, masked: Masked, block: Plain) -> list[Found]:
        code_point = code_points(block.text)
        found = []
        for match in self._engine.check(block.text):
            start, end = code_point(match["offset"]), code_point(match["offset"] + match["length"])
            if end <= start or _is_about_filler(block, match["rule_id"], start, end):
                continue
            if block.is_item and start == 0 and match["rule_id"] == "UPPERCASE_SENTENCE_START":
                continue
            first, last = block.span(start, end)
            if not masked.is_blanked(first, last):
                found.append(_found(match, first, last, is_whole=_is_same(masked, first, last, block.text[start:end])))
        return found


def code_points(text: str) -> Callable[[int], int]:
    """Return the function from an offset in UTF-8 bytes of `text` to the offset in code points.

    An offset inside a code point counts as that code point's beginning.
    """
    if text.isascii():
        return lambda offset: min(offset, len(text))
    ends = list(accumulate(map(_utf8_length, text)))
    return lambda offset: bisect_right(ends, offset)


def _utf8_length(character: str) -> int:
    code = ord(character)
    return 1 if code < 0x80 else 2 if code < 0x800 else 3 if code < 0x10000 else 4


def _is_about_filler(block: Plain, rule: str, start: int, end: int) -> bool:
    """Say whether a match touches what stands for code; an article's sound is judged by the word after it."""
    reach = end + 2 if rule == "EN_A_VS_AN" else end
    return any(at in block.fillers for at in range(start, reach))


def _is_same(masked: Masked, first: int, last: int, text: str) -> bool:
    """Say whether the file has just these words there: a suggestion would take markup between them away."""
    return " ".join(masked.source[first:last].split()) == " ".join(text.split())


def _found(match: dict[str, Any], start: int, end: int, *, is_whole: bool) -> Found:
    rule = str(match["rule_id"])
    return Found(
        start=start,
        end=end,
        source="lingotweaker",
        rule=rule,
        category=_category(rule, match["category_id"], match["issue_type"]),
        message=_message(match["message"]),
        suggestions=tuple(match["suggestions"][:_MOST_SUGGESTIONS]) if is_whole else (),
        confidence=0.8,
    )


def _category(rule: str, category: str, issue: str) -> str:
    """Return the common name of what a rule is about; what nobody named is style, which never stops a post."""
    if rule.startswith("EN_COMPOUNDS"):
        return "punctuation"  # whether a hyphen belongs between two words
    if rule in _RULES:
        return _RULES[rule]
    if category in _CATEGORIES:
        return _CATEGORIES[category]
    return _ISSUES.get(issue, "style")


def _message(message: str) -> str:
    """Return the sentence with every quoted word between quotation marks that a record leaves out."""
    plain = _SUGGESTION.sub("'", message).replace("''", "'")
    return _APOSTROPHED.sub(r"“\1”", plain)
