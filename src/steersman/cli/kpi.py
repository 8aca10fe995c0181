"""`steersman kpi`: the numbers, their targets, and whether a change is a shift or noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from steersman.cli.context import HERE, AsJson, Dir, noun, opened
from steersman.cli.output import console, emit, show_table
from steersman.kernel.clock import iso

if TYPE_CHECKING:
    from steersman.feedback import Kpi, KpiValue, Share

app = noun("The numbers to steer by, made from the ledger.")
_STYLES = {"met": "green", "missed": "yellow", "breached": "bold red"}


def _declared(desk: Any) -> tuple[Kpi, ...]:
    from steersman.feedback.settings import validate  # start-up time

    return validate(desk.workspace.file, desk.workspace.kpis)


def amount(value: float | None, unit: str) -> str:
    """Return a figure as people read it: ratios in per cent, the rest with as many digits as tell something."""
    if value is None:
        return "-"
    if unit == "ratio":
        return f"{value:.1%}"
    digits = 0 if value == int(value) or abs(value) >= 1000 else 2 if abs(value) >= 0.1 else 4
    return f"{value:,.{digits}f}"


def _with_unit(value: float | None, unit: str) -> str:
    return amount(value, unit) if unit in ("ratio", "") or value is None else f"{amount(value, unit)} {unit}"


@app.command("list")
def list_(
    domain: Annotated[str, typer.Option("--domain", help="Only this one: trading, automation, content ...")] = "",
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """List every KPI with its value, target, status and trend."""
    from steersman.feedback import values  # start-up time

    with opened(directory) as desk:
        kpis = [kpi for kpi in _declared(desk) if domain in ("", kpi.domain)]
        found = values(desk.db, kpis, now_ns=desk.clock.now_ns())
    emit(as_json, found, lambda: _show_all(found))


def _show_all(found: list[KpiValue]) -> None:
    from steersman.feedback import sparkline  # start-up time

    rows: list[list[object]] = []
    for domain in dict.fromkeys(kpi.domain for kpi in found):
        rows += [[]] if rows else []
        rows.append([Text(domain, style="bold")])
        for kpi in (kpi for kpi in found if kpi.domain == domain):
            status = Text(kpi.status, style=_STYLES.get(kpi.status, ""))
            trend = sparkline(kpi.series, width=12) + (" !" if kpi.shifted else "")
            shown = [_with_unit(kpi.value, kpi.unit), amount(kpi.target, kpi.unit), status, trend]
            if kpi.value is None:
                shown[2:] = [Text("not enough data", style="dim"), ""]
            rows.append([f"  {kpi.name}", *shown])
    columns = [("kpi", "left"), ("value", "right"), ("target", "right"), ("status", "left"), ("trend", "left")]
    show_table("", columns, rows, empty="no KPI is declared for that domain: `steersman kpi list` shows all")
    if any(kpi.shifted for kpi in found):
        console().print("\n! the latest period is outside of what noise explains: steersman kpi show NAME")


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="e.g. run_success")],
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Explain one KPI: where it comes from, its limits and shifts, who contributes, and its latest points."""
    from steersman.feedback import breakdown, find, values  # start-up time

    with opened(directory) as desk:
        kpi = find(_declared(desk), name)
        now_ns = desk.clock.now_ns()
        (found,) = values(desk.db, [kpi], now_ns=now_ns)
        shares = breakdown(desk.db, kpi, now_ns=now_ns)
    emit(as_json, {"kpi": found, "declared": kpi, "breakdown": shares}, lambda: _show_one(kpi, found, shares))


def _show_one(kpi: Kpi, found: KpiValue, shares: list[Share]) -> None:
    out = console()
    unit = kpi.unit

    def say(key: str, text: str) -> None:
        out.print(Text(f"{key:>9}  {text}"))

    out.print(Text(f"{kpi.title} ({kpi.name})", style="bold"))
    out.print(Text(kpi.summary))
    say("value", f"{_with_unit(found.value, unit)}  ({found.status})" if found.value is not None else found.note)
    better = "more is better" if kpi.direction == "up" else "less is better"
    guard = "" if kpi.guardrail is None else f", never beyond {_with_unit(kpi.guardrail, unit)}"
    say("target", "none, watched only" if kpi.target is None else f"{_with_unit(kpi.target, unit)}, {better}{guard}")
    over = "" if kpi.over is None else f" / {kpi.over.metric}"
    say("from", f"{kpi.aggregate} of {kpi.source.metric}{over}, {found.n:,} observations")
    _show_limits(found, say)
    if shares:
        rows = [[share.key or "(none)", _with_unit(share.value, unit), f"{share.n:,}"] for share in shares]
        show_table(
            f"\nby {kpi.source.by}", [(str(kpi.source.by), "left"), ("value", "right"), ("n", "right")], rows, empty=""
        )
    if found.points:
        rows = [[_start(p.start_ns, found.period), _with_unit(p.value, unit), f"{p.n:,}"] for p in found.points[-12:]]
        show_table(
            f"\nlatest, by {found.period}", [("from (UTC)", "left"), ("value", "right"), ("n", "right")], rows, empty=""
        )


def _show_limits(found: KpiValue, say: Any) -> None:
    from steersman.feedback import sparkline  # start-up time

    if found.points:
        say("trend", sparkline(found.series, width=60))
    if found.limits is None:
        from steersman.feedback.control import ENOUGH_POINTS  # start-up time

        say("limits", f"need {ENOUGH_POINTS} complete periods, there are {len(found.points)} with data")
        return
    low, mean, high = (_with_unit(x, found.unit) for x in (found.limits.low, found.limits.mean, found.limits.high))
    say("limits", f"{low} to {high} around {mean}: a point inside is noise")
    for shift in found.limits.shifts[-5:]:
        first, last = (_start(found.points[i].start_ns, found.period) for i in (shift.first, shift.last))
        say("shift", f"{shift.text}: {first}" + (f" to {last}" if last != first else ""))
    if not found.limits.shifts:
        say("shift", "none: the process is stable")


def _start(at_ns: int, period: str | None) -> str:
    return iso(at_ns)[: 16 if period == "hour" else 10]
