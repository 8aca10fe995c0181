"""The automations: what needs what, how they went, what comes next and what does not; and one run with its log."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec

from steersman.automation import Manifest, graph
from steersman.automation import queries as runs
from steersman.automation.control.forecast import forecast
from steersman.automation.control.pauses import Pauses
from steersman.automation.control.underway import Underway
from steersman.automation.graph_picture import svg
from steersman.automation.model.schedule import why_not
from steersman.automation.model.upcoming import Coming
from steersman.automation.queries import Attempt, Run, Skip, Summary
from steersman.automation.runner.follow import SafeText, open_log
from steersman.automation.standing import Standing, standing
from steersman.bootstrap.desk import Desk
from steersman.bootstrap.engines import manifest_of
from steersman.bootstrap.operating import held, register
from steersman.console import run_files
from steersman.console.run_cycle import Around, around
from steersman.console.run_files import Artifact

_RUNS: Final = 30
_SKIPS: Final = 10
_STARTS: Final = 10
LOG_BYTES: Final = 64 << 10
"""The end of a log that a page shows; the whole of it is one command away."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """An automation at a glance; `starts` says what starts it, and what that depends on."""

    summary: Summary
    starts: str


class Automations(msgspec.Struct, frozen=True, kw_only=True):
    """The page. `drawn` is the graph as SVG made here; `engine` names what follows the schedules."""

    lines: tuple[Line, ...]
    drawn: str
    coming: tuple[Coming, ...]
    still: tuple[Standing, ...]
    latest: tuple[Run, ...]
    skipped: tuple[Skip, ...]
    under_way: tuple[Underway, ...]
    all_paused: str
    engine: str


class Log(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a log as text that drives nothing; `before` counts the bytes in front; `gone`: it is deleted.

    `after` is the byte at which what comes next begins.
    """

    text: str
    before: int
    gone: bool
    after: int = 0


class RunView(msgspec.Struct, frozen=True, kw_only=True):
    """A run with its attempts, first to last, the log of the last one, what it left and what stands around it."""

    run: Run
    attempts: tuple[Attempt, ...]
    log: Log
    files: tuple[Artifact, ...]
    around: Around

    @property
    def last(self) -> Attempt:
        return self.run.last


def look(desk: Desk) -> Automations:
    """Read the page; the read models are as the last refresh left them."""
    manifest, now = manifest_of(desk.workspace), desk.clock.now_ns()
    state, paused = Pauses(desk.ledger, tz=desk.workspace.desk.tz).now(), held(desk, manifest)
    summaries = runs.summaries(desk.db, manifest, now_ns=now, held=paused)
    return Automations(
        lines=tuple(Line(summary=s, starts=_starts(manifest, s)) for s in summaries),
        drawn=svg(
            manifest,
            {
                s.automation: "paused" if s.paused else (s.last_status or "never ran").replace("_", " ")
                for s in summaries
            },
            link=lambda name: f"/automations/{quote(name, safe='')}",
        ),
        coming=tuple(forecast(manifest, paused, now, _STARTS)),
        still=tuple(standing(manifest, desk.ledger, desk.workspace.state, tz=desk.workspace.desk.tz)),
        latest=tuple(runs.recent_runs(desk.db, limit=_RUNS)),
        skipped=tuple(runs.recent_skips(desk.db, limit=_SKIPS)),
        under_way=tuple(register(desk).living()),
        all_paused=str(state.everything) if state.everything is not None and state.everything.covers(now) else "",
        engine=desk.workspace.engine.kind,
    )


def _starts(manifest: Manifest, summary: Summary) -> str:
    automation = manifest[summary.automation]
    by_clock = automation.schedule is not None and automation.enabled
    return "; ".join([automation.schedule or "" if by_clock else why_not(automation), *graph.limits(automation)])


def run(desk: Desk, run_id: str) -> RunView | None:
    """Return a run, None if there is none of that id."""
    found = runs.find_run(desk.db, run_id)
    if found is None:
        return None
    log = end_of(desk.workspace.root / found.last.log) if found.last.log else Log(text="", before=0, gone=False)
    attempts = tuple(runs.attempts(desk.db, run_id))
    return RunView(
        run=found,
        attempts=attempts,
        log=log,
        files=tuple(run_files.artifacts(desk.workspace.root, attempts)),
        around=around(desk.db, manifest_of(desk.workspace), run_id, found.automation),
    )


def end_of(path: Path) -> Log:
    """Return the end of a log. A link is not followed: scripts can write where their logs lie."""
    try:
        fd = open_log(path)
    except OSError:
        return Log(text="", before=0, gone=True)
    with os.fdopen(fd, "rb") as file:
        before = max(0, os.fstat(fd).st_size - LOG_BYTES)
        file.seek(before)
        safe = SafeText()
        found = file.read(LOG_BYTES)
        return Log(text=safe.take(found) + safe.end(), before=before, gone=False, after=before + len(found))
