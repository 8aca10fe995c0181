"""One run in this process, for orchestrators that start `steersman auto exec` and keep the rest to themselves."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from steersman.automation.asking import check_names
from steersman.automation.conductor import Conductor, Interrupted, Limits
from steersman.automation.model.cycle import requests
from steersman.automation.model.manifest import Manifest
from steersman.automation.model.outcome import Cause, Progress, RunOutcome
from steersman.automation.runner.process import GRACE_S
from steersman.kernel.clock import Clock
from steersman.kernel.errors import Misconfigured
from steersman.ledger import Ledger

SKIPPED_EXIT = 99
"""What `auto exec` ends with when the run was skipped: Airflow's BashOperator takes 99 as "skipped" by default."""


LATEST_NS = (1 << 63) - 1


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """Which run: a member of the cycle that `roots` started at `at` (ns); see `model.cycle.requests`."""

    name: str
    members: tuple[str, ...]
    roots: tuple[str, ...]
    cycle: str
    cause: Cause
    at: int
    params: dict[str, str] = {}
    anyway: bool = False


class Executor:
    """Carries out one assignment; `stop()` from a signal handler ends what runs."""

    def __init__(self, *, root: Path, ledger: Ledger, clock: Clock, actor: str, grace_s: float = GRACE_S) -> None:
        self._conductor = Conductor(
            root=root,
            state=root / ".steersman",
            ledger=ledger,
            clock=clock,
            actor=actor,
            limits=Limits(resumes=False, processes=1, grace_s=grace_s),
        )

    def run(
        self, manifest: Manifest, assignment: Assignment, on_progress: Callable[[Progress], None] = lambda _: None
    ) -> RunOutcome:
        """Carry it out and return how it ended; what it needs must have ended, or is waited for briefly.

        A run that has ended before (the orchestrator asks again) is returned as it was. What killed processes left
        running is ended and recorded first.

        Raises:
            Misconfigured: a name is not declared, or the cycle is none.
        """
        check_names(manifest, [*assignment.members, assignment.name])
        _check(assignment)
        self._conductor.manifest = manifest
        self._conductor.reconcile()
        request = next(
            r
            for r in requests(
                manifest,
                assignment.members,
                assignment.roots,
                cycle=assignment.cycle,
                cause=assignment.cause,
                at=assignment.at,
                params=assignment.params,
                anyway=assignment.anyway,
            )
            if r.automation == assignment.name
        )
        try:
            return self._conductor.execute(request, on_progress)
        except Interrupted:
            return self._conductor.skip(request, "it was cancelled while it waited")

    def stop(self) -> None:
        """End what runs; the run is recorded as cancelled."""
        self._conductor.stop()

    def close(self) -> None:
        """Let go."""
        self._conductor.release()


def _check(assignment: Assignment) -> None:
    """Refuse what no cycle can be.

    An event with an instant that no database can hold could never be taken back.
    """
    if not 0 <= assignment.at <= LATEST_NS:
        raise Misconfigured(
            f"the start is due at {assignment.at} ns since 1970 UTC; allowed: 0 to {LATEST_NS}",
            fix="give nanoseconds, e.g. --at 1764498600000000000",
        )
    for name in (assignment.name, *assignment.roots):
        if name not in assignment.members:
            raise Misconfigured(
                f"{name} is no member of its cycle; members: {', '.join(assignment.members)}",
                fix=f"add {name} to --members",
            )


def exit_code(outcome: RunOutcome) -> int:
    """Return 0 for success, 99 for a run that was skipped, 1 for any other end."""
    if outcome.status == "skipped":
        return SKIPPED_EXIT
    return os.EX_OK if outcome.ok else 1
