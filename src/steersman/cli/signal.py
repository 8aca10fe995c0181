"""`steersman signal`: submit one, see what was asked for and what the gate said, check by check."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from steersman.cli.context import HERE, AsJson, Dir, noun, opened
from steersman.cli.output import emit, mark
from steersman.cli.signal_hook import hook, schema
from steersman.cli.signal_submit import submit
from steersman.cli.terminal import list_rows, say
from steersman.cli.verdicts import COLOURS, list_verdicts, outcome_text
from steersman.kernel.clock import iso
from steersman.kernel.errors import Rejected

if TYPE_CHECKING:
    from steersman.trading.events import CheckRow
    from steersman.trading.queries import VerdictDetail

app = noun("Signals and the gate's verdict on each: every check, what it saw, what it allows.")
app.command()(submit)
app.command()(schema)
app.command()(hook)
_OUTCOMES = tuple(COLOURS)
_NONE_YET = "no signals yet: `steersman demo` makes some, `steersman up` trades the strategies of steersman.toml"


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000)] = 20,
    outcome: Annotated[str | None, typer.Option("--outcome", help="accept, adjust, hold or reject.")] = None,
    strategy: Annotated[str | None, typer.Option("--strategy", help="Only signals of this one.")] = None,
    refused: Annotated[bool, typer.Option("--refused", help="Input that could not become a signal instead.")] = False,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """List the latest signals with their verdicts, newest first."""
    from steersman.trading import queries  # `--help` needs no domain

    if outcome is not None and outcome not in _OUTCOMES:
        raise typer.BadParameter(f"allowed: {', '.join(_OUTCOMES)}", param_hint="--outcome")
    if refused:
        _list_refused(limit, directory, as_json=as_json)
        return
    with opened(directory) as desk:
        rows = queries.recent_verdicts(desk.db, limit=limit, outcome=outcome, strategy=strategy)
        empty = "no signal matches" if queries.verdict_counts(desk.db) else _NONE_YET

    emit(as_json, rows, lambda: list_verdicts(rows, empty=empty))


def _list_refused(limit: int, directory: Dir, *, as_json: bool) -> None:
    from steersman.trading import queries  # as above

    with opened(directory) as desk:
        rows = queries.refused(desk.db, limit=limit)

    def render() -> None:
        list_rows(
            [("day", "left"), ("source", "left"), ("strategy", "left"), ("reason", "left")],
            [[iso(row.at)[:10], row.source, row.strategy, row.reason] for row in rows],
            empty="every input so far could be read as a signal",
        )

    emit(as_json, rows, render)


@app.command()
def show(
    signal_id: Annotated[str, typer.Argument(help="As `steersman signal list` shows it.")],
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Show one signal: the waterfall of all checks, and what came of it."""
    from steersman.trading import queries  # as above

    with opened(directory) as desk:
        found = queries.verdict(desk.db, signal_id)
        if found is None:
            known = queries.signal(desk.db, signal_id) is not None
            raise Rejected(
                f"signal {signal_id} has no verdict yet" if known else f"there is no signal {signal_id!r}",
                fix="`steersman status` says whether the core runs" if known else "`steersman signal list` names them",
            )
    emit(as_json, found, lambda: _show(found))


def _show(found: VerdictDetail) -> None:
    row = found.row
    say(f"{row.signal_id}  {iso(row.at)}  {row.strategy}")
    say(f"wants {row.side} {row.asked:f} {row.instrument}, policy version {found.policy_version}")
    if found.signal is not None and found.signal.notes:
        say(f"notes: {found.signal.notes}")
    if found.first is not None:
        say(f"held first, on {iso(found.first.at)[:16]}: {found.first.why}; then a person approved it")
    say("verdict: ", outcome_text(row.outcome, row.quantity, ()))
    if row.why:
        say(row.why)
    say()
    list_rows(
        [("check", "left"), ("", "left"), ("seen", "right"), ("limit", "right"), ("margin", "right"), ("unit", "left")],
        [_check(check) for check in found.checks],
        empty="this verdict was recorded without checks",
    )
    reasons = [check for check in found.checks if not check.ok]
    if reasons:
        say()
    for check in reasons:
        say(check.why if check.why.startswith(check.code) else f"{check.code}: {check.why}")
    say()
    if found.order is None:
        say("no order was sent")
        return
    say(f"order {found.order.order_id}: {found.order.status.replace('_', ' ')}")
    for fill in found.fills:
        say(f"  {iso(fill.at)[:10]}  {fill.quantity:f} at {fill.price:f}, fee {fill.fee:f}")


def _check(check: CheckRow) -> list[object]:
    # How far a yes is from a no says nothing.
    margin = "" if check.unit == "flag" else _number(check.margin, check.unit)
    seen, limit = (_number(value, check.unit) for value in (check.seen, check.limit))
    return [check.code, mark(check.ok), seen, limit, margin, check.unit]


def _number(value: int | None, unit: str) -> str:
    """Return a stored number as people read it: flags and counts are whole, all else is in billionths."""
    if value is None:
        return "missing"
    if unit == "flag":
        return "yes" if value else "no"
    if unit == "count":
        return f"{value:,}"
    number = Decimal(value).scaleb(-9).quantize(Decimal("0.0001"))
    return f"{number:,.0f}" if number == number.to_integral_value() else f"{number.normalize():,f}"
