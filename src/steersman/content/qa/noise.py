"""What the engines say that is off unless `[content] on` names it: measured to be noise in published prose.

Chosen on the earlier half of two corpora of fixes and published text (a personal notebook, a copy-edited book): off is
a rule that objected at least twice to published text, and of whose objections, to text that was later fixed and to
published text together, less than 15% met a fix of spelling, grammar, punctuation or case. `steersman bench qa`
reports what that does to the later half, which played no part in the choice.
"""

from __future__ import annotations

from typing import Final

NOISE: Final[frozenset[str]] = frozenset(
    {
        # harper
        "CompoundNouns",
        "CondenseAllThe",
        "DisjointPrefixes",
        "ExpandControl",
        "ExpandMemoryShorthands",
        "LongSentences",
        "MassNouns",
        "MergeWords",
        "NoFrenchSpaces",
        "NumericRangeEnDash",
        "OrthographicConsistency",
        "OxfordComma",
        "Spaces",
        "UnclosedQuotes",
        "UseEllipsisCharacter",
        # LanguageTool's rules
        "ALL_OF_THE",
        "COMMA_COMPOUND_SENTENCE",
        "EN_ELLIPSIS",
        "ENGLISH_WORD_REPEAT_BEGINNING_RULE",
        "HYPHEN_TO_EN",
        "SENT_START_CONJUNCTIVE_LINKING_ADVERB_COMMA",
        "WHETHER",
        "WHOLE_LOT",
    }
)
"""Rules of engines, by their own names."""

ADVICE: Final[frozenset[str]] = frozenset({"readability", "style", "enhancement", "regionalism", "wordchoice"})
"""Categories of engines that judge taste: of what is left of them without the rules above, less than 15% met a fix."""
ENGINES: Final[frozenset[str]] = frozenset({"harper", "lingotweaker"})
"""Sources this is about: house rules are the operator's own choice."""
