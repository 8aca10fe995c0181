"""`steersman auto run`: a run by hand, in this terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from steersman.cli.auto_params import pairs
from steersman.cli.auto_progress import line, show_ends
from steersman.cli.context import HERE, AsJson, Dir, opened
from steersman.cli.output import console, emit

if TYPE_CHECKING:
    from steersman.automation import Progress

_BY: Final = "person:cli"


def run(
    name: Annotated[str, typer.Argument(help="An automation of steersman.toml.")],
    alone: Annotated[bool, typer.Option("--alone", help="Without what it needs.")] = False,
    param: Annotated[list[str] | None, typer.Option("--param", help="NAME=VALUE of a parameter, repeatable.")] = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Outside its window, on blackout days, while it is paused.")
    ] = False,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Run NAME now, after what it needs, and wait; exits 1 unless all succeeded."""
    from steersman.automation import plan_cycle  # `--help` needs no domain
    from steersman.bootstrap.operating import Operator, by_hand
    from steersman.bootstrap.services import serving_unless_served

    given = pairs(param)
    shown = console(error=True)

    def progress(step: Progress) -> None:
        if not as_json:
            shown.print(line(step))

    # Scripts ask the desk for logins and data if it runs, else this process.
    with opened(directory) as desk, serving_unless_served(desk, quietly=True):
        operator = Operator(desk, by=_BY)
        manifest = operator.manifest
        if name in manifest:
            operator.refuse_if_held(name, plan_cycle(manifest, [name], needs=not alone), anyway=anyway)
        engine = by_hand(desk, by=_BY)
        try:
            engine.start(manifest, schedules=False)
            outcomes = list(
                engine.run_now(name, with_needs=not alone, params=given, anyway=anyway, on_progress=progress).values()
            )
        finally:
            engine.close()
        root = desk.workspace.root

    def render() -> None:
        show_ends(root, outcomes)
        closed = [o for o in outcomes if o.reason.startswith(("outside its window", "blackout"))]
        if closed and not anyway:
            shown.print("  to run it all the same: add --anyway", markup=False)

    emit(as_json, outcomes, render)
    if not all(outcome.ok for outcome in outcomes):
        raise typer.Exit(1)
