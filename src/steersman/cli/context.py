"""Options every command shares, and the way to the workspace they name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from steersman.bootstrap.desk import Desk

Dir = Annotated[
    Path,
    typer.Option(
        "--dir", "-C", envvar="STEERSMAN_DIR", help="The workspace, or a folder inside it.", show_default=True
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
HERE = Path()


def noun(summary: str) -> typer.Typer:
    """Return the Typer application of one noun, set up alike for all."""
    return typer.Typer(
        help=summary, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
    )


def single(summary: str) -> typer.Typer:
    """Return the application of a noun that is itself the command (`steersman up`)."""
    return typer.Typer(help=summary, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@contextmanager
def opened(directory: Path = HERE) -> Iterator[Desk]:
    """Open the workspace at or above `directory`; close it after.

    Raises:
        Misconfigured: no steersman.toml there, or it is wrong (names file, line and field).
    """
    from steersman.bootstrap.desk import open_desk  # start-up time: only commands that read need it

    desk = open_desk(directory)
    try:
        yield desk
    finally:
        desk.close()
