"""`steersman up`: the core and the desk, kept running until stopped."""

from __future__ import annotations

from typing import Annotated

import typer

from steersman.cli.context import HERE, AsJson, Dir, single

app = single("Start the core (ledger, trading) and the desk (automations, console); restart what dies.")


@app.command()
def up(
    port: Annotated[int | None, typer.Option("--port", help="Console port; 0 takes a free one.")] = None,
    pace: Annotated[float | None, typer.Option("--pace", help="Seconds per session of a replayed feed.")] = None,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Run until Ctrl-C. With --json, prints one line {"url": ...} once everything serves."""
    from steersman.bootstrap.workspace import load_workspace  # `--help` needs no domain
    from steersman.cli.serving import serve_until_stopped  # as above

    workspace = load_workspace(directory)
    welcome = f"{workspace.desk.name} is up; Ctrl-C stops it"
    serve_until_stopped(workspace, port=port, pace_s=pace, as_json=as_json, welcome=welcome)
