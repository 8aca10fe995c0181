"""What is written down of an attempt: its start, its end, the end of an orphan. Pure."""

from __future__ import annotations

from steersman.automation.events import ManifestLoaded, RunFinished, RunStarted
from steersman.automation.model.manifest import Automation, Manifest
from steersman.automation.model.outcome import RunRequest, Status
from steersman.automation.model.result import parse_result
from steersman.automation.runner.group import boot_id
from steersman.automation.runner.inflight import Marker
from steersman.automation.runner.process import ProcessResult


def start_of(
    request: RunRequest, *, number: int, pid: int, command: str, log: str, at: int, jitter_ns: int = 0
) -> RunStarted:
    """Return the record of a process that was started at `at` (ns) as attempt `number`.

    A start that waits `jitter_ns` on purpose is not late for that.
    """
    first = number == 1
    in_time = first and request.cause not in ("backfill", "rerun")
    due = request.scheduled_at + jitter_ns if request.scheduled_at is not None else at
    return RunStarted(
        run_id=request.run_id,
        automation=request.automation,
        cause=request.cause if first else "retry",
        attempt=number,
        pid=pid,
        boot_id=boot_id(),
        scheduled_at=request.scheduled_at,
        lateness_s=(at - due) / 1e9 if request.scheduled_at is not None and in_time else None,
        command=command,
        params=request.params,
        cycle=request.cycle,
        stands_for=request.stands_for,
        repeats=request.repeats,
        log=log,
        at=at,
    )


def loaded_of(manifest: Manifest, before: ManifestLoaded | None, at: int) -> ManifestLoaded:
    """Return the record of a manifest that comes into force at `at` (ns), with what differs from the one before."""
    declared = manifest.declared()
    known = before.declared if before is not None else {}
    old = set(before.automations) if before is not None else set()
    return ManifestLoaded(
        automations=manifest.order,
        digest=manifest.digest(),
        at=at,
        declared=declared,
        added=tuple(name for name in manifest.order if name not in old),
        changed=tuple(name for name, digest in declared.items() if name in known and known[name] != digest),
        removed=tuple(sorted(name for name in old if name not in manifest)),
    )


def end_without_process(
    request: RunRequest, status: Status, *, number: int, error: str, will_retry: bool, log: str, at: int
) -> RunFinished:
    """Return the record of an attempt of which no process is known."""
    return RunFinished(
        run_id=request.run_id,
        automation=request.automation,
        status=status,
        attempt=number,
        exit_code=None,
        wall_s=0.0,
        cpu_s=0.0,
        peak_rss_bytes=0,
        log=log,
        log_bytes=0,
        log_truncated_bytes=0,
        artifacts=(),
        result=None,
        error=error,
        will_retry=will_retry,
        at=at,
        cause=request.cause,
        scheduled_at=request.scheduled_at,
        params=request.params,
        stands_for=request.stands_for,
        repeats=request.repeats,
    )


def end_of(
    automation: Automation,
    request: RunRequest,
    process: ProcessResult,
    *,
    number: int,
    may_retry: bool,
    log: str,
    artifacts: tuple[str, ...],
    at: int,
) -> RunFinished:
    """Say what an ended process means."""
    value, complaint = parse_result(process.tail)
    status, error = _verdict(automation, process)
    return RunFinished(
        run_id=request.run_id,
        automation=request.automation,
        status=status,
        attempt=number,
        exit_code=process.exit_code,
        wall_s=process.wall_s,
        cpu_s=process.cpu_s,
        peak_rss_bytes=process.peak_rss_bytes,
        log=log,
        log_bytes=process.log_bytes,
        log_truncated_bytes=process.log_truncated_bytes,
        artifacts=artifacts,
        result=value,
        error="; ".join(part for part in (error, complaint, process.problem) if part),
        # What filled the disk or forked without end would do so again.
        will_retry=may_retry and status in ("failed", "timed_out") and not process.reason,
        at=at,
    )


def orphaned(marker: Marker, *, at: int) -> RunFinished:
    """Return the end of an attempt whose engine was killed."""
    return RunFinished(
        run_id=marker.run_id,
        automation=marker.automation,
        status="orphaned",
        attempt=marker.attempt,
        exit_code=None,
        wall_s=max(0.0, (at - marker.began_at) / 1e9),
        cpu_s=0.0,
        peak_rss_bytes=0,
        log=marker.log,
        log_bytes=0,
        log_truncated_bytes=0,
        artifacts=(),
        result=None,
        error="the engine was killed while it ran",
        will_retry=marker.may_retry,
        at=at,
    )


def _verdict(automation: Automation, result: ProcessResult) -> tuple[Status, str]:
    """Return the status of an ended process and, unless it succeeded, why in words."""
    if result.ending == "timed_out":
        return "timed_out", f"ended after its timeout of {automation.timeout_s:g} s"
    if result.ending == "cancelled":
        return "cancelled", "cancelled"
    if result.reason:
        return "failed", result.reason
    if result.exit_code == 0:
        return "succeeded", ""
    if result.exit_code < 0:
        return "failed", f"ended by signal {-result.exit_code}"
    return "failed", f"ended with exit code {result.exit_code}"
