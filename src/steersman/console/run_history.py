"""What the timeline shows: runs, starts that did not happen, what waits now and what comes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

import msgspec

from steersman.automation import Manifest, history
from steersman.automation.control.forecast import forecast
from steersman.automation.events import RUN_OVERDUE, RunOverdue
from steersman.automation.model.pause import Held
from steersman.automation.model.upcoming import first_start
from steersman.automation.overdue import overdue, words
from steersman.bootstrap.desk import Desk
from steersman.bootstrap.engines import manifest_of
from steersman.bootstrap.operating import held, register
from steersman.console import lanes
from steersman.console.lanes import Lanes, Mark, Wait

_COMING: Final = 120


def timeline(desk: Desk, span: str, *, only: str = "") -> Lanes:
    """Draw the last `span` (a name of `lanes.SPANS`, else a day); the read models are as the last refresh left them.

    Args:
        only: an automation, to draw its lane alone.
    """
    manifest = manifest_of(desk.workspace)
    frame = lanes.frame(span if span in lanes.SPANS else "24h", desk.clock.now_ns(), desk.workspace.desk.tz)
    paused = held(desk, manifest)
    return lanes.lanes(
        frame,
        (only,) if only else manifest.order,
        history.stretches(desk.db, since=frame.since, until=frame.until, slot_ns=frame.slot_ns),
        history.dropped(desk.db, since=frame.since, slot_ns=frame.slot_ns),
        coming=_coming(manifest, paused, frame.now, frame.until),
        waiting=_waiting(desk),
        overdue=_overdue(desk, manifest, frame.since),
        late=frozenset(overdue(manifest, desk.ledger)),
        paused={name: str(pause) for name, pause in paused.items()},
    )


def _coming(manifest: Manifest, paused: Mapping[str, Held], now: int, until: int) -> dict[str, list[int]]:
    """Return the next start of each that is not held back then, and the further ones of those that start seldom."""
    found: dict[str, list[int]] = defaultdict(list)
    for automation in manifest:
        held_until = paused[automation.name].pause.until if automation.name in paused else now
        if held_until is not None and (first := first_start(manifest, automation, held_until)) is not None:
            found[automation.name].append(first)
    for start in forecast(manifest, paused, now, _COMING):
        if start.at > until:
            break
        if not start.why and start.at not in found[start.automation]:
            found[start.automation].append(start.at)
    return {name: sorted(times) for name, times in found.items()}


def _waiting(desk: Desk) -> dict[str, list[Wait]]:
    """Return the runs that somebody has in hand and that have not started, by automation."""
    found: dict[str, list[Wait]] = defaultdict(list)
    for run in register(desk).living():
        if run.waits:
            found[run.automation].append(Wait(since=run.since, why=f"{run.run_id} waits for {run.waits}"))
    return found


def _overdue(desk: Desk, manifest: Manifest, since: int) -> dict[str, list[Mark]]:
    """Return what became overdue within the frame, also what succeeded later."""
    found: dict[str, list[Mark]] = {}
    for automation in manifest:
        if automation.deadline_s is None:
            continue
        told = desk.ledger.read(stream=f"overdue/{automation.name}", types=(RUN_OVERDUE,))
        late = [msgspec.json.decode(event.data, type=RunOverdue) for event in told]
        marks = [
            Mark(kind="overdue", at=one.deadline_at, what=words(one, desk.workspace.desk.tz))
            for one in late
            if one.deadline_at >= since
        ]
        if marks:
            found[automation.name] = marks
    return found
