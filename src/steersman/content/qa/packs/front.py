"""Front matter: what must be filled in, and how long a title and a description may be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from steersman.content.model.draft import Draft
from steersman.content.model.finding import Found
from steersman.content.model.spans import WORD
from steersman.content.qa.packs.objection import found
from steersman.content.qa.packs.pack import Case, Length, Pack

# Words that a title in title case leaves small.
_SMALL: Final = frozenset(
    ("a", "an", "and", "as", "at", "but", "by", "for", "from", "if", "in", "into", "nor", "of", "off", "on", "or",
     "over", "per", "so", "the", "to", "up", "via", "vs", "with", "yet")
)  # fmt: skip


def check_front(draft: Draft, pack: Pack) -> Iterator[Found]:
    """Yield what a pack objects to in the front matter."""
    for field in pack.front_matter.required:
        if getattr(draft, field, None) in ("", (), None, {}):
            yield found(
                _field(draft, field), "MissingField", "front-matter", f"`{field}` is not filled in; every post needs it"
            )
    yield from _length(draft, "title", draft.title, pack.title, "seo")
    if draft.summary:
        yield from _length(draft, "summary", draft.summary, pack.summary, "seo")
    span = _field(draft, "title")
    if not pack.title.full_stop and draft.title.endswith(".") and not draft.title.endswith(".."):
        yield found(span, "TitleFullStop", "style", "A title does not end in a full stop")
    wrong = miscased(draft.title, pack.title.case)
    if wrong:
        yield found(span, "TitleCase", "style", wrong)


def _length(draft: Draft, field: str, text: str, rule: Length, category: str) -> Iterator[Found]:
    size, span, name = len(text), _field(draft, field), field.capitalize()
    if rule.max_length and size > rule.max_length:
        message = f"{size} characters, {rule.max_length} at most: search results cut the rest"
        yield found(span, f"{name}TooLong", category, message)
    elif size < rule.min_length:
        message = f"{size} characters, {rule.min_length} at least: too short to say what the piece is about"
        yield found(span, f"{name}TooShort", category, message)


def miscased(text: str, case: Case) -> str:
    """Say what is wrong with the capitals of a title or heading; empty if nothing is, or if it cannot be told.

    Names keep their capitals in sentence case, and nobody can tell a name from a word that was given one: only a text
    most of whose longer words have a capital is called title case.
    """
    inner = [word.group() for word in WORD.finditer(text)][1:]
    longer = [word for word in inner if len(word) > 3 and word.casefold() not in _SMALL]
    capital = [word for word in longer if word[0].isupper()]
    if case == "sentence" and len(capital) >= 2 and len(capital) > 0.7 * len(longer):
        return "Sentence case: only the first word and names begin with a capital"
    if case == "title" and len(capital) < len(longer):
        small = next(word for word in longer if not word[0].isupper())
        return f"Title case: `{small}` needs a capital"
    return ""


def _field(draft: Draft, field: str) -> tuple[int, int]:
    """Return where `field` stands in the front matter; its first line if it does not stand there."""
    head = draft.masked.source[: draft.body_start]
    place = re.search(rf"""^["']?{re.escape(field)}["']?[ \t]*[:=][^\r\n]*""", head, re.MULTILINE)
    if place:
        return place.start(), place.start() + len(place.group().rstrip())
    first = re.search(r"[^\s\ufeff]+", head)
    return (first.start(), first.end()) if first else (0, min(1, len(draft.masked.source)))
