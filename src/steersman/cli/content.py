"""`steersman content`: the drafts, what the first pass says about them, and publishing what passed."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from steersman.cli.context import HERE, AsJson, Dir, noun, opened
from steersman.cli.output import console, emit, show_table
from steersman.kernel.clock import utc
from steersman.kernel.errors import Misconfigured, SteersmanError

if TYPE_CHECKING:
    from rich.console import Group
    from rich.text import Text

    from steersman.bootstrap.desk import Desk
    from steersman.content.model.finding import Finding
    from steersman.content.ports import Channel
    from steersman.content.publishing.publisher import Intent, Outcome, Publisher
    from steersman.content.qa.checker import DraftChecker, Report

app = noun("Drafts in, checked posts out: what stops one, and where the others are.")
Paths = Annotated[
    list[Path] | None, typer.Argument(metavar="[PATHS]...", help="Drafts or folders; all drafts if none is named.")
]
_STYLES = {
    "gate": "bold red", "warn": "yellow", "info": "dim", "suppressed": "dim",
    "blocked": "bold red", "refused": "bold red", "failed": "bold red", "unconfirmed": "bold red",
    "published": "green", "updated": "green", "publish": "green", "update": "green", "ready": "green", "pass": "green",
}  # fmt: skip


class Format(StrEnum):
    """How findings leave."""

    TABLE = "table"
    JSON = "json"
    SARIF = "sarif"


@app.command("list")
def list_(directory: Dir = HERE, as_json: AsJson = False) -> None:
    """List every draft: how it was last checked, and where it is out. Checks nothing."""
    from steersman.content.drafts import find_drafts  # `--help` needs no domain
    from steersman.content.queries import drafts

    with opened(directory) as desk:
        names = find_drafts(desk.workspace.root, desk.workspace.content.qa)
        rows = drafts(desk.db)
        folder = desk.workspace.content.qa.folder
    known = {row.draft for row in rows}
    listed = [
        {"draft": row.draft, "title": row.title, "words": row.words, "status": row.status, "outcome": row.outcome,
         "gates": row.gates, "warnings": row.warnings, "infos": row.infos, "reason": row.reason, "line": row.line,
         "checked_at": row.checked_at, "published_at": row.published_at, "url": row.url, "on_disk": row.draft in names}
        for row in rows
    ]  # fmt: skip
    listed += [
        {"draft": name, "title": None, "words": None, "status": "unchecked", "outcome": None, "gates": None,
         "warnings": None, "infos": None, "reason": "", "line": None, "checked_at": None, "published_at": None,
         "url": None, "on_disk": True}
        for name in names if name not in known
    ]  # fmt: skip

    def render() -> None:
        lines = []
        for row in listed:
            counted = "-" if row["gates"] is None else f"{row['gates']}/{row['warnings']}/{row['infos']}"
            day = row["published_at"]
            out = f"{utc(day):%Y-%m-%d}" if isinstance(day, int) else "" if row["on_disk"] else "file gone"
            lines.append([row["draft"], _word(str(row["status"])), row["words"] or "-", counted, out])
        show_table(
            "",
            [("draft", "left"), ("status", "left"), ("words", "right"), ("gate/warn/info", "right"), ("out", "left")],
            lines,
            empty=f"no drafts yet: write {folder}/first.md with a title: in its front matter, then content check",
        )
        for row in listed:
            if row["url"] or row["reason"]:
                console().print(f"  {row['draft']}: {row['url'] or row['reason']}", markup=False, soft_wrap=True)

    emit(as_json, listed, render)


@app.command()
def check(
    paths: Paths = None,
    form: Annotated[Format, typer.Option("--format", help="How findings are printed.")] = Format.TABLE,
    sarif: Annotated[Path | None, typer.Option("--sarif", help="Also write SARIF 2.1.0 to this file.")] = None,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Check drafts and record what is new; exits 1 if a gate is open or a draft cannot be read."""
    from steersman import __version__
    from steersman.content.qa.formats.sarif import sarif as as_sarif  # `--help` needs no domain

    with opened(directory) as desk:
        reports = _checker(desk).check_all(paths or ())
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


@app.command()
def publish(
    paths: Paths = None,
    due: Annotated[bool, typer.Option("--due", help="Only drafts whose date has come; for schedules.")] = False,
    channel: Annotated[str | None, typer.Option("--channel", help="Only on this channel.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and stop.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Publish ready drafts that pass, each exactly once; an edited one replaces what is out.

    Exits 1 if a channel failed, or (without --due) if a draft was stopped.
    """
    with opened(directory) as desk:
        publisher = _publisher(desk, channel)
        intents = publisher.intents(paths or (), due=due)
        wanted = [intent for intent in intents if intent.action in ("publish", "update", "confirm")]
        if dry_run or not wanted:
            emit(as_json, intents, lambda: _show_intents(intents))
            _exit(stopped=_stopped(intents) and not due)
            return
        if not yes:
            _ask(intents, as_json=as_json)
        outcomes = publisher.publish_all(paths or (), due=due)
    emit(as_json, outcomes, lambda: _show_outcomes(outcomes))
    stopped = any(o.outcome in ("blocked", "refused", "taken") for o in outcomes)
    _exit(stopped=any(o.is_trouble for o in outcomes) or (stopped and not due))


def _actor() -> str:
    """Return who is at work: the run this command is the script of, or the person who typed it."""
    run = os.environ.get("STEERSMAN_RUN_ID")
    return f"automation:{run}" if run else "person:cli"


def _exit(*, stopped: bool) -> None:
    if stopped:
        raise typer.Exit(1)


def _stopped(intents: list[Intent]) -> bool:
    return any(intent.action in ("blocked", "refused", "taken") for intent in intents)


def _ask(intents: list[Intent], *, as_json: bool) -> None:
    if as_json or not sys.stdin.isatty():
        if not as_json:
            _show_intents(intents)
        raise SteersmanError("nothing was published: there is nobody to ask", fix="add --yes, or look with --dry-run")
    _show_intents(intents)
    if not typer.confirm("Publish?"):
        raise SteersmanError("nothing was published", fix="steersman content publish --dry-run shows it again")


def _checker(desk: Desk) -> DraftChecker:
    from steersman.content.qa.checker import DraftChecker  # `--help` needs no domain

    return DraftChecker(
        root=desk.workspace.root,
        settings=desk.workspace.content.qa,
        ledger=desk.ledger,
        clock=desk.clock,
        actor=_actor(),
    )


def _publisher(desk: Desk, only: str | None) -> Publisher:
    from steersman.bootstrap.plugins import factory  # `--help` needs no domain
    from steersman.content.publishing.publisher import Publisher

    declared = desk.workspace.content.channels
    if only is not None and only not in declared:
        raise Misconfigured(
            f"there is no channel {only!r}", fix=f"declared in steersman.toml: {', '.join(declared) or 'none'}"
        )
    channels: dict[str, Channel] = {
        name: factory("channels", settings.kind)(settings=settings, root=desk.workspace.root)
        for name, settings in declared.items()
    }
    return Publisher(
        checker=_checker(desk),
        ledger=desk.ledger,
        clock=desk.clock,
        channels=channels,
        tz=desk.workspace.desk.tz,
        only=only,
        actor=_actor(),
    )


def _refusal(report: Report) -> dict[str, object]:
    return {"doc": report.draft, "rule": "refused", "severity": "gate", "line": report.line,
            "message": report.reason, "fix": report.fix, "status": "open"}  # fmt: skip


def _write_json(path: Path, data: object) -> None:
    import msgspec  # only --sarif needs it here

    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(data), indent=2))
    except OSError as exc:
        raise Misconfigured(f"{path} cannot be written: {exc.strerror}", fix="name another file") from exc


def _word(status: str) -> Text:
    from rich.text import Text  # only the human form needs it

    return Text(status, style=_STYLES.get(status, ""))


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
        f"{_count(len(reports), 'draft')}, {_count(total, 'finding')}; "
        + (f"{stopped} stopped" if stopped else "all pass: steersman content publish"),
        markup=False,
    )


def _heading(report: Report) -> Text:
    from rich.text import Text  # as above

    line = Text.assemble((report.draft, "bold"), "  ", _word(report.outcome))
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
        _word(tier),
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


def _show_intents(intents: list[Intent]) -> None:
    _show_lines([(i.action, i.draft, i.channel, i.reason) for i in intents])


def _show_outcomes(outcomes: list[Outcome]) -> None:
    _show_lines([(o.outcome, o.draft, o.channel, o.url or o.reason) for o in outcomes])


def _show_lines(lines: list[tuple[str, str, str, str]]) -> None:
    """Print what is or would be done, with the address or the reason on a line of its own: neither fits a column."""
    from rich.padding import Padding  # only the human form needs it
    from rich.text import Text

    out = console()
    if not lines:
        out.print("no drafts to publish: write one, then steersman content check", markup=False)
    for word, draft, channel, why in lines:
        shown = _word(word)
        shown.pad_right(max(0, 12 - len(word)))
        out.print(Text.assemble(shown, draft, (f"  on {channel}" if channel != "-" else "", "dim")))
        # An address is left whole, so that a terminal makes a link of it.
        out.print(Padding(Text(why, style="dim", overflow="ignore", no_wrap="://" in why), (0, 0, 0, 12)))


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
