"""`steersman auto audit`: what scripts do twice, keep in plain sight, or do without a limit."""

from __future__ import annotations

import os
import shlex
import sys
import textwrap
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from steersman.cli.context import HERE, AsJson, Dir, opened
from steersman.cli.output import console, emit
from steersman.cli.terminal import say
from steersman.kernel.errors import Misconfigured

if TYPE_CHECKING:
    from steersman.automation.audit import Code, Cost, Examined, Finding, History, Report

PATCH: Final = "audit.patch"
DECLARATIONS: Final = "audit.toml"
_FORMS: Final = ("text", "md")
_WIDEST: Final = 100
_HEADER: Final = (
    "# What `steersman auto audit --fix` needs declared before its patch is applied.\n"
    "# Paste it into steersman.toml, and fill in what only you know.\n\n"
)


def audit(
    folder: Annotated[Path, typer.Argument(help="Scripts to read; nothing is run.", metavar="DIR")],
    fix: Annotated[bool, typer.Option("--fix", help=f"Write the edits as {PATCH}; changes no script.")] = False,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="CODE", help="Only this; may be repeated.")
    ] = None,
    min_cost: Annotated[float, typer.Option("--min-cost", min=0, help="Only from so many calls a day on.")] = 0.0,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write it as a page, too.")] = None,
    form: Annotated[str, typer.Option("--format", help="text or md; --json for programs.")] = "text",
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Find repeated logins, pulls and state checks, secrets in code, missing timeouts and retries, polling.

    Exits 0 when nothing is found, 1 when something is, 2 on wrong usage.
    """
    from steersman.automation.audit import examine, markdown  # `--help` needs no parser

    if form not in _FORMS:
        raise Misconfigured(f"there is no format {form!r}", fix=f"choose from: {', '.join(_FORMS)}; or --json")
    codes = _codes(only or [])
    history, taken = _desk(folder, directory)
    with _waiting(folder) as seen:
        examined = examine(folder, history=history, taken=taken, only=codes, min_calls_per_day=min_cost, seen=seen)
    written = _write(examined) if fix else []
    report = examined.report
    if html is not None:
        _write_page(report, folder, html)
    data = {
        "findings": report.findings,
        "not_read": report.not_read,
        "summary": report.summary,
        "written": [str(path) for path in (*written, *([html] if html is not None else []))],
    }
    if form == "md" and not as_json:
        sys.stdout.write(markdown(report, folder=folder.name or str(folder)))
    else:
        emit(as_json, data, lambda: _render(report, folder, written, fix=fix, html=html))
    if report.findings:
        raise typer.Exit(1)


@contextmanager
def _waiting(folder: Path) -> Iterator[Callable[[int], None]]:
    """Say on a terminal how many scripts are read, while it takes."""
    screen = console(error=True)
    if not screen.is_terminal:
        yield lambda _count: None
        return
    with screen.status(f"reading the scripts in {folder}") as status:
        yield lambda count: status.update(f"reading the scripts in {folder}: {count:,}") if count % 25 == 0 else None


def _write_page(report: Report, folder: Path, file: Path) -> None:
    from steersman.automation.audit import page  # as above

    temporary = file.with_name(f".{file.name}.new")
    try:
        temporary.write_text(page(report, folder=folder.name or str(folder)), encoding="utf-8")
        temporary.replace(file)
    except OSError as exc:
        raise Misconfigured(
            f"{file} cannot be written: {exc.strerror}", fix="name a file in a folder that is there, and yours"
        ) from exc


def _codes(only: Sequence[str]) -> tuple[Code, ...]:
    from steersman.automation.audit import CODES  # as above

    wanted = {name.upper() for name in only}
    if unknown := wanted - set(CODES):
        raise Misconfigured(f"there is no finding {min(unknown)!r}", fix=f"choose from: {', '.join(CODES)}")
    return tuple(code for code in CODES if code in wanted)


def _desk(folder: Path, directory: Path) -> tuple[History, set[str]]:
    """Return the history of the workspace that `folder` belongs to, and the names it has declared."""
    from steersman.automation.audit import History  # as above
    from steersman.bootstrap.workspace import find_root, load_workspace

    root: Path | None = None
    for place in (directory,) if directory != HERE else (folder, directory):
        with suppress(Misconfigured):
            root = root or find_root(place)
    if root is None:
        if directory != HERE:
            find_root(directory)  # named on the command line, so that nothing there is an error
        return History(prefix=f"{folder.resolve().as_posix()}/"), set()
    workspace = load_workspace(root)
    taken = {*workspace.providers, *workspace.pulls.pulls, *workspace.automations}
    return _history(root, folder), taken


def _history(root: Path, folder: Path) -> History:
    import msgspec  # as above

    from steersman.automation import validate
    from steersman.automation.audit import mean_bytes, recorded
    from steersman.services.events import DATA_PULLED, DataPulled

    with opened(root) as desk:
        workspace = desk.workspace
        manifest = validate(workspace.file, workspace.automations, workspace.root, tz=workspace.desk.tz)
        pulled = (msgspec.json.decode(e.data, type=DataPulled) for e in desk.ledger.read(types=[DATA_PULLED]))
        upstream = mean_bytes((p.source, p.upstream_bytes, p.upstream_calls) for p in pulled)
        return recorded(desk.db, manifest, workspace.root, folder, now_ns=desk.clock.now_ns(), upstream=upstream)


def _write(examined: Examined) -> list[Path]:
    """Write patch and declarations into the current folder; only the owner may read them, for they hold secrets."""
    written = []
    for name, text in ((PATCH, examined.patch), (DECLARATIONS, examined.declarations)):
        if text:
            path = Path(name)
            temporary = path.with_name(f".{name}.new")
            temporary.unlink(missing_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(((_HEADER if name == DECLARATIONS else "") + text).encode())
            temporary.replace(path)
            written.append(path)
    return written


def _render(report: Report, folder: Path, written: Sequence[Path], *, fix: bool, html: Path | None) -> None:
    from steersman.automation.audit import TITLES, headline  # as above

    if report.findings:
        for sentence in headline(report):
            _line(sentence, "  ")
        counts = report.summary.findings
        for named, title in ((name, title) for name, title in TITLES.items() if name in counts):
            _line(f"  {counts[named]:>4}  {named:<14}  {title}", " " * 24)
        say()
    by_code: dict[Code, list[Finding]] = defaultdict(list)
    for finding in report.findings:
        by_code[finding.code].append(finding)
    for code, findings in sorted(by_code.items(), key=lambda item: -sum(_calls(f) for f in item[1])):
        _line(f"{code}: {TITLES[code]}", "", style="bold")
        for group in _groups(findings):
            _show(group)
        say()
    for unread in report.not_read:
        _line(f"not read  {unread.file}{f':{unread.line}' if unread.line else ''}: {unread.reason}", " " * 10)
    if html is not None:
        _line(f"written: {html}, to look at in a browser", "  ")
    for sentence in _closing(report, folder, written, fix=fix):
        _line(sentence, "  ")


def _groups(findings: Sequence[Finding]) -> list[list[Finding]]:
    groups: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        groups[finding.group].append(finding)
    return sorted(groups.values(), key=lambda group: -sum(_calls(f) for f in group))


def _calls(finding: Finding) -> float:
    return finding.cost.calls_per_day if finding.cost is not None else 0.0


def _show(group: Sequence[Finding]) -> None:
    """Print one thing and its places; what to do stands once where it is the same for all."""
    shared = len({(f.what, f.next_step) for f in group}) == 1
    if shared:
        _line(f"  {group[0].what}", "    ")
    for finding in group:
        place = f"    {finding.place.file}:{finding.place.line}"
        notes = [_cost(finding.cost), "edit ready" if finding.diff else ""]
        detail = " · ".join(note for note in notes if note)
        _line(place + (f"  {detail}" if detail else ""), "      ")
        if not shared:
            _line(f"      {finding.what}", "        ")
        if not finding.diff and finding.why_no_edit:
            _line(f"      by hand: {finding.why_no_edit}", "        ")
        if not shared:
            _line(f"      next: {finding.next_step}", "        ")
    if shared:
        _line(f"    next: {group[0].next_step}", "      ")


def _cost(cost: Cost | None) -> str:
    if cost is None:
        return ""
    size = f", {cost.bytes_per_day / 1e6:,.1f} MB/day" if cost.bytes_per_day is not None else ""
    return f"{'at least ' if cost.at_least else ''}{cost.calls_per_day:,.3g} calls/day{size}"


def _closing(report: Report, folder: Path, written: Sequence[Path], *, fix: bool) -> Iterator[str]:
    summary = report.summary
    total = sum(summary.findings.values())
    if not summary.scripts and not summary.not_read:
        yield f"there are no scripts in {folder}: nothing was looked at"
        return
    if not total:
        yield f"nothing found in {summary.scripts} scripts; {summary.not_read} not read"
        return
    if written:
        names = " and ".join(str(path) for path in written)
        patched, declared = Path(PATCH) in written, Path(DECLARATIONS) in written
        yield f"written: {names}" + (", for your eyes only (removed secrets stand in it)" if patched else "")
        steps = [f"paste {DECLARATIONS} into steersman.toml and fill it in"] if declared else []
        steps += [f"`patch -p1 -d {shlex.quote(str(folder))} < {PATCH}`"] if patched else ["edit the scripts by hand"]
        yield f"next: {', then '.join(steps)}"
    elif fix:
        yield "no edit to write: each of these needs a hand"
    else:
        yield f"next: `steersman auto audit {folder} --fix` writes the edits as {PATCH}"


def _line(text: str, indent: str, *, style: str = "") -> None:
    """Print one paragraph, later lines indented, within the width of the terminal."""
    width = min(console().width, _WIDEST)
    wrapped = textwrap.wrap(text, width, subsequent_indent=indent, break_on_hyphens=False, drop_whitespace=True)
    for line in wrapped or [""]:
        if style:
            console().print(line, style=style, markup=False)
        else:
            say(line)
