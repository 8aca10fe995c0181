"""What is shown of a pass: findings set aside after it, and the outcome that is left. Nothing here is recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

import msgspec

from steersman.content.model.draft import Draft, DraftUnreadable
from steersman.content.model.finding import Finding
from steersman.content.qa.checker import Report


def report_of(draft: Draft, findings: Iterable[Finding]) -> Report:
    """Return the report of a pass that is not recorded."""
    report = Report(draft=draft.name, outcome="pass", title=draft.title, words=draft.words, content_sha256=draft.sha256)
    return with_findings(report, findings)


def refused(refusal: DraftUnreadable) -> Report:
    """Return the report of a file that is no draft."""
    return Report(
        draft=refusal.name, outcome="refused", reason=refusal.reason, line=refusal.line, fix=refusal.fix, gates=0
    )


def with_findings(report: Report, findings: Iterable[Finding]) -> Report:
    """Return `report` with other findings, counted anew; only open gates stop it."""
    kept = tuple(sorted(findings, key=lambda one: (one.start, one.end, one.rule)))
    open_ = Counter(one.severity for one in kept if one.status == "open")
    return msgspec.structs.replace(
        report,
        findings=kept,
        outcome="blocked" if open_["gate"] else "pass",
        gates=open_["gate"],
        warnings=open_["warn"],
        infos=open_["info"],
        suppressed=sum(one.status == "suppressed" for one in kept),
    )


def set_aside(report: Report, by: str, reason: Callable[[Finding], str]) -> Report:
    """Return `report` with every open finding suppressed, in the name of `by`, for which `reason` gives one."""
    kept = []
    for one in report.findings:
        why = reason(one) if one.status == "open" else ""
        kept.append(msgspec.structs.replace(one, status="suppressed", reason=why, suppressed_by=by) if why else one)
    return with_findings(report, kept)
