"""`steersman content engagement`: what readers did, at equal ages; and figures from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from steersman.cli.context import HERE, AsJson, Dir, noun, opened
from steersman.cli.output import console, emit, show_table
from steersman.kernel.errors import Misconfigured
from steersman.kernel.plurals import counted

if TYPE_CHECKING:
    from steersman.content.slots.dates import Order

app = noun("What readers did, looked at when posts are equally old; and figures from elsewhere.")
_AGES = {"1h": 3_600, "24h": 86_400, "7d": 604_800}
_SHOWN = 10
"""Problems that are listed; --json has all."""


@app.command("list", short_help="Posts and what they earned at each age.")
def list_(
    channel: Annotated[str | None, typer.Option("--channel", help="Only on this channel.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="The newest so many.")] = 20,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """List posts with their engagement at 1 hour, 24 hours and 7 days; a dash was not looked at in time."""
    from steersman.content.engagement import History  # `--help` needs no domain

    with opened(directory) as desk:
        history = History(desk.ledger)
        known = {*desk.workspace.content.channels, *history.channels()}
        if channel is not None and channel not in known:
            raise Misconfigured(f"there is no channel {channel!r}", fix=f"known: {', '.join(sorted(known)) or 'none'}")
        names = [name for name in history.channels() if channel in (None, name)]
        seen = {(o.key, age): o for name in names for age in _AGES.values() for o in history.observations(name, age)}
        tz = desk.workspace.desk.tz
    posts = {key: one for (key, _), one in seen.items()}
    newest = sorted(posts.values(), key=lambda one: (-one.published_at, one.key))[:limit]
    rows: list[dict[str, Any]] = [
        {
            "key": one.key,
            "channel": one.channel,
            "type": one.type,
            "published_at": one.published_at,
            **{name: seen[one.key, age].engagement if (one.key, age) in seen else None for name, age in _AGES.items()},
        }
        for one in newest
    ]

    emit(as_json, rows, lambda: _show(rows, tz, of=len(posts)))


def _show(rows: list[dict[str, Any]], tz: str, *, of: int) -> None:
    from zoneinfo import ZoneInfo  # as above

    from steersman.kernel.clock import utc

    show_table(
        "",
        [("post", "left"), ("out", "left"), *((name, "right") for name in _AGES)],
        [
            [
                row["key"],
                f"{utc(row['published_at']).astimezone(ZoneInfo(tz)):%Y-%m-%d %H:%M}",
                *("-" if row[name] is None else f"{row[name]:,}" for name in _AGES),
            ]
            for row in rows
        ],
        empty="nothing was observed yet: the desk looks at posts when they are 1 h, 24 h and 7 days old, "
        "on channels that tell; `steersman content engagement import FILE` reads older figures",
    )
    if of > len(rows):
        console().print(f"{len(rows)} of {counted(of, 'post')}; --limit shows more", style="dim", markup=False)


@app.command("import", short_help="Read the figures of older posts from a CSV.")
def import_(
    file: Annotated[Path, typer.Argument(help="The CSV, with a header line.")],
    channel: Annotated[str, typer.Option("--channel", help="The channel its posts were on.")],
    age: Annotated[
        str, typer.Option("--age", help="How old the posts were when they were counted: 1h, 24h, 7d.")
    ] = "7d",
    published: Annotated[str | None, typer.Option("--published", help="The column with the time of a post.")] = None,
    type_: Annotated[str | None, typer.Option("--type", help="The column with its type.")] = None,
    key: Annotated[str | None, typer.Option("--key", help="The column with its id.")] = None,
    counts: Annotated[list[str] | None, typer.Option("--counts", help="Columns to add up; repeat it.")] = None,
    order: Annotated[str | None, typer.Option("--dates", help="Of 4/5/2018: mdy or dmy.")] = None,
    tz: Annotated[str | None, typer.Option("--tz", help="Zone of times that name none; else the desk's.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what was read, and record nothing.")] = False,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Read older posts and what they earned, so that slots can be learned from them. Reading a file again is fine."""
    from steersman.bootstrap.content import actor  # `--help` needs no domain
    from steersman.content.engagement import imports
    from steersman.content.settings.channels import check_declared
    from steersman.content.slots.importing import read_engagement

    if age not in _AGES:
        raise Misconfigured(f"--age: found {age!r}, allowed: {', '.join(_AGES)}", fix="write --age 7d")
    named: dict[str, Any] = {"published": published, "type": type_, "key": key, "counts": counts}
    raw, dates = _content(file), _order(order)
    with opened(directory) as desk:
        check_declared(channel, desk.workspace.content.channels)
        found = read_engagement(
            raw,
            channel=channel,
            tz=tz or desk.workspace.desk.tz,
            columns={name: column for name, column in named.items() if column},
            order=dates,
            age_s=_AGES[age],
            seen_at=desk.clock.now_ns(),
        )
        if not dry_run:
            taken = imports.record(
                found, raw, channel=channel, age_s=_AGES[age], ledger=desk.ledger, clock=desk.clock, actor=actor()
            )
    reading = found.reading
    row: dict[str, Any] = {
        "channel": channel, "age": age, "read": len(found.observations), "dry_run": dry_run,
        "recorded": 0 if dry_run else taken.recorded, "skipped": len(found.problems),
        "problems": [str(problem) for problem in found.problems],
        "columns": {"published": reading.published, "type": reading.type, "key": reading.key,
                    "counts": list(reading.counts)}, "dates": found.order,
    }  # fmt: skip

    emit(as_json, row, lambda: _show_import(row))


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as exc:
        raise Misconfigured(f"{file} cannot be read: {exc.strerror}", fix="name a CSV file") from exc


def _order(text: str | None) -> Order | None:
    known: dict[str | None, Order | None] = {None: None, "mdy": "mdy", "dmy": "dmy"}
    if text in known:
        return known[text]
    raise Misconfigured(f"--dates: found {text!r}, allowed: mdy, dmy", fix="write --dates mdy")


def _show_import(row: dict[str, Any]) -> None:
    out = console()
    new = "" if row["dry_run"] else f", {row['recorded']} new"
    out.print(f"{counted(row['read'], 'post')} read{new}, {counted(row['skipped'], 'line')} left out", markup=False)
    columns = row["columns"]
    out.print(f"  time: {columns['published']}; added up: {', '.join(columns['counts'])}", style="dim", markup=False)
    for problem in row["problems"][:_SHOWN]:
        out.print(f"  {problem}", markup=False, soft_wrap=True)
    if row["skipped"] > _SHOWN:
        out.print(f"  and {row['skipped'] - _SHOWN} more: --json lists all", markup=False)
    follow = f"next: steersman content heatmap {row['channel']}"
    out.print("nothing was recorded; without --dry-run it is" if row["dry_run"] else follow, markup=False)
