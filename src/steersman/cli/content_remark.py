"""`steersman content remark` and `dismiss`: what a person objects to, recorded so that the first pass is measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from steersman.cli.content_review import Draft
from steersman.cli.content_words import shortened
from steersman.cli.context import HERE, AsJson, Dir, opened
from steersman.cli.output import console, emit

if TYPE_CHECKING:
    from steersman.content.review.flow import Remarked


def remark(
    draft: Draft,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What is wrong; stays in the workspace.")],
    at: Annotated[
        str, typer.Option("--at", help="LINE, LINE-LINE, LINE:COL or LINE:COL-COL; whole piece if none.")
    ] = "",
    category: Annotated[
        str,
        typer.Option(
            "--category", "-c", help="spelling, grammar, punctuation, wording, fact, structure, style or other."
        ),
    ] = "other",
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Record what you object to in a draft; its place is found again while the text around it changes."""
    from steersman.bootstrap import content, pieces  # `--help` needs no domain
    from steersman.content.drafts import read_draft
    from steersman.content.review.place import span_of

    with opened(directory, [draft]) as desk:
        name = pieces.name_of(desk, draft)
        found = read_draft(desk.workspace.root, name, desk.workspace.content.qa)
        start, end = span_of(at, found.masked.source) if at else (0, 0)
        reviews = content.reviews(desk, actor=content.actor())
        done = reviews.remark(name, start=start, end=end, category=category, text=text, sha256=found.sha256)
        pointed = " ".join(found.masked.source[start:end].split())
    emit(as_json, done, lambda: _show(done, pointed))


def _show(done: Remarked, pointed: str) -> None:
    out = console()
    where = f"{done.draft}:{done.line}" if done.start < done.end else f"{done.draft}, the whole piece"
    out.print(f"remark {done.id[:8]}  {where}  {done.category}", markup=False)
    if pointed:
        out.print(f"  “{shortened(pointed)}”", markup=False)
        known = f"yes, finding {done.caught[:8]}" if done.caught else "no, it missed this"
        out.print(f"  first pass: {known}", markup=False)


def dismiss(
    remark_id: Annotated[str, typer.Argument(metavar="REMARK", help="Its id, as content show prints it.")],
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Take back a remark: it was none after all, and counts for nothing."""
    from steersman.bootstrap import content  # `--help` needs no domain
    from steersman.content.queries.pieces import pieces

    with opened(directory) as desk:
        named = [name for name, piece in pieces(desk.db).items() if piece.remarks]
        done = content.reviews(desk, actor=content.actor()).dismiss(remark_id, named)
    emit(as_json, done, lambda: console().print(f"remark {done.id[:8]} on {done.draft} is dismissed", markup=False))
