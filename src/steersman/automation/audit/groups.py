"""What several scripts do alike: the same thing, or one of those that another asks for in a loop."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from steersman.automation.audit.facts import Script, Shared

Member = tuple[Script, Shared]


def alike(members: Iterable[Member]) -> list[list[Member]]:
    """Part members into those that ask for the same, each group in the order given.

    Two that ask for what varies are alike by what is fixed, unless both are known to ask for nothing the other does.
    """
    found = list(members)
    above = list(range(len(found)))

    def top(place: int) -> int:
        while above[place] != place:
            above[place] = above[above[place]]
            place = above[place]
        return place

    by_key: dict[str, list[int]] = defaultdict(list)
    for place, (_, shared) in enumerate(found):
        for key in shared.keys or (shared.key,):
            by_key[key].append(place)
    templates: dict[str, list[int]] = defaultdict(list)
    for place, (_, shared) in enumerate(found):
        templates[shared.key].append(place)
    for places in by_key.values():
        for place in places[1:]:
            above[top(place)] = top(places[0])
    for places in templates.values():
        open_ = [place for place in places if not found[place][1].keys]
        for place in places if open_ else ():
            above[top(place)] = top(open_[0])
    groups: dict[int, list[Member]] = defaultdict(list)
    for place, member in enumerate(found):
        groups[top(place)].append(member)
    return list(groups.values())


def plainest(members: Iterable[Member]) -> Shared:
    """Return the one that stands for all: asked for by most, then the one whose script says most about it."""
    shared = [s for _, s in members]
    return max(
        shared,
        key=lambda s: (
            sum(other.key == s.key for other in shared),
            not s.keys,
            bool(s.client_id),
            bool(s.secret_variable),
            bool(s.overridden),
        ),
    )
