"""What comes next while something is held back: those starts among the others, with the reason."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping

import msgspec

from steersman.automation.control.pauses import Held
from steersman.automation.model.manifest import Manifest
from steersman.automation.model.upcoming import Coming, first_start, upcoming


def forecast(manifest: Manifest, held: Mapping[str, Held], after_ns: int, limit: int) -> list[Coming]:
    """Return the next `limit` starts that will happen, soonest first, and those that will not, as `upcoming` does.

    What is held back has one line for its next start; what it starts once its pause has ended by itself follows.
    """
    found = [upcoming(_only(manifest, [n for n in manifest.order if n not in held]), after_ns, limit)]
    for name, why in held.items():
        until = why.pause.until
        first = first_start(manifest, manifest[name], after_ns)
        if first is not None and (until is None or first < until):
            found.append([Coming(first, name, first, why=why.brief)])
        if until is not None:
            found.append(upcoming(_only(manifest, [name]), until, limit))
    return _cut(list(heapq.merge(*found)), limit)


def _only(manifest: Manifest, names: Collection[str]) -> Manifest:
    """Return the manifest with only `names` enabled."""
    return Manifest(
        [a if a.name in names else msgspec.structs.replace(a, enabled=False) for a in manifest],
        resources=manifest.resources,
        calendars=manifest.calendars,
    )


def _cut(coming: list[Coming], limit: int) -> list[Coming]:
    found: list[Coming] = []
    happen = 0
    for one in coming:
        if happen == limit:
            break
        found.append(one)
        happen += not one.why
    return found
