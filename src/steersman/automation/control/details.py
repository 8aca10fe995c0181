"""All that is known of one automation, or of one run, put together for whoever has to decide what to do."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from steersman.automation.control.cycles import Member, find, latest, members, repeated_by
from steersman.automation.control.pauses import Held
from steersman.automation.control.underway import Underway
from steersman.automation.event_file import event_told
from steersman.automation.model.manifest import Automation, Manifest
from steersman.automation.queries import (
    Attempt,
    Run,
    Skip,
    Summary,
    attempts,
    recent_runs,
    recent_skips,
    summary,
)
from steersman.automation.standing import Standing
from steersman.ledger.projections import Database

_RUNS = 10
_SKIPS = 5


class AutomationDetails(msgspec.Struct, frozen=True, kw_only=True):
    """One automation.

    Attributes:
        declared: as it is in force.
        needed_by: who needs it directly.
        in_the_way: why it does not start or get on right now, each with what to do about it.
        under_way: its runs that go on or wait.
        runs, skips: the latest, newest first.
    """

    declared: Automation
    summary: Summary
    needed_by: tuple[str, ...]
    in_the_way: tuple[Standing, ...]
    under_way: tuple[Underway, ...]
    runs: tuple[Run, ...]
    skips: tuple[Skip, ...]


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """A file that a run left, relative to the workspace; `size_bytes` is None once it is cleared away."""

    path: str
    size_bytes: int | None


class RunDetails(msgspec.Struct, frozen=True, kw_only=True):
    """One run, also one that did not happen, or that still waits.

    Attributes:
        run: None while nothing of it is recorded.
        under_way: who has it in hand; None if nobody has.
        needs, led_to: what it needed and what needed it, in its cycle; the latest run of each.
        cycle: every run of the cycle and of those that repeated parts of it, in order.
        repeated_by: runs that repeat it.
        event: which event started it, in words; empty if none did.
    """

    run_id: str
    automation: str
    run: Member | None
    under_way: Underway | None
    attempts: tuple[Attempt, ...]
    artifacts: tuple[Artifact, ...]
    needs: tuple[Member, ...]
    led_to: tuple[Member, ...]
    cycle: tuple[Member, ...]
    repeated_by: tuple[Member, ...]
    event: str = ""


def of_automation(
    db: Database,
    manifest: Manifest,
    name: str,
    *,
    now_ns: int,
    held: Mapping[str, Held],
    still: Sequence[Standing],
    under_way: Sequence[Underway],
) -> AutomationDetails:
    """Return what is known of a declared automation.

    Args:
        still: what stands still on the whole desk.
        under_way: what somebody has in hand on the whole desk.
    """
    paused = held.get(name)
    way = [Standing(automation=name, run_id="", why=str(paused), next=_resume(name, paused))] if paused else []
    way += [row for row in still if row.automation == name]
    return AutomationDetails(
        declared=manifest[name],
        summary=summary(db, manifest, name, now_ns=now_ns, held=paused),
        needed_by=manifest.dependants(name),
        in_the_way=tuple(way),
        under_way=tuple(u for u in under_way if u.automation == name),
        runs=tuple(recent_runs(db, limit=_RUNS, automation=name)),
        skips=tuple(recent_skips(db, limit=_SKIPS, automation=name)),
    )


def of_run(
    db: Database, manifest: Manifest, run_id: str, *, root: Path, under_way: Sequence[Underway]
) -> RunDetails | None:
    """Return what is known of a run; None if there is none of that id."""
    run = find(db, run_id)
    hand = next((u for u in under_way if u.run_id == run_id), None)
    if run is None and hand is None:
        return None
    automation = run.automation if run is not None else hand.automation if hand is not None else ""
    cycle = members(db, run) if run is not None else []
    there = latest(m for m in cycle if m.run_id != run_id)
    tries = attempts(db, run_id)
    needs = manifest[automation].needs if automation in manifest else ()
    return RunDetails(
        run_id=run_id,
        automation=automation,
        run=run,
        under_way=hand,
        attempts=tuple(tries),
        artifacts=tuple(_artifact(root, path) for path in (tries[-1].artifacts if tries else ())),
        needs=tuple(there[n] for n in needs if n in there),
        led_to=tuple(there[n] for n in manifest.dependants(automation) if n in there),
        cycle=tuple(cycle),
        repeated_by=tuple(repeated_by(db, run_id)),
        event=event_told(root / ".steersman" / "runs" / automation / run_id),
    )


def _resume(name: str, held: Held) -> str:
    return f"steersman auto resume {held.needs or ('--all' if held.pause.automation == '*' else name)}"


def _artifact(root: Path, path: str) -> Artifact:
    try:
        # A link is not followed: scripts write where their artifacts lie.
        size = os.lstat(root / path).st_size
    except OSError:
        return Artifact(path=path, size_bytes=None)
    return Artifact(path=path, size_bytes=size)
