"""`steersman auto show`: everything about one automation, or about one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from steersman.cli.auto_words import local, span, word
from steersman.cli.context import HERE, AsJson, Dir, opened
from steersman.cli.output import emit
from steersman.cli.terminal import list_facts, list_rows, plain, say

if TYPE_CHECKING:
    from rich.text import Text

    from steersman.automation.control.cycles import Member
    from steersman.automation.control.details import AutomationDetails, RunDetails
    from steersman.automation.model.manifest import Automation
    from steersman.automation.queries import Attempt

_NOT_DONE: Final = ("skipped", "failed", "timed_out", "orphaned", "cancelled")
_SAME: Final = frozenset({"name", "run", "needs"})


def show(
    what: Annotated[str, typer.Argument(metavar="NAME|RUN_ID", help="An automation, or one of its runs.")],
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Show an automation (as declared, how it goes, what is in its way) or a run (why, attempts, what came of it)."""
    from steersman.automation.control import details  # `--help` needs no domain
    from steersman.automation.standing import standing
    from steersman.bootstrap.engines import manifest_of
    from steersman.bootstrap.operating import held, no_such, register

    with opened(directory, by_what_is_in_force=True) as desk:
        manifest, tz = manifest_of(desk.workspace), desk.workspace.desk.tz
        under_way = register(desk).living()
        if what in manifest:
            found = details.of_automation(
                desk.db,
                manifest,
                what,
                now_ns=desk.clock.now_ns(),
                held=held(desk, manifest),
                still=standing(manifest, desk.ledger, desk.workspace.state, tz=desk.workspace.desk.tz),
                under_way=under_way,
            )
            now = desk.clock.now_ns()
            emit(as_json, found, lambda: _show_automation(found, tz, now))
            return
        run = details.of_run(desk.db, manifest, what, root=desk.workspace.root, under_way=under_way)
    if run is None:
        raise no_such(manifest.order, what)
    emit(as_json, run, lambda: _show_run(run, tz))


# -- an automation ---------------------------------------------------------------------------------------------------


def _show_automation(found: AutomationDetails, tz: str, now: int) -> None:
    from steersman.automation.graph import when  # as above

    declared, figures = found.declared, found.summary
    facts: list[tuple[str, object]] = [("runs", declared.run), ("starts", when(declared))]
    facts += [("needs", ", ".join(declared.needs))] if declared.needs else []
    facts += [("needed by", ", ".join(found.needed_by))] if found.needed_by else []
    said = _declared(declared)
    facts += [("declared", ", ".join(said))] if said else []
    if figures.runs:
        good = f"{figures.success_ratio:.0%} of {figures.runs} succeeded"
        walls = (
            "" if figures.p50_wall_s is None else f"; p50 {figures.p50_wall_s:.2f} s, p95 {figures.p95_wall_s:.2f} s"
        )
        facts.append(("so far", good + walls))
    if figures.next_start is not None:
        facts.append(("next start", f"{local(figures.next_start, tz)}, in {span((figures.next_start - now) / 1e9)}"))
    say(declared.name)
    list_facts(facts)
    for row in found.in_the_way:
        say()
        list_facts([("in the way:", f"{row.run_id + ' ' if row.run_id else ''}{row.why}")], indent=0)
        if row.next and row.next != f"steersman auto show {declared.name}":
            say(f"  {row.next}")
    for run in found.under_way:
        say(
            f"\nunder way: {run.run_id}",
            f", waits: {run.waits}" if run.waits else "",
            f", since {local(run.since, tz)}",
        )
    if found.runs:
        say()
        list_rows(
            [("run", "left"), ("started", "left"), ("by", "left"), ("ended", "left"), ("wall", "right")],
            [
                [
                    r.run_id,
                    local(r.started_at, tz, zone=False),
                    r.cause,
                    word(r.status),
                    "-" if r.last.wall_s is None else f"{r.last.wall_s:.2f} s",
                ]
                for r in found.runs
            ],
            empty="",
        )
    if found.skips:
        say("\nstarts that did not happen:")
        list_facts([(local(skip.at, tz, zone=False), skip.reason) for skip in found.skips])
    if not found.runs and not found.skips:
        say(f"\nit has not run yet: steersman auto run {declared.name}")


def _declared(automation: Automation) -> list[str]:
    """Return what is declared otherwise than by default, in the words of steersman.toml."""
    import msgspec  # as above

    said: list[str] = []
    plain = msgspec.to_builtins(automation)
    for field in msgspec.structs.fields(automation):
        value = plain[field.name]
        default = msgspec.to_builtins(field.default) if field.default is not msgspec.NODEFAULT else None
        if field.name in _SAME or value == default or (not value and not default):
            continue
        if isinstance(value, dict) and "text" in value:
            value = value["text"]
        elif isinstance(value, list | tuple):
            value = ", ".join(str(v.get("text", v.get("event", v)) if isinstance(v, dict) else v) for v in value)
        elif isinstance(value, dict):
            value = ", ".join(f"{k} {v}" for k, v in value.items())
        elif isinstance(value, bool):
            value = str(value).lower()
        elif isinstance(value, float | int) and field.name.endswith("_s"):
            value = span(value)
        elif isinstance(value, float):
            value = f"{value:g}"
        said.append(f"{field.name.removesuffix('_s')} {value}")
    return said


# -- a run -----------------------------------------------------------------------------------------------------------


def _show_run(found: RunDetails, tz: str) -> None:
    run, hand = found.run, found.under_way
    head: list[str | Text] = [found.run_id, " · "]
    head.append(word(run.status if run is not None else "waiting"))
    say(*head)
    facts: list[tuple[str, object]] = []
    if hand is not None:
        facts.append(("now", f"waits: {hand.waits}" if hand.waits else f"goes on, in process {hand.pid}"))
    if run is not None and run.reason:
        facts.append(("why", run.reason))
    cause = run.cause if run is not None else hand.cause if hand is not None else ""
    facts += [("started by", found.event if found.event and cause == "event" else cause)] if cause else []
    if run is not None and (due := _stands_for(run)) is not None:
        facts.append(("stands for", local(due, tz)))
    if run is not None and run.params:
        facts.append(("params", ", ".join(f"{k}={v}" for k, v in run.params.items())))
    facts += [("repeats", run.repeats)] if run is not None and run.repeats else []
    if found.attempts and found.attempts[-1].command:
        facts.append(("command", found.attempts[-1].command))
    list_facts(facts)
    for attempt in found.attempts:
        _show_attempt(attempt, tz)
    _show_left(found)
    _show_others({"needed": found.needs, "led to": found.led_to, "repeated by": found.repeated_by})
    if (
        run is not None
        and run.status in ("skipped", "failed", "timed_out", "orphaned", "cancelled")
        and not found.repeated_by
    ):
        say(f"\nagain: steersman auto rerun {found.run_id}")


def _stands_for(run: Member) -> int | None:
    """Return the start that a run stands for, if that is not just when it began."""
    from steersman.automation.model.schedule import PUNCTUAL_NS  # as above

    due = run.stands_for if run.scheduled_at is None else run.scheduled_at
    is_other = run.scheduled_at is not None or (due is not None and run.started_at - due > PUNCTUAL_NS)
    return due if is_other else None


def _show_attempt(attempt: Attempt, tz: str) -> None:
    say(f"\nattempt {attempt.attempt}  ", word(attempt.status), f"  {local(attempt.started_at, tz)}")
    figures = [f"exit {attempt.exit_code}"] if attempt.exit_code is not None else []
    if attempt.wall_s is not None and attempt.cpu_s is not None and attempt.peak_rss_bytes is not None:
        peak = attempt.peak_rss_bytes / (1 << 20)
        figures.append(f"{attempt.wall_s:.2f} s, CPU {attempt.cpu_s:.2f} s, peak {peak:.0f} MB")
    if attempt.lateness_s is not None:
        figures.append(f"{attempt.lateness_s:.1f} s late")
    if figures:
        say(f"  {', '.join(figures)}")
    if attempt.error:
        list_facts([("", attempt.error)], indent=0)
    if attempt.log:
        say(f"  {attempt.log}")


def _show_left(found: RunDetails) -> None:
    import msgspec  # as above

    from steersman.kernel.sizes import spoken_bytes

    if found.attempts and found.attempts[-1].result is not None:
        say(f"\nresult  {msgspec.json.encode(found.attempts[-1].result).decode()}")
    for artifact in found.artifacts:
        size = "cleared away" if artifact.size_bytes is None else spoken_bytes(artifact.size_bytes)
        say(f"artifact  {artifact.path} ({size})")


def _show_others(others: Mapping[str, Sequence[Member]]) -> None:
    from rich.text import Text  # only the human form needs it

    rows = [
        (title, Text.assemble(run.run_id, "  ", word(run.status), "  " if run.reason else "", plain(run.reason)))
        for title, runs in others.items()
        for run in runs
    ]
    if rows:
        list_facts(rows, indent=0)
