"""`steersman content check`: what the first pass says about drafts."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from steersman.cli.content_words import Paths, count, word
from steersman.cli.context import HERE, AsJson, Dir, opened
from steersman.cli.output import console, emit
from steersman.kernel.errors import Misconfigured

if TYPE_CHECKING:
    from rich.console import Group
    from rich.text import Text

    from steersman.content.model.finding import Finding
    from steersman.content.qa.checker import Report


class Format(StrEnum):
    """How findings leave."""

    TABLE = "table"
    JSON = "json"
    SARIF = "sarif"


def check(
    paths: Paths = None,
    form: Annotated[Format, typer.Option("--format", help="How findings are printed.")] = Format.TABLE,
    sarif: Annotated[Path | None, typer.Option("--sarif", help="Also write SARIF 2.1.0 to this file.")] = None,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Check drafts and record what is new; exits 1 if a gate is open or a draft cannot be read."""
    from steersman import __version__
    from steersman.bootstrap.content import actor, checker
    from steersman.content.qa.formats.sarif import sarif as as_sarif  # `--help` needs no domain

    with opened(directory) as desk:
        reports = checker(desk, actor=actor()).check_all(paths or ())
        folder = desk.workspace.content.qa.folder
    log = as_sarif(reports, version=__version__)
    if sarif is not None:
        _write_json(sarif, log)
    if form is Format.SARIF:
        emit(form is Format.SARIF, log, lambda: None)
    else:
        findings = [f for report in reports for f in report.findings]
        refused = [_refusal(report) for report in reports if report.outcome == "refused"]
        emit(as_json or form is Format.JSON, [*findings, *refused], lambda: _show(reports, folder))
    if any(report.outcome != "pass" for report in reports):
        raise typer.Exit(1)


def _refusal(report: Report) -> dict[str, object]:
    return {"doc": report.draft, "rule": "refused", "severity": "gate", "line": report.line,
            "message": report.reason, "fix": report.fix, "status": "open"}  # fmt: skip


def _write_json(path: Path, data: object) -> None:
    import msgspec  # only --sarif needs it here

    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(data), indent=2))
    except OSError as exc:
        raise Misconfigured(f"{path} cannot be written: {exc.strerror}", fix="name another file") from exc


def _show(reports: list[Report], folder: str) -> None:
    """Print findings draft by draft, two lines each: place and rule, then the words and what to do."""
    out = console()
    if not reports:
        out.print(f"no drafts yet: write {folder}/first.md with a title in its front matter", markup=False)
        return
    for report in reports:
        out.print(_heading(report))
        if report.outcome == "refused":
            place = f"{report.draft}:{report.line}" if report.line else report.draft
            out.print(f"  {place}  {report.reason}", markup=False)
            out.print(f"    fix: {report.fix}", markup=False)
        for finding in report.findings:
            out.print(_finding(finding))
    total = len([f for r in reports for f in r.findings])
    stopped = sum(r.outcome != "pass" for r in reports)
    out.print()
    out.print(
        f"{count(len(reports), 'draft')}, {count(total, 'finding')}; "
        + (f"{stopped} stopped" if stopped else "all pass: steersman content publish"),
        markup=False,
    )


def _heading(report: Report) -> Text:
    from rich.text import Text  # as above

    line = Text.assemble((report.draft, "bold"), "  ", word(report.outcome))
    if report.outcome != "refused":
        counts = f"  {report.words} words · {report.gates} gate, {report.warnings} warn, {report.infos} info"
        line.append(f"{counts}, {report.suppressed} suppressed" if report.suppressed else counts, style="dim")
    return line


def _finding(finding: Finding) -> Group:
    from rich.console import Group  # as above
    from rich.padding import Padding
    from rich.text import Text

    tier = "suppressed" if finding.status == "suppressed" else finding.severity
    line = Text.assemble(
        f"  {finding.doc}:{finding.line}:{finding.column}  ",
        word(tier),
        (f"  {finding.source}/{finding.rule}", "dim"),
    )
    words = finding.excerpt if len(finding.excerpt) <= 60 else f"{finding.excerpt[:57]}..."
    detail = Text(f"“{words}”  {finding.message}")
    options = [repr(s) if s else "remove it" for s in finding.suggestions]
    if options:
        detail.append(f"\n→ {', '.join(options)}", style="green")
    if finding.reason:
        detail.append(f"\nsuppressed: {finding.reason}", style="dim")
    return Group(line, Padding(detail, (0, 0, 0, 4)))
