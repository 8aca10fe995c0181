"""What automation says into the ledger. Streams: `run/<run_id>`, `automation/<name>`, `automation/engine`."""

from __future__ import annotations

import msgspec

RUN_STARTED = "automation.run.started"
RUN_FINISHED = "automation.run.finished"
RUN_SKIPPED = "automation.run.skipped"
RUN_OVERDUE = "automation.run.overdue"
RUN_RECOVERED = "automation.run.recovered"
MANIFEST_LOADED = "automation.manifest.loaded"
ENGINE_UNAVAILABLE = "automation.engine.unavailable"
ENGINE_READY = "automation.engine.ready"


class RunStarted(msgspec.Struct, frozen=True, kw_only=True):
    """A process was started. `cause` is schedule, manual, needs or retry; `lateness_s` against `scheduled_at`."""

    run_id: str
    automation: str
    cause: str
    attempt: int
    pid: int
    boot_id: str
    scheduled_at: int | None
    lateness_s: float | None
    command: str
    log: str
    at: int
    params: dict[str, str] = {}


class RunFinished(msgspec.Struct, frozen=True, kw_only=True):
    """A run ended. `status` is succeeded, failed, timed_out, cancelled or orphaned.

    Attributes:
        exit_code: as the shell counts it; negative is the signal that ended it; None if it never started.
        result: what the last `::result {json}` line carried.
        log_truncated_bytes: output beyond the cap that was counted but not kept.
        will_retry: another attempt follows.
    """

    run_id: str
    automation: str
    status: str
    attempt: int
    exit_code: int | None
    wall_s: float
    cpu_s: float
    peak_rss_bytes: int
    log: str
    log_bytes: int
    log_truncated_bytes: int
    artifacts: tuple[str, ...]
    result: dict[str, object] | None
    error: str
    will_retry: bool
    at: int


class RunSkipped(msgspec.Struct, frozen=True, kw_only=True):
    """A start that did not happen, and why: overlap, a need that failed, its window, a blackout, nobody there.

    `starts` is how many of them one event speaks of; `run_id` is empty where none was given.
    """

    automation: str
    reason: str
    scheduled_at: int | None
    at: int
    run_id: str = ""
    starts: int = 1


class RunOverdue(msgspec.Struct, frozen=True, kw_only=True):
    """Starts of an automation that should have succeeded by now and have not; each start is told once.

    Stream `overdue/<name>`: the automation is overdue now if this is its last event.

    Attributes:
        scheduled_at, deadline_at: of the latest of them; `first_at` is when the first was due.
        starts: how many this one event speaks of: more than one after a time in which nobody looked.
        late_s: how far the first one's deadline lies back.
        reason: what is known of the run `run_id`.
    """

    automation: str
    scheduled_at: int
    first_at: int
    starts: int
    deadline_s: float
    deadline_at: int
    late_s: float
    reason: str
    run_id: str
    at: int


class RunRecovered(msgspec.Struct, frozen=True, kw_only=True):
    """What was overdue since `scheduled_at` is not any more: it succeeded, `late_s` after its deadline, or `reason`."""

    automation: str
    scheduled_at: int
    late_s: float
    reason: str
    at: int


class ManifestLoaded(msgspec.Struct, frozen=True, kw_only=True):
    """The manifest in force: names and a digest of the declarations."""

    automations: tuple[str, ...]
    digest: str
    at: int


class EngineSaid(msgspec.Struct, frozen=True, kw_only=True):
    """The engine cannot be had (`problem` says why; nothing is started by it meanwhile), or is back, by the type."""

    engine: str
    problem: str
    at: int
