"""`steersman replay`: what other limits would have done to the signals that were recorded."""

from __future__ import annotations

import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from steersman.cli.context import HERE, AsJson, Dir, opened, single
from steersman.cli.output import emit
from steersman.cli.terminal import list_rows, say
from steersman.kernel.clock import to_ns, utc
from steersman.kernel.errors import Misconfigured, SteersmanError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from steersman.bootstrap.desk import Desk
    from steersman.trading.model.bar import Bar
    from steersman.trading.whatif import Report
    from steersman.trading.whatif.outcome import Change
    from steersman.trading.whatif.report import Slice

app = single("Decide the recorded signals again under other limits: verdicts, orders, P&L, drawdown.")
_SHOWN = 50
_EXAMPLE_CHECKS = 12


@app.command()
def replay(
    policy: Annotated[
        Path, typer.Option("--policy", help="A file with [policy.*] sections: only what it names changes.")
    ],
    from_day: Annotated[str | None, typer.Option("--from", help="First day decided anew, e.g. 2008-09-01.")] = None,
    to_day: Annotated[str | None, typer.Option("--to", help="Last day decided anew.")] = None,
    defaults: Annotated[
        bool, typer.Option("--defaults", help="What the file does not name has its default, not what was in force.")
    ] = False,
    html: Annotated[Path | None, typer.Option("--html", help="Also write the report as one page.")] = None,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Decide again, and say what would have been otherwise; nothing is sent, and the ledger is only read."""
    with opened(directory) as desk:
        report = _replayed(desk, policy, from_day=from_day, to_day=to_day, defaults=defaults)
        name, tz = desk.workspace.desk.name, ZoneInfo(desk.workspace.desk.tz)
    if html is not None:
        from steersman.trading.whatif.page import page  # only a page needs it

        try:
            html.write_text(page(report, desk=name, tz=tz), encoding="utf-8")
        except OSError as exc:
            raise Misconfigured(f"{html} cannot be written: {exc.strerror}", fix="name another file") from exc
    emit(as_json, report, lambda: _render(report, tz))
    if html is not None and not as_json:
        say(f"\npage: {html}")


def _replayed(desk: Desk, policy: Path, *, from_day: str | None, to_day: str | None, defaults: bool) -> Report:
    from steersman.bootstrap.workspace import CATALOGUE  # `--help` needs no domain
    from steersman.trading.whatif import Question, names_in, read_changes, replay  # as above

    workspace = desk.workspace
    tz = ZoneInfo(workspace.desk.tz)
    begin, end = _instant(from_day, tz, "--from"), _instant(to_day, tz, "--to", days=1)
    if begin is not None and end is not None and begin >= end:
        raise typer.BadParameter(f"{to_day} is before {from_day}", param_hint="--to")
    traded = workspace.trading
    known = {"strategy": set(traded.strategies), "instrument": set(traded.instruments), "venue": set(traded.venues)}
    past = names_in(desk.ledger)
    changes = read_changes(policy, CATALOGUE, known={kind: names | past[kind] for kind, names in known.items()})
    if not changes and not defaults:
        raise Misconfigured(
            f"{policy.name} names no limit: nothing would change",
            fix="write e.g. max_notional = 10000 under [policy.trading], or add --defaults",
        )
    return replay(
        desk.ledger,
        Question(changes=changes, defaults=defaults, from_ns=begin, to_ns=end, from_day=from_day, to_day=to_day),
        catalogue=CATALOGUE,
        instruments=traded.instruments,
        capital=workspace.capital,
        currency=workspace.desk.currency,
        cpu_s=time.process_time,
        bars=lambda: _bars(desk),
        tell=_Progress(),
    )


def _bars(desk: Desk) -> Iterator[Bar]:
    """Yield what the feeds of recorded bars hold now; a source that is gone yields nothing."""
    from steersman.bootstrap.plugins import factory  # as above

    traded = desk.workspace.trading
    for name, settings in traded.feeds.items():
        try:
            feed = factory("feeds", settings.kind)(
                settings=settings, instruments=traded.instruments, root=desk.workspace.root, clock=desk.clock
            )
            for session in () if feed.live else feed.sessions():
                yield from session.bars if session is not None else ()
        except SteersmanError as exc:
            sys.stderr.write(f"feed {name}: {exc.message}; the ledger's prices are used\n")


def _instant(day: str | None, tz: ZoneInfo, option: str, *, days: int = 0) -> int | None:
    """Return the instant at which a day of the desk begins, `days` later."""
    if day is None:
        return None
    try:
        found = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=tz)
    except ValueError as exc:
        raise typer.BadParameter(f"found {day!r}, allowed: a day such as 2008-09-01", param_hint=option) from exc
    return to_ns(found + timedelta(days=days))


class _Progress:
    """Says on stderr how far a long replay is, at each tenth; a short one says nothing."""

    def __init__(self) -> None:
        self._last = ("", 0)

    def __call__(self, step: str, done: int, total: int) -> None:
        tenth = done * 10 // total if total else 0
        if not tenth or (step, tenth) == self._last:
            return
        self._last = (step, tenth)
        sys.stderr.write(f"{step:<8} {done:>12,} of {total:,}\n")
        sys.stderr.flush()


# -- the terminal form ---------------------------------------------------------------------------------------------


def _render(report: Report, tz: ZoneInfo) -> None:
    span = f"{report.from_day or 'the beginning'} to {report.to_day or 'the end'}"
    base = "the defaults" if report.defaults else "the policy in force"
    say(f"{report.signals:,} signals, {report.decided_anew:,} decided anew ({span}), on {base} with")
    for name, value in report.policy.items():
        say(f"  {name} = {value}")
    say()
    _verdicts(report)
    say()
    _money(report)
    say()
    _orders(report)
    if report.checks:
        say()
        _checks(report)
    for title, slices in (("strategy", report.strategies), ("instrument", report.instruments)):
        say()
        _slices(title, slices, report.currency)
    say()
    _changes(report, tz)
    say()
    say(report.note)
    took = report.took
    say(
        f"took {took.reading_cpu_s + took.deciding_cpu_s + took.walking_cpu_s:.2f} CPU-s: reading"
        f" {took.reading_cpu_s:.2f}, deciding {took.deciding_cpu_s:.2f}, following the book {took.walking_cpu_s:.2f}"
    )


def _verdicts(report: Report) -> None:
    names = report.verdicts_after
    list_rows(
        [("verdicts", "left"), *((name, "right") for name in names), ("changed", "right")],
        [
            ["as recorded", *(f"{report.verdicts_before.get(name, 0):,}" for name in names), ""],
            ["would have been", *(f"{count:,}" for count in names.values()), f"{report.changed:,}"],
        ],
        empty="",
    )
    if report.changed:
        say(f"{report.by_limits:,} by the limits alone, {report.by_path:,} only by the book there would have been")


def _money(report: Report) -> None:
    before, after = report.before, report.after
    list_rows(
        [("", "left"), ("as recorded", "right"), ("would have been", "right"), ("difference", "right")],
        [
            [f"final equity ({report.currency})", *_three(before.equity, after.equity)],
            ["profit and loss", *_three(before.pnl, after.pnl)],
            ["fees", *_three(before.fees, after.fees)],
            [
                "max drawdown",
                f"{before.max_drawdown:.2%}",
                f"{after.max_drawdown:.2%}",
                f"{after.max_drawdown - before.max_drawdown:+.2%}",
            ],
            ["orders", f"{before.orders:,}", f"{after.orders:,}", f"{after.orders - before.orders:+,}"],
        ],
        empty="",
    )


def _three(before: Decimal, after: Decimal) -> list[str]:
    return [f"{before:,.2f}", f"{after:,.2f}", f"{after - before:+,.2f}"]


def _orders(report: Report) -> None:
    orders = report.orders
    list_rows(
        [("orders", "left"), ("how many", "right"), (f"value ({report.currency})", "right"), ("", "left")],
        [
            [name, f"{count.orders:,}", f"{count.value:,.0f}", how]
            for name, count, how in (
                ("avoided", orders.avoided, "exact"),
                ("shrunk by", orders.shrunk, "exact"),
                ("added", orders.added, "a model"),
                ("grown by", orders.grown, "a model"),
            )
        ],
        empty="",
    )


def _checks(report: Report) -> None:
    list_rows(
        [("check", "left"), ("now fails", "right"), ("no longer", "right"), ("decides", "right"), ("e.g.", "left")],
        [
            [c.code, f"{c.newly_fails:,}", f"{c.no_longer_fails:,}", f"{c.decisive:,}", next(iter(c.examples), "")]
            for c in report.checks[:_EXAMPLE_CHECKS]
        ],
        empty="",
    )


def _slices(title: str, slices: tuple[Slice, ...], currency: str) -> None:
    list_rows(
        [
            (title, "left"),
            ("signals", "right"),
            ("changed", "right"),
            (f"P&L ({currency})", "right"),
            ("then", "right"),
            ("", "right"),
        ],
        [
            [
                part.name,
                f"{part.signals:,}",
                f"{part.changed:,}",
                f"{part.pnl_before:,.2f}",
                f"{part.pnl_after:,.2f}",
                f"{part.pnl_after - part.pnl_before:+,.2f}",
            ]
            for part in slices
        ],
        empty="",
    )


def _changes(report: Report, tz: ZoneInfo) -> None:
    list_rows(
        [("day", "left"), ("signal", "left"), ("was", "left"), ("would be", "left"), ("why", "left")],
        [
            [
                f"{utc(change.at).astimezone(tz):%Y-%m-%d}",
                f"{change.side} {change.asked:,f} {change.instrument}\n{change.strategy}",
                _verdict(change.before, change.quantity_before),
                _verdict(change.after, change.quantity_after),
                _why(change),
            ]
            for change in report.changes[:_SHOWN]
        ],
        empty="no verdict would have been another one",
    )
    if len(report.changes) > _SHOWN:
        say(f"and {len(report.changes) - _SHOWN:,} more: --json lists all of them")


def _verdict(outcome: str, quantity: Decimal) -> str:
    return outcome if outcome in ("accept", "reject", "dropped") else f"{outcome} {quantity:,f}"


def _why(change: Change) -> str:
    """Return the reasons that were none before, or what no longer stands against it."""
    if change.newly_failed:
        reasons = change.why.split("; ")
        new = [r for r in reasons if r.partition(":")[0] in change.newly_failed]
        return "; ".join(new or reasons)
    if change.no_longer_failed:
        return f"no longer: {', '.join(change.no_longer_failed)}"
    return change.why
