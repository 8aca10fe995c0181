"""`steersman content hook`: check drafts before git commits them."""

from __future__ import annotations

from typing import Annotated

import typer

from steersman.cli.context import HERE, AsJson, Dir, noun, opened
from steersman.cli.output import emit
from steersman.cli.terminal import say

app = noun("A git hook that checks what is staged; a hook of somebody else is never touched.")


@app.command()
def install(
    changed: Annotated[bool, typer.Option("--changed", help="Only stop at what stands on changed lines.")] = False,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Write the pre-commit hook of this repository; says which file, and what it runs."""
    from steersman.content.qa import hook  # `--help` needs no domain

    with opened(directory) as desk:
        root = desk.workspace.root
        path, is_new = hook.install(root, changed=changed)
        runs = hook.command(root, changed=changed)
    data = {"path": str(path), "written": is_new, "runs": runs}
    emit(as_json, data, lambda: say(f"{'wrote' if is_new else 'unchanged'}  {path}\nruns   {runs}"))


@app.command()
def remove(directory: Dir = HERE, as_json: AsJson = False) -> None:
    """Take the hook away again, if it is ours."""
    from steersman.content.qa import hook  # as above

    with opened(directory) as desk:
        path, was_there = hook.remove(desk.workspace.root)
    data = {"path": str(path), "removed": was_there}
    emit(as_json, data, lambda: say(f"{'removed' if was_there else 'there is no hook'}  {path}"))
