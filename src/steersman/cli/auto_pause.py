"""`steersman auto pause` and `resume`: hold automations back, and let them start again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from steersman.cli.auto_words import local
from steersman.cli.context import HERE, AsJson, Dir, opened
from steersman.cli.output import emit
from steersman.cli.terminal import say
from steersman.kernel.errors import Misconfigured

if TYPE_CHECKING:
    from steersman.automation.control.underway import Underway
    from steersman.bootstrap.desk import Desk

Names = Annotated[list[str] | None, typer.Argument(metavar="NAME...", help="Automations of steersman.toml.")]
Why = Annotated[str, typer.Option("--reason", help="For the record; everybody who is held back reads it.")]


def pause(
    names: Names = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them, also those declared later.")] = False,
    until: Annotated[
        str, typer.Option("--until", help="06:00, 2026-12-24 or 2026-12-24T06:00, in the desk's zone.")
    ] = "",
    span: Annotated[str, typer.Option("--for", help="E.g. 90m or 2h; then they start again by themselves.")] = "",
    reason: Why = "",
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Start nothing of NAME any more, whatever would start it, on every engine; what runs goes on to its end."""
    from steersman.bootstrap.operating import Operator  # `--help` needs no domain

    wanted = _wanted(names, everything)
    with opened(directory, by_what_is_in_force=True) as desk:
        tz = desk.workspace.desk.tz
        end = _end(desk, until, span)
        operator = Operator(desk, by="person:cli")
        found = operator.pause(wanted, until=end, reason=reason)
        running = [u for u in operator.underway.living() if everything or u.automation in wanted]

    def render() -> None:
        for name, held in found.items():
            say(f"{_shown(name)}: paused{'' if held.until is None else f' until {local(held.until, tz)}'}")
        _tell_running(running)
        if end is None:
            say(f"until: steersman auto resume {'--all' if everything else ' '.join(wanted)}")

    emit(as_json, {"paused": found, "under_way": running}, render)


def resume(
    names: Names = None,
    everything: Annotated[bool, typer.Option("--all", help="Whatever is paused.")] = False,
    reason: Why = "",
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Let NAME start again; of what fell into the pause its `catchup` says what is made up for."""
    from steersman.bootstrap.operating import Operator  # `--help` needs no domain

    wanted = _wanted(names, everything)
    with opened(directory, by_what_is_in_force=True) as desk:
        operator = Operator(desk, by="person:cli")
        ended = operator.resume(wanted, reason=reason)
        manifest, still, tz = operator.manifest, operator.held(), desk.workspace.desk.tz
        elsewhere, now = desk.workspace.engine.kind in ("prefect", "airflow"), desk.clock.now_ns()

    def render() -> None:
        for name, held in ended.items():
            say(f"{_shown(name)}: resumed; it was paused since {local(held.since, tz)}")
            automation = manifest.get(name)
            if automation is None or automation.schedule is None:
                continue
            if elsewhere:
                # Their own schedulers went on meanwhile, and count those starts as taken care of.
                begin, end = (_written(at, automation.tz) for at in (held.since, now))
                say(f"  to make up for it: steersman auto backfill {name} --missing --from {begin} --to {end}")
            else:
                say(f"  catchup = {automation.catchup}: {_CATCHUP[automation.catchup]}")
        for name in ended:
            if name in still:
                say(f"{name} does not start all the same: {still[name]}")

    emit(as_json, {"resumed": ended, "still_held": {n: str(still[n]) for n in ended if n in still}}, render)


_CATCHUP = {
    "latest": "of the starts in the pause the latest comes now, if there was one",
    "all": "the starts in the pause come now, one after the other",
    "none": "the starts in the pause are not made up for",
}


def _wanted(names: list[str] | None, everything: bool) -> list[str]:
    from steersman.automation.control.pauses import EVERYTHING  # as above

    if bool(names) == everything:
        raise Misconfigured(
            "NAME and --all are two different things" if names else "nothing is named", fix="give names, or --all"
        )
    return [EVERYTHING] if everything else list(dict.fromkeys(names or ()))


def _end(desk: Desk, until: str, span: str) -> int | None:
    from steersman.automation.control import when  # as above

    if until and span:
        raise Misconfigured("--until and --for are two different ends", fix="give one of them")
    now = desk.clock.now_ns()
    if span:
        return when.after(span, now)
    return when.until(until, desk.workspace.desk.tz, now) if until else None


def _tell_running(running: list[Underway]) -> None:
    for run in running:
        say(f"{run.run_id} {'goes on to its end' if run.began else f'waits: {run.waits}; it will not start'}")
    if any(run.began for run in running):
        say("to end it: steersman auto cancel RUN_ID")


def _shown(name: str) -> str:
    return "all automations" if name == "*" else name


def _written(at: int, tz: str) -> str:
    from zoneinfo import ZoneInfo  # only the human form needs it

    from steersman.kernel.clock import utc

    return utc(at).astimezone(ZoneInfo(tz)).strftime("%Y-%m-%dT%H:%M")
