"""`steersman auto rerun`: a cycle once more from where it failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from steersman.cli.auto_progress import line, show_ends
from steersman.cli.context import HERE, AsJson, Dir, opened
from steersman.cli.output import console, emit

if TYPE_CHECKING:
    from steersman.automation import Progress

_BY: Final = "person:cli"


def rerun(
    run_id: Annotated[str, typer.Argument(help="A run of the cycle; `auto show NAME` lists them.")],
    from_start: Annotated[bool, typer.Option("--from-start", help="Also what has succeeded.")] = False,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Outside its window, on blackout days, while paused.")
    ] = False,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Run again what failed in the cycle of RUN_ID and what was skipped because of it, with the same parameters."""
    from steersman.bootstrap.operating import Operator, by_hand  # `--help` needs no domain
    from steersman.bootstrap.services import serving_unless_served

    shown = console(error=True)

    def progress(step: Progress) -> None:
        if not as_json:
            shown.print(line(step))

    with opened(directory) as desk, serving_unless_served(desk, quietly=True):
        operator = Operator(desk, by=_BY)
        engine = by_hand(desk, by=_BY)
        try:
            # First: what a killed engine left is ended and recorded, so that it can be repeated.
            engine.start(operator.manifest, schedules=False)
            planned = operator.plan_rerun(run_id, from_start=from_start, anyway=anyway)
            if planned.done and not as_json:
                shown.print(f"done before: {', '.join(planned.done)}", markup=False)
            outcomes = list(engine.run_asked(planned.requests, progress).values())
        finally:
            engine.close()
        root = desk.workspace.root
    emit(as_json, {"done_before": planned.done, "runs": outcomes}, lambda: show_ends(root, outcomes))
    if not all(outcome.ok for outcome in outcomes):
        raise typer.Exit(1)
