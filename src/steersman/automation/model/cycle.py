"""A cycle: what one trigger starts together. Pure, so that every engine and every process names its runs alike."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from steersman.automation.model.manifest import Manifest
from steersman.automation.model.outcome import Cause, RunRequest, run_id


def requests(
    manifest: Manifest,
    names: Sequence[str],
    roots: Collection[str],
    *,
    cycle: str,
    cause: Cause,
    at: int,
    params: dict[str, str] | None = None,
    anyway: bool = False,
) -> list[RunRequest]:
    """Return one request per name of a cycle, in the order given.

    The id of a run depends on name, instant and cycle only, so one start is one run, whoever asks for it again: another
    thread, a resumed engine, or `steersman auto exec` in a worker of another orchestrator.

    Args:
        names: members of the cycle, each after those of its needs that are among them (`plan_cycle`).
        roots: those that were triggered themselves; the others are there because of them.
        cycle: what names the cycle, e.g. `schedule/1764498600000000000`.
        at: ns since 1970 UTC of the start that was due, or of the asking.
        params, anyway: for the roots; what they need runs as declared.
    """
    ids = {name: run_id(name, at, cycle) for name in names}
    return [
        RunRequest(
            run_id=ids[name],
            automation=name,
            cycle=cycle,
            cause=cause if name in roots else "needs",
            scheduled_at=at if cause == "schedule" and name in roots else None,
            needs={need: ids[need] for need in manifest[name].needs if need in ids},
            params=(params or {}) if name in roots else {},
            anyway=anyway,
        )
        for name in names
    ]


def scheduled_cycle(at: int) -> str:
    """Return what the cycle is called that a schedule starts at `at` (ns)."""
    return f"schedule/{at}"


def due_at(request: RunRequest) -> int | None:
    """Return when the clock started the cycle of `request` (ns), None for a cycle that a person or an event started."""
    kind, _, at = request.cycle.partition("/")
    return int(at) if kind == "schedule" and at.isdecimal() else request.scheduled_at
