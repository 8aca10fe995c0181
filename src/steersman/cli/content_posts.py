"""`steersman content posts`: every post on every channel, and where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from steersman.cli.content_words import word
from steersman.cli.context import HERE, AsJson, Dir, opened
from steersman.cli.output import console, emit, show_table
from steersman.kernel.clock import utc

if TYPE_CHECKING:
    from steersman.content.queries import PostRow


def posts(
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many, the latest first.")] = 50,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """List posts by what changed last: on which channel, whether out, late, failed, and why."""
    from steersman.content import queries  # `--help` needs no domain

    with opened(directory) as desk:
        found = queries.posts(desk.db, limit=limit)

    def render() -> None:
        rows = [[one.draft, one.channel, _status(one), one.revisions or "-", _day(one)] for one in found]
        columns = [("draft", "left"), ("channel", "left"), ("status", "left"), ("revisions", "right"), ("out", "left")]
        show_table("", columns, rows, empty="no posts yet: steersman content publish --dry-run")
        for one in found:
            said = one.overdue_reason or one.reason
            if one.url or said:
                text = f"  {one.draft} on {one.channel}: {one.url or ''}{' ' if one.url and said else ''}{said}"
                console().print(text, markup=False, soft_wrap=True)

    emit(as_json, found, render)


def _status(one: PostRow) -> object:
    return word("overdue" if one.overdue_at is not None else one.status)


def _day(one: PostRow) -> str:
    if one.published_at is not None:
        return f"{utc(one.published_at):%Y-%m-%d}"
    return f"due {utc(one.due_at):%Y-%m-%d %H:%M}" if one.due_at is not None else ""
