"""Options every command shares, and the way to the workspace they name."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from steersman.bootstrap.desk import Desk
    from steersman.bootstrap.workspace import Workspace

Dir = Annotated[
    Path,
    typer.Option(
        "--dir", "-C", envvar="STEERSMAN_DIR", help="The workspace, or a folder inside it.", show_default=True
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
HERE = Path()


class Grouped(TyperGroup):
    """Lists commands under the headings they were registered with (`rich_help_panel`), in that order."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        commands = [(name, self.commands[name]) for name in self.list_commands(ctx) if not self.commands[name].hidden]
        widest = max(len(name) for name, _ in commands)
        for name, command in commands:
            heading = str(getattr(command, "rich_help_panel", None) or "Commands")
            told = command.get_short_help_str(formatter.width - widest - 6)
            groups.setdefault(heading, []).append((name.ljust(widest), told))
        for heading, rows in groups.items():
            with formatter.section(heading):
                formatter.write_dl(rows)


def noun(summary: str, *, epilog: str | None = None) -> typer.Typer:
    """Return the Typer application of one noun, set up alike for all; `epilog` stands below its commands."""
    return typer.Typer(
        cls=Grouped,
        help=summary,
        epilog=epilog,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )


def single(summary: str) -> typer.Typer:
    """Return the application of a noun that is itself the command (`steersman up`)."""
    return typer.Typer(help=summary, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@contextmanager
def opened(
    directory: Path = HERE, paths: Sequence[Path] | None = (), *, by_what_is_in_force: bool = False
) -> Iterator[Desk]:
    """Open the workspace at or above `directory`; close it after.

    Args:
        paths: files the command is about; without --dir, and without a workspace here, theirs is opened.
        by_what_is_in_force: of commands that look or stop: a file that is refused holds them up no more than it holds
            up the desk that runs; standard error says so.

    Raises:
        Misconfigured: no steersman.toml there, or it is wrong (names file, line and field).
    """
    from steersman.bootstrap.desk import open_desk  # start-up time: only commands that read need it
    from steersman.bootstrap.workspace import root_for

    root = root_for(paths or ()) if directory == HERE else directory
    desk = open_desk(root, workspace=_in_force(root) if by_what_is_in_force else None)
    try:
        yield desk
    finally:
        desk.close()


def _in_force(directory: Path) -> Workspace:
    from steersman.bootstrap.in_force import in_words, load_in_force  # start-up time, as above

    workspace, refusal = load_in_force(directory)
    if refusal is not None:
        print(f"steersman: {in_words(refusal)}", file=sys.stderr)
    return workspace
