"""The report as one page that needs nothing else: no script, no font, no picture from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from html import escape
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo

from steersman.kernel.clock import utc
from steersman.trading.whatif.drawing import Line, bar, chart
from steersman.trading.whatif.outcome import Change
from steersman.trading.whatif.report import Report, Slice

SHOWN: Final = 50
_CSP: Final = "default-src 'none'; style-src 'unsafe-inline'"
_SAME: Final = ("accept", "reject", "dropped")


def page(report: Report, *, desk: str, tz: ZoneInfo) -> str:
    """Return the HTML of `report`; days are those of `tz`. The same report gives the same bytes."""
    style = files("steersman.trading.whatif").joinpath("page.css").read_text(encoding="utf-8")
    body = "".join(
        (
            _header(report, desk),
            _tiles(report),
            _curves(report, tz),
            _checks(report),
            f'<div class="pair">{_verdicts(report)}{_orders(report)}</div>',
            f'<div class="pair">{_slices("Strategies", report.strategies)}',
            f"{_slices('Instruments', report.instruments)}</div>",
            _changes(report, tz),
            _note(report),
        )
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_CSP}">'
        f"<title>Other limits: {escape(desk)}</title><style>{style}</style></head><body>{body}</body></html>\n"
    )


def _header(report: Report, desk: str) -> str:
    base = "the defaults" if report.defaults else "the policy in force at each verdict"
    span = f"{report.from_day or 'the beginning'} to {report.to_day or 'the end'}"
    tried = "".join(f"<code>{escape(name)} = {escape(value)}</code>" for name, value in report.policy.items())
    return (
        f"<header><h1>What other limits would have done</h1><p class=muted>{escape(desk)}: {report.decided_anew:,} of"
        f" {report.signals:,} signals decided anew, {span}, on {base} with</p><div class=tried>{tried}</div></header>"
    )


def _tiles(report: Report) -> str:
    before, after = report.before, report.after
    share = report.changed / report.signals if report.signals else 0.0
    tiles = (
        ("Verdicts changed", f"{report.changed:,}", f"{share:.0%} of {report.signals:,} signals"),
        ("Final equity", f"{after.equity:,.0f}", f"recorded {before.equity:,.0f} {escape(report.currency)}"),
        ("P&amp;L difference", _signed(report.pnl_difference), f"{after.pnl:,.0f} instead of {before.pnl:,.0f}"),
        ("Max drawdown", f"{after.max_drawdown:.1%}", f"recorded {before.max_drawdown:.1%}"),
        ("Orders", f"{after.orders:,}", f"recorded {before.orders:,}"),
        ("Fees difference", f"{report.fees_difference:+,.2f}", f"{after.fees:,.2f} instead of {before.fees:,.2f}"),
    )
    made = "".join(f"<div><dt>{name}</dt><dd>{value}</dd><small>{more}</small></div>" for name, value, more in tiles)
    return f"<dl class=tiles>{made}</dl>"


def _curves(report: Report, tz: ZoneInfo) -> str:
    if len(report.curve) < 2:
        return (
            "<section><h2>Equity</h2><p class=muted>The account was not marked twice: there is no curve.</p></section>"
        )
    ats = [point.at for point in report.curve]
    legend = (
        "<p class=legend><span><i class=before></i>as recorded</span>"
        "<span><i class=after></i>would have been</span></p>"
    )
    before, after = report.before, report.after
    equity = chart(
        ats,
        (
            Line(style="before", values=[float(p.equity_before) for p in report.curve]),
            Line(style="after", values=[float(p.equity_after) for p in report.curve]),
        ),
        label=f"Equity at the end: {before.equity:,.0f} as recorded, {after.equity:,.0f} would have been",
        unit=report.currency,
        tz=tz,
    )
    fallen = chart(
        ats,
        (
            Line(style="before", values=[-p.drawdown_before for p in report.curve], filled=True),
            Line(style="after", values=[-p.drawdown_after for p in report.curve], filled=True),
        ),
        label=f"Largest drawdown: {before.max_drawdown:.1%} as recorded, {after.max_drawdown:.1%} would have been",
        unit="%",
        tz=tz,
    )
    return (
        f"<section><h2>Equity, {escape(report.currency)}</h2>{legend}{equity}</section>"
        f'<section class="low"><h2>Drawdown</h2>{legend}{fallen}</section>'
    )


def _checks(report: Report) -> str:
    if not report.checks:
        return "<section><h2>Checks</h2><p class=muted>No check would have answered otherwise.</p></section>"
    most = max(max(c.newly_fails, c.no_longer_fails) for c in report.checks)
    rows = "".join(
        f"<li><code>{c.code}</code>{bar(c.newly_fails, c.no_longer_fails, most)}"
        f"<span>{c.newly_fails:,} / {c.no_longer_fails:,}</span></li>"
        for c in report.checks
    )
    return (
        "<section><h2>Changes by check</h2><p class=legend><span><i class=newly></i>newly fails</span>"
        f"<span><i class=gone></i>no longer fails</span></p><ul class=checks>{rows}</ul></section>"
    )


def _verdicts(report: Report) -> str:
    rows = [
        (name, f"{report.verdicts_before.get(name, 0):,}", f"{count:,}")
        for name, count in report.verdicts_after.items()
    ]
    why = f"{report.by_limits:,} by the limits alone, {report.by_path:,} only by the book there would have been."
    table = _table(("Verdict", "recorded", "would have been"), rows)
    return f"<section><h2>Verdicts</h2>{table}<small>Changed: {why}</small></section>"


def _orders(report: Report) -> str:
    orders = report.orders
    rows = [
        (name, f"{count.orders:,}", f"{count.value:,.0f}", how)
        for name, count, how in (
            ("avoided", orders.avoided, "exact"),
            ("shrunk by", orders.shrunk, "exact"),
            ("added", orders.added, "a model"),
            ("grown by", orders.grown, "a model"),
        )
    ]
    head = ("Order", "how many", f"value, {escape(report.currency)}", "")
    return f"<section><h2>Orders</h2>{_table(head, rows)}</section>"


def _slices(title: str, slices: Iterable[Slice]) -> str:
    rows = [
        (
            escape(part.name),
            f"{part.changed:,} of {part.signals:,}",
            f"{part.pnl_before:,.0f}",
            f"{part.pnl_after:,.0f}",
            _signed(part.pnl_after - part.pnl_before),
        )
        for part in slices
    ]
    return f"<section><h2>{title}</h2>{_table(('Name', 'changed', 'P&amp;L', 'then', 'difference'), rows)}</section>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    made = "".join(
        f"<tr><th scope=row>{row[0]}</th>{''.join(f'<td>{cell}</td>' for cell in row[1:])}</tr>" for row in rows
    )
    names = "".join(f"<th scope=col>{name}</th>" if name else "<td></td>" for name in head)
    return f"<div class=wide tabindex=0><table><thead><tr>{names}</tr></thead><tbody>{made}</tbody></table></div>"


def _changes(report: Report, tz: ZoneInfo) -> str:
    if not report.changes:
        return "<section><h2>Changed verdicts</h2><p class=muted>No verdict would have been another one.</p></section>"
    rows = "".join(_change(change, tz) for change in report.changes[:SHOWN])
    more = len(report.changes) - SHOWN
    rest = (
        f"<small>and {more:,} more: <code>steersman replay --json</code> lists all of them</small>" if more > 0 else ""
    )
    return f"<section><h2>Changed verdicts</h2><ol class=changes>{rows}</ol>{rest}</section>"


def _change(change: Change, tz: ZoneInfo) -> str:
    day = f"{utc(change.at).astimezone(tz):%Y-%m-%d}"
    what = f"{change.side} {change.asked:,f} {escape(change.instrument)}"
    was, then = _verdict(change.before, change.quantity_before), _verdict(change.after, change.quantity_after)
    return (
        f"<li><p class=muted>{day}</p><p>{what}<br><small>{escape(change.strategy)}</small></p>"
        f"<p>{was} &rarr; <strong>{then}</strong></p><p class=why><small>{escape(change.why)}</small></p></li>"
    )


def _verdict(outcome: str, quantity: Decimal) -> str:
    return outcome if outcome in _SAME else f"{outcome} {quantity:,f}"


def _note(report: Report) -> str:
    items = "".join(f"<li>{escape(part.strip())}.</li>" for part in report.note.rstrip(".").split(". ") if part.strip())
    return f"<section class=note><h2>What is exact here, and what is not</h2><ul>{items}</ul></section>"


def _signed(value: Decimal) -> str:
    style = "ok" if value > 0 else "bad" if value < 0 else "muted"
    return f"<span class={style}>{value:+,.0f}</span>"
