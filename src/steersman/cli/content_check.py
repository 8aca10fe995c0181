"""`steersman content check`: what the first pass says about drafts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from steersman.cli.content_opinions import Llm, ModelName, Opinions, Reviewers, ShowPrompt, Yes, show_prompts
from steersman.cli.content_output import Format, put_out
from steersman.cli.content_words import Paths, no_drafts
from steersman.cli.context import HERE, AsJson, Dir, opened
from steersman.kernel.errors import Misconfigured
from steersman.kernel.plurals import counted

if TYPE_CHECKING:
    from steersman.bootstrap.desk import Desk
    from steersman.content.qa.checker import DraftChecker, Report


def check(
    paths: Paths = None,
    form: Annotated[Format, typer.Option("--format", help="How findings are printed.")] = Format.TABLE,
    sarif: Annotated[Path | None, typer.Option("--sarif", help="Also write SARIF 2.1.0 to this file.")] = None,
    changed: Annotated[
        bool, typer.Option("--changed", help="Only what stands on lines that git calls changed.")
    ] = False,
    since: Annotated[
        str | None, typer.Option("--since", metavar="REV", help="As --changed, since this revision and not HEAD.")
    ] = None,
    staged: Annotated[
        bool, typer.Option("--staged", help="Check what is staged, not the files; records nothing.")
    ] = False,
    links: Annotated[
        bool, typer.Option("--links", help="Also ask the addresses drafts link to; needs the network.")
    ] = False,
    private: Annotated[
        bool, typer.Option("--private-links", help="With --links: also ask addresses of this network.")
    ] = False,
    write_baseline: Annotated[
        bool,
        typer.Option("--write-baseline", help="List what is open now in the baseline; it stops nothing from then on."),
    ] = False,
    llm: Llm = None,
    model: ModelName = "",
    review: Reviewers = None,
    yes: Yes = False,
    show_prompt: ShowPrompt = False,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Check drafts and record what is new; exits 1 if a gate is open, a draft cannot be read or a reviewer failed."""
    from steersman.bootstrap.content import actor, checker  # `--help` needs no domain

    _check_options(
        changed=changed, since=since, staged=staged, write_baseline=write_baseline, private=private, links=links
    )
    if as_json and form not in (Format.TABLE, Format.JSON):
        raise Misconfigured(f"--json and --format {form.value} at once", fix="take one of them")
    notes: list[str] = []
    with opened(directory, paths) as desk:
        if show_prompt:
            show_prompts(desk, paths or (), model=model, actor=actor(), as_json=as_json)
            return
        opinions = Opinions(desk, llm=llm, model=model, reviewers=review, yes=yes, actor=actor())
        if opinions.engines and write_baseline:
            raise Misconfigured(
                "--write-baseline takes what is found every time, not opinions", fix="leave --llm and --review out"
            )
        first_pass = checker(desk, actor=actor(), extra=opinions.engines)
        reports = _staged(desk, first_pass, paths) if staged else first_pass.check_all(paths or ())
        if write_baseline:
            reports = _renew(desk, first_pass, reports, notes)
        else:
            _tell_gone(desk, reports, notes, staged=staged)
        if links:
            reports = _with_links(desk, reports, notes, allow_private=private)
        if changed or since:
            reports = _changed(desk, reports, since or "HEAD", staged=staged)
        folder, root = desk.workspace.content.qa.folder, desk.workspace.root
    if not links and form is Format.TABLE and reports:
        notes.append("addresses: not checked (--links asks them)")
    notes += opinions.notes()
    empty = no_drafts(folder)
    if changed or since or staged:
        empty = "no draft is staged" if staged else "no draft changed"
    put_out(
        reports,
        Format.JSON if as_json else form,
        root=root,
        sarif=sarif,
        empty=empty,
        notes=notes,
        complete=not opinions.failed,
    )
    if opinions.failed or any(report.outcome != "pass" for report in reports):
        raise typer.Exit(1)


def _check_options(
    *, changed: bool, since: str | None, staged: bool, write_baseline: bool, private: bool, links: bool
) -> None:
    if write_baseline and (changed or since or staged):
        raise Misconfigured(
            "--write-baseline lists whole drafts, not changed lines or what is staged", fix="run it on its own"
        )
    if private and not links:
        raise Misconfigured("--private-links says how --links asks", fix="add --links")


def _staged(desk: Desk, first_pass: DraftChecker, paths: Sequence[Path] | None) -> list[Report]:
    from steersman.content.qa.staged import check_staged, named, staged_names  # as above

    root, settings = desk.workspace.root, desk.workspace.content.qa
    names = named(root, staged_names(root, settings), paths or ())
    return check_staged(root, settings, names, first_pass.findings)


def _changed(desk: Desk, reports: Sequence[Report], revision: str, *, staged: bool) -> list[Report]:
    from steersman.content.qa.changed import changed_lines, only_changed  # as above
    from steersman.content.qa.staged import read_staged

    root = desk.workspace.root
    lines = changed_lines(root, [report.draft for report in reports], revision, staged=staged)

    def read(name: str) -> str:
        return (read_staged(root, name) if staged else (root / name).read_bytes()).decode("utf-8", "replace")

    return only_changed(reports, lines, read)


def _renew(desk: Desk, first_pass: DraftChecker, reports: Sequence[Report], notes: list[str]) -> list[Report]:
    """Write the baseline, and return the reports as they are under it."""
    from steersman.content.drafts import find_drafts  # as above
    from steersman.content.qa.baseline import gone, path_of, read_baseline, renewed, write_baseline
    from steersman.content.qa.reporting import set_aside

    root, settings = desk.workspace.root, desk.workspace.content.qa
    path = path_of(root, settings.folder)
    before = read_baseline(path)
    after = renewed(before, reports, find_drafts(root, settings))
    pruned = sum(len(entries) for entries in gone(before, reports).values())
    write_baseline(path, after)
    notes.append(
        f"{path.relative_to(root)}: {counted(after.size, 'finding')}, {pruned} pruned; commit it with the drafts"
    )
    return [
        set_aside(report, "baseline", lambda one: "baseline" if after.holds(one) else "")
        if report.outcome != "refused"
        else report
        for report in reports
    ]


def _tell_gone(desk: Desk, reports: Sequence[Report], notes: list[str], *, staged: bool) -> None:
    from steersman.content.qa.baseline import gone, path_of, read_baseline  # as above

    workspace = desk.workspace
    left = gone(read_baseline(path_of(workspace.root, workspace.content.qa.folder)), reports)
    if left and not staged:
        number = sum(len(entries) for entries in left.values())
        notes.append(f"{counted(number, 'finding')} of the baseline gone: --write-baseline prunes")


def _with_links(desk: Desk, reports: Sequence[Report], notes: list[str], *, allow_private: bool) -> list[Report]:
    from steersman.content.qa.links import check_links  # as above

    workspace = desk.workspace
    checked, sentence = check_links(
        workspace.root, workspace.state, workspace.content.qa, reports, desk.clock, allow_private=allow_private
    )
    notes.append(sentence)
    return checked
