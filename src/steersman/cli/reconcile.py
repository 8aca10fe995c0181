"""`steersman reconcile`: does the ledger say what the venues say; and taking the venues' word where it does not."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from steersman.cli.context import HERE, AsJson, Dir, single
from steersman.cli.output import emit
from steersman.cli.terminal import list_rows, say
from steersman.kernel.errors import Rejected, Unavailable

if TYPE_CHECKING:
    from steersman.trading.events import Reconciled

app = single("Compare the ledger with the venues, explain each difference, and settle them.")
_WAIT_S = 30.0


@app.command()
def reconcile(
    settle: Annotated[
        bool, typer.Option("--settle", help="Take the venues' word: end missing orders, book position differences.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before settling.")] = False,
    wait: Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for the venues.")] = _WAIT_S,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Ask the core to compare; exits 1 if a venue differs or does not answer."""
    from steersman.cli.context import opened  # `--help` needs no ledger
    from steersman.cli.outcome import of_reconcile  # as above
    from steersman.trading.handlers import commands  # as above

    with opened(directory) as desk:
        venues = set(desk.workspace.trading.venues)
        if not venues:
            raise Rejected("this desk has no venue", fix="add a [venue.NAME] to steersman.toml")
        if not getattr(desk.ledger, "core_runs", True):
            raise Unavailable("the core is not running: only it talks to the venues", fix="`steersman up`")
        if settle and not yes:
            if not sys.stdin.isatty():
                raise Rejected("settling changes the book", fix="look at `steersman reconcile` first, then add --yes")
            typer.confirm("Book what the venues say, where the ledger says something else?", abort=True)
        pos = desk.ledger.head().pos
        request = commands.reconcile(desk.ledger, by="person:cli", settle=settle, now_ns=desk.clock.now_ns())
        found = of_reconcile(desk, request, venues, after=pos, wait_s=wait)
    emit(as_json, found, lambda: _show(found, venues))
    missing = venues - {report.venue for report in found}
    if missing:
        raise Unavailable(f"no report on {', '.join(sorted(missing))} within {wait:g} s", fix="`steersman status`")
    if any(not report.reached or (report.differences and not report.settled) for report in found):
        raise typer.Exit(1)


def _show(found: list[Reconciled], venues: set[str]) -> None:
    for report in sorted(found, key=lambda r: r.venue):
        if not report.reached:
            say(f"{report.venue}: not reached: {report.problem}")
            continue
        if report.problem:
            say(f"{report.venue}: {report.problem}")
            continue
        agreed = f"{report.orders} open orders and {report.positions} positions looked at"
        if not report.differences:
            say(f"{report.venue}: agrees ({agreed})")
            continue
        say(f"{report.venue}: {len(report.differences)} differences ({agreed})")
        list_rows(
            [("what", "left"), ("subject", "left"), ("ledger", "right"), ("venue", "right"), ("means", "left")],
            [[d.kind, d.subject, d.ours, d.theirs, d.explained] for d in report.differences],
            empty="",
        )
        say("settled: the book says what the venue says" if report.settled else _NEXT)


_NEXT = "next: `steersman reconcile --settle` books what the venue says; halted instruments are freed with it"
