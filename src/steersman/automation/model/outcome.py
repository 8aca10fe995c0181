"""What was asked for and what came of it."""

from __future__ import annotations

import hashlib
from typing import Final, Literal

import msgspec

from steersman.kernel.clock import utc

Status = Literal["succeeded", "failed", "timed_out", "cancelled", "orphaned", "skipped"]
State = Literal["waiting", "started", "retrying", "finished", "skipped"]
Cause = Literal["schedule", "manual", "needs", "event", "backfill", "rerun"]
_ONE_A_SECOND: Final = ("schedule/", "rerun/")
"""How the cycles are called of which an automation has hardly more than one in a second."""


class RunRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One run that shall happen once, however often it is asked for: `run_id` is its identity.

    Attributes:
        cycle: what started together shares it; a need must have succeeded in the same cycle.
        needs: run ids that must have succeeded first.
        scheduled_at: ns since 1970 UTC of the start that was due; None when nothing was.
        params: values for parameters of the automation; the declared ones stand for what is not named.
        anyway: a person wants it outside its window and on blackout days too.
        stands_for: ns since 1970 UTC of the start that the whole cycle stands for: the one that was due, or when it was
            asked for. None in requests of releases that did not know it.
        repeats: the run that this one repeats; empty if it repeats none.
        lane: runs of one automation in different lanes may overlap, whatever `overlap` says; a backfill asks for that.
    """

    run_id: str
    automation: str
    cycle: str
    cause: Cause
    scheduled_at: int | None = None
    needs: dict[str, str] = {}
    params: dict[str, str] = {}
    anyway: bool = False
    stands_for: int | None = None
    repeats: str = ""
    lane: int = 0


class RunOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended, all attempts taken together.

    Attributes:
        reason: why it did not succeed, in words; empty when it did.
        attempts: processes started; 0 when it was skipped.
        exit_code: of the last attempt, as the shell counts; negative is a signal; None if nothing was started.
        wall_s, cpu_s: of the last attempt; CPU of the process and the descendants it waited for.
        peak_rss_bytes: largest resident size of one process of the last attempt.
        log: of the last attempt, relative to the workspace; empty when skipped.
    """

    run_id: str
    automation: str
    status: Status
    reason: str = ""
    attempts: int = 0
    exit_code: int | None = None
    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_rss_bytes: int = 0
    log: str = ""
    artifacts: tuple[str, ...] = ()
    result: dict[str, object] | None = None

    @property
    def ok(self) -> bool:
        return self.status == "succeeded"


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Something to show while a cycle runs; `outcome` comes with `finished` and `skipped`."""

    run_id: str
    automation: str
    state: State
    attempt: int = 0
    note: str = ""
    outcome: RunOutcome | None = None


def run_id(automation: str, at_ns: int, key: str) -> str:
    """Return a readable id that sorts by time: `prices-20261124T170500Z-1f3a9c`; same arguments, same id.

    Clocks and people start an automation once in a second; events and backfills may do so thousands of times, where six
    digits would soon give two of them one id: the later one would be taken for done.
    """
    digits = 6 if "/" not in key or key.startswith(_ONE_A_SECOND) else 12
    digest = hashlib.sha256(f"{automation}\0{at_ns}\0{key}".encode()).hexdigest()[:digits]
    return f"{automation}-{utc(at_ns):%Y%m%dT%H%M%SZ}-{digest}"
