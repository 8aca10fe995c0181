"""Findings as SARIF 2.1.0, for editors and code hosts. Suppressed ones stay, marked as such."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import quote

from steersman.content.model.finding import Finding
from steersman.content.qa.checker import Report

_LEVELS: Final = {"gate": "error", "warn": "warning", "info": "note"}
SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(reports: Iterable[Report], *, version: str, below: str = "") -> dict[str, Any]:
    """Return one SARIF log with one run; drafts that could not be read are notifications of the tool.

    Args:
        below: where the workspace lies in the repository, with a slash at its end: code hosts count from there.

    Source: SARIF 2.1.0 (OASIS), sections 3.4.3 (uri), 3.14 (run), 3.27 (result), 3.30 (region). Columns count
    code points.
    """
    reports = list(reports)
    findings = [finding for report in reports for finding in report.findings]
    rules: dict[str, Finding] = {}
    for finding in findings:
        rules.setdefault(_rule_id(finding), finding)
    indices = {rule: index for index, rule in enumerate(rules)}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "steersman",
                        "version": version,
                        "rules": [_rule(rule, finding) for rule, finding in rules.items()],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "invocations": [
                    {
                        "executionSuccessful": True,
                        "toolExecutionNotifications": [_refusal(r, below) for r in reports if r.outcome == "refused"],
                    }
                ],
                "results": [_result(finding, indices[_rule_id(finding)], below) for finding in findings],
            }
        ],
    }


def _rule_id(finding: Finding) -> str:
    return f"{finding.source}/{finding.rule}"


def _rule(rule: str, finding: Finding) -> dict[str, Any]:
    return {"id": rule, "name": finding.rule, "properties": {"category": finding.category}}


def _result(finding: Finding, index: int, below: str) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": _rule_id(finding),
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": finding.message},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": _file(below + finding.doc),
                    "region": {
                        "startLine": finding.line,
                        "startColumn": finding.column,
                        "charOffset": finding.start,
                        "charLength": finding.end - finding.start,
                    },
                }
            }
        ],
        "partialFingerprints": {"steersman/v1": finding.fingerprint},
        "suppressions": [],
        "properties": {"suggestions": list(finding.suggestions), "confidence": finding.confidence},
    }
    if finding.status == "suppressed":
        kind = "inSource" if finding.suppressed_by == "comment" else "external"
        result["suppressions"] = [{"kind": kind, "justification": finding.reason}]
    return result


def _refusal(report: Report, below: str) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": _file(below + report.draft)}
    if report.line is not None:
        location["region"] = {"startLine": report.line}
    return {
        "level": "error",
        "message": {"text": f"{report.reason}; {report.fix}"},
        "locations": [{"physicalLocation": location}],
    }


def _file(name: str) -> dict[str, str]:
    # A name may hold spaces and letters that no URI may; bytes that are no UTF-8 come back as they were.
    return {"uri": quote(name, errors="surrogateescape"), "uriBaseId": "%SRCROOT%"}
