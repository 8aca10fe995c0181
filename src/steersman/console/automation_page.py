"""One automation: what is declared, when it starts, how it went, and what it made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from steersman.automation import Automation, Manifest, graph
from steersman.automation import queries as runs
from steersman.automation.control.forecast import forecast
from steersman.automation.control.underway import Underway
from steersman.automation.model.schedule import why_not
from steersman.automation.model.upcoming import Coming
from steersman.automation.queries import Run, Skip, Summary
from steersman.automation.schedule_words import spoken
from steersman.automation.standing import Standing, standing
from steersman.bootstrap.desk import Desk
from steersman.bootstrap.engines import manifest_of
from steersman.bootstrap.operating import held, register
from steersman.console import run_files, run_history, wording
from steersman.console.drawing import sparkline
from steersman.console.lanes import Lanes
from steersman.console.run_files import Artifact
from steersman.kernel.durations import spoken as spoken_span

_RUNS: Final = 100
_SHOWN: Final = 20
_RESULTS: Final = 10
_COLUMNS: Final = 8
_STARTS: Final = 5
_SKIPS: Final = 10


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """One figure over the latest runs: its latest value and its median in words, and a line through all of them."""

    title: str
    latest: str
    middle: str
    drawn: str


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """What the latest runs said with `::result`: columns by name, one row of texts per run."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Run, tuple[str, ...]], ...]


class AutomationView(msgspec.Struct, frozen=True, kw_only=True):
    """The page. `facts` are the declaration as pairs of word and text; `artifacts` are of the run `made_by`."""

    automation: Automation
    summary: Summary
    starts: str
    facts: tuple[tuple[str, str], ...]
    needs: tuple[str, ...]
    needed_by: tuple[str, ...]
    coming: tuple[Coming, ...]
    still: tuple[Standing, ...]
    lanes: Lanes
    trends: tuple[Trend, ...]
    results: Results
    latest: tuple[Run, ...]
    skipped: tuple[Skip, ...]
    artifacts: tuple[Artifact, ...]
    made_by: str
    under_way: tuple[Underway, ...]
    own_pause: bool


def look(desk: Desk, name: str, span: str) -> AutomationView | None:
    """Read the page, None if nothing of that name is declared."""
    manifest, now = manifest_of(desk.workspace), desk.clock.now_ns()
    declared = manifest.get(name)
    if declared is None:
        return None
    latest = runs.recent_runs(desk.db, limit=_RUNS, automation=name)
    paused = held(desk, manifest).get(name)
    still = standing(manifest, desk.ledger, desk.workspace.state, tz=desk.workspace.desk.tz)
    made = next((run for run in latest if run.last.artifacts), None)
    return AutomationView(
        automation=declared,
        summary=runs.summary(desk.db, manifest, name, now_ns=now, held=paused),
        starts=starts(declared),
        facts=tuple(_facts(declared)),
        needs=declared.needs,
        needed_by=manifest.dependants(name),
        coming=tuple(c for c in forecast(_only(manifest, declared), {name: paused} if paused else {}, now, _STARTS)),
        still=tuple(s for s in still if s.automation == name),
        lanes=run_history.timeline(desk, span or "7d", only=name),
        trends=tuple(_trends(latest)),
        results=_results(latest),
        latest=tuple(latest[:_SHOWN]),
        skipped=tuple(runs.recent_skips(desk.db, limit=_SKIPS, automation=name)),
        artifacts=tuple(run_files.artifacts(desk.workspace.root, [made.last])) if made else (),
        made_by=made.run_id if made else "",
        under_way=tuple(register(desk).living(name)),
        own_pause=paused is not None and not paused.needs,
    )


def starts(automation: Automation) -> str:
    """Say what starts an automation, a schedule in words."""
    if automation.schedule is None or not automation.enabled:
        return why_not(automation)
    return f"{spoken(automation.schedule)}, {automation.tz}"


def _only(manifest: Manifest, automation: Automation) -> Manifest:
    alone = msgspec.structs.replace(automation, needs=())
    return Manifest([alone], resources=manifest.resources, calendars=manifest.calendars)


def _facts(a: Automation) -> list[tuple[str, str]]:
    found = [("runs", a.run)]
    if a.schedule is not None:
        found.append(("schedule", f"{a.schedule} ({a.tz})"))
    found += [("limits", "; ".join(limits))] if (limits := graph.limits(a)) else []
    tries = f"; {a.retries} more attempts" if a.retries > 1 else "; one more attempt" if a.retries else "; not repeated"
    found.append(("ends after", spoken_span(a.timeout_s) + tries))
    if a.deadline_s is not None:
        found.append(("deadline", f"{spoken_span(a.deadline_s)} after it was due; then it is told as overdue"))
    found += [("jitter", f"up to {spoken_span(a.jitter_s)} later")] if a.jitter_s else []
    found += [("runs in", a.cwd)] if a.cwd else []
    if a.schedule is not None:
        found.append(
            (
                "missed starts",
                {"latest": "the latest is made up for", "none": "are dropped"}.get(a.catchup, "are all made up for"),
            )
        )
    found += [("parameters", ", ".join(f"{k} = {v}" for k, v in a.params.items()))] if a.params else []
    return found


def _trends(latest: Sequence[Run]) -> list[Trend]:
    """Draw the figures of the runs that ended, oldest first."""
    ended = [run.last for run in reversed(latest) if run.last.wall_s is not None]
    if not ended:
        return []
    return [
        _trend("duration", [a.wall_s or 0.0 for a in ended], wording.seconds),
        _trend("CPU", [a.cpu_s or 0.0 for a in ended], wording.seconds),
        _trend("peak memory", [float(a.peak_rss_bytes or 0) for a in ended], lambda b: wording.size(round(b))),
    ]


def _trend(title: str, values: list[float], say: Callable[[float], str]) -> Trend:
    middle = sorted(values)[(len(values) - 1) // 2]
    label = f"{title} of {len(values)} runs: latest {say(values[-1])}, median {say(middle)}"
    return Trend(title=title, latest=say(values[-1]), middle=say(middle), drawn=sparkline(values, label=label))


def _results(latest: Sequence[Run]) -> Results:
    told = [run for run in latest if run.last.result][:_RESULTS]
    columns = tuple(dict.fromkeys(key for run in told for key in run.last.result or ()))[:_COLUMNS]
    rows = tuple((run, tuple(_cell((run.last.result or {}).get(key)) for key in columns)) for run in told)
    return Results(columns=columns, rows=rows)


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, str | int | float):
        return str(value)[:80]
    return msgspec.json.encode(value).decode()[:80]
