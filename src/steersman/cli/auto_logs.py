"""`steersman auto logs`: what a run printed, also while it prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from steersman.cli.auto_words import read_log
from steersman.cli.context import HERE, AsJson, Dir, opened
from steersman.cli.output import console, emit
from steersman.kernel.errors import Misconfigured

if TYPE_CHECKING:
    from rich.text import Text

    from steersman.automation.queries import Attempt, Run
    from steersman.bootstrap.desk import Desk


def logs(
    what: Annotated[str, typer.Argument(metavar="NAME|RUN_ID", help="An automation (its latest run) or a run.")],
    attempt: Annotated[int | None, typer.Option("--attempt", help="Which attempt; the last if not given.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as it is written, to the run's end.")] = False,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Print the output of a run as it was captured, also while it runs."""
    from steersman.automation.queries import attempts  # `--help` needs no domain

    with opened(directory, by_what_is_in_force=True) as desk:
        found = _find(desk, what)
        chosen = _choose(attempts(desk.db, found.run_id), attempt)
        root = desk.workspace.root
        if not chosen.log:
            raise Misconfigured(f"{chosen.run_id} never had a process, so it printed nothing", fix=_why(chosen))
        if follow and not as_json:
            _follow(desk, chosen)
            return
    text = read_log(root / chosen.log)

    def render() -> None:
        shown = console(error=True)
        shown.print(_heading(chosen))
        print(text, end="" if text.endswith("\n") or not text else "\n")

    emit(as_json, {"run": chosen, "text": text}, render)


def _follow(desk: Desk, chosen: Attempt) -> None:
    """Print the log of an attempt as it grows; returns when the attempt has ended."""
    from steersman.automation.queries import attempts  # as above
    from steersman.automation.runner.follow import follow

    def ended() -> bool:
        desk.refresh()
        return attempts(desk.db, chosen.run_id)[chosen.attempt - 1].finished_at is not None

    console(error=True).print(_heading(chosen))
    for text in follow(desk.workspace.root / chosen.log, ended):
        print(text, end="", flush=True)
    last = attempts(desk.db, chosen.run_id)[chosen.attempt - 1]
    console(error=True).print(_heading(last))


def _find(desk: Desk, what: str) -> Run:
    from steersman.automation.queries import find_run, recent_runs  # as above
    from steersman.bootstrap.operating import no_such

    found = find_run(desk.db, what) or next(iter(recent_runs(desk.db, limit=1, automation=what)), None)
    if found is not None:
        return found
    if what in desk.workspace.automations:
        raise Misconfigured(f"{what} has not run yet", fix=f"steersman auto run {what}")
    raise no_such(desk.workspace.automations, what)


def _choose(all_attempts: list[Attempt], wanted: int | None) -> Attempt:
    if wanted is None:
        return all_attempts[-1]
    for attempt in all_attempts:
        if attempt.attempt == wanted:
            return attempt
    raise Misconfigured(f"there is no attempt {wanted}", fix=f"allowed: 1 to {len(all_attempts)}")


def _why(attempt: Attempt) -> str:
    return f"mend what kept it: {attempt.error}" if attempt.error else "steersman auto list shows how runs end"


def _heading(attempt: Attempt) -> Text:
    from rich.text import Text  # only the human form needs it

    parts = [attempt.run_id, f"attempt {attempt.attempt}", attempt.status.replace("_", " ")]
    if attempt.exit_code is not None:
        parts.append(f"exit {attempt.exit_code}")
    figures = []
    if attempt.wall_s is not None and attempt.cpu_s is not None and attempt.peak_rss_bytes is not None:
        figures.append(
            f"{attempt.wall_s:.2f} s, CPU {attempt.cpu_s:.2f} s, peak {attempt.peak_rss_bytes / (1 << 20):.0f} MB"
        )
    if attempt.log_truncated_bytes:
        figures.append(f"{attempt.log_truncated_bytes:,} bytes not kept")
    return Text(" · ".join(parts) + ("\n" + " · ".join(figures) if figures else ""), style="dim")
