"""`steersman notify preview`: the ledger's past, told as the settings say now; nothing is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from steersman.cli.auto_words import local
from steersman.cli.context import HERE, AsJson, Dir, opened
from steersman.cli.output import console, emit, show_table
from steersman.kernel.plurals import counted

if TYPE_CHECKING:
    from steersman.services.notices.preview import Preview

_SHOWN = 10


def preview(
    name: Annotated[str | None, typer.Argument(help="One target; all of them if none is named.")] = None,
    since: Annotated[str, typer.Option("--since", help="How far back: 24h, 7d, 30d.")] = "7d",
    messages: Annotated[bool, typer.Option("--messages", help="Show every message, not the latest ten.")] = False,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Say how many messages the last days would have brought, when and about what. Without a target, by the rules."""
    from steersman.bootstrap.notices import check_target, tried_over  # `--help` needs no domain
    from steersman.kernel.durations import seconds
    from steersman.kernel.errors import Misconfigured

    try:
        span_s = seconds(since)
    except ValueError as exc:
        raise Misconfigured(f"--since: {exc}", fix="write e.g. --since 7d") from exc
    with opened(directory) as desk:
        if name is not None:
            check_target(desk.workspace, name)
        names = [name] if name is not None else [*desk.workspace.notify]
        found = tried_over(desk, names, span_s)
        tz = desk.workspace.desk.tz

    def render() -> None:
        for one in found:
            _render(one, since, tz, everything=messages)

    emit(as_json, found, render)


def _render(found: Preview, since: str, tz: str, *, everything: bool) -> None:
    out = console()
    who = f"[notify.{found.target}]" if found.target else "a target with the rules as they are"
    out.print(
        f"{who}: {counted(found.happenings, 'thing')} to tell in {since},"
        f" {counted(found.messages, 'message')}; {found.busiest_hour} in the busiest hour,"
        f" {found.in_quiet} in quiet hours",
        markup=False,
    )
    if not found.messages:
        return
    show_table("", [("day", "left"), ("messages", "right")], [[day, str(n)] for day, n in found.days.items()], empty="")
    show_table(
        "", [("about", "left"), ("messages", "right")], [[rule, str(n)] for rule, n in found.rules.items()], empty=""
    )
    shown = found.told if everything else found.told[-_SHOWN:]
    show_table(
        "",
        [(f"at, {tz}", "left"), ("", "left"), ("message", "left")],
        [[local(one.at, tz, zone=False), one.severity, one.first] for one in shown],
        empty="",
    )
    if len(shown) < len(found.told):
        out.print(f"{len(found.told) - len(shown)} before these: --messages shows all", markup=False)
