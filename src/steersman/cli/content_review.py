"""`steersman content review`, `approve`, `return`, `withdraw`: a round of review, from asking to the decision."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from steersman.cli.context import HERE, AsJson, Dir, opened
from steersman.cli.output import console, emit
from steersman.kernel.plurals import counted

if TYPE_CHECKING:
    from steersman.content.review.flow import Reviews, Round

Draft = Annotated[Path, typer.Argument(metavar="DRAFT", help="The draft's file.")]


def review(
    draft: Draft,
    anyway: Annotated[bool, typer.Option("--anyway", help="Also with open gates.")] = False,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Ask for review: a person finds it in the inbox. Remarks whose place changed settle themselves as fixed."""
    _act(draft, directory, lambda reviews, name: reviews.request(name, anyway=anyway), _show_request, as_json=as_json)


def approve(draft: Draft, directory: Dir = HERE, as_json: AsJson = False) -> None:
    """Approve exactly this version. Only a person can; another version needs another approval."""
    _act(draft, directory, lambda reviews, name: reviews.approve(name), show_decision, as_json=as_json)


def return_(
    draft: Draft,
    text: Annotated[str, typer.Argument(metavar="WHY", help="A remark about the whole piece.")] = "",
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Send a draft back to its author, with the open remarks and WHY."""
    _act(draft, directory, lambda reviews, name: reviews.return_(name, text=text), show_decision, as_json=as_json)


def withdraw(draft: Draft, directory: Dir = HERE, as_json: AsJson = False) -> None:
    """Take a draft out of review undecided; the round does not count."""
    _act(draft, directory, lambda reviews, name: reviews.withdraw(name), show_decision, as_json=as_json)


def _act(
    draft: Path,
    directory: Path,
    act: Callable[[Reviews, str], Round],
    show: Callable[[Round], None],
    *,
    as_json: bool,
) -> None:
    from steersman.bootstrap import content, pieces  # `--help` needs no domain

    with opened(directory, [draft]) as desk:
        name = pieces.name_of(desk, draft)
        done = act(content.reviews(desk, actor=content.actor()), name)
    emit(as_json, done, lambda: show(done))


def _show_request(done: Round) -> None:
    out = console()
    out.print(f"{done.draft} waits for review, round {done.round}", markup=False)
    out.print(f"  first pass: {done.gates} gate, {done.warnings} warn, {done.infos} info", markup=False)
    if done.fixed:
        out.print(f"  {counted(len(done.fixed), 'remark')} settled as fixed: their places changed", markup=False)
    if done.open:
        out.print(f"  {counted(len(done.open), 'remark')} still open: their places did not change", markup=False)
    out.print(f"next: steersman content show {done.draft}, then approve or return", markup=False)


def show_decision(done: Round) -> None:
    """Print what became of a round, and what comes next."""
    out = console()
    exact = f" (version {done.content_sha256[:12]})" if done.outcome == "approved" else ""
    out.print(f"{done.draft} is {done.outcome}, round {done.round}{exact}", markup=False)
    if done.open:
        out.print(f"  {counted(len(done.open), 'remark')} open: steersman content show {done.draft}", markup=False)
    follow = {
        "approved": "steersman content publish --dry-run",
        "returned": f"change it, then steersman content review {done.draft}",
        "withdrawn": f"steersman content review {done.draft} asks again",
    }
    out.print(f"next: {follow[done.outcome]}", markup=False)
