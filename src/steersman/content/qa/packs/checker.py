"""The engine that holds drafts to the packs of a workspace."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain

from steersman.content.model.draft import Draft
from steersman.content.model.finding import Found
from steersman.content.qa.packs.blocks import check_headings, check_images, check_links, check_numbers
from steersman.content.qa.packs.front import check_front
from steersman.content.qa.packs.likeness import Earlier, check_duplicates
from steersman.content.qa.packs.pack import Pack
from steersman.content.qa.packs.phrases import Phrases
from steersman.content.qa.packs.readability import check_readability


class PackChecker:
    """Reads a draft as the packs say; the same objection of two packs is one."""

    name = "style"

    def __init__(self, packs: Sequence[Pack], earlier: Callable[[], Iterable[Earlier]] = tuple) -> None:
        """Compile `packs`; `earlier` gives the posts that a draft must not repeat, asked for only when a pack cares."""
        self._packs = packs
        self._earlier = earlier
        self._phrases = Phrases(
            chain.from_iterable(pack.terms.items() for pack in packs),
            chain.from_iterable(pack.banned.items() for pack in packs),
        )

    def check(self, draft: Draft) -> list[Found]:
        every = [*self._phrases.check(draft)]
        for pack in self._packs:
            every += check_front(draft, pack)
            every += check_headings(draft, pack.headings)
            every += check_links(draft, pack.links)
            every += check_images(draft, pack.images)
            every += check_numbers(draft, pack.numbers)
            every += check_readability(draft, pack.readability)
        ratio = min((p.duplicates.shared_ratio for p in self._packs if p.duplicates.shared_ratio), default=0.0)
        if ratio:
            every += check_duplicates(draft, self._earlier(), ratio)
        return list({(one.start, one.end, one.rule): one for one in every}.values())
