"""`steersman content fix`: what can be fixed, as a diff; written only when asked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from steersman.cli.content_output import finding_lines
from steersman.cli.content_words import Paths
from steersman.cli.context import HERE, AsJson, Dir, opened
from steersman.cli.output import console, emit
from steersman.cli.terminal import plain, say
from steersman.kernel.errors import Misconfigured
from steersman.kernel.plurals import counted

if TYPE_CHECKING:
    from steersman.bootstrap.desk import Desk
    from steersman.content.model.draft import Draft
    from steersman.content.model.finding import Finding
    from steersman.content.qa.checker import DraftChecker
    from steersman.content.qa.fix import Plan


def fix(
    paths: Paths = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Write the fixed drafts; without it they are only shown.")
    ] = False,
    ask: Annotated[
        bool, typer.Option("--ask", help="Ask about every finding with a suggestion; needs a terminal.")
    ] = False,
    category: Annotated[
        list[str] | None, typer.Option("--category", help="Fix these categories instead of the safe ones.")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Put back what the last fix of these drafts changed.")] = False,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Fix what has one clear suggestion, shown as a diff; exits 1 if a draft cannot be read or gates are left."""
    if undo and (apply or ask or category):
        raise Misconfigured("--undo takes back, the other options fix", fix="run it with the names of drafts alone")
    if ask and (as_json or not sys.stdin.isatty()):
        raise Misconfigured("--ask needs a terminal to ask on", fix="leave it out, or run it by hand without --json")
    _check_categories(category or [])
    with opened(directory, paths) as desk:
        if undo:
            _undo(desk, paths or [], as_json=as_json)
            return
        outcomes = _fix_all(desk, paths or [], frozenset(category or ()), apply=apply, ask=ask)
    emit(as_json, outcomes, lambda: _show(outcomes, ask=ask and not apply))
    if any(one["refused"] or one["gates_left"] for one in outcomes):
        raise typer.Exit(1)


def _check_categories(named: list[str]) -> None:
    if not named:
        return
    from steersman.content.settings.qa import CATEGORIES  # `--help` needs no domain

    for name in named:
        if name not in CATEGORIES:
            raise Misconfigured(f"--category: no finding is called {name!r}", fix=f"allowed: {', '.join(CATEGORIES)}")


def _fix_all(
    desk: Desk, paths: list[Path], categories: frozenset[str], *, apply: bool, ask: bool
) -> list[dict[str, object]]:
    from steersman.bootstrap.content import actor, checker  # `--help` needs no domain
    from steersman.content.drafts import find_drafts, read_draft
    from steersman.content.model.draft import DraftUnreadable

    root, settings = desk.workspace.root, desk.workspace.content.qa
    first_pass = checker(desk, actor=actor())
    outcomes = []
    for name in find_drafts(root, settings, paths):
        try:
            draft = read_draft(root, name, settings)
        except DraftUnreadable as refusal:
            outcomes.append({"draft": name, "refused": refusal.message, "fix": refusal.fix, "diff": "", "fixed": 0,
                             "left": [], "gates_left": 0, "written": False})  # fmt: skip
            continue
        outcomes.append(_fix_one(desk, first_pass, draft, categories, apply=apply, ask=ask))
    return outcomes


def _fix_one(
    desk: Desk, first_pass: DraftChecker, draft: Draft, categories: frozenset[str], *, apply: bool, ask: bool
) -> dict[str, object]:
    from steersman.content.drafts import draft_of_bytes  # as above
    from steersman.content.qa.fix import SAFE, as_diff, fixed, plan
    from steersman.content.qa.fixing import Fixer

    findings = first_pass.findings(draft)
    planned = plan(draft, findings, categories=categories or SAFE, choose=_asked if ask else None)
    before = draft.masked.source
    after = fixed(before, planned.edits)
    written = False
    diff = as_diff(draft.name, before, after)
    if planned.edits and (apply or (ask and _confirmed(diff))):
        Fixer(desk.workspace.root, desk.workspace.state).write(draft.name, draft.sha256, after, at=desk.clock.now_ns())
        written = True
    # What a fix leads to is found out by checking again, not by striking off what was fixed.
    again = draft_of_bytes(after.encode("utf-8"), draft.name, first_pass.settings) if planned.edits else draft
    left = [one for one in (first_pass.findings(again) if planned.edits else findings) if one.status == "open"]
    return {
        "draft": draft.name, "refused": "", "fix": "", "diff": diff,
        "fixed": len(planned.edits), "left": [_left(one, planned) for one in left],
        "gates_left": sum(one.severity == "gate" for one in left), "written": written,
    }  # fmt: skip


def _left(finding: Finding, planned: Plan) -> dict[str, object]:
    same = [one for one in planned.left if one.finding.fingerprint == finding.fingerprint]
    # A fix in the same sentence gives what is left there another fingerprint, and makes nothing new of it.
    words = (finding.rule, finding.excerpt)
    same += [one for one in planned.left if (one.finding.rule, one.finding.excerpt) == words]
    why = same[0].why if same else "new after the fix"
    return {"line": finding.line, "column": finding.column, "severity": finding.severity,
            "rule": f"{finding.source}/{finding.rule}", "why": why}  # fmt: skip


def _asked(finding: Finding) -> str | None:
    """Show a finding and ask what to write; None leaves it."""
    out = console()
    out.print(finding_lines(finding))
    options = list(finding.suggestions[:9])
    for number, option in enumerate(options, 1):
        out.print(plain(f"      {number}  {option!r}" if option else f"      {number}  remove it"))
    answer = typer.prompt("    number, or Enter to leave it", default="", show_default=False).strip()
    return options[int(answer) - 1] if answer.isdigit() and 1 <= int(answer) <= len(options) else None


def _confirmed(diff: str) -> bool:
    """Show what was chosen, and ask whether to write it: nobody should have to answer everything twice."""
    sys.stdout.write(diff)
    return typer.confirm("write it?", default=False)


def _show(outcomes: list[dict[str, object]], *, ask: bool) -> None:
    for one in outcomes:
        if one["refused"]:
            say(f"{one['refused']}\n  fix: {one['fix']}")
        if not ask:
            sys.stdout.write(str(one["diff"]))
    number = sum(int(str(one["fixed"])) for one in outcomes)
    left = [(one["draft"], entry) for one in outcomes for entry in _entries(one)]
    for draft, entry in left:
        say(f"left  {draft}:{entry['line']}:{entry['column']}  {entry['severity']}  {entry['rule']}: {entry['why']}")
    written = any(one["written"] for one in outcomes)
    verb = "fixed; `content fix --undo DRAFT` takes it back" if written else "can be fixed: --apply writes it"
    say(f"{counted(number, 'finding')} {verb}" if number else "nothing to fix by itself", f"; {len(left)} left")
    if not ask and any("suggestions" in str(entry["why"]) or "category" in str(entry["why"]) for _, entry in left):
        say("next: steersman content fix --ask asks about each that is left")


def _entries(outcome: dict[str, object]) -> list[dict[str, object]]:
    left = outcome["left"]
    return left if isinstance(left, list) else []


def _undo(desk: Desk, paths: list[Path], *, as_json: bool) -> None:
    from steersman.content.qa.fixing import Fixer  # as above

    fixer = Fixer(desk.workspace.root, desk.workspace.state)
    names = [_name(desk.workspace.root, path) for path in paths]
    if not names:
        kept = fixer.undoable()
        emit(as_json, kept, lambda: say("\n".join(kept) if kept else "no fix is kept"))
        return
    done = [{"draft": name, "put_back": fixer.undo(name)} for name in names]
    emit(
        as_json,
        done,
        lambda: say("\n".join(f"{d['draft']}: {'put back' if d['put_back'] else 'was that already'}" for d in done)),
    )


def _name(root: Path, path: Path) -> str:
    home = root.resolve()
    target = next((p for p in (path.resolve(), (home / path).resolve()) if p.exists()), (home / path).resolve())
    return target.relative_to(home).as_posix() if target.is_relative_to(home) else path.as_posix()
