"""The audit in a few sentences: what comes first wherever the report is shown."""

from __future__ import annotations

from typing import Final

from steersman.automation.audit.model import Code, Report, Summary
from steersman.kernel.plurals import counted

TITLES: Final[dict[Code, str]] = {
    "SECRET_IN_CODE": "secrets in plain sight",
    "LOGIN_REPEATED": "logins that one provider could make for all",
    "PULL_REPEATED": "data that one pull could fetch for all",
    "CHECK_REPEATED": "checks that one automation could make for all",
    "NO_TIMEOUT": "calls that may wait for ever",
    "NO_RETRY": "reads that fail at the first hiccup",
    "POLLING": "loops that wait by sleeping",
}


def saved(summary: Summary) -> str:
    """Say what sharing would save a day; empty when no history says how often."""
    parts = [
        f"{value:,.3g} {what}"
        for value, what in ((summary.savings.logins_per_day, "logins"), (summary.savings.calls_per_day, "calls"))
        if value is not None
    ]
    return f"sharing would save about {' and '.join(parts)} a day" if parts else ""


def headline(report: Report) -> list[str]:
    """Return what was found in how many scripts, and what sharing would save a day."""
    summary = report.summary
    total = sum(summary.findings.values())
    read = f"{counted(summary.scripts, 'script')}, {summary.with_edit} with an edit; {summary.not_read} not read"
    cost = saved(summary)
    unknown = "what it costs per day is not known: no recorded run belongs to these scripts"
    return [f"{counted(total, 'finding')} in {read}", f"{cost}; seconds: not measured per call" if cost else unknown]
