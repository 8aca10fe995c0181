"""`steersman auto`: the manifest with its figures, a run by hand, its log, what comes next, the graph."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from steersman.cli import auto_adopt, auto_engine
from steersman.cli.auto_audit import audit
from steersman.cli.auto_exec import exec_
from steersman.cli.context import HERE, AsJson, Dir, noun, opened
from steersman.cli.output import console, emit, show_table
from steersman.kernel.clock import iso, utc
from steersman.kernel.errors import Misconfigured

if TYPE_CHECKING:
    from rich.text import Text

    from steersman.automation import Manifest, Progress
    from steersman.automation.queries import Attempt, Run
    from steersman.bootstrap.desk import Desk

app = noun("Scripts declared once: when they run, what they need, how they went.")
app.command()(audit)
app.command("exec")(exec_)
app.add_typer(auto_adopt.app, name="adopt")
app.add_typer(auto_engine.app, name="engine")
_COLOURS = {"succeeded": "green", "failed": "bold red", "timed_out": "bold red", "orphaned": "bold red"}
_MAX_SHOWN_BYTES = 1 << 20


def _manifest(desk: Desk) -> Manifest:
    from steersman.automation import validate  # `--help` needs no domain

    workspace = desk.workspace
    return validate(workspace.file, workspace.automations, workspace.root, tz=workspace.desk.tz)


def _word(status: str | None) -> Text:
    from rich.text import Text  # only the human form needs it

    return Text((status or "never ran").replace("_", " "), style=_COLOURS.get(status or "", ""))


@app.command("list")
def list_(directory: Dir = HERE, as_json: AsJson = False) -> None:
    """List every automation: last run, how often it succeeds, how long it takes, when it starts next."""
    from steersman.automation.queries import summaries  # as above

    with opened(directory) as desk:
        rows = summaries(desk.db, _manifest(desk), now_ns=desk.clock.now_ns())

    def render() -> None:
        show_table(
            "",
            [("automation", "left"), ("last", "left"), ("good", "right"), ("p50", "right"), ("next start", "left")],
            [
                [
                    row.automation,
                    _word(row.last_status),
                    "-" if row.success_ratio is None else f"{row.success_ratio:.0%} of {row.runs}",
                    "-" if row.p50_wall_s is None else f"{row.p50_wall_s:.2f} s",
                    _local(row.next_start, row.tz) if row.next_start is not None else row.why_not,
                ]
                for row in rows
            ],
            empty="no automations yet: add [automation.NAME] with run = ... to steersman.toml",
        )

    emit(as_json, rows, render)


@app.command()
def run(
    name: Annotated[str, typer.Argument(help="An automation of steersman.toml.")],
    alone: Annotated[bool, typer.Option("--alone", help="Without what it needs.")] = False,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Run NAME now, after what it needs, and wait; exits 1 unless all succeeded."""
    from steersman.bootstrap.plugins import factory  # as above

    shown = console(error=True)

    def progress(step: Progress) -> None:
        if not as_json:
            shown.print(_line(step))

    with opened(directory) as desk:
        manifest = _manifest(desk)
        engine = factory("engines", "memory")(
            root=desk.workspace.root, ledger=desk.ledger, clock=desk.clock, actor="person:cli"
        )
        try:
            engine.start(manifest, schedules=False)
            outcomes = list(engine.run_now(name, with_needs=not alone, on_progress=progress).values())
        finally:
            engine.close()
        root = desk.workspace.root

    def render() -> None:
        for outcome in outcomes:
            for artifact in outcome.artifacts:
                console().print(f"artifact  {artifact}", markup=False)
            if outcome.result is not None:
                console().print(f"result    {outcome.automation}: {outcome.result}", markup=False)
            if not outcome.ok and outcome.log:
                _show_end(root / outcome.log, outcome.run_id)

    emit(as_json, outcomes, render)
    if not all(outcome.ok for outcome in outcomes):
        raise typer.Exit(1)


@app.command()
def logs(
    what: Annotated[str, typer.Argument(metavar="NAME|RUN_ID", help="An automation (its latest run) or a run.")],
    attempt: Annotated[int | None, typer.Option("--attempt", help="Which attempt; the last if not given.")] = None,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Print the output of a run as it was captured."""
    from steersman.automation.queries import attempts  # as above

    with opened(directory) as desk:
        found = _find(desk, what)
        chosen = _choose(attempts(desk.db, found.run_id), attempt)
        root = desk.workspace.root
    text = _read(root / chosen.log)

    def render() -> None:
        shown = console(error=True)
        shown.print(_heading(chosen))
        print(text, end="" if text.endswith("\n") or not text else "\n")

    emit(as_json, {"run": chosen, "text": text}, render)


@app.command("next")
def next_(
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 20, directory: Dir = HERE, as_json: AsJson = False
) -> None:
    """List the next starts, and why the other automations have none."""
    from steersman.automation.model.schedule import upcoming, why_not  # as above

    with opened(directory) as desk:
        manifest, now = _manifest(desk), desk.clock.now_ns()
        starts = upcoming(manifest, now, limit)
        waiting = {a.name: why for a in manifest if (why := why_not(a))}

    def render() -> None:
        show_table(
            "",
            [("start", "left"), ("in", "right"), ("automation", "left")],
            [[_local(s.at, manifest[s.automation].tz), _span((s.at - now) / 1e9), s.automation] for s in starts],
            empty="nothing is scheduled: add schedule = ... to an automation",
        )
        if waiting:
            console().print()
            show_table("without a time", [("automation", "left"), ("", "left")], list(waiting.items()), empty="")

    data = {
        "starts": [{"at": iso(s.at), "automation": s.automation, "in_s": (s.at - now) / 1e9} for s in starts],
        "not_scheduled": waiting,
    }
    emit(as_json, data, render)


@app.command()
def graph(
    svg: Annotated[Path | None, typer.Option("--svg", help="Write an SVG file instead.")] = None,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Draw what needs what."""
    from steersman.automation import graph as drawing  # as above
    from steersman.automation.queries import summaries

    with opened(directory) as desk:
        manifest = _manifest(desk)
        rows = summaries(desk.db, manifest, now_ns=desk.clock.now_ns())
    status = {row.automation: row.last_status for row in rows}
    if svg is not None:
        words = {name: (word or "never ran").replace("_", " ") for name, word in status.items()}
        svg.write_text(drawing.svg(manifest, words), encoding="utf-8")

    def render() -> None:
        if svg is not None:
            console().print(f"written: {svg}", markup=False)
            return
        lines = [[drawn, start, _word(status[name])] for drawn, name, start in drawing.rows(manifest)]
        columns = [("automation", "left"), ("starts", "left"), ("last", "left")]
        show_table("", columns, lines, empty="no automations yet: add [automation.NAME] to steersman.toml")

    nodes = [{"name": a.name, "needs": a.needs, "starts": drawing.when(a), "last": status[a.name]} for a in manifest]
    emit(as_json, nodes, render)


def _find(desk: Desk, what: str) -> Run:
    from steersman.automation.queries import find_run, recent_runs  # as above

    found = find_run(desk.db, what) or next(iter(recent_runs(desk.db, limit=1, automation=what)), None)
    if found is not None:
        return found
    if what in _manifest(desk):
        raise Misconfigured(f"{what} has not run yet", fix=f"steersman auto run {what}")
    raise Misconfigured(f"there is no automation or run {what!r}", fix="`steersman auto list` names them")


def _choose(all_attempts: list[Attempt], wanted: int | None) -> Attempt:
    if wanted is None:
        return all_attempts[-1]
    for attempt in all_attempts:
        if attempt.attempt == wanted:
            return attempt
    raise Misconfigured(f"there is no attempt {wanted}", fix=f"allowed: 1 to {len(all_attempts)}")


def _read(path: Path) -> str:
    """Return a log as text that is safe to show; control characters of a script must not drive the terminal."""
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_SHOWN_BYTES)
    except FileNotFoundError as exc:
        raise Misconfigured(
            f"the log {path.name} is gone: older runs are cleared away", fix="raise keep_runs for this automation"
        ) from exc
    text = raw.decode("utf-8", errors="replace")
    return "".join(c if c in "\n\t" or c.isprintable() else "�" for c in text.replace("\r\n", "\n"))


def _show_end(path: Path, run_id: str) -> None:
    lines = [line for line in _read(path).splitlines() if line.strip()][-5:] if path.is_file() else []
    shown = console(error=True)
    for line in lines:
        shown.print(f"  | {line}", markup=False)
    shown.print(f"  all of it: steersman auto logs {run_id}", markup=False)


def _heading(attempt: Attempt) -> Text:
    from rich.text import Text  # only the human form needs it

    parts = [attempt.run_id, f"attempt {attempt.attempt}", attempt.status.replace("_", " ")]
    if attempt.exit_code is not None:
        parts.append(f"exit {attempt.exit_code}")
    if attempt.wall_s is not None and attempt.cpu_s is not None and attempt.peak_rss_bytes is not None:
        parts.append(
            f"{attempt.wall_s:.2f} s, CPU {attempt.cpu_s:.2f} s, peak {attempt.peak_rss_bytes / (1 << 20):.0f} MB"
        )
    if attempt.log_truncated_bytes:
        parts.append(f"{attempt.log_truncated_bytes:,} bytes not kept")
    return Text(" · ".join(parts), style="dim")


def _line(step: Progress) -> Text:
    from rich.text import Text  # only the human form needs it

    outcome = step.outcome
    if outcome is None:
        note = f"attempt {step.attempt}" if step.state == "started" and step.attempt > 1 else step.note
        return Text(f"{step.automation:<16} {step.state:<10} {note}".rstrip())
    line = Text(f"{step.automation:<16} ")
    line.append(f"{outcome.status.replace('_', ' '):<10} ", style=_COLOURS.get(outcome.status, ""))
    line.append(outcome.reason or f"{outcome.wall_s:.2f} s, CPU {outcome.cpu_s:.2f} s")
    return line


def _local(at_ns: int, tz: str) -> str:
    from zoneinfo import ZoneInfo  # as above

    return f"{utc(at_ns).astimezone(ZoneInfo(tz)):%a %d %b %H:%M} {tz}"


def _span(seconds: float) -> str:
    whole = round(seconds)
    days, rest = divmod(whole, 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, secs = divmod(rest, 60)
    parts = [(days, "d"), (hours, "h"), (minutes, "m"), (secs, "s")]
    shown = [f"{n}{unit}" for n, unit in parts if n][:2]
    return " ".join(shown) or "now"
