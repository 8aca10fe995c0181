"""Links and hashtags of a text, as ranges of its UTF-8 bytes.

Source: the lexicon app.bsky.richtext.facet (zero-based byte offsets, the end not included). What counts as a hashtag
follows what Bluesky's own app makes of one, so that a tag leads to the page a reader expects. Mentions are left as
text: they need the DID of somebody else's handle, which only a network could tell.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any, Final

from steersman.content.ports import TextLink
from steersman.kernel.errors import Rejected

_INVISIBLE: Final = "\u00ad\u2060\u200a\u200b\u200c\u200d\u20e2"
_TAG: Final = re.compile(rf"(?<!\S)[#\uff03](?!\ufe0f)([^\s{_INVISIBLE}]+)")
_LONGEST_TAG: Final = 64
"""Code points: never more than the 64 graphemes and 640 bytes of the lexicon."""

Facet = dict[str, Any]


def facets(text: str, links: Iterable[TextLink]) -> list[Facet]:
    """Return the facets of `text` in their order; none overlaps another.

    Raises:
        Rejected: a link lies outside of the text, is empty or overlaps another.
    """
    placed = sorted(links, key=lambda link: link.start)
    end = 0
    for link in placed:
        if not end <= link.start < link.end <= len(text):
            raise Rejected(
                f"the link at {link.start} to {link.end} is empty, overlaps another or lies outside of the text",
                fix="give each link of the variant a place of its own",
            )
        end = link.end
    found = [(link.start, link.end, {"$type": "app.bsky.richtext.facet#link", "uri": link.url}) for link in placed]
    found += [
        (start, end, {"$type": "app.bsky.richtext.facet#tag", "tag": text[start + 1 : end]})
        for start, end in _tags(text)
        if all(end <= link.start or link.end <= start for link in placed)
    ]
    found.sort(key=lambda one: one[0])
    return list(_in_bytes(text, found))


def _in_bytes(text: str, found: list[tuple[int, int, Facet]]) -> Iterator[Facet]:
    """Yield facets for ranges of code points; one pass over the text."""
    at, offset = 0, 0
    for start, end, feature in found:
        byte_start = offset + len(text[at:start].encode())
        at, offset = end, byte_start + len(text[start:end].encode())
        yield {
            "$type": "app.bsky.richtext.facet",
            "index": {"byteStart": byte_start, "byteEnd": offset},
            "features": [feature],
        }


def _tags(text: str) -> Iterator[tuple[int, int]]:
    """Yield the ranges of hashtags in code points, the sign included."""
    for match in _TAG.finditer(text):
        word = match[1]
        while word and unicodedata.category(word[-1]).startswith("P"):
            word = word[:-1]
        if 0 < len(word) <= _LONGEST_TAG and any(_is_letter(one) for one in word):
            yield match.start(), match.start(1) + len(word)


def _is_letter(char: str) -> bool:
    """Say whether `char` makes a tag of what would be a number ("#1") or an exclamation ("#!") without it."""
    return char not in "0123456789" and not unicodedata.category(char).startswith("P")
