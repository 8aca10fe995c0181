"""`steersman demo`: the sample desk, from market data to a published post, on one page of numbers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from steersman.cli.context import AsJson, single
from steersman.cli.output import console, emit, show_table

if TYPE_CHECKING:
    from steersman.bootstrap.demo import DemoResult, Shown

app = single("Run the sample desk: real bars, two strategies, scripts, drafts, one page with the numbers.")
DIRECTORY = Path("demo-desk")
_TENTHS = 10


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="Run to the end without serving, print the numbers.")] = False,
    directory: Annotated[Path, typer.Option("--dir", "-C", help="Where the copy of the sample desk goes.")] = DIRECTORY,
    port: Annotated[int | None, typer.Option("--port", help="Console port; 0 takes a free one.")] = None,
    pace: Annotated[float, typer.Option("--pace", min=0, help="Seconds per session while the console shows it.")] = 0.1,
    as_json: AsJson = False,
) -> None:
    """Make a fresh copy of the sample desk in DIR and run it; an earlier demo there is kept as DIR.previous."""
    from steersman.bootstrap.sample import make_demo  # `--help` needs no domain
    from steersman.bootstrap.workspace import load_workspace  # as above

    aside = make_demo(directory)
    workspace = load_workspace(directory)
    if aside is not None:
        console(error=True).print(f"the earlier demo is kept in {aside}", markup=False)
    if once:
        from steersman.bootstrap.demo import run_once  # as above

        result = run_once(workspace, _Progress())
        emit(as_json, result, lambda: _render(result, directory))
        if not result.ledger.verified:
            raise typer.Exit(1)
        return
    from steersman.cli.serving import serve_until_stopped  # as above

    welcome = f"the sample desk replays in {directory}, {pace:g} s a session; Ctrl-C stops it"
    serve_until_stopped(workspace, port=port, pace_s=pace, as_json=as_json, welcome=welcome)


class _Progress:
    """Says on stderr what happens: each step once, and a long one at each tenth."""

    def __init__(self) -> None:
        self._last = ("", -1)

    def __call__(self, shown: Shown) -> None:
        tenth = shown.done * _TENTHS // shown.total if shown.total else -1
        if shown.total and (shown.step, tenth) == self._last:
            return
        self._last = (shown.step, tenth)
        count = f"{shown.done:>6,} of {shown.total:,} sessions  " if shown.total else ""
        sys.stderr.write(f"{shown.step:<16} {count}{shown.note}".rstrip() + "\n")
        sys.stderr.flush()


def _render(result: DemoResult, directory: Path) -> None:
    verdicts = ", ".join(f"{n} {name}" for name, n in result.verdicts.items())
    rows = [
        ("bars", f"{result.bars:,}"),
        ("signals", f"{result.signals:,}: {verdicts}"),
        ("orders, fills", f"{result.orders:,}, {result.fills:,}"),
        ("journal entries", f"{result.journal_entries:,}"),
        ("runs", f"{result.runs['succeeded']} succeeded, {result.runs['failed']} failed"),
        ("drafts", f"{result.drafts}: {result.findings} findings, {result.published} published"),
        ("ledger", f"{result.ledger.events:,} events, {'verified' if result.ledger.verified else 'NOT VERIFIED'}"),
        ("decisions", result.decisions_digest[:16]),
        ("took", f"{result.seconds:.1f} s, {result.rss_mb:.0f} MB"),
    ]
    show_table("", [("what", "left"), ("how many", "left")], rows, empty="")
    for problem in result.ledger.problems:
        console(error=True).print(f"problem: {problem}", markup=False)
    out = console()
    out.print(f"\nnext: steersman kpi list --dir {directory}; steersman up --dir {directory}", markup=False)
