"""House rules: what a post of ours may not leave the desk with. Reads blocks, so it never fires inside code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from steersman.content.model.draft import Draft
from steersman.content.model.finding import Found
from steersman.content.model.mask import Masked

# Lengths are bounded so that a text of opening brackets does not cost its square.
_IMAGE: Final = re.compile(r"!\[(?P<alt>[^\]\r\n]{0,1000})\](?=\(|\[)")
_LINK: Final = re.compile(r"(?<!!)\[(?P<text>[^\[\]]*)\]\(")
_LINKED_IMAGE: Final = re.compile(r"\[!\[[^\]\r\n]{1,1000}\]\([^)\r\n]{0,4000}\)\]\(")
_UNFINISHED: Final = re.compile(r"\b(?:TODO|FIXME|XXX|TKTK|TK|TBD)\b|(?i:\blorem ipsum\b)")
_DOUBLED: Final = re.compile(r"\b([^\W\d_]+)(?P<gap>[ \t]+|[ \t]*(?:\r\n|\r|\n)[ \t]*)\1\b", re.IGNORECASE)
_VAGUE: Final = frozenset({"here", "click here", "this", "link", "this link", "read more", "more"})
# Words that English doubles on purpose.
_MAY_DOUBLE: Final = frozenset({"had", "that", "bye", "ha", "no", "very", "blah", "tut"})


class HouseRules:
    """Headings, links, images, doubled words, banned phrases, and what was left unfinished."""

    name = "house"

    def __init__(self, banned: Sequence[str] = ()) -> None:
        self._banned = [
            (phrase, re.compile(r"(?<!\w)" + r"\s+".join(map(re.escape, phrase.split())) + r"(?!\w)", re.IGNORECASE))
            for phrase in banned
        ]

    def check(self, draft: Draft) -> list[Found]:
        masked = draft.masked
        return [
            *draft.notes,
            *_headings(masked),
            *_images_and_links(masked),
            *_doubled(masked),
            *_unfinished(masked),
            *self._phrases(masked),
        ]

    def _phrases(self, masked: Masked) -> Iterator[Found]:
        for phrase, pattern in self._banned:
            for match in pattern.finditer(masked.prose):
                yield _found(match.span(), "BannedPhrase", "banned", f"`{phrase}` is on the list of banned phrases")


def _headings(masked: Masked) -> Iterator[Found]:
    # The page's title is its only first-level heading.
    level = 1
    for token, inline in zip(masked.tokens, masked.tokens[1:], strict=False):
        if token.type != "heading_open" or token.map is None:
            continue
        start, end = masked.lines.span(*token.map)
        span = (start, start + len(masked.source[start:end].rstrip()))
        depth = int(token.tag[1:])
        if not inline.content.strip():
            yield _found(span, "EmptyHeading", "structure", "A heading without words")
        elif depth == 1:
            yield _found(
                span,
                "SecondTitle",
                "structure",
                "The title is in the front matter: begin with second-level headings",
            )
        elif depth > level + 1:
            yield _found(
                span,
                "SkippedLevel",
                "structure",
                f"Level {depth} right below level {level}: a level is missing",
            )
        level = depth


def _images_and_links(masked: Masked) -> Iterator[Found]:
    # Brackets and their text are left by the mask; destinations, and everything inside code, are not.
    prose = masked.prose
    for match in _IMAGE.finditer(prose):
        if not match["alt"].strip():
            yield _found(
                match.span(),
                "MissingAltText",
                "accessibility",
                "An image without alternative text says nothing to those who cannot see it",
            )
    linked_images = {match.start() for match in _LINKED_IMAGE.finditer(prose)}
    for match in _LINK.finditer(prose):
        if match.start() in linked_images or masked.is_blanked(*match.span("text")):
            continue  # a link whose text is code, or an image, has text
        words = " ".join(match["text"].split()).lower()
        span = (match.start(), match.end() - 1)
        if not words:
            yield _found(span, "LinkWithoutText", "accessibility", "A link without words")
        elif words in _VAGUE:
            yield _found(span, "VagueLink", "style", "The words of a link should say where it leads")


def _doubled(masked: Masked) -> Iterator[Found]:
    for match in _DOUBLED.finditer(masked.prose):
        word = match[1]
        if word.lower() in _MAY_DOUBLE or masked.is_blanked(*match.span()):
            continue
        yield Found(
            start=match.start(),
            end=match.end(),
            source="house",
            rule="DoubledWord",
            category="repetition",
            message=f"`{word}` stands twice",
            suggestions=(word,),
        )


def _unfinished(masked: Masked) -> Iterator[Found]:
    for match in _UNFINISHED.finditer(masked.prose):
        yield _found(match.span(), "Unfinished", "unfinished", f"`{match.group()}` was left in")


def _found(span: tuple[int, int], rule: str, category: str, message: str) -> Found:
    return Found(start=span[0], end=span[1], source="house", rule=rule, category=category, message=message)
