"""What comes next: starts by the clock, those that will not happen among them, and why."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import islice

import msgspec

from steersman.automation.model.manifest import Automation, Manifest
from steersman.automation.model.schedule import jitter_ns, starts
from steersman.automation.model.times import closed_reason, opens_again

_GIVE_UP_AFTER = 20_000
"""Starts in a row that will not happen, after which an automation is not looked at any further."""


class Coming(msgspec.Struct, frozen=True, order=True):
    """A start to come at `at`, or `count` starts in a row until `last` that will not happen, because of `why`.

    Attributes:
        at, last: ns since 1970 UTC.
        why: empty for a start that will happen.
        note: what is particular about it: it waits for its window, or for a person.
    """

    at: int
    automation: str
    last: int
    count: int = 1
    why: str = ""
    note: str = ""


def upcoming(manifest: Manifest, after_ns: int, limit: int) -> list[Coming]:
    """Return the next `limit` starts of all automations that will happen, soonest first, and those that will not."""
    merged = heapq.merge(*(_each(manifest, a, after_ns) for a in manifest if a.schedule and a.enabled))
    found: list[Coming] = []
    happen = 0
    for coming in merged:
        if happen == limit:
            break
        found.append(coming)
        happen += not coming.why
    return found


def _each(manifest: Manifest, automation: Automation, after_ns: int) -> Iterator[Coming]:
    pending: Coming | None = None
    dropped = 0
    for at in starts(automation.schedule or "", automation.tz, after_ns):
        why = closed_reason(manifest, automation, at)
        if why and automation.outside == "skip":
            dropped += 1
            if dropped > _GIVE_UP_AFTER:
                break
            if pending is not None and pending.why == why:
                pending = msgspec.structs.replace(pending, last=at, count=pending.count + 1)
                continue
            if pending is not None:
                yield pending
            pending = Coming(at, automation.name, at, why=why)
            continue
        dropped = 0
        if pending is not None:
            yield pending
            pending = None
        yield _happens(manifest, automation, at, why)
    if pending is not None:
        yield pending


def _happens(manifest: Manifest, automation: Automation, at: int, why: str) -> Coming:
    notes = [f"when {automation.name} is approved"] if automation.approve else []
    if automation.jitter_s:
        notes.append(f"begins {jitter_ns(automation) / 1e9:.0f} s later (jitter)")
    opens = opens_again(manifest, automation, at) if why else at
    if why:
        notes.insert(0, f"due before, {why}")
    if opens is None:
        return Coming(at, automation.name, at, why=why)
    return Coming(opens, automation.name, opens, note="; ".join(notes))


def first_start(manifest: Manifest, automation: Automation, after_ns: int) -> int | None:
    """Return the first start after `after_ns` (ns) that will happen, None if a clock starts it at no time soon."""
    if automation.schedule is None or not automation.enabled:
        return None
    return next((c.at for c in islice(_each(manifest, automation, after_ns), 50) if not c.why), None)
