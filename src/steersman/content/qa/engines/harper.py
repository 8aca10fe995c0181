"""Harper's spelling and grammar (Apache-2.0, offline), with the author's own words taken out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final

from steersman.content.model.draft import Draft
from steersman.content.model.finding import Found

if TYPE_CHECKING:
    from harper import Lint, Linter

_MOST_SUGGESTIONS: Final = 3
_ITEM: Final = re.compile(r"[ \t>]*(?:[-*+]|\d+[.)])[ \t]+")
# Our own rules say the same with better places.
_OURS: Final = ("RepeatedWords",)


class HarperChecker:
    """One linter for as long as the object lives: loading its dictionary costs most of a second.

    Not for several threads at once.
    """

    name = "harper"

    def __init__(
        self,
        *,
        vocabulary: Sequence[str] = (),
        off: Sequence[str] = (),
        dialect: str = "american",
        as_it_comes: bool = False,
    ) -> None:
        """Remember what to look for; the dictionary loads with the first draft.

        Args:
            vocabulary: words of the author's own.
            off: rules that are not asked.
            as_it_comes: with its own way of choosing among what overlaps, and all its rules: a yardstick.
        """
        self._vocabulary = tuple(vocabulary)
        self._off = frozenset(off if as_it_comes else (*off, *_OURS))
        self._dedup = as_it_comes
        self._dialect = dialect

    @cached_property
    def _linter(self) -> Linter:
        from harper import Dialect, Linter  # start-up time: 19 MB of library, 0.9 s with its dictionary

        linter = Linter(Dialect[self._dialect.upper()])
        if self._vocabulary:
            linter.import_words(list(self._vocabulary))
        return linter

    def check(self, draft: Draft) -> list[Found]:
        masked = draft.masked
        # Harper counts code points of the str it is given, and the mask is as long as the file. Its own way with what
        # overlaps would hide a misspelling under a small letter at the start of a sentence.
        by_rule = self._linter.organized_lints(masked.prose, language="markdown", dedup=self._dedup)
        return [
            _found(rule, lint)
            for rule, lints in by_rule.items()
            if rule not in self._off
            for lint in lints
            # A span that reaches into what was covered is about our blanks, not about the author's words.
            if not masked.is_blanked(lint.span.start, lint.span.end)
            and not (rule == "SentenceCapitalization" and _opens_an_item(masked.prose, lint.span.start))
        ]


def _opens_an_item(prose: str, start: int) -> bool:
    """Say whether a list marker is all that stands before `start` on its line: items may go on with a sentence."""
    line = max(prose.rfind("\n", 0, start), prose.rfind("\r", 0, start)) + 1
    return _ITEM.fullmatch(prose, line, start) is not None


def _found(rule: str, lint: Lint) -> Found:
    return Found(
        start=lint.span.start,
        end=lint.span.end,
        source="harper",
        rule=rule,
        category=lint.lint_kind.lower(),
        message=lint.message,
        suggestions=tuple(_replacement(lint)),
        confidence=0.8,
    )


def _replacement(lint: Lint) -> list[str]:
    """Return what could stand instead of the matched text, each once."""
    from harper import SuggestionKind  # as above

    replaced = []
    for suggestion in lint.suggestions:
        if suggestion.kind == SuggestionKind.REMOVE:
            replaced.append("")
        elif suggestion.kind == SuggestionKind.INSERT_AFTER:
            replaced.append(lint.problem_text + suggestion.replacement_text)
        else:
            replaced.append(suggestion.replacement_text)
    return list(dict.fromkeys(replaced))[:_MOST_SUGGESTIONS]
