"""`steersman auto exec`: one run of a cycle, as an orchestrator outside asks for it."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from steersman.cli.context import HERE, AsJson, Dir, opened
from steersman.cli.output import emit
from steersman.cli.terminal import say
from steersman.kernel.errors import Misconfigured

if TYPE_CHECKING:
    from steersman.automation import RunOutcome
    from steersman.automation.model.outcome import Cause


def exec_(
    name: Annotated[str, typer.Argument(help="An automation of steersman.toml.")],
    cycle: Annotated[str, typer.Option(help="What names the cycle; the same again is the same run.")],
    at: Annotated[int, typer.Option(help="Nanoseconds since 1970 UTC of the start that is due.")],
    members: Annotated[str, typer.Option(help="All of the cycle, comma separated; NAME alone if not given.")] = "",
    roots: Annotated[str, typer.Option(help="Those that were triggered, comma separated; NAME if not given.")] = "",
    cause: Annotated[str, typer.Option(help="schedule, manual or event.")] = "schedule",
    param: Annotated[list[str] | None, typer.Option("--param", help="NAME=VALUE, repeatable.")] = None,
    anyway: Annotated[bool, typer.Option("--anyway", help="Outside its window and on blackout days too.")] = False,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Carry out one run of a cycle and wait: what Prefect and Airflow call. Exits 0 done, 1 failed, 99 skipped."""
    from steersman.automation.execute import Assignment, Executor, exit_code  # `--help` needs no domain
    from steersman.bootstrap.engines import manifest_of
    from steersman.cli.auto_params import pairs

    assignment = Assignment(
        name=name,
        members=_names(members) or (name,),
        roots=_names(roots) or (name,),
        cycle=cycle,
        cause=_cause(cause),
        at=at,
        params=pairs(param),
        anyway=anyway,
    )
    with opened(directory) as desk:
        executor = Executor(
            root=desk.workspace.root, ledger=desk.ledger, clock=desk.clock, actor=f"engine:{desk.workspace.engine.kind}"
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            # At once: Airflow signals the script too, and whose end is seen first says how the run ended.
            signal.signal(number, lambda *_: executor.stop())
        try:
            outcome = executor.run(manifest_of(desk.workspace), assignment)
        finally:
            executor.close()
    emit(as_json, outcome, lambda: _show(outcome))
    raise typer.Exit(exit_code(outcome))


def _cause(text: str) -> Cause:
    import msgspec  # as above

    from steersman.automation.model.outcome import Cause

    try:
        found: Cause = msgspec.convert(text, Cause)
    except msgspec.ValidationError as exc:
        raise Misconfigured(
            f"--cause {text!r}: allowed is {', '.join(get_args(Cause))}", fix="write --cause schedule"
        ) from exc
    return found


def _names(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(",") if part)


def _show(outcome: RunOutcome) -> None:
    say(f"{outcome.run_id} {outcome.status}" + (f": {outcome.reason}" if outcome.reason else ""))
    if outcome.log:
        say(f"log: {outcome.log}")
