"""`steersman journal`: every decision and closed round trip in words, denied ones too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from steersman.cli.context import HERE, AsJson, Dir, noun, opened
from steersman.cli.output import emit
from steersman.cli.terminal import list_rows, say
from steersman.kernel.clock import iso
from steersman.kernel.errors import Rejected

if TYPE_CHECKING:
    from steersman.trading.queries import JournalRow

app = noun("The journal: one entry per decision, denied ones too, and per closed round trip.")
_KINDS = ("decision", "round_trip")


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000)] = 20,
    kind: Annotated[str | None, typer.Option("--kind", help="decision or round_trip.")] = None,
    outcome: Annotated[str | None, typer.Option("--outcome", help="e.g. accept, reject, won, lost.")] = None,
    strategy: Annotated[str | None, typer.Option("--strategy", help="Only entries about this one.")] = None,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """List the latest entries, newest first."""
    from steersman.trading import queries  # `--help` needs no domain

    if kind is not None and kind not in _KINDS:
        raise typer.BadParameter(f"allowed: {', '.join(_KINDS)}", param_hint="--kind")
    with opened(directory) as desk:
        rows = queries.journal(desk.db, limit=limit, kind=kind, strategy=strategy, outcome=outcome)
        empty = (
            "no entry matches"
            if queries.totals(desk.db).journal_entries
            else "the journal is empty: the first decision writes the first entry, see `steersman up`"
        )

    def render() -> None:
        list_rows(
            [("day", "left"), ("", "left"), ("text, and the entry's id", "left")],
            [[iso(row.at)[:10], row.outcome.replace("_", " "), f"{row.text}\n{row.entry_id}"] for row in rows],
            empty=empty,
        )

    emit(as_json, rows, render)


@app.command()
def show(
    entry_id: Annotated[str, typer.Argument(help="As `steersman journal list` shows it.")],
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Show one entry with the numbers its text is made from."""
    from steersman.trading import queries  # as above

    with opened(directory) as desk:
        found = queries.entry(desk.db, entry_id)
    if found is None:
        raise Rejected(f"there is no entry {entry_id!r}", fix="`steersman journal list` names them")
    emit(as_json, found, lambda: _show(found))


def _show(row: JournalRow) -> None:
    say(f"{row.entry_id}  {iso(row.at)}")
    say(f"{row.kind.replace('_', ' ')}, {row.outcome}: {row.strategy} on {row.instrument}")
    say(row.text)
    say()
    for name, value in row.facts.items():
        say(f"{name:>20}  {value}")
    if row.signal_id is not None:
        say(f"\nevery check: steersman signal show {row.signal_id}")
