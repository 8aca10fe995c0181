"""Whether what looks like a new post is one that is out already under another slug, file or channel name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Final

import msgspec

from steersman.content.events.publishing import POST_DELETED, POST_PUBLISHED, PostDeleted, PostPublished
from steersman.content.model.draft import Draft
from steersman.content.publishing.stored import PostStore
from steersman.content.publishing.variants import Variant
from steersman.kernel.errors import Corrupt
from steersman.ledger import Ledger

_ALIKE_RATIO: Final = 0.5
"""Share of the lines of what is out that a draft must have for it to be the same piece."""


class Doubles:
    """Everything that is out, as the ledger has it now.

    A post is known by its channel's name and its slug. Who renames one of them means the same post, and would get a
    second one; so what looks like a rename is stopped with the way to say what was meant.
    """

    def __init__(self, ledger: Ledger, store: PostStore, root: Path, channels: Collection[str]) -> None:
        """Read what is out.

        Args:
            channels: those that are declared.
        """
        self._out = _out(ledger)
        self._store = store
        self._root = root
        self._channels = channels

    def renamed(self, draft: Draft, made: Variant) -> str:
        """Say which post on the same channel `draft` seems to be; empty: none."""
        key = f"{made.channel}/{draft.slug}"
        for other in self._out.values():
            if other.channel != made.channel or other.key == key:
                continue
            slug = other.key.partition("/")[2]
            keep = f"write slug: {slug} to keep it one post, or take that one away first: steersman content unpublish"
            if other.draft == draft.name:
                if self._is_alike(draft, made, other):
                    return f"its slug was {slug} when it went out as {other.url}; {keep} {draft.name}"
            elif not (self._root / other.draft).is_file() and _is_same(draft, other):
                return f"it looks like {other.draft}, which is gone and out as {other.url}; {keep} {other.draft}"
        return ""

    def moved(self, draft: Draft, channel: str) -> str:
        """Say on which channel that is not declared any more `draft` is out; empty: on none."""
        for other in self._out.values():
            is_it = other.draft == draft.name or other.key.partition("/")[2] == draft.slug
            if is_it and other.channel not in self._channels:
                return (
                    f"it is out on {other.channel}, which is not declared any more; if {channel} is its new name, call "
                    f"it {other.channel} again; if it is another channel, name the draft to publish it there"
                )
        return ""

    def _is_alike(self, draft: Draft, made: Variant, other: PostPublished) -> bool:
        if _is_same(draft, other):
            return True
        try:
            kept = self._store.find(other.key, other.content_sha256)
        except Corrupt:
            kept = None
        # Without its words, the name of its file is all there is to go by.
        return kept is None or _shares_lines(kept.body or kept.text, made.body or made.text)


def _is_same(draft: Draft, other: PostPublished) -> bool:
    return other.draft_sha256 == draft.sha256 or other.title.casefold() == draft.title.casefold()


def _shares_lines(old: str, new: str) -> bool:
    lines, there = ({line.strip() for line in text.splitlines() if line.strip()} for text in (old, new))
    return len(lines & there) >= _ALIKE_RATIO * len(lines)


def _out(ledger: Ledger) -> Mapping[str, PostPublished]:
    found: dict[str, PostPublished] = {}
    decode: Callable[[bytes], PostPublished] = msgspec.json.Decoder(PostPublished).decode
    for event in ledger.read(types=(POST_PUBLISHED, POST_DELETED)):
        if event.type == POST_DELETED:
            found.pop(msgspec.json.decode(event.data, type=PostDeleted).key, None)
        else:
            post = decode(event.data)
            found[post.key] = post
    return found
