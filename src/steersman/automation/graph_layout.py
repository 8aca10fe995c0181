"""Where each automation stands in the picture: what it comes after to its left, groups that share nothing apart.

Layers by the longest way, a place kept free where an edge passes a layer, and neighbours ordered by where their own
neighbours stand.

Source: K. Sugiyama, S. Tagawa, M. Toda, Methods for visual understanding of hierarchical system structures, IEEE
Transactions on Systems, Man, and Cybernetics 11 (1981), 109-125; the barycentre method.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from steersman.automation.model.manifest import Manifest, started_by

_SWEEPS: Final = 6
Slot = str | tuple[str, str, int]
"""An automation, or the place that the edge (what comes before, what after) takes in a layer."""


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """Places as column and height, heights in rows; `ways` lists where each edge passes, its ends left out."""

    places: dict[str, tuple[int, float]]
    ways: dict[tuple[str, str], list[tuple[int, float]]]
    rows: float


def layout(manifest: Manifest, *, across: int) -> Layout:
    """Place every automation; those connected to nothing stand below, `across` in a row."""
    places: dict[str, tuple[int, float]] = {}
    ways: dict[tuple[str, str], list[tuple[int, float]]] = {}
    top = 0.0
    alone, depth = [], depths(manifest)
    for group in groups(manifest):
        if len(group) == 1:
            alone += group
            continue
        heights = _heights(depth, manifest, group)
        for slot, y in heights.items():
            if isinstance(slot, str):
                places[slot] = (depth[slot], top + y)
            else:
                ways.setdefault(slot[:2], []).append((slot[2], top + y))
        top += max(heights.values()) + 1
    for number, name in enumerate(alone):
        places[name] = (number % across, top + number // across)
    rows = top + -(-len(alone) // across)
    return Layout(places=places, ways={edge: sorted(way) for edge, way in ways.items()}, rows=rows)


def sources(manifest: Manifest, name: str) -> tuple[str, ...]:
    """Return what an automation is drawn behind: what it needs, then those whose events start it."""
    automation = manifest[name]
    events = (other for other in started_by(automation) if other in manifest and other != name)
    return tuple(dict.fromkeys((*automation.needs, *events)))


def depths(manifest: Manifest) -> dict[str, int]:
    """Return the column of each: 0 is behind nothing, n is behind something of column n-1."""
    found: dict[str, int] = {}
    left = list(reversed(manifest.order))
    while left:
        name = left[-1]
        before = sources(manifest, name)
        missing = [other for other in before if other not in found]
        if missing and name not in found:
            left += missing
            continue
        left.pop()
        found.setdefault(name, 1 + max((found[other] for other in before), default=-1))
    return found


def groups(manifest: Manifest) -> list[list[str]]:
    """Return those that are connected over any number of sources, each group in order."""
    of: dict[str, list[str]] = {name: [name] for name in manifest.order}
    for name in manifest.order:
        for before in sources(manifest, name):
            mine, other = of[name], of[before]
            if mine is not other:
                mine += other
                of.update(dict.fromkeys(other, mine))
    place = {name: number for number, name in enumerate(manifest.order)}
    found = {id(group): sorted(group, key=place.__getitem__) for group in of.values()}
    return sorted(found.values(), key=lambda group: place[group[0]])


def _heights(depth: Mapping[str, int], manifest: Manifest, group: list[str]) -> dict[Slot, float]:
    layers, before = _layers(depth, manifest, group)
    after: dict[Slot, list[Slot]] = {}
    for slot, sources in before.items():
        for source in sources:
            after.setdefault(source, []).append(slot)
    for sweep in range(_SWEEPS):
        forth = sweep % 2 == 0
        for layer in layers if forth else reversed(layers):
            rank = {slot: at for one in layers for at, slot in enumerate(one)}
            _sort(layer, rank, before if forth else after)
    return _spread(layers, before, after)


def _layers(
    depth: Mapping[str, int], manifest: Manifest, group: list[str]
) -> tuple[list[list[Slot]], dict[Slot, list[Slot]]]:
    """Return the layers, places for passing edges among them, and from where each slot is reached."""
    layers: list[list[Slot]] = [[] for _ in range(max(depth[name] for name in group) + 1)]
    before: dict[Slot, list[Slot]] = {}
    for name in group:
        layers[depth[name]].append(name)
        for need in sources(manifest, name):
            source: Slot = need
            for column in range(depth[need] + 1, depth[name]):
                passing: Slot = (need, name, column)
                layers[column].append(passing)
                before[passing] = [source]
                source = passing
            before.setdefault(name, []).append(source)
    return layers, before


def _sort(layer: list[Slot], rank: dict[Slot, int], neighbours: dict[Slot, list[Slot]]) -> None:
    own = {slot: float(at) for at, slot in enumerate(layer)}
    layer.sort(key=lambda slot: (_mean(rank[n] for n in neighbours.get(slot, ())) or own[slot], own[slot]))


def _spread(
    layers: list[list[Slot]], before: dict[Slot, list[Slot]], after: dict[Slot, list[Slot]]
) -> dict[Slot, float]:
    """Give each slot a height near its neighbours', a row apart within a layer; a passing edge takes half a row."""
    heights: dict[Slot, float] = {}
    for layer in layers:
        _settle(layer, heights, before)
    around = {slot: [*before.get(slot, ()), *after.get(slot, ())] for layer in layers for slot in layer}
    for _ in range(_SWEEPS):
        for layer in layers:
            _draw_near(layer, heights, around)
    low = min(heights.values())
    return {slot: y - low for slot, y in heights.items()}


def _settle(layer: list[Slot], heights: dict[Slot, float], before: dict[Slot, list[Slot]]) -> None:
    floor = 0.0
    for at, slot in enumerate(layer):
        wanted = _mean(heights[n] for n in before.get(slot, ()))
        heights[slot] = max(floor, float(at) if wanted is None else wanted)
        floor = heights[slot] + (_apart(slot, layer[at + 1]) if at + 1 < len(layer) else 0.0)


def _draw_near(layer: list[Slot], heights: dict[Slot, float], around: dict[Slot, list[Slot]]) -> None:
    """Move each towards its neighbours, as far as those above and below it leave room; the order stays."""
    for at in reversed(range(len(layer))):
        slot = layer[at]
        wanted = _mean(heights[n] for n in around[slot])
        room = heights[layer[at + 1]] - _apart(slot, layer[at + 1]) if at + 1 < len(layer) else float("inf")
        if wanted is not None and wanted > heights[slot]:
            heights[slot] = max(heights[slot], min(wanted, room))
    for at, slot in enumerate(layer):
        wanted = _mean(heights[n] for n in around[slot])
        room = heights[layer[at - 1]] + _apart(layer[at - 1], slot) if at else float("-inf")
        if wanted is not None and wanted < heights[slot]:
            heights[slot] = min(heights[slot], max(wanted, room))


def _apart(above: Slot, below: Slot) -> float:
    """Return the least distance in rows: an edge that passes takes less than a row."""
    return 1.0 if isinstance(above, str) and isinstance(below, str) else 0.75


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return sum(found) / len(found) if found else None
