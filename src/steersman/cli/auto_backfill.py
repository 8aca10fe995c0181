"""`steersman auto backfill`: starts that a schedule had in the past, made up for in order."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Final

import typer

from steersman.cli.auto_words import local, span, word
from steersman.cli.context import HERE, AsJson, Dir, opened
from steersman.cli.output import emit
from steersman.cli.terminal import say
from steersman.kernel.clock import iso
from steersman.kernel.errors import Misconfigured, Rejected

if TYPE_CHECKING:
    from steersman.automation.control.backfill import Backfill, Made
    from steersman.automation.engine import BaseEngine
    from steersman.bootstrap.desk import Desk
    from steersman.bootstrap.operating import Operator

_BY: Final = "person:cli"
_SHOWN: Final = 5


def backfill(
    name: Annotated[str, typer.Argument(help="An automation with a schedule.")],
    begin: Annotated[str, typer.Option("--from", help="2026-11-01, or 2026-11-01T06:00, in its zone.")],
    end: Annotated[str, typer.Option("--to", help="The same; of a day, all of it.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would run.")] = False,
    parallel: Annotated[int, typer.Option("--max-parallel", min=1, max=16, help="Starts at once.")] = 1,
    with_needs: Annotated[bool, typer.Option("--with-needs", help="Before each, what it needs.")] = False,
    missing: Annotated[bool, typer.Option("--missing", help="Only starts that no run has succeeded for.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Also what an earlier backfill has done.")] = False,
    failures: Annotated[int, typer.Option("--failures", min=1, help="Stop after so many in a row.")] = 3,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Outside its window, on blackout days, while paused.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    number: Annotated[int | None, typer.Option("--starts", help="How many there are; needed above 1000.")] = None,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Run NAME once for each start that its schedule had from one day to another; asked again, it goes on from there.

    A script learns which start it stands for from STEERSMAN_SCHEDULED_AT, or {scheduled_date} in its `run`.
    """
    from steersman.bootstrap.operating import Operator, by_hand  # `--help` needs no domain
    from steersman.bootstrap.services import serving_unless_served

    with opened(directory) as desk, serving_unless_served(desk, quietly=True):
        operator = Operator(desk, by=_BY)
        with closing(by_hand(desk, by=_BY)) as engine:
            engine.start(operator.manifest, schedules=False)
            planned = operator.plan_backfill(
                name, begin, end, with_needs=with_needs, again=again, missing=missing, anyway=anyway
            )
            if not as_json:
                _show(planned, operator, parallel)
            if dry_run or not planned.due:
                emit(as_json, _data(planned, []), lambda: None)
                return
            _check_number(planned, number, yes)
            if not yes:
                if as_json or not sys.stdin.isatty():
                    raise Rejected("nobody is there to ask", fix="look at --dry-run, then add --yes")
                typer.confirm(f"Run {name} {len(planned.due)} times?", abort=True)
            made = _carry_out(desk, engine, planned, parallel, failures, anyway, as_json)
    emit(as_json, _data(planned, made), lambda: _tell_end(planned, made, failures))
    if len([m for m in made if m.outcome.ok]) < len(planned.due):
        raise typer.Exit(1)


def _carry_out(
    desk: Desk, engine: BaseEngine, planned: Backfill, parallel: int, failures: int, anyway: bool, as_json: bool
) -> list[Made]:
    """Make up for the starts; Ctrl-C ends the ones under way and returns what was done."""
    from steersman.automation.control.backfill import Carrier  # as above
    from steersman.bootstrap.operating import alone

    made: list[Made] = []

    def tell(one: Made) -> None:
        made.append(one)
        if not as_json:
            outcome = one.outcome
            said = outcome.reason or f"{outcome.wall_s:.2f} s"
            count = f"{len(made):>{len(str(len(planned.due)))}}/{len(planned.due)}"
            say(f"{count}  {local(one.at, planned.tz, zone=False)}  ", word(outcome.status), f"  {said}")

    carrier = Carrier(
        engine.conductor.manifest,
        planned,
        engine.run_asked,
        now=desk.clock.now_ns,
        parallel=parallel,
        failures=failures,
        anyway=anyway,
    )
    with alone(desk, planned.automation):
        try:
            carrier.run(tell, interrupted=engine.close)
        except KeyboardInterrupt:
            say("stopped: what was under way is ended and will be repeated")
    return made


def _show(planned: Backfill, operator: Operator, parallel: int) -> None:
    many = len(planned.due)
    others = [n for n in planned.members if n != planned.automation]
    zone = planned.tz
    starts = "1 start" if many == 1 else f"{many} starts"
    say(
        f"{planned.automation}: {starts} from {local(planned.first, zone, zone=False)}"
        f" to {local(planned.last, zone)}" + (" (now)" if planned.future else "")
    )
    shown = planned.due if many <= 2 * _SHOWN else (*planned.due[:_SHOWN], None, *planned.due[-_SHOWN:])
    for at in shown:
        say("  ..." if at is None else f"  {local(at, zone, zone=False)}")
    if planned.done:
        say(f"done before, not repeated: {planned.done} (--again repeats them)")
    if planned.closed:
        say(f"left out, its window or a blackout drops them: {planned.closed}")
    if not many:
        say("nothing is left to do")
        return
    if others:
        say(f"before each: {', '.join(others)}")
    typical = operator.typical_s(planned.automation)
    if typical is not None:
        say(f"about {span(max(1.0, typical * many / parallel))}: {typical:.1f} s each, {parallel} at once")


def _check_number(planned: Backfill, number: int | None, yes: bool) -> None:
    from steersman.automation.control.backfill import ASKED_FIRST  # as above

    many = len(planned.due)
    if number is not None and number != many:
        raise Misconfigured(f"--starts {number}: there are {many}", fix=f"write --starts {many}, or another span")
    if many > ASKED_FIRST and not (yes and number is not None):
        raise Rejected(
            f"{many:,} starts are more than {ASKED_FIRST:,}, which nobody wants by mistake",
            fix=f"choose a shorter span, or add --yes --starts {many}",
        )


def _tell_end(planned: Backfill, made: list[Made], failures: int) -> None:
    good = len([m for m in made if m.outcome.ok])
    bad = [m for m in made if not m.outcome.ok]
    left = len(planned.due) - len(made)
    say(
        f"{good} of {len(planned.due)} done"
        + (f", {len(bad)} failed" if bad else "")
        + (f", {left} left" if left else "")
    )
    if bad:
        say(f"the last that failed: steersman auto logs {bad[-1].outcome.run_id}")
    if left and len(bad) >= failures and not any(m.outcome.ok for m in made[-failures:]):
        say(f"stopped: {failures} failed in a row (--failures)")
    if left or bad:
        say("the same command goes on with what is not done")


def _data(planned: Backfill, made: list[Made]) -> dict[str, object]:
    return {
        "automation": planned.automation,
        "from": iso(planned.first),
        "to": iso(planned.last),
        "starts": [iso(at) for at in planned.due],
        "done_before": planned.done,
        "closed": planned.closed,
        "runs": [{"scheduled_at": iso(m.at), **_plain(m)} for m in made],
    }


def _plain(made: Made) -> dict[str, object]:
    import msgspec  # as above

    found: dict[str, object] = msgspec.to_builtins(made.outcome)
    return found
