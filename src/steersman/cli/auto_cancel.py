"""`steersman auto cancel`: end a run, or keep one that waits from starting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from steersman.cli.auto_words import word
from steersman.cli.context import HERE, AsJson, Dir, opened
from steersman.cli.output import emit
from steersman.cli.terminal import say

if TYPE_CHECKING:
    from steersman.bootstrap.operating import Ended


def cancel(
    what: Annotated[str, typer.Argument(metavar="RUN_ID|NAME", help="A run, or all of an automation under way.")],
    reason: Annotated[str, typer.Option("--reason", help="For the record; it stands in how the run ended.")] = "",
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """End a run with all its processes, or one that waits; it is not tried again, and what needs it is skipped."""
    from steersman.bootstrap.operating import WAIT_S, Operator  # `--help` needs no domain

    with opened(directory, by_what_is_in_force=True) as desk:
        operator = Operator(desk, by="person:cli")
        targets = operator.targets(what)
        if not as_json:
            for target in targets:
                say(f"{target.run_id}: asked to end")
        ended = operator.cancel(targets, reason=reason)

    def render() -> None:
        for run in ended:
            if run.status is None:
                say(f"{run.run_id}: not over after {WAIT_S:g} s; it ends when the engine that has it looks")
            else:
                said = run.reason or word(run.status)
                say(f"{run.run_id}: ", said if _is_so(run) else f"{run.status} before that: {said}")
        if not all(run.recorded for run in ended):
            say("the ledger did not take the asking; the run's own end says who asked")

    emit(as_json, ended, render)
    if not all(_is_so(run) for run in ended):
        raise typer.Exit(1)


def _is_so(run: Ended) -> bool:
    return run.status == "cancelled"
