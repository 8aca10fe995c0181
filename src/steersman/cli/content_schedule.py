"""`steersman content schedule`, `calendar` and `heatmap`: when posts go out, why then, and why not at other times."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from steersman.cli.context import HERE, AsJson, Dir, opened
from steersman.cli.output import console, emit
from steersman.kernel.errors import Misconfigured, SteersmanError
from steersman.kernel.plurals import counted

if TYPE_CHECKING:
    from steersman.content.events.publishing import PostScheduled, PostUnscheduled
    from steersman.content.scheduling import Proposal, Unplaced

Channel = Annotated[str | None, typer.Option("--channel", help="Only on this channel.")]


def schedule(
    draft: Annotated[Path | None, typer.Argument(metavar="DRAFT", help="With --at or --clear: the one meant.")] = None,
    at: Annotated[str | None, typer.Option("--at", help="Give it this time on the wall: 2026-12-01T09:00.")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Take its time away.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Plan those again that a plan placed before.")] = False,
    channel: Channel = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the slots, and stop.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Give posts that wait their slots, each explained; exits 1 if one found none."""
    from steersman.bootstrap import scheduling  # `--help` needs no domain
    from steersman.bootstrap.content import actor
    from steersman.content.scheduling import Proposal
    from steersman.content.settings.channels import check_declared

    if draft is not None and not clear and at is None:
        raise Misconfigured(
            "a draft alone does not say what to do with it",
            fix="add --at 2026-12-01T09:00, or --clear; or name no draft",
        )
    with opened(directory, [] if draft is None else [draft]) as desk:
        check_declared(channel, desk.workspace.content.channels)
        own = scheduling.scheduler(desk, actor=actor())
        if draft is not None:
            from steersman.bootstrap.pieces import name_of
            from steersman.content.drafts import read_draft

            post = scheduling.named(desk, own, name_of(desk, draft), channel)
            said = own.clear(post.key, "a person took it away") if clear else own.put(post, at or "")
            is_ready = read_draft(desk.workspace.root, post.draft, desk.workspace.content.qa).status == "ready"
            emit(as_json, said, lambda: _say(said, is_ready=is_ready))
            return
        posts = scheduling.waiting(desk, own, actor=actor(), only=channel, again=again)
        proposals = own.propose(posts, scheduling.campaigns(desk))
        rows = [row for one in proposals for row in _rows(one)]
        left = [one for one in proposals if not isinstance(one, Proposal)]
        if not rows or dry_run or left == proposals:
            emit(as_json, rows, lambda: _show(proposals))
            raise typer.Exit(1) if left else typer.Exit(0)
        if not yes:
            _ask(proposals, as_json=as_json)
        for one in proposals:
            if isinstance(one, Proposal):
                own.accept(one)
    emit(as_json, rows, lambda: _done(proposals, shown=not yes))
    if left:
        raise typer.Exit(1)


def calendar(
    weeks: Annotated[int, typer.Option("--weeks", min=1, max=52, help="How many, from this one on.")] = 2,
    channel: Channel = None,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """List what is out and what is to go out, day by day."""
    import datetime as dt
    from zoneinfo import ZoneInfo

    from steersman.content.scheduling import Standing
    from steersman.content.scheduling.pictures import calendar as events
    from steersman.content.settings.channels import check_declared
    from steersman.kernel.clock import utc

    with opened(directory) as desk:
        check_declared(channel, desk.workspace.content.channels)
        tz, now = desk.workspace.desk.tz, desk.clock.now_ns()
        today = utc(now).astimezone(ZoneInfo(tz)).date()
        first = today - dt.timedelta(days=today.weekday())
        entries = Standing(desk.ledger).entries(channel or "")
        rows = events(entries, first=first, days=7 * weeks, tz=tz, now=now)

    def render() -> None:
        out = console()
        if not rows:
            out.print(
                f"nothing from {first:%a %d %b} on: `steersman content schedule` gives waiting posts a time",
                markup=False,
            )
        day = ""
        for row in rows:
            if row.day != day:
                day = row.day
                out.print(f"{dt.date.fromisoformat(day):%a %d %b %Y}", style="bold", markup=False)
            expects = (
                "" if row.expected is None else f"  expects {row.expected:,.0f} ({row.low:,.0f} to {row.high:,.0f})"
            )
            how = f", {row.how}" if row.how else ""
            out.print(f"  {row.time}  {row.state}  {row.draft} on {row.channel}{how}{expects}", markup=False)

    emit(as_json, rows, render)


def heatmap(
    channel: Annotated[
        str | None, typer.Argument(metavar="CHANNEL", help="May be left out if there is only one.")
    ] = None,
    type_: Annotated[str, typer.Option("--type", help="The content type.")] = "post",
    svg: Annotated[Path | None, typer.Option("--svg", help="Write it as a picture to this file.")] = None,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Show the hours of the week: what is expected of each, and how many posts that rests on."""
    from steersman.bootstrap import scheduling  # `--help` needs no domain
    from steersman.bootstrap.content import actor
    from steersman.content.scheduling import pictures
    from steersman.content.scheduling.lifts import lifts
    from steersman.content.settings.channels import check_declared
    from steersman.content.slots.heatmap import heatmap as hours

    with opened(directory) as desk:
        own = scheduling.scheduler(desk, actor=actor())
        known = {*desk.workspace.content.channels, *own.history.channels()}
        check_declared(channel, known)
        channel = channel or _only(known)
        model, rules = own.model(channel), own.rules(channel)
        cells = hours(model, type_, rules, desk.clock.now_ns())
        verdicts = lifts(own, channel, usual=desk.workspace.content.slots.of(channel).usual)
    if svg is not None:
        svg.write_text(pictures.heatmap_svg(cells, f"Hours of the week on {channel}"), encoding="utf-8")

    def render() -> None:
        out = console()
        out.print(f"{channel}: {model.standing}", markup=False)
        for line in pictures.heatmap_text(cells):
            out.print(f"  {line}", markup=False)
        if model.enough:
            out.print("  █ more, ▒ alike, blank less; · not allowed", style="dim", markup=False)
            best = sorted((c for c in cells if c.allowed), key=lambda c: -(c.ratio or 0))[:3]
            for cell in best:
                out.print(f"  {pictures.spoken(cell)}", markup=False)
        elif any(cell.allowed for cell in cells):
            out.print("  ? allowed, not known; · not allowed", style="dim", markup=False)
        for verdict in verdicts:
            out.print(f"  choosing slots: {verdict.text}", markup=False)

    emit(as_json, {"channel": channel, "standing": model.standing, "cells": cells, "lift": verdicts}, render)


def _only(known: set[str]) -> str:
    if len(known) == 1:
        return next(iter(known))
    raise Misconfigured(
        "no channel is named", fix=f"name one: {', '.join(sorted(known))}" if known else "declare [channel.NAME]"
    )


def _rows(one: Proposal | Unplaced) -> list[dict[str, Any]]:
    from steersman.content.scheduling import Proposal  # as above

    if not isinstance(one, Proposal):
        return [{"channel": one.channel, "key": one.key, "how": "unplaced", "reason": one.reason, "fix": one.fix}]
    rows = []
    for placed in one.plan.placed:
        expected = placed.expected
        rows.append(
            {
                "channel": one.channel,
                "key": placed.key,
                "draft": one.drafts[placed.key],
                "wall": placed.slot.wall,
                "tz": placed.slot.tz,
                "due_at": placed.slot.at,
                "how": placed.how,
                "propensity": placed.propensity,
                "expected": None if expected is None else expected.mean,
                "low": None if expected is None else expected.low,
                "high": None if expected is None else expected.high,
                "n": 0 if expected is None else expected.n,
                "candidates": placed.candidates,
                "reason": placed.reason,
                "why_not": list(placed.why_not),
                "notes": list(one.plan.notes),
            }
        )
    return rows


def _show(proposals: list[Proposal | Unplaced]) -> None:
    from steersman.content.scheduling import Proposal  # as above

    out = console()
    if not proposals:
        out.print(
            "nothing waits for a slot: ready drafts without a date do; `steersman content calendar` shows the others",
            markup=False,
        )
    for one in proposals:
        if not isinstance(one, Proposal):
            out.print(f"{one.channel}: no slot for {one.key}: {one.reason}\n  fix: {one.fix}", markup=False)
            continue
        out.print(one.channel, style="bold", markup=False)
        for note in one.plan.notes:
            out.print(f"  {note}", style="yellow", markup=False)
        for placed in one.plan.placed:
            out.print(f"  {placed.slot.spoken}  {one.drafts[placed.key]}  {placed.how}", markup=False)
            expected = placed.expected
            if expected is not None:
                out.print(
                    f"    expects {expected.mean:,.0f} (90%: {expected.low:,.0f} to {expected.high:,.0f}), "
                    f"learned from {counted(expected.n, 'post')}",
                    markup=False,
                )
            for line in (placed.reason, *(f"not {why}" for why in placed.why_not)):
                out.print(f"    {line}", style="dim", markup=False)


def _ask(proposals: list[Proposal | Unplaced], *, as_json: bool) -> None:
    if as_json or not sys.stdin.isatty():
        if not as_json:
            _show(proposals)
        raise SteersmanError("nothing was scheduled: there is nobody to ask", fix="add --yes, or look with --dry-run")
    _show(proposals)
    if not typer.confirm("Schedule?"):
        raise SteersmanError("nothing was scheduled", fix="steersman content schedule --dry-run shows it again")


def _done(proposals: list[Proposal | Unplaced], *, shown: bool) -> None:
    from steersman.content.scheduling import Proposal  # as above

    if not shown:
        _show(proposals)
    placed = sum(len(one.plan.placed) for one in proposals if isinstance(one, Proposal))
    console().print(f"{counted(placed, 'post')} scheduled: steersman content calendar", markup=False)


def _say(said: PostScheduled | PostUnscheduled, *, is_ready: bool) -> None:
    from steersman.content.events.publishing import PostScheduled  # as above

    out = console()
    if isinstance(said, PostScheduled):
        wall = said.wall.replace("T", " ")
        out.print(f"{said.draft} on {said.channel}: {wall} {said.tz}; {said.reason}", markup=False)
        if not is_ready:
            out.print("it does not go out before its front matter says status: ready", style="yellow", markup=False)
    else:
        out.print(f"{said.draft} on {said.channel}: its time was taken away", markup=False)
