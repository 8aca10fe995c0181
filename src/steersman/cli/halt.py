"""`steersman halt`: stop orders now, whether or not the core runs."""

from __future__ import annotations

from typing import Annotated

import typer

from steersman.cli.context import HERE, AsJson, Dir, opened, single
from steersman.cli.output import console, emit
from steersman.kernel.errors import Rejected

app = single("Stop orders in a scope; takes effect before the next order is sent.")


@app.command()
def halt(
    scope: Annotated[str, typer.Argument(help="all, venue:NAME, strategy:NAME or instrument:NAME")] = "all",
    reason: Annotated[str, typer.Option("--reason", help="Why, for the record.")] = "halted from the command line",
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Stop orders in SCOPE; open orders there are cancelled by the core."""
    from steersman.bootstrap.scopes import unknown_scope  # `--help` needs no domain
    from steersman.policy.store import halt_event  # as above

    with opened(directory, by_what_is_in_force=True) as desk:
        unknown = unknown_scope(desk.workspace, scope)
        if unknown is not None:
            raise Rejected(unknown[0], fix=unknown[1])
        event = halt_event(scope, reason=reason, actor="person:cli", now_ns=desk.clock.now_ns())
        done = desk.ledger.append([event])
        halted = dict(desk.halts.reasons)

    def render() -> None:
        console().print(
            f"halted {scope} (event {done.last}): {reason}\nnext: `steersman resume {scope}` when it is safe",
            markup=False,
        )

    emit(as_json, {"scope": scope, "pos": done.last, "halted": halted}, render)
