"""`steersman init`: a workspace to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from steersman.cli.context import AsJson, single
from steersman.cli.output import console, emit

init_app = single("Make a workspace: a commented steersman.toml and its folders.")


@init_app.command()
def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where; made if it is not there.")] = Path(),
    sample: Annotated[bool, typer.Option("--sample", help="Copy the sample desk instead of an empty one.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a workspace in DIR. Nothing that is there already is touched."""
    from steersman.bootstrap.sample import make_empty, make_sample  # `--help` needs no domain
    from steersman.bootstrap.workspace import load_workspace  # as above

    (make_sample if sample else make_empty)(directory)
    workspace = load_workspace(directory)
    made = sorted(p.name for p in workspace.root.iterdir() if not p.name.startswith("."))

    def render() -> None:
        out = console()
        out.print(f"made {workspace.root}: {', '.join(made)}", markup=False)
        where = "" if directory == Path() else f" --dir {directory}"
        first = f"steersman auto run pull_prices{where}, then " if sample else ""
        out.print(f"next: {first}steersman up{where}   (steersman doctor{where} says what is missing)", markup=False)

    emit(as_json, {"root": workspace.root, "made": made}, render)
