"""The report as one page that needs nothing else: no script, no font, no picture from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from importlib.resources import files
from typing import Final

from steersman.automation.audit.headline import TITLES
from steersman.automation.audit.matrix import Cell, Matrix, Row, matrix
from steersman.automation.audit.model import CODES, Code, Finding, Report
from steersman.kernel.plurals import counted

MOST_ROWS: Final = 60
MOST_FILES: Final = 40
MOST_LISTED: Final = 200
_CSP: Final = "default-src 'none'; style-src 'unsafe-inline'"
_KINDS: Final[dict[Code, tuple[str, str]]] = {
    "LOGIN_REPEATED": ("login", "Logins"),
    "PULL_REPEATED": ("pull", "Data"),
    "CHECK_REPEATED": ("check", "Checks"),
}


def page(report: Report, *, folder: str) -> str:
    """Return the HTML of `report`; the same report gives the same bytes."""
    style = files("steersman.automation.audit").joinpath("page.css").read_text(encoding="utf-8")
    title = f"Audit of the scripts in {escape(folder)}"
    body = "".join((f"<header><h1>{title}</h1></header>", _tiles(report), _picture(matrix(report)), *_lists(report)))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_CSP}">'
        f"<title>{title}</title><style>{style}</style></head><body><main>{body}{_not_read(report)}</main></body></html>\n"
    )


def _tiles(report: Report) -> str:
    summary = report.summary
    logins, calls = summary.savings.logins_per_day, summary.savings.calls_per_day
    total = sum(summary.findings.values())
    tiles = (
        ("Findings", f"{total:,}", f"in {counted(summary.scripts, 'script')}"),
        ("Logins saved a day", _figure(logins), "if one were made for all" if logins is not None else _UNKNOWN),
        ("Calls saved a day", _figure(calls), "if each were asked once" if calls is not None else _UNKNOWN),
        ("Edits ready", f"{summary.with_edit:,}", "by --fix, as a patch"),
        ("Not read", f"{summary.not_read:,}", "see below" if summary.not_read else "every script was read"),
    )
    cells = (f"<div><dt>{name}</dt><dd>{value}</dd><small>{note}</small></div>" for name, value, note in tiles)
    return f"<dl class=tiles>{''.join(cells)}</dl>"


_UNKNOWN: Final = "no recorded runs"


def _figure(value: float | None) -> str:
    return "?" if value is None else f"{value:,.3g}"


def _picture(asked: Matrix) -> str:
    """Return who asks for what: a row for each thing, a column for each script."""
    if not asked.rows:
        return "<section><h2>Who asks for what</h2><p class=muted>No two scripts ask for the same.</p></section>"
    rows = asked.rows[:MOST_ROWS]
    shown = [f for f in asked.files if any(f in r.cells for r in rows)][:MOST_FILES]
    left = [
        counted(n, what)
        for n, what in ((len(asked.rows) - len(rows), "row"), (len(asked.files) - len(shown), "script"))
        if n
    ]
    heads = "".join(f'<th scope=col title="{escape(f)}"><span>{escape(_short(f))}</span></th>' for f in shown)
    return (
        "<section><h2>Who asks for what</h2>"
        "<p class=muted>A row is something that several scripts ask for, each for itself;"
        " a mark is a script that does.</p>"
        '<div class=legend><span><i class="dot ready"></i> edit ready</span>'
        "<span><i class=dot></i> by hand</span></div>"
        '<div class=wide tabindex=0 role=region aria-label="Who asks for what"><table class=grid>'
        f"<thead><tr><th scope=col>&nbsp;</th>{heads}<th scope=col class=sum>saves a day</th></tr></thead>"
        f"<tbody>{''.join(_rows(rows, shown))}</tbody></table></div>"
        + (f"<p class=muted>Left out here: {' and '.join(left)}.</p>" if left else "")
        + "</section>"
    )


def _short(file: str) -> str:
    """Return the end of a path that is too long for the head of a column."""
    return file if len(file) <= 24 else f"…{file[-23:]}"


def _rows(rows: tuple[Row, ...], shown: list[str]) -> Iterator[str]:
    before: Code | None = None
    for row in rows:
        kind, title = _KINDS[row.code]
        if row.code != before:
            yield f'<tr class="part {kind}"><th scope=rowgroup>{title}</th><td colspan="{len(shown) + 1}"></td></tr>'
            before = row.code
        cells = "".join(_cell(kind, file, row.cells.get(file)) for file in shown)
        saves = "" if row.saved_per_day is None else f"{row.saved_per_day:,.3g}"
        yield f"<tr><th scope=row><code>{escape(row.what)}</code></th>{cells}<td class=sum>{saves}</td></tr>"


def _cell(kind: str, file: str, cell: Cell | None) -> str:
    if cell is None:
        return "<td></td>"
    often = "" if cell.calls_per_day is None else f", {cell.calls_per_day:,.3g} calls a day"
    what = escape(f"{file}:{cell.line}{often}, {'edit ready' if cell.has_edit else 'by hand'}")
    ready = " ready" if cell.has_edit else ""
    return f'<td><span class="dot {kind}{ready}" role=img aria-label="{what}" title="{what}"></span></td>'


def _lists(report: Report) -> Iterator[str]:
    for code in CODES:
        found = [f for f in report.findings if f.code == code]
        if not found:
            continue
        rows = "".join(_listed(f) for f in found[:MOST_LISTED])
        more = len(found) - MOST_LISTED
        yield (
            f"<section><h2>{code} <small>{TITLES[code]}: {len(found)}</small></h2>"
            "<table class=list><thead><tr><th scope=col>Where</th><th scope=col>What, and what to do</th>"
            f"<th scope=col class=number>Calls a day</th></tr></thead><tbody>{rows}</tbody></table>"
            + (f"<p class=muted>{more:,} more: --json has them all.</p>" if more > 0 else "")
            + "</section>"
        )


def _listed(finding: Finding) -> str:
    calls = ""
    if finding.cost is not None:
        calls = f"{'≥ ' if finding.cost.at_least else ''}{finding.cost.calls_per_day:,.3g}"
    by_hand = f"by hand: {finding.why_no_edit}. " if finding.why_no_edit and not finding.diff else ""
    edit = f"<details><summary>the edit</summary><pre>{_coloured(finding.diff)}</pre></details>" if finding.diff else ""
    return (
        f"<tr><td><code>{escape(f'{finding.place.file}:{finding.place.line}')}</code></td>"
        f"<td>{escape(finding.what)}<p>{escape(by_hand)}next: {escape(finding.next_step)}</p>{edit}</td>"
        f"<td class=number>{calls}</td></tr>"
    )


def _coloured(diff: str) -> str:
    kinds = {"-": "minus", "+": "plus"}
    lines = (
        f"<span class={kinds[line[0]]}>{escape(line)}</span>"
        if line[:1] in kinds and line[:3] not in ("---", "+++")
        else escape(line)
        for line in diff.splitlines()
    )
    return "\n".join(lines)


def _not_read(report: Report) -> str:
    if not report.not_read:
        return ""
    rows = (
        f"<li><code>{escape(n.file)}{f':{n.line}' if n.line else ''}</code> <small>{escape(n.reason)}</small></li>"
        for n in report.not_read
    )
    return f"<section><h2>Not read</h2><ul>{''.join(rows)}</ul></section>"
