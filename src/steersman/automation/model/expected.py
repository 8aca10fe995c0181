"""Which starts are expected to happen, and by when each must have succeeded. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

import msgspec

from steersman.automation.model.manifest import Automation, Manifest, plan_cycle
from steersman.automation.model.schedule import starts
from steersman.automation.model.times import closed_reason, opens_again


class Expected(msgspec.Struct, frozen=True):
    """A start that the clock asks for at `start` (ns), which must have succeeded at `by` (ns)."""

    start: int
    by: int


def expected(manifest: Manifest, automation: Automation, after_ns: int) -> Iterator[Expected]:
    """Yield what is expected of `automation`, by starts strictly after `after_ns`; nothing without a deadline.

    A start outside its window or in a blackout is not expected if it is dropped; if it waits, its deadline counts from
    the opening. What has no schedule is expected in each cycle that brings it in.
    """
    if automation.deadline_s is None or not automation.enabled:
        return
    span = round(automation.deadline_s * 1e9)
    for at in _instants(manifest, automation, after_ns):
        opens: int | None = at
        if closed_reason(manifest, automation, at):
            opens = None if automation.outside == "skip" else opens_again(manifest, automation, at)
        if opens is not None:
            yield Expected(at, opens + span)


def _instants(manifest: Manifest, automation: Automation, after_ns: int) -> Iterator[int]:
    """Yield when the clock asks for it: by its own schedule, else by those of what it follows."""
    if automation.schedule is not None:
        yield from starts(automation.schedule, automation.tz, after_ns)
        return
    roots = [manifest[name] for name in plan_cycle(manifest, [automation.name])]
    merged = heapq.merge(*(_named(root, after_ns) for root in roots if root.schedule is not None and root.enabled))
    for at, together in groupby(merged, key=itemgetter(0)):
        if automation.name in plan_cycle(manifest, [name for _, name in together], dependants=True):
            yield at


def _named(root: Automation, after_ns: int) -> Iterator[tuple[int, str]]:
    return ((at, root.name) for at in starts(root.schedule or "", root.tz, after_ns))
