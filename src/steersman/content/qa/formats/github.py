"""Findings as workflow commands of GitHub Actions: annotations beside the lines of a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from steersman.content.model.finding import Finding
from steersman.content.qa.checker import Report

_LEVELS: Final = {"gate": "error", "warn": "warning", "info": "notice"}


def github(reports: Iterable[Report], *, below: str = "") -> Iterator[str]:
    """Yield one line per open finding and per refused draft; suppressed ones have no annotation.

    Args:
        below: where the workspace lies in the repository, with a slash at its end: annotations count from there.

    Source: GitHub Actions, workflow commands: `%`, CR and LF are escaped, in properties `:` and `,` as well.
    """
    for report in reports:
        if report.outcome == "refused":
            place = {"file": below + report.draft, "line": str(report.line or 1), "title": "steersman: refused"}
            yield _command("error", place, f"{report.reason}. Fix: {report.fix}")
        for finding in report.findings:
            if finding.status == "open":
                yield _annotation(finding, below)


def _annotation(finding: Finding, below: str) -> str:
    place = {
        "file": below + finding.doc,
        "line": str(finding.line),
        "col": str(finding.column),
        "title": f"steersman: {finding.source}/{finding.rule}",
    }
    if "\n" not in finding.excerpt and finding.end > finding.start:
        place["endColumn"] = str(finding.column + finding.end - finding.start)
    words = f"“{finding.excerpt}” {finding.message}"
    if finding.suggestions:
        words += "\n→ " + ", ".join(repr(one) if one else "remove it" for one in finding.suggestions)
    return _command(_LEVELS[finding.severity], place, words)


def _command(level: str, place: dict[str, str], message: str) -> str:
    properties = ",".join(f"{key}={_escaped(value, inside=True)}" for key, value in place.items())
    return f"::{level} {properties}::{_escaped(message, inside=False)}"


def _escaped(text: str, *, inside: bool) -> str:
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if inside else text
