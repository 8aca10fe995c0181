"""A cycle: what one trigger starts together. Pure, so that every engine and every process names its runs alike."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

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
            stands_for=at,
        )
        for name in names
    ]


def scheduled_cycle(at: int) -> str:
    """Return what the cycle is called that a schedule starts at `at` (ns)."""
    return f"schedule/{at}"


def event_key(event_id: UUID, count: int = 1) -> str:
    """Return the key (of `Engine.begin`) of a cycle that an event starts, `count` of them with it as the last.

    So whoever carries out a run knows its event, on whatever way it was asked for: the name of a cycle goes everywhere.
    """
    return f"{event_id}+{count - 1}" if count > 1 else str(event_id)


def event_of(cycle: str) -> UUID | None:
    """Return the event that started a cycle, None for a cycle that none did."""
    key, has_instant, _ = cycle.partition("/")
    try:
        return UUID(key.partition("+")[0]) if has_instant else None
    except ValueError:
        return None


def events_of(cycle: str) -> int:
    """Return how many events a cycle stands for that `event_of` names the last of."""
    more = cycle.partition("/")[0].partition("+")[2]
    return 1 + int(more) if more.isdecimal() else 1


def due_at(request: RunRequest) -> int | None:
    """Return when the clock started the cycle of `request` (ns), None for a cycle that a person or an event started."""
    kind, _, at = request.cycle.partition("/")
    return int(at) if kind == "schedule" and at.isdecimal() else request.scheduled_at


def began_at(request: RunRequest) -> int | None:
    """Return when (ns) the cycle of `request` should have begun: when it was due, or its event was recorded.

    None for a cycle that a person asked for: nobody was waited for.
    """
    at = request.cycle.partition("/")[2]
    return int(at) if event_of(request.cycle) is not None and at.isdecimal() else due_at(request)
