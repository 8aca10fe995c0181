"""`steersman ledger`: look at the event store, prove it whole, take a copy."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from steersman.cli.context import HERE, AsJson, Dir, noun, opened
from steersman.cli.output import console, emit, mark, show_table
from steersman.kernel.clock import iso
from steersman.kernel.errors import Misconfigured

if TYPE_CHECKING:
    from steersman.bootstrap.desk import Desk
    from steersman.ledger import Event, Ledger

app = noun("The event store: tail, verify, anchor, export, query, stats.")
_STEP = 20_000
_ROOM = 76

Types = Annotated[
    str, typer.Option("--types", help="Only these, separated by commas: `trading.order.*,policy.halt.set`.")
]


def _wanted(types: str) -> list[str] | None:
    return [t.strip() for t in types.split(",") if t.strip()] or None


def _shown(event: Event) -> str:
    """Return the event as two lines that fit 80 columns: what and about what, then how it begins."""
    data = event.data.decode()
    cut = data if len(data) <= _ROOM else f"{data[: _ROOM - 1]}…"
    start = f"{event.pos:>7}  {iso(event.recorded_at)[:19]}Z  {event.type}  "
    room = max(80 - len(start), 12)
    stream = event.stream if len(event.stream) <= room else f"{event.stream[: room - 1]}…"
    return f"{start}{stream}\n    {cut}"


def _line(event: Event) -> str:
    from steersman.ledger.export import cloud_event  # start-up time

    return msgspec.json.encode(cloud_event(event)).decode()


@app.command()
def tail(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what arrives, until Ctrl-C.")] = False,
    types: Types = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, help="How many of the latest.")] = 10,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Show the latest events; with --json one CloudEvent per line."""
    show = _line if as_json else _shown
    wanted = _wanted(types)
    with opened(directory) as desk:
        head = desk.ledger.head().pos
        after = max(head - limit, 0) if wanted is None else 0
        found = deque(desk.ledger.read(after=after, types=wanted), maxlen=limit)
        for event in found:
            print(show(event))
        if not found and not follow and not as_json:
            text = f"no event of {types} yet" if wanted else "the ledger is empty: start with `steersman up`"
            print(text)
        if follow:
            _follow(desk.ledger, max(head, found[-1].pos if found else 0), wanted, show)


def _follow(ledger: Ledger, after: int, wanted: list[str] | None, show: Callable[[Event], str]) -> None:
    from steersman.ledger.type_filter import TypeFilter  # start-up time

    wants = TypeFilter(("*",) if wanted is None else wanted)
    live = ledger.subscribe(after=after)
    try:
        while True:
            for event in live.next(1.0):
                if wants(event.type):
                    print(show(event), flush=True)
    finally:
        live.close()


@app.command()
def verify(
    chain: Annotated[bool, typer.Option("--chain", help="Recompute every hash.")] = False,
    links: Annotated[bool, typer.Option("--links", help="No fill without order, no order without verdict.")] = False,
    anchor: Annotated[bool, typer.Option("--anchor", help="Compare with the heads written outside.")] = False,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Prove that nothing was changed, cut off or left without its cause. All three checks unless some are named."""
    every = not (chain or links or anchor)
    result: dict[str, Any] = {}
    with opened(directory) as desk:
        if chain or every:
            result["chain"] = _chain(desk.ledger)
        if links or every:
            result["links"] = _links(desk.ledger)
        if anchor or every:
            result["anchor"] = _anchors(desk)
    result = {"ok": all(part["ok"] for part in result.values()), **result}
    emit(as_json, result, lambda: _show_verified(result))
    if not result["ok"]:
        raise typer.Exit(1)


def _chain(ledger: Ledger) -> dict[str, Any]:
    """Recompute every hash in pieces, so that there is something to show meanwhile."""
    until = ledger.head().pos
    checked, pos = 0, 0
    while True:
        found = ledger.verify(after=pos, until=min(pos + _STEP, until))
        checked += found.checked
        pos += _STEP
        if not found.ok or pos >= until:
            break
        _progress(f"{checked:,} of {until:,} events verified")
    head = {"pos": found.head.pos, "hash": found.head.hash.hex()}
    return {"ok": found.ok, "events": checked, "head": head, "problem": found.problem, "first_bad": found.first_bad}


def _links(ledger: Ledger) -> dict[str, Any]:
    from steersman.trading.links import check_links  # start-up time

    found: dict[str, Any] = msgspec.to_builtins(check_links(ledger))
    return found


def _anchors(desk: Desk) -> dict[str, Any]:
    from steersman.ledger.anchor import check_anchors, count  # start-up time

    path = desk.workspace.anchor
    problem = check_anchors(desk.ledger, path)
    return {"ok": not problem, "anchors": 0 if problem else count(path), "problem": problem, "file": path.name}


def _show_verified(result: dict[str, Any]) -> None:
    rows = []
    if "chain" in result:
        part = result["chain"]
        fine = f"{part['events']:,} events, head {part['head']['hash'][:16]}…"
        rows.append(["chain", mark(part["ok"]), part["problem"] or fine])
    if "links" in result:
        part = result["links"]
        fine = ", ".join(
            f"{part[name]:,} {name.replace('_', ' ')}"
            for name in ("signals", "verdicts", "orders", "fills", "journal_entries")
        )
        rows.append(["links", mark(part["ok"]), "\n".join(part["problems"]) or fine])
    if "anchor" in result:
        part = result["anchor"]
        fine = f"{part['anchors']:,} anchored heads agree" if part["anchors"] else "none yet: steersman ledger anchor"
        rows.append(["anchor", mark(part["ok"]), part["problem"] or fine])
    show_table("ledger", [("check", "left"), ("", "left"), ("found", "left")], rows, empty="")
    if not result["ok"]:
        console(error=True).print("fix: stop the desk and compare with a backup; nothing is repaired silently")


@app.command("anchor")
def anchor_(directory: Dir = HERE, as_json: AsJson = False) -> None:
    """Write the head down outside the ledger, signed; a running core does so every hour."""
    from steersman.ledger.anchor import anchor, key_path  # start-up time

    with opened(directory) as desk:
        path = desk.workspace.anchor
        made = anchor(desk.ledger, path, desk.clock)
        head = desk.ledger.head() if made is None else made.head
    data = {"written": made is not None, "pos": head.pos, "hash": head.hash.hex(), "file": str(path)}

    def render() -> None:
        out = console()
        if made is None:
            what = "nothing new since the last anchor" if head.pos else "the ledger is empty"
            out.print(f"{what}: nothing written")
        else:
            out.print(f"anchored event {head.pos:,}, hash {head.hash.hex()[:16]}…, in {path.name}", markup=False)
            out.print(f"keep a copy of {path.name} and {key_path(path).name} on another machine", markup=False)

    emit(as_json, data, render)


@app.command()
def export(
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write; replaced whole.")],
    format: Annotated[str, typer.Option("--format", help="cloudevents (JSON lines) or parquet.")] = "cloudevents",
    from_: Annotated[int, typer.Option("--from", min=1, help="First position.")] = 1,
    to: Annotated[int | None, typer.Option("--to", min=1, help="Last position; the head if not given.")] = None,
    types: Types = "",
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Write events to a file for other programs."""
    from steersman.ledger.export import FORMATS  # start-up time

    if format not in FORMATS:
        raise Misconfigured(f"there is no format {format!r}", fix=f"choose {' or '.join(FORMATS)}")
    if out.is_dir() or not out.absolute().parent.is_dir():
        raise Misconfigured(f"{out} cannot be written", fix="name a file in a folder that exists")
    with opened(directory) as desk:
        until = desk.ledger.head().pos if to is None else to
        events = _between(desk.ledger.read(after=from_ - 1, types=_wanted(types)), until)
        made = FORMATS[format](events, out, progress=lambda n: _progress(f"{n:,} events written"))
    data = msgspec.to_builtins(made) | {"head": {"pos": made.head.pos, "hash": made.head.hash.hex()}}

    def render() -> None:
        text = f"{made.events:,} events in {made.path} ({made.bytes:,} bytes), up to event {made.head.pos:,}"
        console().print(text if made.events else f"no event matches: {made.path} is empty", markup=False)

    emit(as_json, data, render)


def _between(events: Iterator[Event], until: int) -> Iterator[Event]:
    for event in events:
        if event.pos > until:
            return
        yield event


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help='e.g. "SELECT type, count(*) FROM events GROUP BY type"')],
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Rows at most.")] = 100,
    timeout_s: Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds at most.")] = 10.0,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Ask the ledger in SQL; nothing can be changed. `data ->> '$.at'` reads a field of an event."""
    from steersman.ledger.statistics import query as ask  # start-up time

    with opened(directory) as desk:
        answer = ask(desk.workspace.ledger, sql, clock=desk.clock, limit=limit, timeout_s=timeout_s)
    data = {
        "columns": answer.columns,
        "rows": [dict(zip(answer.columns, row, strict=True)) for row in answer.rows],
        "more": answer.more,
    }

    def render() -> None:
        kinds = [("right" if _is_number(answer.rows, i) else "left") for i in range(len(answer.columns))]
        rows = [["" if value is None else value for value in row] for row in answer.rows]
        show_table("", list(zip(answer.columns, kinds, strict=True)), rows, empty="no rows")
        if answer.more:
            console(error=True).print(f"only the first {limit}: --limit takes more")

    emit(as_json, data, render)


def _is_number(rows: tuple[tuple[Any, ...], ...], column: int) -> bool:
    return any(isinstance(row[column], (int, float)) for row in rows[:1])


@app.command()
def stats(directory: Dir = HERE, as_json: AsJson = False) -> None:
    """Count events by type and day."""
    from steersman.ledger.statistics import statistics  # start-up time

    with opened(directory) as desk:
        found = statistics(desk.workspace.ledger)

    def render() -> None:
        from steersman.feedback import sparkline  # start-up time

        rows = [[t.type, f"{t.events:,}", f"{t.data_bytes / t.events:,.0f}", iso(t.last_ns)[:16]] for t in found.types]
        columns = [("type", "left"), ("events", "right"), ("bytes each", "right"), ("last (UTC)", "left")]
        show_table("", columns, rows, empty="the ledger is empty: start with `steersman up`")
        if found.first_ns is None or found.last_ns is None:
            return
        out = console()
        out.print(
            f"\n{found.events:,} events in {found.streams:,} streams, {found.file_bytes / 1e6:,.1f} MB, "
            f"head {found.head_hash[:16]}…",
            markup=False,
        )
        out.print(f"{iso(found.first_ns)[:19]}Z to {iso(found.last_ns)[:19]}Z", markup=False)
        line = sparkline([float(day.events) for day in found.days], width=40)
        out.print(f"per day: {line}  (latest {found.days[-1].events:,})", markup=False)

    emit(as_json, found, render)


def _progress(text: str) -> None:
    """Say on stderr how far a long command is; only a person watching needs it."""
    if sys.stderr.isatty():
        print(f"\r{text}\x1b[K", end="", file=sys.stderr, flush=True)
    else:
        print(text, file=sys.stderr, flush=True)
