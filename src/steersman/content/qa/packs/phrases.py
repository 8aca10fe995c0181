"""Terms and banned phrases: one pass over the text for all of them, each with what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from steersman.content.model.draft import Draft
from steersman.content.model.finding import Found
from steersman.content.qa.packs.objection import found

_APOSTROPHE: Final = str.maketrans({"’": "'"})


class Phrases:
    """Every term and banned phrase of some packs."""

    def __init__(
        self,
        terms: Iterable[tuple[str, tuple[str, ...]]],
        banned: Iterable[tuple[str, str | tuple[str, ...]]],
    ) -> None:
        """Compile them; where two packs speak about one phrase, the later wins."""
        self._terms: dict[str, str] = {}
        for right, wrong in terms:
            for form in (right, *wrong):
                self._terms[_key(form)] = right
        self._banned: dict[str, tuple[str, ...]] = {
            _key(phrase): (instead,) if isinstance(instead, str) else instead for phrase, instead in banned
        }
        self._term = _one_of(self._terms)
        self._phrase = _one_of(self._banned)

    def check(self, draft: Draft) -> Iterator[Found]:
        """Yield what is written otherwise than it should be."""
        prose = draft.masked.prose
        for match in self._term.finditer(prose) if self._term else ():
            right = self._terms[_key(match.group())]
            if not _is_right(match.group(), right):
                yield found(match.span(), "Term", "terms", f"`{right}` is how we write it", (right,))
        for match in self._phrase.finditer(prose) if self._phrase else ():
            yield self._objection(match)

    def _objection(self, match: re.Match[str]) -> Found:
        instead = self._banned[_key(match.group())]
        is_capital = match.group()[:1].isupper()
        suggestions = tuple(one[:1].upper() + one[1:] if is_capital else one for one in instead)
        if suggestions == ("",):
            return found(match.span(), "BannedPhrase", "banned", "Says nothing: leave it out")
        said = f"; write {' or '.join(f'`{one}`' for one in suggestions)}" if suggestions else ""
        return found(match.span(), "BannedPhrase", "banned", f"Not in our style{said}", suggestions)


def _key(text: str) -> str:
    return " ".join(text.translate(_APOSTROPHE).casefold().split())


def _is_right(written: str, right: str) -> bool:
    """Say whether a term is written as it should be: exactly, or with a capital where it begins a sentence."""
    written = " ".join(written.split())
    return written == right or (right[:1].islower() and written == right[:1].upper() + right[1:])


def _one_of(phrases: Mapping[str, object]) -> re.Pattern[str] | None:
    if not phrases:
        return None
    # Longest first: an alternation takes the first that fits.
    forms = (
        r"\s+".join(re.escape(word).replace("'", "['’]") for word in phrase.split())
        for phrase in sorted(phrases, key=len, reverse=True)
    )
    return re.compile(rf"(?<![\w-])(?:{'|'.join(forms)})(?![\w-])", re.IGNORECASE)
