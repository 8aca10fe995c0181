"""`steersman auto run`: a run by hand, in this terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from steersman.cli.auto_params import pairs
from steersman.cli.auto_words import COLOURS, read_log
from steersman.cli.context import HERE, AsJson, Dir, opened
from steersman.cli.output import console, emit

if TYPE_CHECKING:
    from rich.text import Text

    from steersman.automation import Progress


def run(
    name: Annotated[str, typer.Argument(help="An automation of steersman.toml.")],
    alone: Annotated[bool, typer.Option("--alone", help="Without what it needs.")] = False,
    param: Annotated[list[str] | None, typer.Option("--param", help="NAME=VALUE of a parameter, repeatable.")] = None,
    anyway: Annotated[bool, typer.Option("--anyway", help="Outside its window and on blackout days too.")] = False,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Run NAME now, after what it needs, and wait; exits 1 unless all succeeded."""
    import msgspec  # `--help` needs no domain

    from steersman.bootstrap.engines import manifest_of, open_engine
    from steersman.bootstrap.services import serving_unless_served

    given = pairs(param)
    shown = console(error=True)

    def progress(step: Progress) -> None:
        if not as_json:
            shown.print(_line(step))

    # Scripts ask the desk for logins and data if it runs, else this process.
    with opened(directory) as desk, serving_unless_served(desk, quietly=True):
        # In this terminal, whatever engine the desk uses: a run by hand belongs to the hand.
        engine = open_engine(desk, kind="memory", actor="person:cli")
        try:
            engine.start(manifest_of(desk.workspace), schedules=False)
            outcomes = list(
                engine.run_now(name, with_needs=not alone, params=given, anyway=anyway, on_progress=progress).values()
            )
        finally:
            engine.close()
        root = desk.workspace.root

    def render() -> None:
        for outcome in outcomes:
            for artifact in outcome.artifacts:
                console().print(f"artifact  {artifact}", markup=False)
            if outcome.result is not None:
                value = msgspec.json.encode(outcome.result).decode()
                console().print(f"result    {outcome.automation}: {value}", markup=False, soft_wrap=True)
            if not outcome.ok and outcome.log:
                _show_end(root / outcome.log, outcome.run_id)
            elif not outcome.ok and outcome.reason.startswith(("outside its window", "blackout")) and not anyway:
                shown.print("  to run it all the same: add --anyway", markup=False)

    emit(as_json, outcomes, render)
    if not all(outcome.ok for outcome in outcomes):
        raise typer.Exit(1)


def _line(step: Progress) -> Text:
    from rich.text import Text  # only the human form needs it

    outcome = step.outcome
    if outcome is None:
        note = f"attempt {step.attempt}" if step.state == "started" and step.attempt > 1 else step.note
        return Text(f"{step.automation:<16} {step.state:<10} {note}".rstrip())
    line = Text(f"{step.automation:<16} ")
    line.append(f"{outcome.status.replace('_', ' '):<10} ", style=COLOURS.get(outcome.status, ""))
    line.append(outcome.reason or f"{outcome.wall_s:.2f} s, CPU {outcome.cpu_s:.2f} s")
    return line


def _show_end(path: Path, run_id: str) -> None:
    lines = [line for line in read_log(path).splitlines() if line.strip()][-5:] if path.is_file() else []
    shown = console(error=True)
    for line in lines:
        shown.print(f"  | {line}", markup=False)
    # Unbroken, also where it is wider than the terminal: it is there to be copied.
    shown.print(f"  all of it: steersman auto logs {run_id}", markup=False, soft_wrap=True)
