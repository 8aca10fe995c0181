"""The report as Markdown: for an issue, a wiki or a pull request."""

from __future__ import annotations

from steersman.automation.audit.headline import TITLES, headline
from steersman.automation.audit.model import CODES, Finding, Report


def markdown(report: Report, *, folder: str) -> str:
    """Return the report: the figures first, then a table for each code, then what was not read."""
    lines = [f"# Audit of the scripts in {_text(folder)}", "", *(f"- {line}" for line in headline(report)), ""]
    counts = report.summary.findings
    if counts:
        lines += ["| code | findings | means |", "| --- | ---: | --- |"]
        lines += [f"| `{code}` | {counts[code]} | {TITLES[code]} |" for code in CODES if code in counts]
        lines.append("")
    for code in CODES:
        found = [f for f in report.findings if f.code == code]
        if found:
            lines += [
                f"## {code}: {TITLES[code]}",
                "",
                "| where | what | calls a day | next |",
                "| --- | --- | ---: | --- |",
            ]
            lines += [_row(finding) for finding in found]
            lines.append("")
    if report.not_read:
        lines += ["## Not read", ""]
        lines += [f"- {_text(n.file)}{f':{n.line}' if n.line else ''}: {_text(n.reason)}" for n in report.not_read]
        lines.append("")
    return "\n".join(lines)


def _row(finding: Finding) -> str:
    calls = ""
    if finding.cost is not None:
        calls = f"{'at least ' if finding.cost.at_least else ''}{finding.cost.calls_per_day:,.3g}"
    step = "the edit is ready: `--fix`" if finding.diff else _text(finding.next_step)
    return f"| {_text(f'{finding.place.file}:{finding.place.line}')} | {_text(finding.what)} | {calls} | {step} |"


def _text(text: str) -> str:
    """Return text that Markdown shows as it is, on one line of a table."""
    plain = " ".join(text.split())
    for sign in ("\\", "|", "`", "*", "_", "<", "[", "]"):
        plain = plain.replace(sign, f"\\{sign}")
    return plain
