"""Who needs whom: proposed where one script reads what another writes and the times fit; never in a circle."""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from steersman.automation.adopt.touched import Touch

_FAR_NS: Final = 12 * 3600 * 10**9
_EVENING_OUT_NS: Final = 2 * 3600 * 10**9


class Timed(msgspec.Struct, frozen=True, kw_only=True):
    """An automation to be: its own start, and what it touches.

    Attributes:
        start: schedule and zone as one text, to tell equal ones; empty: starts by hand or by an event.
        at: its next starts, ns since 1970 UTC, rising; long enough to see the pattern.
    """

    name: str
    start: str = ""
    at: tuple[int, ...] = ()
    touches: tuple[Touch, ...] = ()


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """`consumer` reads what `producer` writes.

    Attributes:
        evidence: e.g. `writes data/prices.csv at pull.py:12, read at report.py:7`.
        follows: the consumer gives its schedule up and starts once the producer has succeeded.
        why_not: why it is shown but not proposed; empty when it is proposed.
    """

    consumer: str
    producer: str
    evidence: str
    path: str
    follows: bool = False
    why_not: str = ""


def find_edges(automations: Sequence[Timed], *, shorten: Mapping[str, str] | None = None) -> list[Edge]:
    """Return who needs whom among `automations`, proposed or not, consumers in the order they start.

    A need is met in the cycle of the same start. So a consumer of the same instant gets `needs` beside its schedule;
    one that starts later, as often as its producer, gives its schedule up and follows; anything else would run the
    producer once more for it, and is only said.

    Args:
        shorten: folders to leave out of paths in the evidence: folder -> what to write for it.
    """
    order = sorted(automations, key=lambda a: (a.at[:1] or (1 << 63,), automations.index(a)))
    roots = {a.name: a for a in automations}
    needs: dict[str, set[str]] = {a.name: set() for a in automations}
    edges: list[Edge] = []
    for consumer in order:
        chosen: list[Edge] = []
        for producer in sorted(automations, key=lambda p: (-_last_before(p, consumer), automations.index(p))):
            found = _handed_on(producer, consumer)
            if producer.name == consumer.name or found is None:
                continue
            written, read = found
            edge = Edge(
                consumer=consumer.name,
                producer=producer.name,
                evidence=f"writes {_short(read.path, shorten or {})} at {written.where}, read at {read.where}",
                path=read.path,
            )
            edge = _judged(edge, roots[producer.name], consumer, chosen, roots)
            if not edge.why_not and _reaches(needs, producer.name, consumer.name):
                edge = msgspec.structs.replace(edge, why_not="it would close a circle", follows=False)
            if not edge.why_not:
                chosen.append(edge)
                needs[consumer.name].add(producer.name)
            elif any(e.path == edge.path for e in chosen):
                # Another one brings the same file: that is said already.
                continue
            edges.append(edge)
        if any(edge.follows for edge in chosen):
            # From now on it starts when its producer does: whoever follows it follows the same start.
            roots[consumer.name] = roots[chosen[0].producer]
    return edges


def _judged(edge: Edge, producer: Timed, consumer: Timed, chosen: Sequence[Edge], roots: Mapping[str, Timed]) -> Edge:
    """Return `edge` with what becomes of it; `producer` is who decides when its producer starts."""
    why_not, follows = "", False
    if producer.start == consumer.start:
        if any(e.follows for e in chosen):
            why_not = "it already follows one that starts at another time"
    elif not producer.at or not consumer.at:
        why_not = "one of the two has no times to compare"
    elif any(roots[e.producer].start != producer.start for e in chosen):
        why_not = "it already needs one that starts at another time; give both one schedule to need both"
    else:
        why_not = _mismatch(producer.at, consumer.at)
        follows = not why_not
    return msgspec.structs.replace(edge, why_not=why_not, follows=follows)


def _mismatch(producer: Sequence[int], consumer: Sequence[int]) -> str:
    """Say why the consumer's starts do not follow the producer's one by one; empty if they do.

    Both are looked at over the time that both lists cover. Starts are matched to the last start of the producer before
    them; the days of a changed clock may move one of the two by an hour or two.
    """
    if not producer or not consumer:
        return "one of the two never starts"
    end = min(producer[-1], consumer[-1]) - _FAR_NS
    first = producer[0]
    used: list[int] = []
    for at in consumer:
        if at < first or at > end:
            continue
        place = bisect.bisect_right(producer, at) - 1
        if at - producer[place] > _FAR_NS:
            return "it starts more than 12 hours after"
        used.append(place)
    expected = sum(1 for at in producer if at <= end - _EVENING_OUT_NS)
    if len(used) != len(set(used)):
        return "it starts more often: needs would run the other each time"
    if abs(len(used) - expected) > 1:
        return "it starts less often: without its schedule it would run each time"
    return "" if used else "their starts are too far apart to compare"


def _last_before(producer: Timed, consumer: Timed) -> int:
    """Return the last start of the producer at or before the consumer's first one in its range."""
    if not producer.at or not consumer.at:
        return 0
    anchor = next((at for at in consumer.at if at >= producer.at[0]), producer.at[0])
    return producer.at[max(0, bisect.bisect_right(producer.at, anchor) - 1)]


def _handed_on(producer: Timed, consumer: Timed) -> tuple[Touch, Touch] | None:
    """Return where `producer` writes and `consumer` reads the same file, None if they share none that way."""
    written = {t.path: t for t in reversed(producer.touches) if t.direction == "writes"}
    own = {t.path for t in consumer.touches if t.direction == "writes"}
    for touch in consumer.touches:
        # A file both write is shared state, not a product handed on.
        if touch.direction == "reads" and touch.path in written and touch.path not in own:
            return written[touch.path], touch
    return None


def _short(path: str, shorten: Mapping[str, str]) -> str:
    for folder, name in shorten.items():
        if path.startswith(folder.rstrip("/") + "/"):
            return f"{name}{path[len(folder.rstrip('/')) + 1 :]}"
    return path


def _reaches(needs: Mapping[str, set[str]], start: str, goal: str) -> bool:
    """Say whether `start` needs `goal`, directly or through others."""
    waiting, seen = [start], set[str]()
    while waiting:
        here = waiting.pop()
        if here == goal:
            return True
        if here not in seen:
            seen.add(here)
            waiting += needs[here]
    return False
