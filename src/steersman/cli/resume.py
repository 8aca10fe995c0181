"""`steersman resume`: re-arm what was halted; asks first, because this takes risk on again."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from steersman.cli.context import HERE, AsJson, Dir, opened, single
from steersman.cli.output import console, emit
from steersman.kernel.errors import Rejected

app = single("Re-arm a halted scope. Only a person can.")


@app.command()
def resume(
    scope: Annotated[str, typer.Argument(help="all, or the scope that was halted")] = "all",
    reason: Annotated[str, typer.Option("--reason", help="Why it is safe again.")] = "resumed from the command line",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Lift the halt on SCOPE (all: every halt)."""
    from steersman.policy.store import resume_event  # `--help` needs no ledger

    with opened(directory, by_what_is_in_force=True) as desk:
        halted = desk.halts.reasons
        if scope != "all" and scope not in halted:
            raise Rejected(f"{scope} is not halted", fix=f"halted now: {', '.join(halted) or 'nothing'}")
        if not halted:
            raise Rejected("nothing is halted", fix="`steersman status` shows what is")
        if not yes and sys.stdin.isatty():
            typer.confirm(f"Orders in {scope} may go out again. Resume?", abort=True)
        event = resume_event(scope, reason=reason, actor="person:cli", now_ns=desk.clock.now_ns())
        done = desk.ledger.append([event])
        left = dict(desk.halts.reasons)

    def render() -> None:
        console().print(
            f"resumed {scope} (event {done.last}); still halted: {', '.join(left) or 'nothing'}", markup=False
        )

    emit(as_json, {"scope": scope, "pos": done.last, "halted": left}, render)
