"""What the timeline shows: runs, starts that did not happen, what waits now and what comes."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from steersman.automation import Manifest, history
from steersman.automation.admission.tokens import Tokens
from steersman.automation.model.upcoming import first_start, upcoming
from steersman.automation.standing import standing
from steersman.bootstrap.desk import Desk
from steersman.bootstrap.engines import manifest_of
from steersman.console import lanes
from steersman.console.lanes import Lanes, Mark, Wait
from steersman.policy.approvals import RUN
from steersman.trading import queries as trading

_COMING: Final = 120
_HOLDS: Final = 200


def timeline(desk: Desk, span: str, *, only: str = "") -> Lanes:
    """Draw the last `span` (a name of `lanes.SPANS`, else a day); the read models are as the last refresh left them.

    Args:
        only: an automation, to draw its lane alone.
    """
    manifest = manifest_of(desk.workspace)
    frame = lanes.frame(span if span in lanes.SPANS else "24h", desk.clock.now_ns(), desk.workspace.desk.tz)
    return lanes.lanes(
        frame,
        (only,) if only else manifest.order,
        history.stretches(desk.db, since=frame.since, until=frame.until, slot_ns=frame.slot_ns),
        history.dropped(desk.db, since=frame.since, slot_ns=frame.slot_ns),
        coming=_coming(manifest, frame.now, frame.until),
        waiting=_waiting(desk, manifest),
        overdue=_overdue(desk),
    )


def _coming(manifest: Manifest, now: int, until: int) -> dict[str, list[int]]:
    """Return the next start of each, and the further ones within the frame of those that start seldom."""
    found: dict[str, list[int]] = defaultdict(list)
    for automation in manifest:
        if (first := first_start(manifest, automation, now)) is not None:
            found[automation.name].append(first)
    for start in upcoming(manifest, now, _COMING):
        if start.at > until:
            break
        if not start.why and start.at not in found[start.automation]:
            found[start.automation].append(start.at)
    return {name: sorted(times) for name, times in found.items()}


def _waiting(desk: Desk, manifest: Manifest) -> dict[str, list[Wait]]:
    """Return what waits for tokens or a person, by automation."""
    found: dict[str, list[Wait]] = defaultdict(list)
    since = {claim.run_id: claim.since for claim in Tokens(desk.workspace.state / "runs").claims()}
    for row in standing(manifest, desk.ledger, desk.workspace.state):
        if row.run_id in since:
            found[row.automation].append(Wait(since=since[row.run_id], why=f"{row.run_id} {row.why}"))
    for hold in trading.holds(desk.db, now_ns=desk.clock.now_ns(), limit=_HOLDS):
        if hold.kind == RUN:
            wait = Wait(since=hold.requested_at, why=f"{hold.subject} waits for a person")
            found[hold.subject.rsplit("-", 2)[0]].append(wait)  # `run_id` ends in a time and a digest
    return found


def _overdue(desk: Desk) -> dict[str, list[Mark]]:
    return {}
