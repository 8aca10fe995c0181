"""`steersman order`: what was sent, how far it got, and its end or change by hand."""

from __future__ import annotations

import sys
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated

import typer

from steersman.cli.context import HERE, AsJson, Dir, noun, opened
from steersman.cli.output import emit
from steersman.cli.terminal import list_rows, say
from steersman.kernel.clock import iso
from steersman.kernel.errors import Rejected

if TYPE_CHECKING:
    from rich.text import Text

    from steersman.bootstrap.desk import Desk
    from steersman.cli.outcome import Outcome
    from steersman.trading.queries import OrderDetail

app = noun("Orders: committed before they are sent, with every execution.")
_COLOURS = {"filled": "green", "partially_filled": "yellow", "unknown": "bold red", "rejected": "bold red"}
_WAIT_S = 10.0
_OVER = ("filled", "cancelled", "rejected", "expired")
_STATUSES = (
    "pending",
    "submitted",
    "acknowledged",
    "partially_filled",
    "cancel_pending",
    "filled",
    "cancelled",
    "expired",
    "rejected",
    "unknown",
)


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000)] = 20,
    status: Annotated[str | None, typer.Option("--status", help=", ".join(_STATUSES))] = None,
    strategy: Annotated[str | None, typer.Option("--strategy", help="Only orders of this one.")] = None,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """List the latest orders, newest first."""
    from steersman.trading import queries  # `--help` needs no domain

    if status is not None and status not in _STATUSES:
        raise typer.BadParameter(f"allowed: {', '.join(_STATUSES)}", param_hint="--status")
    with opened(directory, by_what_is_in_force=True) as desk:
        rows = queries.orders(desk.db, limit=limit, status=status, strategy=strategy)
        empty = (
            "no order matches"
            if queries.totals(desk.db).orders
            else "no orders yet: a signal that passes the gate becomes one, see `steersman signal list`"
        )

    def render() -> None:
        list_rows(
            [("order", "left"), ("day", "left"), ("strategy", "left"), ("what", "left"), ("status", "left")],
            [
                [
                    row.order_id,
                    iso(row.at)[:10],
                    row.strategy or "-",
                    f"{row.side or '?'} {'?' if row.quantity is None else f'{row.quantity:f}'} {row.instrument or '?'}",
                    _status(row.status, None if row.average_price is None else f"{row.average_price:.2f}"),
                ]
                for row in rows
            ],
            empty=empty,
        )

    emit(as_json, rows, render)


@app.command()
def show(
    order_id: Annotated[str, typer.Argument(help="As `steersman order list` shows it.")],
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Show one order with its executions."""
    from steersman.trading import queries  # as above

    with opened(directory, by_what_is_in_force=True) as desk:
        found = queries.order(desk.db, order_id)
    if found is None:
        raise Rejected(f"there is no order {order_id!r}", fix="`steersman order list` names them")
    emit(as_json, found, lambda: _show(found))


OrderId = Annotated[str, typer.Argument(help="As `steersman order list` shows it.")]
Wait = Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for the venue's answer.")]


@app.command()
def cancel(
    order_id: OrderId,
    reason: Annotated[str, typer.Option("--reason", help="Goes to the ledger.")] = "",
    wait: Wait = _WAIT_S,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Ask for the end of an open order; exits 1 if it was filled, or the venue refuses."""
    from steersman.cli.outcome import of_cancel  # only what changes something needs it
    from steersman.trading.handlers import commands  # as above

    with opened(directory, by_what_is_in_force=True) as desk:
        _must_be_open(desk, order_id)
        pos = desk.ledger.head().pos
        commands.cancel(desk.ledger, order_id, by="person:cli", reason=reason, now_ns=desk.clock.now_ns())
        found = of_cancel(desk, order_id, after=pos, wait_s=wait)
    emit(as_json, found, lambda: _say_outcome(found))
    if found.outcome in ("filled", "refused"):
        raise typer.Exit(1)


@app.command()
def replace(
    order_id: OrderId,
    quantity: Annotated[
        str | None, typer.Option("--quantity", help="Of the whole, what was executed included.")
    ] = None,
    limit: Annotated[str | None, typer.Option("--limit", help="New limit price.")] = None,
    stop: Annotated[str | None, typer.Option("--stop", help="New stop price.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    wait: Wait = _WAIT_S,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Cancel an open order, then send what is left of it with other numbers, if it passes the gate."""
    from steersman.cli.outcome import of_replace  # as above
    from steersman.trading.handlers import commands  # as above

    changes = {name: _number(name, text) for name, text in (("quantity", quantity), ("limit", limit), ("stop", stop))}
    if not yes and sys.stdin.isatty():
        typer.confirm(f"Cancel {order_id}, then send what is left with the new numbers?", abort=True)
    with opened(directory, by_what_is_in_force=True) as desk:
        _must_be_open(desk, order_id)
        pos = desk.ledger.head().pos
        commands.replace(
            desk.ledger,
            order_id,
            by="person:cli",
            now_ns=desk.clock.now_ns(),
            quantity=changes["quantity"],
            limit_price=changes["limit"],
            stop_price=changes["stop"],
        )
        found = of_replace(desk, order_id, after=pos, wait_s=wait)
    emit(as_json, found, lambda: _say_outcome(found))
    if found.outcome in ("dropped", "reject"):
        raise typer.Exit(1)


def _must_be_open(desk: Desk, order_id: str) -> None:
    from steersman.trading import queries  # as above

    found = queries.order(desk.db, order_id)
    if found is None:
        raise Rejected(f"there is no order {order_id!r}", fix="`steersman order list` names them")
    if found.row.status in _OVER:
        raise Rejected(
            f"order {order_id} is over: {found.row.status.replace('_', ' ')}", fix="nothing is left to change"
        )


def _number(name: str, text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal(0)
    if not number.is_finite() or number <= 0:
        raise typer.BadParameter(f"found {text!r}, allowed: a number above 0", param_hint=f"--{name}")
    return number


def _say_outcome(found: Outcome) -> None:
    say(found.text)
    if found.next:
        say(f"next: {found.next}")


def _show(found: OrderDetail) -> None:
    row = found.row
    limit = f" at {row.limit_price:f}" if row.limit_price is not None else ""
    average = "-" if row.average_price is None else f"{row.average_price.normalize():f}"
    facts = {
        "order": row.order_id,
        "what": f"{row.side} {row.quantity} {row.instrument}, {row.order_type}{limit}, {row.time_in_force}",
        "strategy": row.strategy,
        "signal": row.signal_id,
        "venue": f"{row.venue}, its id {row.venue_order_id or 'not known yet'}",
        "submitted": iso(row.submitted_at) if row.submitted_at is not None else "not known yet",
        "policy": f"version {row.policy_version}",
        "filled": f"{row.filled:f}, average price {average}, fees {row.fees:f}",
    }
    for key, value in facts.items():
        say(f"{key:>10}  {value}")
    say(f"{'status':>10}  ", _status(row.status, None))
    if row.reason:
        say(f"{'reason':>10}  {row.reason}")
    say()
    list_rows(
        [("when", "left"), ("quantity", "right"), ("price", "right"), ("fee", "right"), ("slippage", "right")],
        [
            [
                iso(fill.at),
                f"{fill.quantity:f}",
                f"{fill.price:f}",
                f"{fill.fee:f}",
                "-" if fill.slippage_bps is None else f"{fill.slippage_bps:.1f} bps",
            ]
            for fill in found.fills
        ],
        empty="nothing of it was executed",
    )


def _status(status: str, price: str | None) -> Text:
    from rich.text import Text  # as above

    word = Text(status.replace("_", " "), style=_COLOURS.get(status, ""))
    if price is not None:
        word.append(f" at {price}")
    return word
