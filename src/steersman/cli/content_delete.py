"""`steersman content unpublish`: take away what is out. `delete` is another word for it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from steersman.cli.content_publish import show_lines
from steersman.cli.context import HERE, AsJson, Dir, opened
from steersman.cli.output import emit
from steersman.kernel.errors import SteersmanError


def unpublish(
    drafts: Annotated[list[Path], typer.Argument(metavar="DRAFT", help="Drafts whose posts are taken away.")],
    channel: Annotated[str | None, typer.Option("--channel", help="Only on this channel.")] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the journal.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and stop.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Take the posts of drafts away. The drafts stay; they go out again only if somebody names them.

    Exits 1 if a channel did not do it.
    """
    from steersman.bootstrap import content  # `--help` needs no domain

    with opened(directory, drafts) as desk:
        publisher = content.publisher(desk, only=channel, actor=content.actor())
        intents = publisher.removals(drafts)
        lines = [("delete", one.draft, one.channel, one.reason) for one in intents]
        if dry_run or not intents:
            emit(as_json, intents, lambda: show_lines(lines, empty="nothing of it is out"))
            return
        if not yes:
            _ask(lines, as_json=as_json)
        outcomes = publisher.remove(drafts, reason=reason or "taken away by hand")
    emit(as_json, outcomes, lambda: show_lines([(o.outcome, o.draft, o.channel, o.reason) for o in outcomes]))
    if any(one.outcome != "deleted" for one in outcomes):
        raise typer.Exit(1)


def _ask(lines: list[tuple[str, str, str, str]], *, as_json: bool) -> None:
    if not as_json:
        show_lines(lines)
    if as_json or not sys.stdin.isatty():
        raise SteersmanError("nothing was taken away: there is nobody to ask", fix="add --yes, or look with --dry-run")
    if not typer.confirm("Take away?"):
        raise SteersmanError("nothing was taken away", fix="steersman content posts shows what is out")
