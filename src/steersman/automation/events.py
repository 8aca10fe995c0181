"""What automation says into the ledger.

Streams: `run/<run_id>`, `automation/<name>`, `automation/engine`, `automation/pauses`.
"""

from __future__ import annotations

import msgspec

RUN_STARTED = "automation.run.started"
RUN_FINISHED = "automation.run.finished"
RUN_SKIPPED = "automation.run.skipped"
RUN_OVERDUE = "automation.run.overdue"
RUN_RECOVERED = "automation.run.recovered"
RUN_CANCEL_REQUESTED = "automation.run.cancel_requested"
PAUSED = "automation.paused"
RESUMED = "automation.resumed"
MANIFEST_LOADED = "automation.manifest.loaded"
ENGINE_UNAVAILABLE = "automation.engine.unavailable"
ENGINE_READY = "automation.engine.ready"


class RunStarted(msgspec.Struct, frozen=True, kw_only=True):
    """A process was started.

    Attributes:
        cause: what `RunRequest.cause` says, or `retry` for a further attempt.
        lateness_s: against `scheduled_at`; None for what is made up for or repeated: nobody waited for it.
        cycle, stands_for: of the request (`RunRequest`).
        repeats: the run that this one repeats; empty if it repeats none.
    """

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
    cycle: str = ""
    stands_for: int | None = None
    repeats: str = ""


class RunFinished(msgspec.Struct, frozen=True, kw_only=True):
    """A run ended. `status` is succeeded, failed, timed_out, cancelled or orphaned.

    Attributes:
        exit_code: as the shell counts it; negative is the signal that ended it; None if it never started.
        result: what the last `::result {json}` line carried.
        log_truncated_bytes: output beyond the cap that was counted but not kept.
        will_retry: another attempt follows.
        cause, scheduled_at, params, stands_for, repeats: of the request, where no start was recorded that says them.
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
    cause: str = ""
    scheduled_at: int | None = None
    params: dict[str, str] = {}
    stands_for: int | None = None
    repeats: str = ""


class RunSkipped(msgspec.Struct, frozen=True, kw_only=True):
    """A start that did not happen, and why: overlap, a need that failed, its window, a blackout, nobody there.

    `starts` is how many of them one event speaks of; `run_id` is empty where none was given. `cause`, `params`,
    `cycle`, `stands_for` and `repeats` are those of the request, empty where there was none.
    """

    automation: str
    reason: str
    scheduled_at: int | None
    at: int
    run_id: str = ""
    starts: int = 1
    cause: str = ""
    params: dict[str, str] = {}
    cycle: str = ""
    stands_for: int | None = None
    repeats: str = ""


class CancelRequested(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody (the actor) asked a run to end; how it ended is said by the run."""

    run_id: str
    automation: str
    reason: str
    at: int


class Paused(msgspec.Struct, frozen=True, kw_only=True):
    """An automation (`*`: all of them, also those declared later) is held back until it is resumed, or until `until`.

    `until` in ns since 1970 UTC, None: without an end of its own.
    """

    automation: str
    until: int | None
    reason: str
    at: int


class Resumed(msgspec.Struct, frozen=True, kw_only=True):
    """An automation (`*`: all of them) may start again."""

    automation: str
    reason: str
    at: int


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
    """The manifest in force: names and a digest of the declarations.

    Attributes:
        declared: a short digest of each declaration, by which the next such event tells what changed.
        added, changed, removed: against the one before; `[resources]` and `[calendar]` may be among `changed`.
    """

    automations: tuple[str, ...]
    digest: str
    at: int
    declared: dict[str, str] = {}
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class EngineSaid(msgspec.Struct, frozen=True, kw_only=True):
    """The engine cannot be had (`problem` says why; nothing is started by it meanwhile), or is back, by the type."""

    engine: str
    problem: str
    at: int
