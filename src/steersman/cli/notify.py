"""`steersman notify`: who is told what; one message to try it; what a week would have been like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from steersman.cli.auto_words import local
from steersman.cli.context import HERE, AsJson, Dir, noun, opened
from steersman.cli.notify_preview import preview
from steersman.cli.output import console, emit, show_table

if TYPE_CHECKING:
    from steersman.bootstrap.notice_status import TargetStatus, Tried

app = noun("Who is told when something breaks or wants a person: phone, mail, chat, webhook.")
_NONE = (
    'nobody is told anything: add [notify.NAME] to steersman.toml, with kind = "command" and run = "SCRIPT", '
    'or kind = "webhook" or "apprise" and url = "env:NAME"'
)


@app.command("list", short_help="Each target: told last, what failed, what waits.")
def list_(directory: Dir = HERE, as_json: AsJson = False) -> None:
    """List every target with what it was told last, why an attempt failed, and what waits."""
    from steersman.bootstrap import presence  # `--help` needs no domain
    from steersman.bootstrap.notice_status import status  # as above

    with opened(directory) as desk:
        rows = [status(desk, name) for name in desk.workspace.notify]
        tz, is_up = desk.workspace.desk.tz, presence.find(desk.workspace.presence) is not None

    def render() -> None:
        _render(rows, tz)
        if rows and not is_up:
            console().print("\nthe desk does not run, so nobody is told: steersman up", markup=False)

    emit(as_json, rows, render)


def _render(rows: list[TargetStatus], tz: str) -> None:
    show_table(
        "",
        [("target", "left"), ("kind", "left"), ("told", "right"), (f"last, {tz}", "left"), ("", "left")],
        [
            [
                row.target,
                row.kind,
                f"{row.sent:,}",
                local(row.last_sent_at, tz, zone=False) if row.last_sent_at is not None else "never",
                _state(row, tz),
            ]
            for row in rows
        ],
        empty=_NONE,
    )
    for row in rows:
        for line in row.waiting[:5]:
            console().print(f"waits for {row.target}: {line}", markup=False)
        if len(row.waiting) > 5:
            console().print(f"and {len(row.waiting) - 5} more for {row.target}", markup=False)


def _state(row: TargetStatus, tz: str) -> str:
    parts = []
    if row.problem:
        again = f", again at {local(row.retry_at, tz, zone=False)[-5:]}" if row.retry_at is not None else ""
        parts.append(f"failed: {row.problem}{again}")
    if row.held:
        parts.append(f"quiet hours keep {row.held} back")
    if row.given_up:
        parts.append(f"{row.given_up} given up this week")
    if row.heartbeat:
        parts.append(f"heartbeat {row.heartbeat}")
    return "; ".join(parts) or "well"


@app.command("test", short_help="Send one message now, and say what came back.")
def try_(
    name: Annotated[str | None, typer.Argument(help="One target; all of them if none is named.")] = None,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Send one message to a target, or to each, and say what came back. Exits 1 if one did not arrive."""
    from steersman.bootstrap.notice_status import try_out  # `--help` needs no domain
    from steersman.bootstrap.notices import check_target
    from steersman.kernel.errors import Misconfigured

    with opened(directory) as desk:
        if name is not None:
            check_target(desk.workspace, name)
        elif not desk.workspace.notify:
            raise Misconfigured("there is no target to try", fix=_NONE.partition(": ")[2])
        found = [try_out(desk, one) for one in ([name] if name is not None else desk.workspace.notify)]
    emit(as_json, found, lambda: _say(found))
    if not all(one.ok for one in found):
        raise typer.Exit(1)


def _say(found: list[Tried]) -> None:
    for one in found:
        if one.ok:
            console().print(f"{one.target}: sent, {one.answer} ({one.took_ms:,.0f} ms)", markup=False)
        else:
            console().print(f"{one.target}: did not arrive: {one.problem}", markup=False)
            if one.fix:
                console().print(f"  fix: {one.fix}", markup=False)


@app.command(short_help="What is told, how loudly, and whether each target is.")
def rules(directory: Dir = HERE, as_json: AsJson = False) -> None:
    """List what is told by default, how severe it is, and what each target makes of it."""
    from steersman.bootstrap.notice_rules import RULES  # `--help` needs no domain
    from steersman.bootstrap.notices import reader

    with opened(directory) as desk:
        readers = {name: reader(desk.workspace, name) for name in desk.workspace.notify}
        wanted = {name: [str(w) for w in s.wanted] for name, s in desk.workspace.notify.items()}
    rows = [
        {
            "rule": rule.name,
            "severity": rule.severity,
            "about": rule.about,
            "events": [str(pattern) for pattern in rule.on],
            "targets": {name: one.chosen(rule) for name, one in readers.items()},
        }
        for rule in RULES
    ]

    def render() -> None:
        show_table(
            "",
            [("rule", "left"), ("severity", "left"), ("told when", "left"), *((name, "left") for name in readers)],
            [
                [
                    rule.name,
                    rule.severity,
                    rule.about,
                    *(_mark(one.chosen(rule), rule.severity) for one in readers.values()),
                ]
                for rule in RULES
            ],
            empty="",
        )
        for name, patterns in wanted.items():
            for pattern in patterns:
                console().print(f"{name} also: {pattern}", markup=False)
        if not readers:
            console().print(f"\n{_NONE}", markup=False)

    emit(as_json, {"rules": rows, "also": wanted}, render)


def _mark(chosen: str, severity: str) -> str:
    return "-" if chosen == "off" else "told" if chosen == severity else chosen


app.command(short_help="What the last days would have told, before it wakes you.")(preview)
