"""How findings leave: a table for people, JSON, SARIF and annotations for programs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from steersman.cli.content_words import shortened, word
from steersman.cli.output import console, emit
from steersman.cli.terminal import plain
from steersman.kernel.errors import Misconfigured
from steersman.kernel.plurals import counted

if TYPE_CHECKING:
    from rich.console import Group
    from rich.text import Text

    from steersman.content.model.finding import Finding
    from steersman.content.qa.checker import Report


_SET_ASIDE = {"baseline": "of the baseline", "unchanged": "on lines that did not change"}
"""What would drown the rest: counted, not listed. JSON and SARIF have them one by one."""


class Format(StrEnum):
    """How findings leave."""

    TABLE = "table"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"


def put_out(
    reports: Sequence[Report],
    form: Format,
    *,
    root: Path,
    sarif: Path | None,
    empty: str,
    notes: Sequence[str],
    complete: bool = True,
) -> None:
    """Print what a pass found in the workspace `root`; `notes` are sentences for people only.

    Args:
        complete: everybody who was asked has answered; else nobody is told to publish.

    Raises:
        Misconfigured: the file `sarif` cannot be written.
    """
    from steersman import __version__
    from steersman.content.qa.formats.github import github
    from steersman.content.qa.formats.sarif import sarif as as_sarif  # `--help` needs no domain

    below = _below_here(root)
    log = as_sarif(reports, version=__version__, below=below) if sarif or form is Format.SARIF else None
    if sarif is not None:
        _write_json(sarif, log)
    if form is Format.SARIF:
        emit(as_json=True, data=log, render=lambda: None)
    elif form is Format.JSON:
        findings = [f for report in reports for f in report.findings]
        refused = [_refusal(report) for report in reports if report.outcome == "refused"]
        emit(as_json=True, data=[*findings, *refused], render=lambda: None)
    elif form is Format.GITHUB:
        for line in github(reports, below=below):
            sys.stdout.write(line + "\n")
    else:
        _show(reports, empty, notes, complete=complete)


def _below_here(root: Path) -> str:
    """Say where the workspace lies below this folder, which is the repository's root in continuous integration."""
    here = Path.cwd()
    return "" if root == here or not root.is_relative_to(here) else f"{root.relative_to(here).as_posix()}/"


def _refusal(report: Report) -> dict[str, object]:
    return {"doc": report.draft, "rule": "refused", "severity": "gate", "line": report.line,
            "message": report.reason, "fix": report.fix, "status": "open"}  # fmt: skip


def _write_json(path: Path, data: object) -> None:
    import msgspec  # only --sarif needs it here

    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(data), indent=2))
    except OSError as exc:
        raise Misconfigured(f"{path} cannot be written: {exc.strerror}", fix="name another file") from exc


def _show(reports: Sequence[Report], empty: str, notes: Sequence[str], *, complete: bool) -> None:
    """Print findings draft by draft, two lines each: place and rule, then the words and what to do."""
    out = console()
    for report in reports:
        out.print(heading(report))
        if report.outcome == "refused":
            place = f"{report.draft}:{report.line}" if report.line else report.draft
            out.print(plain(f"  {place}  {report.reason}"))
            out.print(plain(f"    fix: {report.fix}"))
        for finding in report.findings:
            if finding.suppressed_by not in _SET_ASIDE:
                out.print(finding_lines(finding))
        for by, reason in _SET_ASIDE.items():
            number = sum(one.suppressed_by == by for one in report.findings)
            if number:
                out.print(plain(f"  {counted(number, 'finding')} {reason}"), style="dim")
    if not reports:
        out.print(empty, markup=False)
    else:
        total = len([f for r in reports for f in r.findings])
        stopped = sum(r.outcome != "pass" for r in reports)
        out.print()
        passed = "all pass: steersman content publish" if complete else "no gate is open so far"
        verdict = f"{stopped} stopped" if stopped else passed
        out.print(f"{counted(len(reports), 'draft')}, {counted(total, 'finding')}; {verdict}", markup=False)
    for note in notes:
        out.print(note, markup=False)
    findings = [one for report in reports for one in report.findings if one.status == "open"]
    if any(one.suggestions for one in findings):
        out.print("next: steersman content fix shows what it would change; --ask asks about each", markup=False)
    if findings:
        out.print("a finding that is none: steersman content reject, as content show DRAFT names it", markup=False)


def heading(report: Report) -> Text:
    from rich.text import Text  # as above

    line = Text.assemble((report.draft, "bold"), "  ", word(report.outcome))
    if report.outcome != "refused":
        tiers = {"gate": report.gates, "warn": report.warnings, "info": report.infos, "suppressed": report.suppressed}
        counts = ", ".join(f"{number} {tier}" for tier, number in tiers.items() if number)
        line.append(f"  {counted(report.words, 'word')}" + (f" · {counts}" if counts else ""), style="dim")
    return line


def finding_lines(finding: Finding) -> Group:
    from rich.console import Group  # as above
    from rich.padding import Padding
    from rich.text import Text

    tier = "suppressed" if finding.status == "suppressed" else finding.severity
    also = "".join(f" +{one}" for one in finding.also)
    line = Text.assemble(
        f"  {finding.doc}:{finding.line}:{finding.column}  ",
        word(tier),
        (f"  {finding.source}/{finding.rule}{also}", "dim"),
    )
    detail = plain(f"“{shortened(finding.excerpt)}”  {finding.message}")
    options = [repr(s) if s else "remove it" for s in finding.suggestions]
    if options:
        detail.append(f"\n→ {', '.join(options)}", style="green")
    if finding.reason:
        detail.append(f"\nsuppressed: {finding.reason}", style="dim")
    return Group(line, Padding(detail, (0, 0, 0, 4), expand=False))
